"""What an edge kept while nobody took it: given out in pieces, oldest first, beside the live.

As a real edge with a disk does it: seven days at most, samples of process values thinned where it
was long. Never sends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ingest.simulator.live import Event, events, present
from ingest.simulator.signals import Signals
from plant.model import Tag

KEPT_MS = 7 * 24 * 3_600_000 - 3_600_000
"""Plant time that an edge can keep; what is older is lost."""
PIECE_MS = 30 * 60_000
LONG_MS = 3_600_000
THINNED_MS = 60_000
"""Between two samples of a process value in a backlog that is longer than `LONG_MS`."""


class Backlog:
    """Everything that some tags said in [t0, t1), ms."""

    def __init__(self, signals: Signals, tags: Sequence[Tag], t0: int, t1: int) -> None:
        if t1 - t0 > LONG_MS and signals.step_ms < THINNED_MS:
            signals = Signals(signals.plan, THINNED_MS)
        self.start = max(t0, t1 - KEPT_MS)
        """From here on it is told, ms."""
        self._signals = signals
        self._tags = tuple(tags)
        self._at, self._end = self.start, t1

    @property
    def is_told(self) -> bool:
        """Whether nothing is left."""
        return self._at >= self._end

    def opening(self) -> list[Event]:
        """The value of each tag just before the first piece, with the time at which it was said."""
        return present(self._signals, self._tags, self.start - 1)

    def standing(self) -> list[Event]:
        """The states that hold when the first piece begins: from there on nothing is missing."""
        states = (event for event in self.opening() if event.tag.pattern.role == "state")
        return [replace(event, ts=self.start) for event in states]

    def piece(self) -> list[Event]:
        """The next stretch; may be empty."""
        t0, self._at = self._at, min(self._at + PIECE_MS, self._end)
        return events(self._signals, self._tags, t0, self._at)
