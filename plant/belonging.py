"""To which production day and shift a stretch of time belongs, and how much of it to which part.

Pure. The same rule as for minutes: what lies within a shift belongs to the shift and its day, the
rest to its local day; all is half-open.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from plant.periods import DAY, Days, Period, Slot, midnight


class Belongs(NamedTuple):
    """A stretch that belongs to one production day, and to a shift or ("") to none."""

    t0: datetime
    t1: datetime
    shift: str
    day: date


def outside(t0: datetime, t1: datetime, zone: ZoneInfo) -> Iterator[Belongs]:
    """A stretch outside of every shift, cut into its local days."""
    begin = t0
    while begin < t1:
        day = begin.astimezone(zone).date()
        end = min(midnight(day + DAY, zone), t1)
        yield Belongs(begin, end, "", day)
        begin = end


def belonging(
    t0: datetime, t1: datetime, shifts: Iterable[Belongs], zone: ZoneInfo
) -> Iterator[Belongs]:
    """A stretch cut by shifts, which are in order and apart; in between by local days."""
    begin = t0
    for shift in shifts:
        if shift.t1 <= begin:
            continue
        if shift.t0 >= t1:
            break
        yield from outside(begin, shift.t0, zone)
        begin = min(shift.t1, t1)
        yield shift._replace(t0=max(shift.t0, t0), t1=begin)
    yield from outside(begin, t1, zone)


class Parts:
    """The parts of a period, ready to be asked which of them a stretch lies in."""

    def __init__(self, parts: Sequence[Slot], period: Period) -> None:
        self._parts, self._period = parts, period
        self._days = [slot.first for slot in parts if slot.first is not None]
        self._moments = [slot.t0 for slot in parts]

    def of(self, one: Belongs) -> Iterator[tuple[int, float]]:
        """The numbers of the parts, and the seconds in each."""
        period = self._period
        if isinstance(period, Days):
            if period.first <= one.day < period.last and period.shift in (None, one.shift):
                yield from self._within(one)
            return
        yield from self._within(one._replace(t0=max(one.t0, period.t0), t1=min(one.t1, period.t1)))

    def _within(self, one: Belongs) -> Iterator[tuple[int, float]]:
        if self._days:
            n = bisect_right(self._days, one.day) - 1
            last = self._parts[n].last
            if n >= 0 and last is not None and one.day < last and one.t0 < one.t1:
                yield n, (one.t1 - one.t0).total_seconds()
            return
        for n in range(max(0, bisect_right(self._moments, one.t0) - 1), len(self._parts)):
            slot = self._parts[n]
            if slot.t0 >= one.t1:
                return
            seconds = (min(one.t1, slot.t1) - max(one.t0, slot.t0)).total_seconds()
            if seconds > 0:
                yield n, seconds
