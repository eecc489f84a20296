"""The reader: one a web process, makes the frames that someone watches, each once for every screen.

One thread listens for what the workers commit, one makes frames: at once when something was
committed, at least once a second, at most four times a second; both rest when nobody watches. A
frame is made for each (board, parameters, language) that is watched or was asked for lately; one
that was never tried goes before all others, for an empty screen waits for it. While the database is
away the last frames stay, and grow old; so does one that takes the database too long: its board is
not asked for again for a while. Never answers a request itself: that is dashboards/live.py.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from dashboards import watch
from dashboards.board import Board, Frame, Scene
from dashboards.channel import Channel, Key, Rest
from dashboards.envelope import Around, envelope
from dashboards.notices import Notices
from db import heartbeat
from db.clock import Clock, load_clock
from db.connect import Busy, Conflict, Database, DatabaseUnavailable
from db.heartbeat import Beat
from db.master import Master, NoPlant, load

log = logging.getLogger(__name__)

SHORTEST_S = 0.25
"""At most four frames a second."""
LONGEST_S = 1.0
FRAME_S = 8.0
"""What the statements of a frame may take together, for all other frames wait for it."""
GRACE_S = 30.0
"""A frame nobody watches any more is made for so long, for those who poll or come back."""
MOST_CHANNELS = 64
END_S = 10.0
"""How long the end of the threads is waited for; longer than a frame takes."""


class TooManyFrames(RuntimeError):
    """More different frames are watched than one process makes; use fewer filters."""


class Reader:
    """Makes frames while somebody watches; its threads start with the first watcher."""

    def __init__(
        self, database: Database, boards: Sequence[Board], version: str, notices: Notices
    ) -> None:
        self._database = database
        self._boards: Mapping[str, Board] = {board.key: board for board in boards}
        self._version = version
        self._channels: dict[Key, Channel] = {}
        self._rests = {board.key: Rest() for board in boards}
        self._lock = threading.Lock()
        self._notices = notices
        self._thread: threading.Thread | None = None
        self._seq = 0
        self._fresh = threading.Event()
        self._is_over = False

    def close(self) -> None:
        """End the threads and everyone's waiting; no frame is made afterwards."""
        with self._lock:
            self._is_over = True
            for channel in self._channels.values():
                channel.end()
            self._channels.clear()
            thread = self._thread
        self._fresh.set()
        self._notices.look()
        if thread is not None:
            thread.join(END_S)
        self._notices.close(END_S)

    @contextmanager
    def watching(self, key: Key) -> Iterator[Channel]:
        """The channel of a key, kept fresh for as long as this lasts. Raises TooManyFrames."""
        channel = self.channel(key)
        with self._lock:
            channel.watchers += 1
        try:
            yield channel
        finally:
            with self._lock:
                channel.watchers -= 1
                channel.wanted_at = time.monotonic()

    def channel(self, key: Key) -> Channel:
        """The channel of a key, kept fresh for `GRACE_S` from now. Raises TooManyFrames."""
        with self._lock:
            found = self._channels.get(key)
            if found is None:
                found = self._new_channel(key)
            found.wanted_at = time.monotonic()
            self._start()
        return found

    def _new_channel(self, key: Key) -> Channel:
        if len(self._channels) >= MOST_CHANNELS:
            idle = [c for c in self._channels.values() if not c.watchers]
            if not idle:
                raise TooManyFrames(TooManyFrames.__doc__)
            self._drop(min(idle, key=lambda c: c.wanted_at))
        made = Channel(key, self._rests[key.board], is_over=self._is_over)
        if not self._is_over:
            self._channels[key] = made
            self._fresh.set()
            self._notices.look()
        return made

    @property
    def is_reading(self) -> bool:
        """Whether frames are being made; it rests when nobody has watched for a while."""
        return self._thread is not None and self._thread.is_alive()

    def _start(self) -> None:
        if self._is_over:
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="frames", daemon=True)
            self._thread.start()
        self._notices.start()

    def _run(self) -> None:
        while self._is_wanted():
            self._notices.wait(LONGEST_S)
            self._fresh.clear()
            begun = time.monotonic()
            try:
                self._make_all()
            except (DatabaseUnavailable, NoPlant) as error:
                log.warning("no new frames: %s", error)
            except Exception:
                log.exception("frames could not be made; trying again")
            self._fresh.wait(max(0.0, SHORTEST_S - (time.monotonic() - begun)))

    def _make_all(self) -> None:
        with self._database.snapshot() as conn:
            master, clock, beat = load(conn), load_clock(conn), heartbeat.last(conn)
        for channel in self._in_turn():
            self._make(channel, master, clock, beat)

    def _in_turn(self) -> Iterator[Channel]:
        """Every channel once, the one whose turn is longest ago first; a new one before all."""
        begun = time.monotonic()
        while left := [c for c in self._wanted() if c.tried_at < begun]:
            chosen = min(left, key=lambda c: c.tried_at)
            chosen.tried_at = time.monotonic()
            yield chosen

    def _is_wanted(self) -> bool:
        with self._lock:
            self._forget()
            if not self._channels:
                self._thread = None
                self._notices.stop()
            return bool(self._channels)

    def _wanted(self) -> list[Channel]:
        with self._lock:
            return [c for c in self._channels.values() if not c.rest.holds(c.key)]

    def _forget(self) -> None:
        now = time.monotonic()
        for channel in list(self._channels.values()):
            if not channel.watchers and now - channel.wanted_at > GRACE_S:
                self._drop(channel)

    def _drop(self, channel: Channel) -> None:
        del self._channels[channel.key]
        channel.rest.leave(channel.key)

    def _make(self, channel: Channel, master: Master, clock: Clock, beat: Beat | None) -> None:
        key = channel.key
        board = self._boards[key.board]
        scene = Scene(master.plant, clock.now(), key.language, dict(key.params))
        try:
            with self._database.snapshot(FRAME_S) as conn:
                frame = board.frame(conn, scene)
        except Busy as error:
            channel.rest.begin(key)
            log.warning("board %s rests for %.0f s: %s", key.board, channel.rest.length_s, error)
            return
        except Conflict as error:
            log.warning("board %s is asked for again: %s", key.board, error)
            return
        except DatabaseUnavailable:
            raise
        except Exception:
            log.exception("board %s could not make its frame", key.board)
            return
        frame = Frame(frame.nodes | watch.nodes(beat, scene), frame.charts)
        build = f"{self._version}.{master.version}"
        at = scene.now.astimezone(scene.plant.site.zone)
        around = Around(key.board, key.language, build, at, clock.speed)
        channel.publish(envelope(frame, around, self._next_seq(), time.monotonic()))

    def _next_seq(self) -> int:
        self._seq = max(self._seq + 1, time.time_ns() // 1_000_000)
        return self._seq
