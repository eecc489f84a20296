"""Cookies, headers, guessing, errors, and what happens while the database is away."""

from __future__ import annotations

import psycopg
import pytest
from flask import Flask
from werkzeug.test import TestResponse

from dashboards import web
from dashboards.login import attempts
from dashboards.web import make_server
from tests.web_site import PASSWORD, Site, token

TLS = {"base_url": "https://boards.example", "headers": {"Referer": "https://boards.example/login"}}


def cookies_of(answer: TestResponse) -> dict[str, str]:
    return {c.split("=", 1)[0]: c for c in answer.headers.getlist("Set-Cookie")}


def test_cookies_in_the_clear(site: Site) -> None:
    client = site.client()
    session = cookies_of(site.log_in(client, "anna"))["taktboard"]
    assert "HttpOnly" in session
    assert "SameSite=Lax" in session
    assert "Secure" not in session
    csrf = cookies_of(client.get("/account"))["_csrf_token"]
    assert "SameSite=Lax" in csrf
    assert "HttpOnly" not in csrf  # the scripts read it


def test_cookies_under_tls(site: Site) -> None:
    client = site.server.test_client()
    page = client.get("/login", **TLS).text
    sent = page.split('name="csrf_token" value="')[1].split('"')[0]
    form = {"name": "anna", "password": PASSWORD, "csrf_token": sent}
    answer = client.post("/login", data=form, **TLS)
    session = cookies_of(answer)["__Host-taktboard"]
    assert answer.status_code == 302
    assert {"Secure", "HttpOnly", "Path=/"} <= {part.strip() for part in session.split(";")}
    assert "Domain" not in session
    assert "max-age" in answer.headers["Strict-Transport-Security"]


def test_a_screens_cookie_is_for_the_server_alone(site: Site) -> None:
    cookie = site.device().get_cookie("taktboard_screen")
    assert cookie
    assert cookie.http_only
    assert cookie.same_site == "Lax"


@pytest.mark.parametrize("path", ["/login", "/orders", "/healthz", "/assets/10-base.css", "/nope"])
def test_security_headers_are_on_every_answer(site: Site, path: str) -> None:
    answer = site.client("anna").get(path)
    answer.close()
    headers = answer.headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    scripts = next(part for part in policy.split("; ") if part.startswith("script-src"))
    assert "unsafe" not in scripts
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"


def test_guessing_one_name_is_slow(site: Site) -> None:
    client = site.client()
    form = {"name": "anna", "password": "wrong", "csrf_token": token(client, "/login")}
    answers = [client.post("/login", data=form).status_code for _ in range(attempts.PER_NAME + 3)]
    assert answers == [401] * attempts.PER_NAME + [429] * 3
    assert site.log_in(site.client(), "anna").status_code == 429  # even with the right one
    assert site.log_in(site.client(), "olga").status_code == 302
    assert ("anna", "login_refused") in site.actions()


def test_guessing_many_names_from_one_address_is_slow(site: Site) -> None:
    with psycopg.connect(site.url) as conn:
        conn.execute(
            "insert into login_attempt select now(), '127.0.0.1', 'n' || n, false"
            " from generate_series(1, %s) n",
            [attempts.PER_ADDRESS],
        )
    assert site.log_in(site.client(), "olga").status_code == 429


def test_guessing_pairing_codes_is_slow(site: Site) -> None:
    client = site.client()
    form = {"code": "AAAA-AAAA", "csrf_token": token(client, "/pair")}
    answers = {client.post("/pair", data=form).status_code for _ in range(attempts.PER_NAME + 2)}
    assert answers == {401, 429}


def test_a_good_login_does_not_count_as_a_guess(site: Site) -> None:
    for _ in range(attempts.PER_NAME + 2):
        assert site.log_in(site.client(), "olga").status_code == 302


def test_too_large_a_form_is_refused(site: Site) -> None:
    client = site.client("anna")
    form = {"csrf_token": token(client, "/account"), "old": "x" * (2 << 20), "new": "y"}
    assert client.post("/account/password", data=form).status_code == 413


def test_an_error_shows_nothing_of_the_inside(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    client = site.client("anna")
    with psycopg.connect(site.url) as conn:
        conn.execute("alter table audit rename to audit_away")
    answer = client.get("/admin/audit")
    assert answer.status_code == 500
    assert "Something went wrong" in answer.text
    for inside in ("Traceback", "psycopg", "audit_away", "relation"):
        assert inside not in answer.text
    assert "UndefinedTable" in caplog.text


@pytest.fixture
def orphan() -> Flask:
    """A server whose database was never there."""
    return make_server("postgresql://nobody:secret@127.0.0.1:9/nothing")


@pytest.mark.parametrize("path", ["/orders", "/login"])
def test_without_the_database_nobody_gets_in_and_the_page_says_why(
    orphan: Flask, path: str
) -> None:
    answer = orphan.test_client().get(path)
    assert answer.status_code == 503
    assert "The database can" in answer.text
    assert 'http-equiv="refresh"' in answer.text
    assert "secret" not in answer.text


def test_without_the_database_health_is_told_apart(orphan: Flask) -> None:
    client = orphan.test_client()
    assert client.get("/healthz").status_code == 200
    answer = client.get("/readyz")
    assert (answer.status_code, answer.text) == (503, "unavailable")


def test_a_session_outlives_the_web_process(site: Site) -> None:
    cookie = site.client("anna").get_cookie("taktboard")
    assert cookie
    another = make_server(site.url)
    client = another.test_client()
    client.set_cookie("taktboard", cookie.value)
    assert client.get("/account").status_code == 200
    web.close(another)
