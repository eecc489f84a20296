"""Fixtures of the web rooms: the real server on a real database with the sample plant and users."""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import psycopg
import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.serving import make_server as serve
from werkzeug.test import TestResponse

from dashboards import passwords, web
from dashboards.passwords import hash_password
from dashboards.web import make_server
from db import master, users
from db.connect import Database, open_database
from db.embedded import Embedded
from db.roles import WEB
from plant.check import read

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from playwright.sync_api import Browser, BrowserContext, Page

ROOT = Path(__file__).resolve().parents[1]
PASSWORD = "correct horse battery staple"
TEMPLATE = "template_web"
LOGIN = "web_room"
"""Of the web server: a member of its role and of no other, as in production."""
NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
_numbers = count(1)


BROWSER = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--renderer-process-limit=1",  # the next page of a window finds its scripts compiled
)


@runtime_checkable
class Closable(Protocol):
    """An answer that holds something open."""

    def close(self) -> None: ...


def log_in_by_hand(page: Page, address: str, name: str) -> None:
    """Log in as somebody does at a browser; the first board is there afterwards."""
    page.goto(f"{address}/login")
    page.fill("input[name=name]", name)
    page.fill("input[name=password]", PASSWORD)
    page.press("input[name=password]", "Enter")
    page.wait_for_selector("#board")


def log_in(window: BrowserContext, address: str, name: str) -> None:
    """The same for all pages of a window, without drawing any: two requests, as a browser's."""
    form = window.request.get(f"{address}/login").text()
    posted: dict[str, str | float | bool] = {"name": name, "password": PASSWORD}
    posted["csrf_token"] = token_in(form)
    answer = window.request.post(f"{address}/login", form=posted, max_redirects=0)
    assert answer.status == 302, answer.text()


@dataclass(frozen=True)
class Site:
    """A web server on a database of its own; users anna (admin), mario, olga, vera by role.

    `database` and `url` are the owner's; the server may do what its role may.
    """

    server: Flask
    database: Database
    url: str

    def client(self, name: str | None = None) -> FlaskClient:
        """A browser's worth of cookies, logged in as `name`."""
        client = self.server.test_client()
        if name is not None:
            answer = self.log_in(client, name)
            assert answer.status_code == 302, answer.text
        return client

    def log_in(self, client: FlaskClient, name: str, password: str = PASSWORD) -> TestResponse:
        """Post the login form, token and all."""
        return self.post(client, "/login", {"name": name, "password": password}, page="/login")

    def post(
        self, client: FlaskClient, path: str, form: dict[str, str], *, page: str = "/account"
    ) -> TestResponse:
        """Post a form with the token that `page` hands out."""
        return client.post(path, data={**form, "csrf_token": token(client, page)})

    def device(self, *boards: str, name: str = "Gate 7") -> FlaskClient:
        """A paired wall screen."""
        admin = self.client("anna")
        form = {"name": name, "csrf_token": token(admin, "/admin/devices"), "boards": list(boards)}
        shown = admin.post("/admin/devices", data=form)
        found = re.search(r'<p class="code">([A-Z2-9]{4}-[A-Z2-9]{4})</p>', shown.text)
        assert found, shown.text
        screen = self.server.test_client()
        answer = self.post(screen, "/pair", {"code": found[1].lower()}, page="/pair")
        assert answer.status_code == 302, answer.text
        return screen

    def actions(self) -> list[tuple[str, str]]:
        """The audit trail: who did what, oldest first."""
        with self.database.connection() as conn:
            return list(conn.execute("select actor, action from audit order by id"))


def token(client: FlaskClient, page: str) -> str:
    """The token in the form of a page."""
    return token_in(client.get(page).text)


def token_in(text: str) -> str:
    """The token in the form of a page's text."""
    found = re.search(r'name="csrf_token" value="([^"]+)"', text)
    assert found, text
    return found[1]


@pytest.fixture(scope="session", autouse=True)
def slow_hasher() -> Iterator[PasswordHasher]:
    """What hashes passwords in production; no test but those of it waits for it.

    Nearly every test of a page begins with a log-in, and a hash is meant to take long.
    """
    slow = passwords._HASHER
    with pytest.MonkeyPatch.context() as patch:
        quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        patch.setattr(passwords, "_HASHER", quick)
        yield slow


@pytest.fixture(scope="session")
def web_template(server: Embedded, migrated_template: str) -> str:
    """A database with the sample plant and four users, to be cloned."""
    base = server.url.rpartition("/")[0]
    with psycopg.connect(server.url, autocommit=True) as conn:
        conn.execute(f"create database {TEMPLATE} template {migrated_template}")
        conn.execute(f"create role {LOGIN} login password 'x' in role {WEB}")
    database = open_database(f"{base}/{TEMPLATE}", application="test")
    text = (ROOT / "plant.toml").read_text(encoding="utf-8")
    password_hash = hash_password(PASSWORD)
    roles: dict[str, users.Role] = {
        "anna": "admin",
        "mario": "manager",
        "olga": "operator",
        "vera": "viewer",
    }
    with database.connection() as conn:
        master.apply(conn, read(text), text, NOW)
        for name, role in roles.items():
            users.create(
                conn, name=name, password_hash=password_hash, role=role, language="en", now=NOW
            )
    database.close()
    return TEMPLATE


@pytest.fixture
def site(server: Embedded, web_template: str) -> Iterator[Site]:
    """The web server on a fresh clone."""
    yield from _site(server, web_template)


@pytest.fixture(scope="module")
def shown_site(server: Embedded, web_template: str) -> Iterator[Site]:
    """The same for all tests of a module that look at it in a browser."""
    yield from _site(server, web_template)


def _site(server: Embedded, web_template: str) -> Iterator[Site]:
    base, name = server.url.rpartition("/")[0], f"web_{next(_numbers)}"
    with psycopg.connect(server.url, autocommit=True) as conn:
        conn.execute(f"create database {name} template {web_template} strategy file_copy")
    url = f"{base}/{name}"
    database = open_database(url, application="test")
    app = make_server(f"postgresql://{LOGIN}:x@{url.rpartition('@')[2]}")
    try:
        yield Site(app, database, url)
    finally:
        web.close(app)
        database.close()
        with psycopg.connect(server.url, autocommit=True) as conn:
            conn.execute(f"drop database {name} with (force)")


@pytest.fixture(scope="module")
def address(shown_site: Site) -> Iterator[str]:
    """The module's site on a real port, for a browser."""
    running = serve("127.0.0.1", 0, _closing(shown_site.server), threaded=True)
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{running.server_port}"
    finally:
        running.shutdown()
        thread.join()
        running.server_close()


def _closing(app: WSGIApplication) -> WSGIApplication:
    """The app, whose answers are closed however they end: werkzeug's server leaves one open, with
    its file, where the browser is gone before all of it was sent."""

    def run(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
        answer = app(environ, start_response)
        try:
            yield from answer
        finally:
            if isinstance(answer, Closable):
                answer.close()

    return run


@pytest.fixture(scope="module")
def web_browser() -> Iterator[Browser]:
    """Chromium; a machine without it fails, never skips.

    Ends with its module: it runs an event loop in this thread, beside which no other can run.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=BROWSER,
        )
        yield browser
        browser.close()


@pytest.fixture
def context(web_browser: Browser) -> Iterator[BrowserContext]:
    """A browser window with no cookies."""
    opened = web_browser.new_context(viewport={"width": 1920, "height": 1080})
    yield opened
    opened.close()
