"""What the simulated edge remembers from one start to the next: where it was, who listened.

One small file, replaced as a whole. Without it, or with one that can't be read, the edge starts
anew: what was not told before is lost, as a real edge without a disk loses it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol

import orjson
from pydantic import TypeAdapter, ValidationError

from db.clock import Clock
from ingest.simulator.backlog import KEPT_MS
from ingest.simulator.broker import Broker, Subscriptions
from ingest.simulator.days import to_ms

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Remembered:
    """`at`: plant time, ms; `told`: speaker → up to where it has told, ms; each broker's sessions,
    in the plant file's order; `since`: when the edge began to keep all this, ms."""

    at: int = 0
    told: dict[str, int] = field(default_factory=dict)
    sessions: list[Subscriptions] = field(default_factory=list)
    since: int | None = None

    def told_to(self, speaker: str) -> int | None:
        """From where a speaker goes on; one killed before its first word, from the beginning."""
        return self.told.get(speaker, self.since)

    def sessions_of(self, number: int) -> Subscriptions:
        """Of the broker with this number."""
        return self.sessions[number] if number < len(self.sessions) else {}


_READ = TypeAdapter(Remembered)


class Teller(Protocol):
    """Who tells others what the plant does."""

    def told(self, settled_s: float) -> Mapping[str, int]:
        """Up to where (plant time, ms) it is told for sure, by name; `settled_s`: see Broker."""


class Memory:
    """The file, and those whose state it keeps; brokers and tellers come as they are started."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        now = to_ms(clock.now())
        self.before = load(path, now)
        """What was kept when the edge started."""
        self._since = now if self.before.since is None else self.before.since
        self.brokers: list[Broker] = []
        self.tellers: list[Teller] = []

    def keep(self) -> None:
        """What a next start needs; told is what every lasting session acknowledged."""
        settled_s = min((b.settled_s() for b in self.brokers), default=time.monotonic())
        told = dict(self.before.told)
        for teller in self.tellers:
            told |= teller.told(settled_s)
        sessions = [broker.kept for broker in self.brokers]
        save(self._path, Remembered(to_ms(self._clock.now()), told, sessions, self._since))


def load(path: Path, now: int) -> Remembered:
    """What was kept; nothing where it is from the future or older than an edge keeps readings."""
    try:
        found = _READ.validate_json(path.read_bytes())
    except FileNotFoundError:
        return Remembered()
    except (OSError, ValidationError) as error:
        log.warning("%s can't be read, the simulated edge starts anew: %s", path, error)
        return Remembered()
    return found if now - KEPT_MS <= found.at <= now else Remembered()


def save(path: Path, remembered: Remembered) -> None:
    """Replace what was kept; a disk that is full is told in the log."""
    fresh = path.with_suffix(".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_bytes(orjson.dumps(asdict(remembered)))
        fresh.replace(path)
    except OSError as error:
        log.warning("the simulated edge can't keep its memory: %s", error)
