"""Nothing answers without a login; nothing changes without a token; nobody is sent elsewhere."""

from __future__ import annotations

import re
from urllib.parse import urljoin, urlsplit

import pytest
from flask.testing import FlaskClient
from hypothesis import example, given
from hypothesis import strategies as st
from werkzeug.routing import Rule

from dashboards import auth
from dashboards.login.target import local_target
from tests.web_site import PASSWORD, Site, token

OPEN = {"/healthz", "/readyz", "/login", "/pair"}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")


def filled_in(rule: Rule) -> str:
    """An address of a rule, with something in each place."""
    return re.sub(r"<[^>]+>", "overview", rule.rule)


def answer_of(client: FlaskClient, method: str, path: str) -> str:
    """'login' for a way to the login, else the status."""
    answer = client.open(path, method=method)
    if answer.status_code == 302 and answer.location.startswith("/login"):
        return "login"
    return str(answer.status_code)


def test_every_route_is_closed_to_strangers(site: Site) -> None:
    addresses = {filled_in(rule) for rule in site.server.url_map.iter_rules()} - OPEN
    assert {"/", "/_dash-layout", "/_dash-update-component", "/live/overview/sse"} <= addresses
    leaks = [
        (method, address, found)
        for address in sorted(addresses | {"/_dash-dependencies", "/_reload-hash", "/_mcp", "/x"})
        for method in METHODS
        if (found := answer_of(site.client(), method, address))
        not in ("login", "401", "400", "403", "405")
    ]
    assert leaks == []


@pytest.mark.parametrize(
    "path",
    [
        "/_dash-layout",
        "/_dash-dependencies",
        "/_dash-component-suites/dash/deps/react@18.js",
        "/live/overview",
        "/live/overview/full",
        "/live/overview/sse",
        "/assets/20-nodes.js",
        "/assets/../app.py",
        "/assets/x.css/../20-nodes.js",
    ],
)
def test_what_scripts_fetch_is_refused_and_not_redirected(site: Site, path: str) -> None:
    answer = site.client().get(path)
    assert answer.status_code in (401, 404)
    assert len(answer.data) < 200


def test_a_strangers_callback_is_refused_even_with_a_token(site: Site) -> None:
    client = site.client()
    headers = {"X-CSRFToken": token(client, "/login")}
    body = {"output": "page.children", "inputs": [], "changedPropIds": []}
    assert client.post("/_dash-update-component", json=body, headers=headers).status_code == 401


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_says_ok_and_nothing_else(site: Site, path: str) -> None:
    answer = site.client().get(path)
    assert (answer.status_code, answer.text) == (200, "ok")
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/login", {"name": "anna", "password": PASSWORD}),
        ("/logout", {}),
        ("/pair", {"code": "ABCDEFGH"}),
        ("/account/password", {"old": PASSWORD, "new": "another long password"}),
        ("/admin/users", {"name": "eve", "role": "admin"}),
        ("/admin/devices", {"name": "eve"}),
        ("/alerts/acknowledge", {"id": "1"}),
        ("/hours/note", {"scope": "line:A"}),
        ("/hours/sign", {"scope": "line:A"}),
        ("/stops/say", {"kind": "assign"}),
        ("/corrections/add", {"machine": "A01"}),
        ("/corrections/withdraw", {"id": "1"}),
        ("/_dash-update-component", {}),
    ],
)
def test_nothing_is_posted_without_a_token(site: Site, path: str, form: dict[str, str]) -> None:
    client = site.client("anna")
    assert client.post(path, data=form).status_code == 400
    assert client.post(path, data={**form, "csrf_token": "wrong"}).status_code == 400
    stolen = token(site.client("vera"), "/account")
    assert client.post(path, data={**form, "csrf_token": stolen}).status_code == 400
    assert client.get("/account").status_code == 200


@pytest.mark.parametrize("fetched_by", ["cross-site", "same-site"])
def test_other_sites_may_link_here_and_nothing_more(site: Site, fetched_by: str) -> None:
    client = site.client("anna")
    headers = {"Sec-Fetch-Site": fetched_by}
    form = {"csrf_token": token(client, "/account")}
    assert client.post("/logout", data=form, headers=headers).status_code == 403
    assert client.get("/live/orders", headers=headers).status_code == 403
    assert client.get("/_dash-layout", headers=headers).status_code == 403
    assert client.get("/orders", headers=headers).status_code == 200


def test_no_get_changes_anything(site: Site) -> None:
    """Whatever changes something takes POST alone."""
    changing = {
        rule.rule
        for rule in site.server.url_map.iter_rules()
        if rule.methods and "POST" in rule.methods
    }
    both = {
        rule.rule
        for rule in site.server.url_map.iter_rules()
        if rule.rule in changing and rule.methods and "GET" in rule.methods
    }
    assert both == {"/login", "/pair", "/admin/users", "/admin/devices"}
    client = site.client("anna")
    before = site.actions()
    for path in sorted(changing):
        client.get(path)
    assert site.actions() == before


@given(st.text(max_size=60) | st.from_regex(r"[/\\]{0,3}[a-z@:.%/\\?#\t\n]{0,20}", fullmatch=True))
@example("//evil.example")
@example("/\\evil.example")
@example("/\t/evil.example")
@example("https:evil.example")
@example("/%09/evil.example")
@example("///evil.example")
@example("/..//evil.example")
@example("/.//evil.example")
def test_after_the_login_one_stays_here(asked: str) -> None:
    target = local_target(asked)
    here = "https://boards.example/login"
    assert urlsplit(urljoin(here, target)).netloc == "boards.example"
    assert target.startswith("/")
    assert not target.startswith(("//", "/\\"))


def test_every_permission_of_a_view_is_one_that_somebody_has() -> None:
    assert set().union(*auth.GRANTS.values()) == auth.GRANTS["admin"]
