"""A channel: the newest frame of one kind, and those who wait for a newer one.

A slow screen gets the newest frame and never a queue of old ones. Never makes a frame.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from dashboards.envelope import Envelope
from plant.model import Language

SHORTEST_REST_S, LONGEST_REST_S = 2.0, 30.0


@dataclass(frozen=True, slots=True)
class Key:
    """What makes a frame different from another one."""

    board: str
    params: tuple[tuple[str, str], ...]
    language: Language


@dataclass(slots=True)
class Channel:
    """The newest envelope of a key, and who waits for it."""

    key: Key
    watchers: int = 0
    wanted_at: float = 0.0
    newest: Envelope | None = None
    is_over: bool = False
    """No frame will come any more: the process ends."""
    why: str = ""
    """What a screen says beside the age of the last frame; in its language."""
    rest_s: float = 0.0
    rests_until: float = 0.0
    changed: threading.Condition = field(default_factory=threading.Condition)

    @property
    def is_resting(self) -> bool:
        """Whether no frame is to be made now."""
        return time.monotonic() < self.rests_until

    def publish(self, made: Envelope) -> None:
        """Hand the newest envelope to everyone who waits; what was not taken yet is forgotten."""
        with self.changed:
            self.newest = made
            self.why, self.rest_s = "", 0.0
            self.changed.notify_all()

    def give_up(self, why: str) -> None:
        """No frame for a while, twice as long each time: it took the database too long."""
        self.why = why
        self.rest_s = min(max(2 * self.rest_s, SHORTEST_REST_S), LONGEST_REST_S)
        self.rests_until = time.monotonic() + self.rest_s

    def end(self) -> None:
        """Let go of everyone who waits."""
        with self.changed:
            self.is_over = True
            self.changed.notify_all()

    def after(self, seq: int, timeout_s: float) -> Envelope | None:
        """The newest envelope, as soon as it is newer than `seq`.

        None when the time is over, or at once when the channel is.
        """
        with self.changed:
            self.changed.wait_for(lambda: self.is_over or self._is_newer(seq), timeout_s)
            return self.newest if self._is_newer(seq) else None

    def _is_newer(self, seq: int) -> bool:
        return self.newest is not None and self.newest.seq > seq
