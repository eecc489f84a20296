"""A database with too much to do: boards and pages give way and say so, and ingest goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from dash import html

from dashboards import channel, frames, web
from dashboards.board import Board, Frame, Scene
from dashboards.channel import Key, Rest
from dashboards.frames import Reader
from dashboards.notices import Notices
from db.connect import Connection, Database, Limits, open_database
from db.readings import batch_of, micros, store
from tests.dashboards.conftest import START
from tests.patience import PATIENCE_S, Match, until
from tests.web_site import Site

if TYPE_CHECKING:
    from flask.testing import FlaskClient
    from playwright.sync_api import Page

    from tests.dashboards.conftest import Wall

SHORT = Limits(statement_s=0.0, lock_s=0.3)
"""Of patience with what `held` holds; a machine of whatever speed has time for all else."""
SAYS_ZH = "数据库过忙，暂时无法更新本看板"
PATIENCE_MS = 1000 * PATIENCE_S
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
        with hurried.database.connection() as conn:
            at = micros(START - timedelta(seconds=1))
            assert store(conn, batch_of([(at, 1, 5.0, 0)]), {}).inserted == 1
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


ReaderOf = Callable[..., Reader]
MakesFrame = Callable[[Connection, Scene], Frame]


def board(key: str, frame: MakesFrame) -> Board:
    return Board(key, "Overview", f"/{key}", ("scope",), lambda _: html.Div(), frame)


def scoped(number: int) -> Key:
    return Key("slow", (("scope", f"line:{number}"),), "en")


def quick(conn: Connection, scene: Scene) -> Frame:
    return Frame({})


def sums_minutes(conn: Connection, scene: Scene) -> Frame:
    conn.execute("select from machine_1m")
    return Frame({})


@pytest.fixture
def impatient(site: Site) -> Iterator[Database]:
    """The site's database for those who don't wait long for what is held."""
    database = open_database(site.url, application="test", limits=SHORT)
    yield database
    database.close()


@pytest.fixture
def reader_of(site: Site, impatient: Database) -> Iterator[ReaderOf]:
    """Makes readers of the boards given, which don't wait long."""
    made: list[Reader] = []

    def make(*boards: Board) -> Reader:
        made.append(Reader(impatient, boards, "1", Notices(site.database)))
        return made[-1]

    yield make
    for reader in made:
        reader.close()


def resting(monkeypatch: pytest.MonkeyPatch, shortest_s: float, longest_s: float) -> None:
    monkeypatch.setattr(channel, "SHORTEST_REST_S", shortest_s)
    monkeypatch.setattr(channel, "LONGEST_REST_S", longest_s)


def test_a_slow_board_rests_twice_as_long_each_time(
    site: Site, reader_of: ReaderOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    resting(monkeypatch, 0.01, 0.05)
    rests: list[float] = []

    def slow(conn: Connection, scene: Scene) -> Frame:
        rests.append(waiting.rest.length_s)
        return sums_minutes(conn, scene)

    reader = reader_of(board("slow", slow))
    with held(site.url), reader.watching(scoped(1)) as waiting:
        until(lambda: len(rests) > 5, "tried again and again")
    assert rests[:6] == [0.0, 0.01, 0.02, 0.04, 0.05, 0.05]


def test_a_board_goes_on_where_it_gave_up(site: Site, reader_of: ReaderOf) -> None:
    reader = reader_of(board("slow", sums_minutes))
    with reader.watching(scoped(1)) as waiting:
        with held(site.url):
            until(lambda: Match(waiting.why, SAYS), "the word")
        until(lambda: waiting.newest is not None, "a frame")
        assert (waiting.why, waiting.rest.length_s) == ("", 0.0)


def test_a_slow_board_rests_in_all_its_scopes_and_the_others_go_on(
    site: Site, reader_of: ReaderOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    resting(monkeypatch, 600.0, 600.0)
    tries: list[Scene] = []

    def slow(conn: Connection, scene: Scene) -> Frame:
        tries.append(scene)
        return sums_minutes(conn, scene)

    reader = reader_of(board("slow", slow), board("quick", quick))
    with held(site.url), reader.watching(Key("quick", (), "en")) as fresh:
        scopes = [reader.channel(scoped(number)) for number in range(12)]
        until(lambda: Match([scope.why for scope in scopes], [SAYS] * 12), "the word on each")
        seq = fresh.newest.seq if fresh.newest else 0
        for _ in range(3):
            newest = fresh.after(seq, PATIENCE_S)
            assert newest is not None
            seq = newest.seq
    assert len(tries) == 1


def test_slow_scopes_are_tried_in_turn(
    site: Site, reader_of: ReaderOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    resting(monkeypatch, 0.01, 0.01)
    tries: list[str] = []

    def slow(conn: Connection, scene: Scene) -> Frame:
        tries.append(scene.params["scope"])
        return sums_minutes(conn, scene)

    reader = reader_of(board("slow", slow))
    with held(site.url), ExitStack() as screens:
        for number in range(3):
            screens.enter_context(reader.watching(scoped(number)))
        turns = [["line:0", "line:1", "line:2"]] * 2
        until(lambda: Match([sorted(tries[-6:-3]), sorted(tries[-3:])], turns), "each in turn")


def test_quick_scopes_go_on_after_the_first_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    resting(monkeypatch, 600.0, 600.0)
    rest, slow, fast = Rest(), scoped(1), scoped(2)
    rest.begin(slow)
    assert rest.holds(fast)
    rest.begin(slow)
    assert [rest.holds(slow), rest.holds(fast)] == [True, False]
    rest.begin(fast)
    rest.leave(fast)
    assert rest.length_s > 0.0, "the other one is as slow as before"
    rest.leave(slow)
    assert rest.length_s == 0.0


def test_many_statements_that_take_long_together_are_given_up(
    reader_of: ReaderOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frames, "FRAME_S", 1.0)

    def slow(conn: Connection, scene: Scene) -> Frame:
        for _ in range(100):
            conn.execute("select pg_sleep(0.1)")
        return Frame({})

    reader = reader_of(board("slow", slow))
    with reader.watching(scoped(1)) as waiting:
        until(lambda: waiting.why or waiting.newest, "given up, or made")
        assert waiting.why == SAYS


def test_a_board_that_another_transaction_ended_is_asked_for_again(
    reader_of: ReaderOf, caplog: pytest.LogCaptureFixture
) -> None:
    """As a replica does with a query that stands in the way of what it replays."""
    rests: list[float] = []

    def ended_once(conn: Connection, scene: Scene) -> Frame:
        rests.append(waiting.rest.length_s)
        if len(rests) == 1:
            conn.execute("do $$ begin raise exception using errcode = '40001'; end $$")
        return Frame({})

    reader = reader_of(board("slow", ended_once))
    with reader.watching(scoped(1)) as waiting:
        until(lambda: waiting.newest is not None, "its frame")
    assert rests[:2] == [0.0, 0.0], "it does not rest"
    assert "no new frames" not in caplog.text, "nor does the round end"


def test_the_screen_says_it(wall: Wall, wall_page: Page) -> None:
    wall_page.goto(f"{wall.address}/?kiosk=1&lang=en")
    wall_page.wait_for_selector("[data-live=tile-A01][data-tone]")
    banner = wall_page.locator(".stale-banner")
    with held(wall.url):
        wall_page.locator(".stale-banner", has_text=SAYS).wait_for(timeout=PATIENCE_MS)
        assert "No data since 16:3" in (banner.text_content() or "")
    banner.wait_for(state="detached", timeout=PATIENCE_MS)


def test_a_screen_without_a_server_no_longer_blames_the_database(
    wall: Wall, wall_page: Page
) -> None:
    wall_page.goto(f"{wall.address}/?kiosk=1&lang=en")
    wall_page.wait_for_selector("[data-live=tile-A01][data-tone]")
    banner = wall_page.locator(".stale-banner")
    try:
        with held(wall.url):
            wall_page.locator(".stale-banner", has_text=SAYS).wait_for(timeout=PATIENCE_MS)
            wall.kill()
        wall_page.locator(".stale-banner", has_not_text=SAYS).wait_for(timeout=PATIENCE_MS)
        assert "No data since" in (banner.text_content() or "")
    finally:
        wall.start()
    banner.wait_for(state="detached", timeout=PATIENCE_MS)
