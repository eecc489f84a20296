"""While the database is away one request at a time asks for it; the others are told so at once.

Otherwise a wall of screens that try again each second would take every thread, each waiting for a
connection, and even /healthz would no longer answer.
"""

from __future__ import annotations

import threading
import time

from db.connect import Crowded, DatabaseUnavailable

PAUSE_S = 1.0
"""So long nobody asks after a failure."""
PROBE_S = 8.0
"""So long the others wait for the one that asks; longer than a connection may take."""


class StillAway(DatabaseUnavailable):
    """Nobody asked: the database was away a moment ago."""


class StillCrowded(StillAway, Crowded):
    """Nobody asked: all connections were at work a moment ago."""


class Outage:
    """What the web process knows of the database being away, or of having no connection free."""

    def __init__(self) -> None:
        self._away: type[StillAway] | None = None
        self._quiet_until = 0.0
        self._lock = threading.Lock()

    def check(self) -> None:
        """Call it before asking the database. Raises StillAway during an outage."""
        with self._lock:
            if self._away is None:
                return
            if time.monotonic() < self._quiet_until:
                raise self._away(self._away.__doc__)
            self._quiet_until = time.monotonic() + PROBE_S

    def began(self, error: DatabaseUnavailable) -> None:
        """The database was asked and could not be used. Not to be called for StillAway: screens
        that go on asking would put off the next try for ever."""
        with self._lock:
            self._away = StillCrowded if isinstance(error, Crowded) else StillAway
            self._quiet_until = time.monotonic() + PAUSE_S

    def ended(self) -> None:
        """The database answered."""
        with self._lock:
            self._away = None
