"""An answer of several statements is of one moment, whatever is committed between them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest

from dashboards.board import Board, Frame, Scene
from dashboards.channel import Channel, Key
from dashboards.frames import Reader
from dashboards.notices import Notices
from dashboards.web import BOARDS
from db.connect import Connection
from tests.dashboards.conftest import START
from tests.patience import PATIENCE_S, until
from tests.web_site import Site

BOARDS_OF_A_STOP = ("overview", "oee", "hours", "stops")
STOPPED = """
update machine_1m set running_s = 0, down_s = 60, good = 0 where ts >= %s
"""
WAITS = "select pid from pg_locks where relation = 'machine_1m'::regclass and not granted"


def stop_everything(conn: psycopg.Connection) -> None:
    """Every machine stood for the last hour, say late readings."""
    conn.execute(STOPPED, [START - timedelta(hours=1)])
    conn.execute("update state_interval set state = 'down'")


class Twice:
    """A board that is read twice in each frame, with a commit in between in the first one."""

    def __init__(self, board: Board, site: Site) -> None:
        self.board = replace(board, frame=self._frame)
        self.read: list[tuple[Frame, Frame]] = []
        self._frame_of, self._site = board.frame, site

    def _frame(self, conn: Connection, scene: Scene) -> Frame:
        first = self._frame_of(conn, scene)
        if not self.read:
            with self._site.database.connection() as other:
                stop_everything(other)
        self.read.append((first, self._frame_of(conn, scene)))
        return first


@pytest.fixture(params=BOARDS_OF_A_STOP)
def twice(busy: Site, request: pytest.FixtureRequest) -> Twice:
    return Twice(next(board for board in BOARDS if board.key == request.param), busy)


@pytest.fixture
def channel(busy: Site, twice: Twice) -> Iterator[Channel]:
    """Of the board's frames."""
    reader = Reader(busy.database, (twice.board,), "1", Notices(busy.database))
    with reader.watching(Key(twice.board.key, (("scope", "line:A"),), "en")) as watched:
        yield watched
    reader.close()


def test_a_frame_is_of_one_moment(twice: Twice, channel: Channel) -> None:
    made = channel.after(0, PATIENCE_S)
    assert made is not None
    assert channel.after(made.seq, PATIENCE_S) is not None
    (first, second), (later, _) = twice.read[:2]
    assert second == first, "what was committed in between is not on it"
    assert later != first, "it is on the next one"


@pytest.mark.parametrize("page", ["/kpis/data.json", "/explain/data.json"])
def test_a_page_is_of_one_moment(busy: Site, page: str) -> None:
    client = busy.client("anna")
    query = {"kpi": "good", "t0": "2026-03-02T05:00:00Z", "t1": "2026-03-02T08:00:00Z"}
    before = client.get(page, query_string=query).json
    with psycopg.connect(busy.url) as conn, ThreadPoolExecutor() as pool:
        conn.execute("lock table machine_1m in access exclusive mode")
        answer = pool.submit(client.get, page, query_string=query)
        until(lambda: conn.execute(WAITS).fetchone(), "it waits for the minutes")
        stop_everything(conn)
        conn.commit()
        assert answer.result().json == before, "as its first statement found them"
    assert client.get(page, query_string=query).json != before
