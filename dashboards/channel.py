"""A channel: the newest frame of one kind, and those who wait for a newer one; how boards rest.

A slow screen gets the newest frame and never a queue of old ones. Never makes a frame.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from dashboards.envelope import Envelope
from dashboards.texts import texts
from plant.model import Language

SHORTEST_REST_S, LONGEST_REST_S = 2.0, 30.0


@dataclass(frozen=True, slots=True)
class Key:
    """What makes a frame different from another one."""

    board: str
    params: tuple[tuple[str, str], ...]
    language: Language


@dataclass(slots=True)
class Rest:
    """A board that takes the database too long gives way to the others, twice as long each time.

    All its channels rest when one turns out slow, for the next would be as slow in all likelihood.
    Those that were quick go on afterwards; of the slow ones one is tried at each end of a rest.
    """

    length_s: float = 0.0
    _until: float = 0.0
    _is_for_all: bool = False
    _slow: set[Key] = field(default_factory=set)

    def begin(self, slow: Key) -> None:
        """The frame of this key was given up."""
        self._is_for_all = slow not in self._slow
        self._slow.add(slow)
        self.length_s = min(max(2 * self.length_s, SHORTEST_REST_S), LONGEST_REST_S)
        self._until = time.monotonic() + self.length_s

    def leave(self, key: Key) -> None:
        """The frame of this key is made again, or no longer wanted."""
        self._slow.discard(key)
        if not self._slow:
            self.length_s = 0.0

    def holds(self, key: Key) -> bool:
        """Whether no frame of this key is to be made now."""
        return time.monotonic() < self._until and (self._is_for_all or key in self._slow)

    def delays(self, key: Key) -> bool:
        """Whether this key's newest frame is older for it, until the next one is made."""
        return key in self._slow or self.holds(key)


@dataclass(slots=True)
class Channel:
    """The newest envelope of a key, and who waits for it."""

    key: Key
    rest: Rest
    """Of its board; one for all the board's channels."""
    watchers: int = 0
    wanted_at: float = 0.0
    tried_at: float = 0.0
    """time.monotonic() when its frame was last begun."""
    newest: Envelope | None = None
    is_over: bool = False
    """No frame will come any more: the process ends."""
    changed: threading.Condition = field(default_factory=threading.Condition)

    @property
    def why(self) -> str:
        """What a screen says beside the age of the last frame, in its language; or nothing."""
        if not self.rest.delays(self.key):
            return ""
        return texts(self.key.language).text("The database is too busy for this board")

    def publish(self, made: Envelope) -> None:
        """Hand the newest envelope to everyone who waits; what was not taken yet is forgotten."""
        with self.changed:
            self.newest = made
            self.rest.leave(self.key)
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
