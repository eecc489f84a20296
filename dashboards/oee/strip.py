"""What the machines did over a stretch of time: what they said, cut by their calendars. Pure.

The same rule as in derivation: running wins over the calendar; otherwise a break is a planned stop,
and what lies outside every shift isn't scheduled.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from db.boards import Interval, Slice
from db.stays import Stay
from plant.line_flow import Wait, by_machine, parts
from plant.model import Element, Label


class Done(NamedTuple):
    """A stretch in one element."""

    machine: str
    t0: datetime
    t1: datetime
    element: Element
    reason: Label | None

    @property
    def seconds(self) -> float:
        """How long."""
        return (self.t1 - self.t0).total_seconds()


def cut(intervals: Sequence[Interval], slices: Sequence[Slice]) -> list[Done]:
    """Every interval in the elements that the calendar makes of it."""
    by_machine: dict[str, list[Slice]] = defaultdict(list)
    for one in slices:
        by_machine[one.machine].append(one)
    return [done for i in intervals for done in _cut(i, by_machine[i.machine])]


def told(done: Sequence[Done], waits: Sequence[Wait]) -> list[Done]:
    """With what neighbours explain of the stretches that are idle without a reason."""
    of = by_machine(waits)
    return [part for one in done for part in _told(one, of.get(one.machine, ()))]


def there(done: Sequence[Done], found: Sequence[Stay]) -> list[Done]:
    """Of each machine what it did while it stood there."""
    of: dict[str, list[Stay]] = defaultdict(list)
    for stay in found:
        of[stay.machine].append(stay)
    return [
        one._replace(t0=max(one.t0, stay.t0), t1=min(one.t1, stay.t1))
        for one in done
        for stay in of[one.machine]
        if one.t0 < stay.t1 and one.t1 > stay.t0
    ]


def _told(one: Done, waits: Sequence[Wait]) -> Iterator[Done]:
    if one.element != "idle" or one.reason is not None:
        yield one
        return
    for t0, t1, wait in parts(waits, one.t0, one.t1):
        part = one._replace(t0=t0, t1=t1)
        yield part if wait is None else part._replace(element=wait.element)


def _cut(interval: Interval, slices: Sequence[Slice]) -> Iterator[Done]:
    if interval.state == "running":
        yield _done(interval, interval.t0, interval.t1, "running")
        return
    at = interval.t0
    for one in slices:
        t0, t1 = max(one.t0, interval.t0), min(one.t1, interval.t1)
        if t0 >= t1:
            continue
        if at < t0:
            yield _done(interval, at, t0, "not_scheduled")
        yield _done(interval, t0, t1, interval.state if one.kind == "work" else "planned_stop")
        at = t1
    if at < interval.t1:
        yield _done(interval, at, interval.t1, "not_scheduled")


def _done(interval: Interval, t0: datetime, t1: datetime, element: Element) -> Done:
    return Done(interval.machine, t0, t1, element, interval.reason)
