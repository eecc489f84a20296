"""A database with too much to do: boards and pages give way and say so, and ingest goes on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from time import monotonic
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from dash import html

from dashboards import channel, web
from dashboards.board import Board, Frame, Scene
from dashboards.channel import Key
from dashboards.frames import Reader
from dashboards.notices import Notices
from db.connect import Connection, Limits, open_database
from db.readings import batch_of, micros, store
from tests.dashboards.conftest import START
from tests.patience import Match, until
from tests.web_site import Site

if TYPE_CHECKING:
    from flask.testing import FlaskClient
    from playwright.sync_api import Page

    from tests.dashboards.conftest import Wall

SHORT = Limits(statement_s=0.3, lock_s=0.3)
SAYS_ZH = "数据库过忙，暂时无法更新本看板"
SAYS = "The database is too busy for this board"


@contextmanager
def held(url: str) -> Iterator[None]:
    """Somebody holds the minutes, which every board reads, and ingest doesn't write."""
    with psycopg.connect(url) as conn:
        conn.execute("lock table machine_1m in access exclusive mode")
        yield
        conn.rollback()


@pytest.fixture
def hurried(busy: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """The same site with a server of little patience."""
    monkeypatch.setattr(web, "LIMITS", SHORT)
    server = web.make_server(busy.url)
    yield replace(busy, server=server)
    web.close(server)


def shown(client: FlaskClient, board: str = "overview", language: str = "en") -> dict[str, Any]:
    """The frame, or the word that there is none."""
    found: dict[str, Any] = client.get(f"/live/{board}?lang={language}").json or {}
    return found


def test_a_board_shows_its_last_frame_and_says_why_while_ingest_goes_on(hurried: Site) -> None:
    client = hurried.client("anna")
    before = shown(client)
    with held(hurried.url):
        until(lambda: Match(shown(client)["why"], SAYS), "the word")
        said = shown(client)
        assert said["nodes"] == before["nodes"]
        assert said["age_s"] > 0
        begun = monotonic()
        with hurried.database.connection() as conn:
            at = micros(START - timedelta(seconds=1))
            assert store(conn, batch_of([(at, 1, 5.0, 0)]), {}).inserted == 1
        assert monotonic() - begun < 2.0
    until(lambda: Match(shown(client)["why"], ""), "the board goes on")


def test_an_empty_screen_is_told_too_in_its_language(hurried: Site) -> None:
    client = hurried.client("anna")
    with held(hurried.url):
        until(lambda: Match(shown(client, "oee", "zh").get("why"), SAYS_ZH), "the word")


def test_a_page_that_takes_too_long_says_so(hurried: Site) -> None:
    client = hurried.client("anna")
    with held(hurried.url):
        answer = client.get("/kpis")
        assert answer.status_code == 504
        assert "This took the database too long" in answer.text
        assert client.get("/account").status_code == 200, "no outage: other pages are answered"
    assert client.get("/kpis").status_code == 200


def test_one_board_rests_longer_each_time_and_the_others_go_on(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel, "SHORTEST_REST_S", 0.8)
    database = open_database(site.url, application="test", limits=SHORT)
    tries: list[float] = []
    over = threading.Event()

    def slow(conn: Connection, scene: Scene) -> Frame:
        tries.append(monotonic())
        if not over.is_set():
            conn.execute("select pg_sleep(600)")
        return Frame({})

    def quick(conn: Connection, scene: Scene) -> Frame:
        return Frame({})

    boards = [
        Board(name, "Overview", f"/{name}", (), lambda _: html.Div(), frame)
        for name, frame in (("slow", slow), ("quick", quick))
    ]
    reader = Reader(database, boards, "1", Notices(site.database))
    try:
        with (
            reader.watching(Key("slow", (), "en")) as waiting,
            reader.watching(Key("quick", (), "en")) as fresh,
        ):
            until(lambda: len(tries) > 2, "tried again and again")
            pauses = [late - early for early, late in pairwise(tries)]
            assert pauses[1] > pauses[0] + 0.5
            assert waiting.why == SAYS
            newest = fresh.newest
            assert newest is not None
            assert fresh.after(newest.seq, 5.0) is not None
            over.set()
            until(lambda: waiting.newest is not None, "it goes on")
            assert waiting.why == ""
    finally:
        reader.close()
        database.close()


def test_the_screen_says_it(wall: Wall, wall_page: Page) -> None:
    wall_page.goto(f"{wall.address}/?kiosk=1&lang=en")
    wall_page.wait_for_selector("[data-live=tile-A01][data-tone]")
    banner = wall_page.locator(".stale-banner")
    with held(wall.url):
        wall_page.locator(".stale-banner", has_text=SAYS).wait_for(timeout=20_000)
        assert "No data since 16:3" in (banner.text_content() or "")
    banner.wait_for(state="detached", timeout=20_000)
