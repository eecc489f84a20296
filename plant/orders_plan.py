"""Orders against their plan: delivered on time, made as scheduled. Pure sums; ratios of sums.

An order counts once: what it has made is what the last step of its operations has.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from plant.calendar import Window
from plant.kpi import ratio
from plant.orders import ENDED, Operation, worked_s


@dataclass(frozen=True, slots=True)
class Made:
    """An operation with what was made: the larger of both counts. `work`: of its machine."""

    operation: Operation
    done: float
    work: tuple[Window, ...] = ()
    cycle_s: float | None = None
    """Ideal seconds a piece."""
    line: str | None = None
    """Of its machine."""


@dataclass(frozen=True, slots=True)
class Share:
    """A ratio with what it is made of."""

    part: float
    whole: float

    @property
    def ratio(self) -> float | None:
        """None where there is nothing to measure against."""
        return ratio(self.part, self.whole)


@dataclass(frozen=True, slots=True)
class Whole:
    """An order as one thing: pieces of its last step, and the work of all its operations."""

    planned: float
    done: float
    work: Share
    """Ideal time of what was made of each operation, up to its plan ÷ that of all that is planned;
    pieces where an ideal cycle is not known."""
    operations: tuple[Made, ...]
    """All but cancelled ones, by step and code."""

    @property
    def share(self) -> float | None:
        """Done ÷ planned."""
        return ratio(self.done, self.planned)

    @property
    def ended(self) -> int:
        """So many of its operations are done."""
        return sum(one.operation.status in ENDED for one in self.operations)


def wholes(made: Iterable[Made]) -> dict[str, Whole]:
    """By order; pieces of a step made side by side on several machines add up."""
    return {order: _whole(found) for order, found in _by_order(made).items()}


def _whole(found: Sequence[Made]) -> Whole:
    last = _last_step(found)
    has_cycles = all(m.cycle_s for m in found)
    each = [(m, m.cycle_s or 1.0 if has_cycles else 1.0) for m in found]
    work = Share(
        sum(weight * min(m.done, m.operation.planned) for m, weight in each),
        sum(weight * m.operation.planned for m, weight in each),
    )
    in_order = sorted(found, key=lambda m: (m.operation.step_of, m.operation.operation))
    planned = sum(m.operation.planned for m in last)
    return Whole(planned, sum(m.done for m in last), work, tuple(in_order))


def on_time(made: Iterable[Made], t0: datetime, t1: datetime) -> Share:
    """On-time delivery: orders that were done by their due date ÷ orders that were due in [t0, t1).

    `made`: all operations of each order. An order is due when the last of its last step is; done
    when all of them are; cancelled ones don't count, and one that was re-opened is not done.
    """
    due = [
        last
        for last in _last_steps(made).values()
        if (at := _due(last)) is not None and t0 <= at < t1
    ]
    return Share(float(sum(_is_on_time(last) for last in due)), float(len(due)))


def adherence(made: Iterable[Made], t0: datetime, now: datetime) -> Share:
    """Schedule adherence: of what should have been made in [t0, now), how much was; pieces.

    Each operation counts up to what it should have: more of one doesn't make up for another.
    """
    parts = [(min(m.done, should), should) for m, should in _scheduled(made, t0, now)]
    return Share(sum(done for done, _ in parts), sum(should for _, should in parts))


def actual(made: Iterable[Made], t0: datetime, now: datetime) -> Share:
    """Plan against actual: what the same operations made ÷ what they should have; may exceed 1."""
    parts = list(_scheduled(made, t0, now))
    return Share(sum(m.done for m, _ in parts), sum(should for _, should in parts))


def _scheduled(made: Iterable[Made], t0: datetime, now: datetime) -> Iterable[tuple[Made, float]]:
    """Operations whose plan reaches into [t0, now), with the pieces that should be there by now:
    planned × planned work passed since the planned start / up to the due date."""
    for one in made:
        plan, start, due = one.operation, one.operation.planned_start, one.operation.due
        if plan.status == "cancelled" or start is None or due is None:
            continue
        if start < now and due > t0:
            passed = ratio(worked_s(one.work, start, min(now, due)), worked_s(one.work, start, due))
            yield one, plan.planned * (passed or 0.0)


def _last_steps(made: Iterable[Made]) -> dict[str, list[Made]]:
    return {order: _last_step(found) for order, found in _by_order(made).items()}


def _by_order(made: Iterable[Made]) -> dict[str, list[Made]]:
    orders: dict[str, list[Made]] = defaultdict(list)
    for one in made:
        if one.operation.status != "cancelled":
            orders[one.operation.order].append(one)
    return orders


def _last_step(found: Sequence[Made]) -> list[Made]:
    last = max(one.operation.step_of for one in found)
    return [one for one in found if one.operation.step_of == last]


def _due(last: Sequence[Made]) -> datetime | None:
    return max((m.operation.due for m in last if m.operation.due is not None), default=None)


def _is_on_time(last: Sequence[Made]) -> bool:
    due = _due(last)
    ends = [one.operation.finished_at for one in last]
    return due is not None and all(at is not None and at <= due for at in ends)
