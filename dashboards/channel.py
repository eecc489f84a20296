"""A channel: the newest frame of one kind, and those who wait for a newer one.

A slow screen gets the newest frame and never a queue of old ones. Never makes a frame.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from dashboards.envelope import Envelope
from plant.model import Language


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
    changed: threading.Condition = field(default_factory=threading.Condition)

    def publish(self, made: Envelope) -> None:
        """Hand the newest envelope to everyone who waits; what was not taken yet is forgotten."""
        with self.changed:
            self.newest = made
            self.changed.notify_all()

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
