"""Users, wall screens, one's own account."""

from __future__ import annotations

import re

import psycopg
from flask.testing import FlaskClient

from tests.web_site import PASSWORD, Site


def code_on(page: str) -> str:
    found = re.search(r'<p class="code">([^<]+)</p>', page)
    assert found, page
    return found[1]


def id_of(site: Site, table: str, name: str) -> str:
    with psycopg.connect(site.url) as conn:
        row = conn.execute(f"select id from {table} where name = %s", [name]).fetchone()
    assert row
    return str(row[0])


def test_an_admin_creates_a_user_who_can_log_in(site: Site) -> None:
    admin = site.client("anna")
    form = {"name": "zoe", "role": "operator"}
    password = code_on(site.post(admin, "/admin/users", form, page="/admin/users").text)
    assert site.log_in(site.client(), "zoe", password).status_code == 302
    assert ("anna", "user_created") in site.actions()
    again = site.post(admin, "/admin/users", form, page="/admin/users")
    assert again.status_code == 302
    assert "There is a user of this name already." in admin.get("/admin/users").text


def test_a_reset_password_replaces_the_old_one_and_ends_sessions(site: Site) -> None:
    admin, vera = site.client("anna"), site.client("vera")
    form = {"id": id_of(site, "app_user", "vera")}
    shown = site.post(admin, "/admin/users/password", form, page="/admin/users").text
    assert vera.get("/account").status_code == 302
    assert site.log_in(site.client(), "vera").status_code == 401
    assert site.log_in(site.client(), "vera", code_on(shown)).status_code == 302


def test_disable_enable_role_and_end_sessions(site: Site) -> None:
    admin, vera = site.client("anna"), site.client("vera")
    form = {"id": id_of(site, "app_user", "vera")}
    site.post(admin, "/admin/users/disable", form, page="/admin/users")
    assert vera.get("/account").status_code == 302
    site.post(admin, "/admin/users/enable", form, page="/admin/users")
    vera = site.client("vera")
    site.post(admin, "/admin/users/end", form, page="/admin/users")
    assert vera.get("/account").status_code == 302
    site.post(admin, "/admin/users/role", {**form, "role": "admin"}, page="/admin/users")
    assert site.client("vera").get("/admin/users").status_code == 200


def test_the_last_admin_is_told_so(site: Site) -> None:
    admin = site.client("anna")
    form = {"id": id_of(site, "app_user", "anna")}
    site.post(admin, "/admin/users/disable", form, page="/admin/users")
    assert "This is the last administrator" in admin.get("/admin/users").text


def test_own_password(site: Site) -> None:
    here, elsewhere = site.client("olga"), site.client("olga")
    new = "a rather long new one"
    site.post(here, "/account/password", {"old": "wrong", "new": new})
    assert "The present password is wrong." in here.get("/account").text
    site.post(here, "/account/password", {"old": PASSWORD, "new": "short"})
    assert "at least 10 characters" in here.get("/account").text
    site.post(here, "/account/password", {"old": PASSWORD, "new": new})
    assert here.get("/account").status_code == 200
    assert elsewhere.get("/account").status_code == 302
    assert site.log_in(site.client(), "olga", new).status_code == 302


def sees(screen: FlaskClient, path: str) -> int:
    return screen.get(path).status_code


def test_a_screen_sees_its_boards_and_nothing_else(site: Site) -> None:
    screen = site.device("orders", "alerts")
    assert sees(screen, "/orders") == 200
    assert sees(screen, "/alerts") == 200
    assert sees(screen, "/sources") == 403
    assert sees(screen, "/live/sources") == 403
    assert sees(screen, "/account") == 403
    assert sees(screen, "/admin/users") == 403


def test_a_screen_may_not_acknowledge(site: Site) -> None:
    screen = site.device("alerts")
    screen.get("/alerts")
    cookie = screen.get_cookie("_csrf_token")
    assert cookie
    headers = {"X-CSRFToken": cookie.value}
    answer = screen.post("/alerts/acknowledge", data={"id": "1"}, headers=headers)
    assert answer.status_code == 403


def test_a_revoked_screen_is_out_on_its_next_request(site: Site) -> None:
    screen, admin = site.device("orders"), site.client("anna")
    form = {"id": id_of(site, "device", "Gate 7")}
    site.post(admin, "/admin/devices/revoke", form, page="/admin/devices")
    assert sees(screen, "/orders") == 302
    assert screen.get("/_dash-layout").status_code == 401
    assert ("anna", "screen_revoked") in site.actions()
    site.post(admin, "/admin/devices/remove", form, page="/admin/devices")
    assert "Gate 7" not in admin.get("/admin/devices").text


def test_a_pairing_code_works_once_and_not_for_long(site: Site) -> None:
    admin = site.client("anna")
    form = {"name": "Hall 2"}
    code = code_on(site.post(admin, "/admin/devices", form, page="/admin/devices").text)
    first, second = site.client(), site.client()
    assert site.post(first, "/pair", {"code": code}, page="/pair").status_code == 302
    assert site.post(second, "/pair", {"code": code}, page="/pair").status_code == 401
    again = {"id": id_of(site, "device", "Hall 2")}
    code = code_on(site.post(admin, "/admin/devices/pair", again, page="/admin/devices").text)
    with psycopg.connect(site.url) as conn:
        conn.execute("update device set pairing_until = pairing_until - interval '11 minutes'")
    assert site.post(second, "/pair", {"code": code}, page="/pair").status_code == 401


def test_only_the_hash_of_a_token_is_kept(site: Site) -> None:
    screen = site.device()
    cookie = screen.get_cookie("taktboard_screen")
    assert cookie
    assert cookie.http_only
    assert len(cookie.value) >= 43  # 256 bits
    with psycopg.connect(site.url) as conn:
        row = conn.execute("select to_jsonb(device)::text from device").fetchone()
    assert row
    assert cookie.value not in row[0]


def test_a_screen_shows_when_it_was_last_seen(site: Site) -> None:
    site.device().get("/orders")
    with psycopg.connect(site.url) as conn:
        row = conn.execute("select last_seen is not null from device").fetchone()
    assert row == (True,)
