"""Every connection of the web process at work: what a browser sees, and that it goes on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest
from flask import Flask

from dashboards import outage, web
from db.connect import Crowded, Database, DatabaseUnavailable, open_database
from tests.patience import PATIENCE_S, Match, until
from tests.web_site import Site, log_in_by_hand

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

PATIENCE_MS = 1000 * PATIENCE_S
SAYS, SAYS_ZH = "Too much is asked of the boards at once", "看板当前请求过多"


@contextmanager
def all_at_work(server: Flask) -> Iterator[None]:
    """As many long pages as the process has connections."""
    (database,) = server.extensions["databases"]
    with ExitStack() as pages:
        for _ in range(web.POOL_SIZE):
            pages.enter_context(database.connection())
        yield


def test_a_page_that_gets_no_connection_says_why_and_heals(site: Site) -> None:
    client = site.client("anna")
    with all_at_work(site.server):
        answer = client.get("/kpis")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        assert SAYS in answer.text
        assert 'http-equiv="refresh"' in answer.text
        assert SAYS_ZH in client.get("/kpis?lang=zh").text
        assert client.get("/healthz").status_code == 200
        assert client.get("/readyz").status_code == 503
    until(lambda: Match(client.get("/kpis").status_code, 200), "it heals")


def test_scripts_are_told_when_to_come_again(site: Site) -> None:
    screen = site.device("overview")
    with all_at_work(site.server):
        for path in ("/live/overview", "/live/overview/sse"):
            answer = screen.get(path)
            assert (answer.status_code, answer.json) == (503, {"error": 503})
            assert int(answer.headers["Retry-After"]) > 0
    until(lambda: Match(screen.get("/live/overview").status_code, 200), "it heals")


def test_those_who_come_a_moment_later_are_told_the_same(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once: a wall of screens would hold every thread, each waiting for a connection."""
    monkeypatch.setattr(outage, "PAUSE_S", 600.0)
    screen = site.device("overview")
    with all_at_work(site.server):
        assert SAYS in screen.get("/").text
    assert SAYS in screen.get("/").text, "though connections are free again: nobody asks yet"


def test_a_database_that_is_away_is_not_called_crowded(impatient: Database) -> None:
    with pytest.raises(DatabaseUnavailable) as away, impatient.connection():
        pass
    assert not isinstance(away.value, Crowded)


@pytest.fixture
def impatient() -> Iterator[Database]:
    database = open_database("postgresql://nobody@127.0.0.1:9/x", application="test", wait_s=0.2)
    yield database
    database.close()


def test_a_browser_sees_it_and_comes_back_by_itself(
    shown_site: Site, address: str, context: BrowserContext
) -> None:
    page = context.new_page()
    log_in_by_hand(page, address, "anna")
    page.wait_for_selector("[data-live=tile-A01][data-tone]")
    other = context.new_page()
    with all_at_work(shown_site.server):
        other.goto(f"{address}/kpis")
        other.locator("h1", has_text=SAYS).wait_for(timeout=PATIENCE_MS)
        page.locator(".stale-banner").wait_for(timeout=PATIENCE_MS)
    page.locator(".stale-banner").wait_for(state="detached", timeout=PATIENCE_MS)
    other.locator("h1", has_text=SAYS).wait_for(state="detached", timeout=PATIENCE_MS)
    assert other.url == f"{address}/kpis"
