"""Machines that speak every second, and a witness of when their minutes know it. Never derives."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from datetime import UTC, datetime

import numpy as np

from bench.factory import RUNNING, Factory
from db import sources
from db.connect import Connection, open_database
from db.readings import Batch, micros, store

BATCHES_A_SECOND = 10
WITNESSED = 20
"""Machines that are looked at, spread over all."""
WARM_PIECES = 10


class Floor(threading.Thread):
    """Each machine counts a piece a second: ten groups of machines, a tenth of a second apart."""

    NAME = "bench-floor"

    def __init__(self, made: Factory) -> None:
        super().__init__(name=self.NAME, daemon=True)
        self._made = made
        self._ended = threading.Event()
        self.said: dict[int, list[float]] = defaultdict(list)
        """By machine: when its first, second, … piece was made (seconds since 1970)."""
        self.late_s = 0.0
        """How far the last batch came behind its time."""

    def begin(self, conn: Connection, at: datetime) -> None:
        """Every machine runs, and its counter stands at zero."""
        machines = len(self._made.machines)
        tags = np.array([*self._made.state, *self._made.good], dtype=np.int32)
        self._store(conn, at, tags, np.repeat([RUNNING, 0.0], machines))
        self._heard(conn)

    def run(self) -> None:
        """Until `end`."""
        database = open_database(self._made.database.url, application="floor", pool_size=1)
        begun, tick = time.monotonic(), 0
        while not self._ended.wait(max(0.0, begun + tick / BATCHES_A_SECOND - time.monotonic())):
            self.late_s = time.monotonic() - begun - tick / BATCHES_A_SECOND
            with database.connection() as conn:
                self._speak(conn, *reversed(divmod(tick, BATCHES_A_SECOND)))
            tick += 1
        database.close()

    def end(self) -> None:
        """Stop speaking."""
        self._ended.set()
        self.join()

    def _speak(self, conn: Connection, group: int, second: int) -> None:
        at = datetime.now(UTC)
        rows = slice(group, None, BATCHES_A_SECOND)
        tags = np.array(self._made.good[rows], dtype=np.int32)
        self._store(conn, at, tags, np.full(len(tags), second + 1.0))
        if group == 0:
            self._heard(conn)
        for machine in self._made.machines[rows]:
            self.said[machine].append(at.timestamp())

    def _store(
        self,
        conn: Connection,
        at: datetime,
        tags: np.ndarray[tuple[int], np.dtype[np.int32]],
        values: np.ndarray[tuple[int], np.dtype[np.float64]],
    ) -> None:
        ts = np.full(len(tags), micros(at), dtype=np.int64)
        quality = np.zeros(len(tags), dtype=np.int16)
        store(conn, Batch(ts, tags, values, quality), self._made.machine_of)

    def _heard(self, conn: Connection) -> None:
        now = datetime.now(UTC)
        status = sources.Status(
            source_id=self._made.source,
            connected=True,
            since=now,
            last_heard=now,
            last_reading=now,
            lag_s=0.0,
            rate=0.0,
            bad_share=0.0,
            readings=0,
            error=None,
        )
        sources.save_status(conn, [status])


class Witness(threading.Thread):
    """Asks at each notice of derivation how many pieces the minutes of some machines know."""

    def __init__(self, made: Factory, floor: Floor) -> None:
        super().__init__(name="bench-witness", daemon=True)
        self._database = open_database(made.database.url, application="witness", pool_size=1)
        self._floor = floor
        self._machines = list(made.machines[:: max(1, len(made.machines) // WITNESSED)])
        self._ended = threading.Event()
        self._seen = dict.fromkeys(self._machines, 0)
        self._since = datetime.now(UTC)
        self.waits_s: list[float] = []
        """From a piece to the first look that found it in its minute."""
        self.is_warm = threading.Event()
        """Of every machine looked at ten pieces were seen: what only happens at first is over."""

    def run(self) -> None:
        """Until `end`."""
        for heard in self._database.listen("taktboard_live", timeout_s=1.0):
            if self._ended.is_set():
                return
            if heard is not None and heard.payload == "derived":
                self._look()

    def end(self) -> None:
        """Stop looking."""
        self._ended.set()
        self.join()
        self._database.close()

    def _look(self) -> None:
        with self._database.connection() as conn:
            rows = conn.execute(
                "select machine_id, sum(good)::integer from machine_1m"
                " where machine_id = any(%(machines)s)"
                " and ts >= date_bin('1 minute', %(since)s, 'epoch') group by machine_id",
                {"machines": self._machines, "since": self._since},
            ).fetchall()
        now = time.time()
        for machine, pieces in rows:
            known = self._floor.said[machine][self._seen[machine] : pieces]
            self.waits_s.extend(now - said for said in known)
            self._seen[machine] = pieces
        if min(self._seen.values()) >= WARM_PIECES:
            self.is_warm.set()
