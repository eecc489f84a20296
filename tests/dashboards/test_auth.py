"""The guard, the login, sessions, roles."""

from __future__ import annotations

import pytest
from argon2 import PasswordHasher
from flask.testing import FlaskClient

from dashboards import auth, passwords
from db import users
from tests.web_site import PASSWORD, Site


def is_in(client: FlaskClient) -> bool:
    """Whether the client's session is worth anything."""
    return client.get("/account").status_code == 200


def test_login_leads_to_where_one_wanted_to_go(site: Site) -> None:
    client = site.client()
    asked = client.get("/alerts?days=7")
    assert asked.status_code == 302
    assert asked.location == "/login?next=/alerts?days%3D7"
    form = {"name": "olga", "password": PASSWORD}
    answer = site.post(client, asked.location, form, page="/login")
    assert answer.location == "/alerts?days=7"
    assert ("olga", "login") in site.actions()


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("anna", "wrong"),
        ("nobody", PASSWORD),
        ("", ""),
        ("anna\x00", "wrong\x00"),
        ("ANNA", PASSWORD),
    ],
)
def test_a_wrong_login_says_nothing_about_what_was_wrong(
    site: Site, name: str, password: str
) -> None:
    answer = site.log_in(site.client(), name, password)
    assert answer.status_code == 401
    assert "Name or password is wrong." in answer.text
    assert "login_failed" in {action for _, action in site.actions()}


def test_the_session_is_a_new_one_after_the_login(site: Site) -> None:
    client = site.client()
    client.get("/login")
    before = client.get_cookie("taktboard")
    site.log_in(client, "anna")
    after = client.get_cookie("taktboard")
    assert before
    assert after
    assert before.value != after.value


def test_logging_out_ends_a_copied_session_too(site: Site) -> None:
    client, copy = site.client("anna"), site.client()
    cookie = client.get_cookie("taktboard")
    assert cookie
    copy.set_cookie("taktboard", cookie.value)
    assert is_in(copy)
    site.post(client, "/logout", {})
    assert not is_in(copy)
    assert ("anna", "logout") in site.actions()


def test_raising_the_epoch_ends_every_session(site: Site) -> None:
    clients = [site.client("olga"), site.client("olga")]
    with site.database.connection() as conn:
        user = users.by_name(conn, "olga")
        assert user
        users.end_sessions(conn, user.id)
    site.server.extensions["auth"].forget()  # another process sees it after USER_KEPT_S
    assert [is_in(client) for client in clients] == [False, False]


def test_a_disabled_user_is_out_and_stays_out(site: Site) -> None:
    client = site.client("olga")
    with site.database.connection() as conn:
        user = users.by_name(conn, "olga")
        assert user
        users.disable(conn, user.id, user.created_at)
    site.server.extensions["auth"].forget()
    assert not is_in(client)
    assert site.log_in(site.client(), "olga").status_code == 401


def test_the_last_admin_cannot_be_lost(site: Site) -> None:
    with site.database.connection() as conn:
        anna = users.by_name(conn, "anna")
        assert anna
        with pytest.raises(users.LastAdmin):
            users.disable(conn, anna.id, anna.created_at)
        with pytest.raises(users.LastAdmin):
            users.set_role(conn, anna.id, "viewer")


@pytest.mark.parametrize(
    ("name", "path", "status"),
    [
        ("anna", "/admin/users", 200),
        ("mario", "/admin/users", 403),
        ("vera", "/admin/devices", 403),
        ("vera", "/admin/audit", 403),
        ("vera", "/account", 200),
        ("vera", "/sources/quarantine", 403),
        ("mario", "/sources/quarantine", 200),
    ],
)
def test_each_role_gets_its_pages(site: Site, name: str, path: str, status: int) -> None:
    assert site.client(name).get(path).status_code == status
    assert ((name, "denied") in site.actions()) == (status == 403)


def test_every_view_and_callback_of_ours_names_its_permission(site: Site) -> None:
    views = {
        endpoint: view
        for endpoint, view in site.server.view_functions.items()
        if endpoint.split(".")[0] in ("admin", "alerts", "sources", "login")
        and endpoint not in auth.PUBLIC
    }
    assert views
    missing = [e for e, view in views.items() if getattr(view, "permission", None) is None]
    callbacks = site.server.extensions["dash_app"].callback_map
    assert callbacks
    missing += [
        output
        for output, entry in callbacks.items()
        if "callback" in entry and getattr(entry["callback"], "permission", None) is None
    ]
    assert missing == []


def test_a_stream_learns_at_its_heartbeat_that_it_may_not_go_on(site: Site) -> None:
    client = site.client("vera")
    cookie = client.get_cookie("taktboard")
    assert cookie
    with site.server.test_request_context("/", headers={"Cookie": f"taktboard={cookie.value}"}):
        allowed = auth.still_allowed("overview")
        assert allowed()
    with site.database.connection() as conn:
        vera = users.by_name(conn, "vera")
        assert vera
        users.end_sessions(conn, vera.id)
    assert not allowed()


@pytest.mark.parametrize(
    ("password", "is_fine"),
    [
        ("short", False),
        ("password123", False),
        ("Qwertz2026!", False),
        ("aaaaaaaaaaaaaa", False),
        ("annaanna1", False),
        ("four unrelated words here", True),
        ("x" * 60 + "abcde12345", True),
        ("x" * 252 + "abcde", False),
    ],
)
def test_easy_passwords_are_refused(password: str, is_fine: bool) -> None:
    assert (passwords.fault(password, "anna") is None) == is_fine


def test_passwords_are_kept_by_argon2(site: Site) -> None:
    with site.database.connection() as conn:
        kept = [user.password_hash for user in users.every(conn)]
    assert all(one.startswith("$argon2id$") for one in kept)


def test_guessing_costs_memory_and_time(
    monkeypatch: pytest.MonkeyPatch, slow_hasher: PasswordHasher
) -> None:
    monkeypatch.setattr(passwords, "_HASHER", slow_hasher)
    kept = passwords.hash_password(PASSWORD)
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert passwords.matches(kept, PASSWORD)
    assert not passwords.matches(kept, PASSWORD + "s")
