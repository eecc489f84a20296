"""The hour-by-hour board (production control board): hours of a shift, targets, sums, takt time.

Pure. Targets are fractions of pieces until they are shown, then whole ones whose sums are the
running totals. docs/hours.md says every definition and choice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Protocol
from zoneinfo import ZoneInfo

from plant.calendar import Window, work_s
from plant.hour_board import Rows
from plant.kpi import Facts, ratio

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Cut:
    """Where hours begin: the plant file's `[hour_board] rows`, on the clock of its zone."""

    rows: Rows
    zone: ZoneInfo


def hours(t0: datetime, t1: datetime, rows: Rows, zone: ZoneInfo) -> tuple[Window, ...]:
    """The hours of [t0, t1), half-open, in order, without gaps; the last one may be shorter.

    "shift": counted from t0, sixty real minutes each. "clock": cut where the wall clock of `zone`
    shows a full hour; one that exists twice is two rows, one cut short by a jump is a shorter row.
    """
    edges = [t0]
    while edges[-1] < t1:
        left = HOUR if rows == "shift" else _to_full_hour(edges[-1], zone)
        edges.append(min(edges[-1] + left, t1))
    return tuple(pairwise(edges))


def _to_full_hour(at: datetime, zone: ZoneInfo) -> timedelta:
    """Up to the next full hour of the wall clock, or to the jump that comes before it."""
    local = at.astimezone(zone)
    since = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    left = HOUR - since
    offset = local.utcoffset()
    ahead = (at + k * MINUTE for k in range(1, int(left / MINUTE)))
    jump = next((t for t in ahead if t.astimezone(zone).utcoffset() != offset), None)
    return left if jump is None else jump - at


@dataclass(frozen=True, slots=True)
class Run:
    """What was made of one order in an hour: the facts of the machine that counts."""

    begun: datetime
    product: str | None
    order: str | None
    cycle_s: float | None
    """Ideal cycle; none where it is not known."""
    facts: Facts


@dataclass(frozen=True, slots=True)
class Plan:
    """What a machine is to make: `pieces` of a product between its planned start and its due date.

    `work`: its machine's planned work between the two.
    """

    order: str
    product: str | None
    cycle_s: float | None
    pieces: float
    start: datetime
    due: datetime | None
    work: tuple[Window, ...] = ()


def pieces(busy_s: float, cycle_s: float | None, target_oee: float) -> float | None:
    """Pieces of so much planned busy time at the target OEE; none without an ideal cycle."""
    return busy_s * target_oee / cycle_s if cycle_s else None


class Worked(Protocol):
    """Facts of work by one ideal cycle."""

    @property
    def cycle_s(self) -> float | None:
        """None where it is not known."""

    @property
    def facts(self) -> Facts:
        """What was done."""


def made_target(runs: Iterable[Worked], target_oee: float) -> float | None:
    """What should have come of the time that has passed: PBT × target OEE ÷ ideal cycle, summed.

    As on the wall (docs/kpi.md, line output per hour): where no product is on the machine, nothing.
    """
    return _sum(pieces(run.facts.planned_busy_s, run.cycle_s, target_oee) for run in runs)


def planned_target(
    plans: Sequence[Plan], work: Sequence[Window], t0: datetime, t1: datetime, target_oee: float
) -> float | None:
    """What [t0, t1), which lies ahead, should make at the target OEE in its planned work.

    `plans` in the order of their starts; each is on the machine until the next one starts.
    """
    ends = [*(plan.start for plan in plans[1:]), t1]
    return _sum(
        pieces(work_s(work, max(t0, plan.start), min(t1, end)), plan.cycle_s, target_oee)
        for plan, end in zip(plans, ends, strict=False)
        if max(t0, plan.start) < min(t1, end)
    )


def ordered_target(plans: Iterable[Plan], t0: datetime, t1: datetime) -> float | None:
    """The share of the orders' pieces that belongs into [t0, t1): in proportion to planned work."""
    return _sum(_share(plan, t0, t1) for plan in plans if plan.start < t1)


def _share(plan: Plan, t0: datetime, t1: datetime) -> float | None:
    if plan.due is None or plan.due <= t0:
        return None
    inside = work_s(plan.work, max(t0, plan.start), min(t1, plan.due))
    share = ratio(inside, work_s(plan.work, plan.start, plan.due))
    return None if share is None else plan.pieces * share


def _sum(parts: Iterable[float | None]) -> float | None:
    known = [part for part in parts if part is not None]
    return sum(known) if known else None


@dataclass(frozen=True, slots=True)
class Hour:
    """One hour: what it should make, what it should have made by now, what it has; pieces."""

    t0: datetime
    t1: datetime
    target: float | None
    by_now: float | None
    """The target's part of the time that has passed; the whole of it once the hour is over."""
    made: float | None
    """None: the hour has not begun."""


@dataclass(frozen=True, slots=True)
class Tally:
    """An hour's line on the board, in whole pieces; differences against what should be by now."""

    target: int | None
    by_now: int | None
    made: int | None
    difference: int | None
    sum_target: int
    sum_by_now: int
    sum_made: int | None
    sum_difference: int | None


def tallies(found: Sequence[Hour]) -> list[Tally]:
    """Every hour with the running totals.

    Targets become whole pieces by rounding their running total: so the hours always add up to it.
    """
    target = made = 0.0
    lines: list[Tally] = []
    for one in found:
        before, whole = round(target), round(target + (one.target or 0.0))
        now = round(target + (one.by_now or 0.0))
        target += one.target or 0.0
        made += one.made or 0.0
        lines.append(_tally(one, whole, now, before, round(made)))
    return lines


def _tally(one: Hour, whole: int, now: int, before: int, made: int) -> Tally:
    begun = one.made is not None
    here = None if one.made is None else round(one.made)
    by_now = None if one.by_now is None else now - before
    return Tally(
        target=None if one.target is None else whole - before,
        by_now=by_now,
        made=here,
        difference=None if here is None or by_now is None else here - by_now,
        sum_target=whole,
        sum_by_now=now,
        sum_made=made if begun else None,
        sum_difference=made - now if begun else None,
    )


@dataclass(frozen=True, slots=True)
class Takt:
    """Available work time ÷ demand, beside what is really needed for a good piece; seconds."""

    available_s: float
    demand: float

    @property
    def takt_s(self) -> float | None:
        """None where nothing is asked for."""
        return ratio(self.available_s, self.demand)


def pace_s(facts: Facts) -> float | None:
    """Planned busy time per good piece: what compares with the takt time."""
    return ratio(facts.planned_busy_s, facts.good)


def cycle_s(facts: Facts) -> float | None:
    """Running time per piece, good or not: the actual cycle of the OEE board."""
    return ratio(facts.running_s, facts.total)
