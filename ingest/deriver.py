"""The derive loop: what new facts touch is derived at once, and everything at least once a second.

A thread of its own, on connections of its own: derivation never holds up ingest. Of several
workers one does the work at a time. Never ends because of an error; it tries again.
"""

from __future__ import annotations

import logging
import threading
import time
from datetime import datetime, timedelta

from db import storage
from db.clock import load_clock
from db.connect import Database, DatabaseUnavailable
from db.derive import derive
from db.master import NoPlant, extend_calendar, load
from db.retention import keep
from db.rollups import advance

log = logging.getLogger(__name__)

AT_LEAST_EVERY_S = 1.0
PAUSE_S, LONGEST_PAUSE_S = 0.15, 0.3
"""Between two turns, however many facts arrive."""
PAUSE_SHARE = 6.0
"""Within those, so many times as long as the turn took: a seventh of a core at most goes to it."""
REST_S = 1.0
"""How old the end of a machine of which nothing new is told may become; more often costs as much
as facts do."""
HOUSEKEEPING_S = 60.0
RETRY_S = 1.0


class Deriver:
    """Two threads: one listens for facts, one derives."""

    def __init__(self, database: Database, stop: threading.Event) -> None:
        self._database = database
        self._stop = stop
        self._facts = threading.Event()
        self._housekeeping_at = 0.0
        self._rollups_at = 0.0
        self._threads = [
            threading.Thread(target=self._listen, name="taktboard-listen", daemon=True),
            threading.Thread(target=self._run, name="taktboard-derive", daemon=True),
        ]

    def start(self) -> None:
        """Begin; ends by itself once `stop` is set."""
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """Make the derive thread look at once (at `stop` too)."""
        self._facts.set()

    def join(self, timeout_s: float) -> None:
        """Wait for the turn that is under way."""
        self._threads[1].join(timeout_s)

    def _listen(self) -> None:
        for heard in self._database.listen("taktboard_fact", timeout_s=AT_LEAST_EVERY_S):
            if self._stop.is_set():
                return
            if heard is not None:
                self._facts.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._facts.clear()
            begun = time.monotonic()
            more = self._try_turn()
            took_s = time.monotonic() - begun
            if not more:
                self._facts.wait(AT_LEAST_EVERY_S)
            self._stop.wait(min(max(PAUSE_S, PAUSE_SHARE * took_s), LONGEST_PAUSE_S))

    def _try_turn(self) -> bool:
        """True where work is left over."""
        try:
            return self._turn()
        except NoPlant:
            return False
        except DatabaseUnavailable as error:
            log.warning("deriving waits: %s", error)
        except Exception:
            log.exception("a turn of derivation failed; it is tried again")
        self._stop.wait(RETRY_S)
        return False

    def _turn(self) -> bool:
        with self._database.connection() as conn:
            clock = load_clock(conn)
            now = clock.now()
            done = derive(conn, now, rest=timedelta(seconds=REST_S * clock.speed))
        if time.monotonic() >= self._rollups_at:
            self._roll_up(now)
        if time.monotonic() >= self._housekeeping_at:
            self._keep_house(now)
        return done.more

    def _roll_up(self, now: datetime) -> None:
        """What rollups hold already is mended, what they lack is live: they need not hurry."""
        with self._database.session() as conn:
            more = advance(conn, now).more
        self._rollups_at = time.monotonic() + (0.0 if more else AT_LEAST_EVERY_S)

    def _keep_house(self, now: datetime) -> None:
        with self._database.connection() as conn:
            extend_calendar(conn, load(conn).plant, now)
        with self._database.session() as conn:
            keep(conn, now)
            storage.sample(conn)
        self._housekeeping_at = time.monotonic() + HOUSEKEEPING_S
