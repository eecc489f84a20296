"""What a set of tags says as plant time goes on: each change once, in order, none left out.

Pulled by the publishers; reads ahead a little. Never sleeps, never sends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ingest.simulator.signals import Raw, Series, Signals
from plant.model import Tag

AHEAD_MS = 600_000


@dataclass(frozen=True, slots=True)
class Event:
    """One value as a source sends it: ms since 1970, raw value (None: bad), quality 0, 1, 2."""

    ts: int
    tag: Tag
    raw: Raw
    quality: int


class Live:
    """The changes of some tags from a moment on."""

    def __init__(self, signals: Signals, tags: Sequence[Tag], start: int) -> None:
        self._signals = signals
        self._tags = tuple(tags)
        self._read_to = start
        self._waiting: list[Event] = []
        self._next = 0

    def until(self, now: int) -> list[Event]:
        """What was said up to and with `now` (ms) and not given out before."""
        if now >= self._read_to:
            rest = self._waiting[self._next :]
            end = now + AHEAD_MS
            self._waiting = rest + events(self._signals, self._tags, self._read_to, end)
            self._read_to, self._next = end, 0
        first = self._next
        while self._next < len(self._waiting) and self._waiting[self._next].ts <= now:
            self._next += 1
        return self._waiting[first : self._next]

    def present(self, at: int) -> list[Event]:
        """The newest value of each tag at a moment, with the time at which it was said."""
        return present(self._signals, self._tags, at)


def present(signals: Signals, tags: Sequence[Tag], at: int) -> list[Event]:
    """The newest value of each tag at a moment, with the time at which it was said."""
    found = ((tag, signals.latest(tag, at)) for tag in tags)
    return [_event(tag, series, 0) for tag, series in found if len(series.ts)]


def events(signals: Signals, tags: Sequence[Tag], t0: int, t1: int) -> list[Event]:
    """Everything the tags say in [t0, t1), in order of time."""
    found = [
        _event(tag, series, place)
        for tag in tags
        for series in (signals.between(tag, t0, t1),)
        for place in range(len(series.ts))
    ]
    order = np.argsort([event.ts for event in found], kind="stable")
    return [found[place] for place in order]


def _event(tag: Tag, series: Series, place: int) -> Event:
    raw = series.raw(place)
    return Event(int(series.ts[place]), tag, raw, int(series.quality[place]))
