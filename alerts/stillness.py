"""How long the alarm engine's heartbeat has stood still, by the watcher's own clock.

Counts only while the watcher itself sees the database: a wall clock that jumps, an outage of the
database or a watcher that was frozen says nothing about the engine. Never acts.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from db.heartbeat import Beat

_NEVER = object()


class Stillness:
    """What one watcher has seen of the heartbeat."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._seen: object = _NEVER
        self._since = 0.0
        self.is_beating = False
        """Whether it was seen to move, and not merely to be there."""

    def seconds(self, beat: Beat | None) -> float:
        """For how long this has been the last beat (or there was none); 0 where it is new."""
        at: datetime | None = beat.at if beat else None
        if at != self._seen:
            self.is_beating = self._seen is not _NEVER
            self._seen, self._since = at, self._monotonic()
            return 0.0
        return self._monotonic() - self._since

    def forget(self) -> None:
        """Begin anew: the watcher could not see for a while."""
        self._seen, self.is_beating = _NEVER, False
