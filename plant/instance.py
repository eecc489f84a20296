"""One shift of one day, and the slices of work, break and maintenance that it is made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import groupby, pairwise
from typing import Literal

from plant.part import Label
from plant.wall import Window, clipped

SliceKind = Literal["work", "break", "maintenance"]


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of a shift: work, break or maintenance."""

    t0: datetime
    t1: datetime
    kind: SliceKind


@dataclass(frozen=True, slots=True)
class ShiftInstance:
    """One shift of one day. `day` is the production day: the local day on which it starts."""

    calendar: str
    code: str
    name: Label
    day: date
    t0: datetime
    t1: datetime
    breaks: tuple[Window, ...]
    maintenance: tuple[Window, ...] = ()
    """Within it, apart from each other; where it meets a break, it is maintenance."""
    teams: tuple[str, ...] = ()

    def slices(self) -> tuple[Slice, ...]:
        """Work, breaks and maintenance in order; together exactly [t0, t1)."""
        return tuple(self._sliced())

    def within(self, t0: datetime, t1: datetime) -> ShiftInstance:
        """The part of it in [t0, t1), which it has to meet."""
        begin, end = max(self.t0, t0), min(self.t1, t1)
        return replace(
            self,
            t0=begin,
            t1=end,
            breaks=clipped(self.breaks, begin, end),
            maintenance=clipped(self.maintenance, begin, end),
        )

    def _sliced(self) -> Iterator[Slice]:
        if not self.maintenance:
            yield from self._work_and_breaks()
            return
        inner = {t for window in (*self.breaks, *self.maintenance) for t in window}
        edges = sorted({self.t0, self.t1} | inner)
        changes = [next(same) for _, same in groupby(edges[:-1], self._kind)]
        for a, b in pairwise([*changes, self.t1]):
            yield Slice(a, b, self._kind(a))

    def _work_and_breaks(self) -> Iterator[Slice]:
        at = self.t0
        for t0, t1 in self.breaks:
            if at < t0:
                yield Slice(at, t0, "work")
            yield Slice(t0, t1, "break")
            at = t1
        if at < self.t1:
            yield Slice(at, self.t1, "work")

    def _kind(self, at: datetime) -> SliceKind:
        if any(t0 <= at < t1 for t0, t1 in self.maintenance):
            return "maintenance"
        return "break" if any(t0 <= at < t1 for t0, t1 in self.breaks) else "work"
