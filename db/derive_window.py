"""Ranges of time a machine has to be derived again in: merged, and portioned out. No database."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

FOREVER = datetime(9999, 12, 31, tzinfo=UTC)
"""Stands for 'infinity': up to whatever moment is derived."""
NEAR = timedelta(minutes=10)
"""Ranges no further apart are derived as one: cheaper than one more window."""


@dataclass(frozen=True, slots=True)
class Dirty:
    """New facts of a machine from `t0` to `t1`, both inclusive."""

    machine_id: int
    t0: datetime
    t1: datetime


@dataclass(frozen=True, slots=True)
class Window:
    """A range to be derived, in whole minutes; a tail ends at `upto`, where the machine's ends."""

    machine_id: int
    t0: datetime
    t1: datetime
    upto: datetime
    kept: bool = False
    """Older than raw readings: derived from what is stored."""


def portion(
    dirty: Iterable[Dirty], now: datetime, budget: timedelta
) -> tuple[list[Dirty], list[Dirty]]:
    """(to do now, to keep): ranges that lie near joined, the newest first, the future kept.

    `budget`: how much machine time is worked on at once; a longer range is cut.
    """
    todo: list[Dirty] = []
    kept: list[Dirty] = []
    left = budget
    for item in sorted(_joined(dirty), key=lambda d: d.t1, reverse=True):
        if now <= item.t1 < FOREVER:
            kept.append(Dirty(item.machine_id, max(item.t0, now), item.t1))
        if item.t0 >= now:
            continue
        if left <= timedelta(0):
            kept.append(item)
            continue
        begin = max(item.t0, min(item.t1, now) - left)
        left -= min(item.t1, now) - begin
        todo.append(Dirty(item.machine_id, begin, item.t1))
        if begin > item.t0:
            kept.append(Dirty(item.machine_id, item.t0, begin))
    return todo, kept


def _joined(dirty: Iterable[Dirty]) -> list[Dirty]:
    joined: list[Dirty] = []
    for item in sorted(dirty, key=lambda d: (d.machine_id, d.t0)):
        last = joined[-1] if joined else None
        if last and last.machine_id == item.machine_id and item.t0 - last.t1 <= NEAR:
            joined[-1] = Dirty(last.machine_id, last.t0, max(last.t1, item.t1))
        else:
            joined.append(item)
    return joined
