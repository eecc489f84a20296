"""Frames: made once for every screen, newest wins, told apart by key, refused to strangers."""

from __future__ import annotations

import gzip
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import orjson
import pytest
from dash import html

from dashboards import frames, live, web
from dashboards.board import Board, Frame, Scene
from dashboards.channel import Channel, Key
from dashboards.envelope import GZIP_HEAD, Around, deflated, envelope, with_age
from dashboards.frames import Reader, TooManyFrames
from dashboards.notices import Notices
from dashboards.web import make_server
from db.connect import Connection
from tests.patience import until
from tests.web_site import NOW, Site

if TYPE_CHECKING:
    from flask.testing import FlaskClient

    from tests.dashboards.conftest import Wall

ReaderOf = Callable[..., Reader]
AROUND = Around("overview", "en", "1.0", NOW, 60.0)


def board_that_counts() -> tuple[Board, list[Scene]]:
    made: list[Scene] = []

    def frame(conn: Connection, scene: Scene) -> Frame:
        made.append(scene)
        return Frame({"n": {"text": str(len(made))}})

    return Board("counted", "Overview", "/counted", ("scope",), lambda _: html.Div(), frame), made


def key(scope: str = "") -> Key:
    return Key("counted", (("scope", scope),) if scope else (), "en")


@pytest.fixture
def reader_of(site: Site) -> Iterator[ReaderOf]:
    """Makes readers of the boards given; they have ended with the test, threads and all."""
    made: list[Reader] = []

    def make(*boards: Board) -> Reader:
        made.append(Reader(site.database, boards, "1", Notices(site.database)))
        return made[-1]

    yield make
    for reader in made:
        reader.close()
    assert [t.name for t in threading.enumerate() if t.name in ("frames", "notices")] == []


def test_an_envelope_says_all_that_a_screen_needs() -> None:
    frame = Frame({"oee": {"text": "76.7"}}, {"lines": {"data": []}})
    made = envelope(frame, AROUND, 7, 0.0)
    tick, full = orjson.loads(made.tick), orjson.loads(made.full)
    assert tick["seq"] == 7
    assert tick["at"] == NOW.timestamp() * 1000
    assert tick["speed"] == 60.0
    assert tick["nodes"] == frame.nodes
    assert "figures" not in tick
    assert full["figures"] == frame.charts
    assert full["charts"] == tick["charts"]
    assert orjson.loads(with_age(made.tick, 2.25))["age_s"] == pytest.approx(2.2, abs=0.11)
    assert made.event.startswith(b"event: live\nid: 7\ndata: {")
    assert made.event.endswith(b"}\n\n")


def test_a_charts_hash_changes_with_the_chart_alone() -> None:
    def hash_of(seq: int, y: int) -> str:
        made = envelope(Frame({}, {"lines": {"y": [y]}}), AROUND, seq, 0.0)
        return str(orjson.loads(made.tick)["charts"]["lines"])

    assert hash_of(1, 5) == hash_of(2, 5)
    assert hash_of(1, 5) != hash_of(1, 6)


def test_deflated_pieces_in_any_order_are_one_stream() -> None:
    pieces = [b"event: live\n\n" * 40, b"event: beat\n\n", b"x" * 5000]
    stream = GZIP_HEAD + b"".join(deflated(piece) for piece in (*pieces, pieces[0]))
    reader = zlib.decompressobj(wbits=31)
    assert reader.decompress(stream) == b"".join((*pieces, pieces[0]))


def test_one_frame_is_made_for_all_who_watch_the_same(reader_of: ReaderOf) -> None:
    board, made = board_that_counts()
    reader = reader_of(board)
    with reader.watching(key()) as one, reader.watching(key()) as other:
        first = one.after(0, 5)
        assert first is not None
        assert other.after(0, 5) is not None
        assert one is other
        second = one.after(first.seq, 5)
        assert second is not None
        assert second.seq > first.seq
    assert len(made) <= 3


def test_a_word_of_the_database_wakes_the_reader_at_once(site: Site, reader_of: ReaderOf) -> None:
    board, _ = board_that_counts()
    reader = reader_of(board)
    waits = []
    with reader.watching(key()) as channel:
        newest = channel.after(0, 5)
        for _ in range(5):
            assert newest is not None
            until(partial(is_rested, channel), "the reader may make another frame")
            newest = channel.newest
            assert newest is not None
            begun = time.monotonic()
            with site.database.connection() as conn:
                conn.execute("select pg_notify('taktboard_live', 'derived')")
            newest = channel.after(newest.seq, 5)
            waits.append(time.monotonic() - begun)
    assert sorted(waits)[2] < 0.6, "half of the fallback's second, in the middle"


def is_rested(channel: Channel) -> bool:
    newest = channel.newest
    return newest is not None and time.monotonic() - newest.made_at > frames.SHORTEST_S


def test_a_slow_reader_gets_the_newest_frame_only(reader_of: ReaderOf) -> None:
    board, _ = board_that_counts()
    reader = reader_of(board)
    with reader.watching(key()) as channel:
        first = channel.after(0, 5)
        assert first is not None
        third = channel.after(first.seq, 5)
        assert third is not None
        third = channel.after(third.seq, 5)
        newest = channel.after(first.seq, 0)
        assert newest is not None
        assert newest is channel.newest


def test_the_number_of_different_frames_is_bounded(
    reader_of: ReaderOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frames, "MOST_CHANNELS", 2)
    board, _ = board_that_counts()
    reader = reader_of(board)
    with reader.watching(key("a")), reader.watching(key("b")), pytest.raises(TooManyFrames):
        reader.channel(key("c"))
    assert reader.channel(key("c")).key == key("c"), "what nobody watches makes room"


def test_a_board_that_fails_leaves_the_others_alone(reader_of: ReaderOf) -> None:
    good, _ = board_that_counts()

    def broken(conn: Connection, scene: Scene) -> Frame:
        raise ZeroDivisionError

    bad = Board("bad", "Overview", "/bad", (), lambda _: html.Div(), broken)
    reader = reader_of(bad, good)
    with reader.watching(Key("bad", (), "en")) as failing, reader.watching(key()) as fine:
        assert fine.after(0, 5) is not None
        assert failing.newest is None


@pytest.fixture
def viewer(wall: Wall) -> Iterator[FlaskClient]:
    """Someone who looks at the wall's plant, without a browser."""
    server = make_server(wall.url)
    client = server.test_client()
    assert Site(server, wall.database, wall.url).log_in(client, "vera").status_code == 302
    yield client
    web.close(server)


def test_the_frame_is_answered_as_json(viewer: FlaskClient) -> None:
    for path in ("/live/overview?lang=zh", "/live/overview/full?lang=zh"):
        answer = viewer.get(path, headers={"Accept-Encoding": "gzip"})
        assert answer.status_code == 200, answer.text
        assert answer.headers["Content-Encoding"] == "gzip"
        body = orjson.loads(gzip.decompress(answer.data))
        assert body["nodes"]["tile-A01-note"]["text"] == "无工单"
        assert ("figures" in body) == path.startswith("/live/overview/full")
    assert viewer.get("/live/none").status_code in (403, 404)


def test_the_stream_begins_with_the_frame_and_goes_on(viewer: FlaskClient) -> None:
    answer = viewer.get("/live/overview/sse?lang=en", buffered=False)
    assert answer.mimetype == "text/event-stream"
    pieces = answer.iter_encoded()
    assert next(pieces) == b"retry: 1000\n\n"
    first = next(pieces)
    seq = int(first.split(b"id: ")[1].split(b"\n")[0])
    answer.close()
    again = viewer.get(
        "/live/overview/sse?lang=en", headers={"Last-Event-ID": str(seq)}, buffered=False
    )
    pieces = again.iter_encoded()
    next(pieces)
    assert int(next(pieces).split(b"id: ")[1].split(b"\n")[0]) > seq
    again.close()


def test_a_screen_that_was_revoked_loses_its_open_stream(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "HEARTBEAT_S", 0.3)
    screen = site.device("overview")
    answer = screen.get("/live/overview/sse?lang=en", buffered=False)
    pieces = answer.iter_encoded()
    next(pieces)
    with site.database.connection() as conn:
        conn.execute("update device set revoked_at = %s", (datetime.now(UTC),))
    heard: list[bytes] = []
    reading = threading.Thread(target=lambda: heard.extend(pieces), daemon=True)
    reading.start()
    reading.join(10)
    assert not reading.is_alive(), "the stream has ended"
    assert heard[-1] == b"event: over\ndata: {}\n\n"
    answer.close()


def test_the_reader_rests_when_nobody_has_watched_for_a_while(
    reader_of: ReaderOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frames, "GRACE_S", 0.1)
    board, made = board_that_counts()
    reader = reader_of(board)
    with reader.watching(key()) as channel:
        assert channel.after(0, 5) is not None
    until(lambda: not reader.is_reading, "the reader rests", within_s=10)
    count = len(made)
    with reader.watching(key()) as channel:
        assert channel.after(0, 5) is not None
    assert len(made) > count


def test_who_has_no_frame_yet_goes_before_the_others(reader_of: ReaderOf) -> None:
    made: list[str] = []
    late = threading.Event()

    def frame(conn: Connection, scene: Scene) -> Frame:
        made.append(scene.params["scope"])
        if len(made) == 3:
            assert late.wait(5)  # while the third one is made, another screen comes
        return Frame({})

    board = Board("counted", "Overview", "/counted", ("scope",), lambda _: html.Div(), frame)
    reader = reader_of(board)
    first, second = reader.channel(key("a")), reader.channel(key("b"))
    assert first.after(0, 5) is not None
    assert second.after(0, 5) is not None
    fresh = reader.channel(key("new"))
    late.set()
    assert fresh.after(0, 5) is not None
    assert "new" in made[2:4], "at most one other frame was made before it"


def test_a_closed_reader_lets_go_of_everyone(reader_of: ReaderOf) -> None:
    board, made = board_that_counts()
    reader = reader_of(board)
    with reader.watching(key()) as channel:
        newest = channel.after(0, 5)
        assert newest is not None
        waiting = threading.Thread(target=channel.after, args=(newest.seq + 10**9, 60))
        waiting.start()
        reader.close()
        waiting.join(5)
        assert not waiting.is_alive()
    count = len(made)
    assert reader.channel(key()).after(0, 60) is None, "at once"
    assert len(made) == count
    assert not reader.is_reading
