"""An operation of an order: what was planned, what was made, when it is done, how late it may be.

Pure: facts, work windows, a forecast and the present time come in; nothing is asked for.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from plant.calendar import Window, work_s
from plant.kpi import Facts, ratio
from plant.orders_eta import Forecast

Status = Literal["planned", "released", "running", "held", "done", "cancelled"]
BEGUN: tuple[Status, ...] = ("running", "held")
ENDED: tuple[Status, ...] = ("done", "cancelled")
_NUMBER = re.compile(r"\d+")
_start, _end = itemgetter(0), itemgetter(1)


class Operation(BaseModel):
    """One operation of an order as a business system reports it: body of an order event.

    The field names are what a REST source's `fields` map to. `machine` and `product` are codes of
    the plant file; quantities are pieces; `good` and `scrap` are the running totals of the system.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    order: str = Field(min_length=1, max_length=200, examples=["WO-4100"])
    operation: str = Field(min_length=1, max_length=200, examples=["10"])
    revision: str = Field(min_length=1, max_length=200, examples=["2026-01-05T08:00:00Z"])
    """The system's mark of this version: the same mark is the same version."""
    at: AwareDatetime
    """When the system made this version."""
    status: Status
    planned: float = Field(ge=0)
    good: float = Field(default=0.0, ge=0)
    scrap: float = Field(default=0.0, ge=0)
    machine: str | None = None
    product: str | None = None
    planned_start: AwareDatetime | None = None
    due: AwareDatetime | None = None
    started_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None
    priority: int | None = Field(default=None, ge=0, le=1000)
    """The smaller, the more urgent: 1 before 2, and any before none."""
    parent: str | None = Field(default=None, max_length=200, examples=["WO-4100"])
    """The order that this one was split from."""
    step: int | None = Field(default=None, ge=0, le=1_000_000, examples=[10])
    """Its place in the series of the order; see `step_of`."""

    @property
    def step_of(self) -> int:
        """Operations of one step are made side by side, steps one after another.

        As reported, else the first number in the operation's code: "10", "20-1" and "20-2" are one
        operation of step 10, then two of step 20.
        """
        if self.step is not None:
            return self.step
        found = _NUMBER.search(self.operation)
        return int(found.group()) if found else 0

    @property
    def finished_at(self) -> datetime | None:
        """When it was over: as reported, else when the system said so; None while it is open."""
        return (self.ended_at or self.at) if self.status in ENDED else None


FIELDS: tuple[str, ...] = tuple(Operation.model_fields)
"""Names that a source's `fields` may map."""
REQUIRED_FIELDS: tuple[str, ...] = ("order", "operation", "status", "planned")
"""Names that it must map; `at` and `revision` default to the source's mark."""


@dataclass(frozen=True, slots=True)
class Observed:
    """What the machines counted for an operation; its ideal cycle, and the target of its line."""

    facts: Facts = field(default_factory=Facts)
    cycle_s: float | None = None
    target_oee: float | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How an operation stands. Pieces, ratios (1.0 = 100 %), pieces an hour, seconds."""

    planned: float
    produced: float
    """Good, as the business system says."""
    counted: float
    """Good, as the machines counted."""
    difference: float
    """counted − produced."""
    scrap: float
    """As the machines counted; as the system says, where they counted nothing."""
    remaining: float
    over: float
    """Pieces made beyond the plan."""
    share: float | None
    expected_share: float | None
    """What it should be now: planned work passed since the start / up to the due date."""
    rate_per_h: float | None
    """Good pieces an hour of running time."""
    calendar_rate_per_h: float | None
    """Good pieces an hour of all time since the start, nights and breaks too."""
    takt_s: float | None
    """Planned work left until the due date, per remaining piece."""
    eta: datetime | None
    """As likely earlier as later."""
    eta_low: datetime | None
    eta_high: datetime | None
    """It is done between these with a probability of 80 %."""
    late_risk: float | None
    """Probability of missing the due date."""

    @property
    def done(self) -> float:
        """Pieces that count as made: the larger of both counts."""
        return max(self.produced, self.counted)


def remaining_of(operation: Operation, observed: Observed) -> float:
    """Good pieces that are left to make.

    The larger of both counts is taken as done, because a business system may report late, and a
    machine may not count at all.
    """
    return max(0.0, operation.planned - max(operation.good, observed.facts.good))


def progress(
    operation: Operation,
    observed: Observed,
    work: Sequence[Window],
    now: datetime,
    forecast: Forecast | None = None,
) -> Progress:
    """Where an operation stands and when it will be done.

    `work`: planned work of its machine in order, from the operation's start to some weeks ahead.
    `forecast`: see `plant.orders_queue`; None where nothing is known of the rate.
    """
    remaining = remaining_of(operation, observed)
    done = max(operation.good, observed.facts.good)
    eta = _finish(operation, remaining, forecast, now)
    return Progress(
        planned=operation.planned,
        produced=operation.good,
        counted=observed.facts.good,
        difference=observed.facts.good - operation.good,
        scrap=observed.facts.scrap if observed.facts.total else operation.scrap,
        remaining=remaining,
        over=max(0.0, done - operation.planned),
        share=ratio(done, operation.planned),
        expected_share=_expected_share(operation, work, now),
        rate_per_h=_per_hour(observed.facts.good, observed.facts.running_s),
        calendar_rate_per_h=_per_hour(done, _elapsed_s(operation, now)),
        takt_s=_takt_s(operation, remaining, work, now),
        eta=eta.middle,
        eta_low=eta.low,
        eta_high=eta.high,
        late_risk=late_risk(operation, remaining, forecast, now),
    )


def late_risk(
    operation: Operation, remaining: float, forecast: Forecast | None, now: datetime
) -> float | None:
    """Probability, 0 to 1, that an operation is done after its due date.

    None without a due date or without a forecast; 0 or 1 for what has already happened: what is
    complete is not done before it is said to be.
    """
    due, finished = operation.due, operation.finished_at
    if due is None or operation.status == "cancelled":
        return None
    if finished is not None:
        return float(finished > due)
    if now >= due:
        return 1.0
    if remaining <= 0:
        return 0.0
    return None if forecast is None else forecast.late


def _finish(
    operation: Operation, remaining: float, forecast: Forecast | None, now: datetime
) -> Forecast:
    if operation.finished_at is None and remaining > 0:
        return forecast or Forecast(None, None, None, None)
    at = operation.finished_at or now
    return Forecast(at, at, at, None)


def _expected_share(operation: Operation, work: Sequence[Window], now: datetime) -> float | None:
    start = operation.planned_start or operation.started_at
    if start is None or operation.due is None:
        return None
    whole = worked_s(work, start, operation.due)
    return ratio(worked_s(work, start, min(now, operation.due)), whole)


def worked_s(work: Sequence[Window], t0: datetime, t1: datetime) -> float:
    """`work_s`, looking only at the windows between."""
    first = bisect_right(work, t0, key=_end)
    return work_s(work[first : bisect_left(work, t1, first, key=_start)], t0, t1)


def _elapsed_s(operation: Operation, now: datetime) -> float:
    if operation.started_at is None:
        return 0.0
    return max(0.0, (min(operation.finished_at or now, now) - operation.started_at).total_seconds())


def _per_hour(pieces: float, seconds: float) -> float | None:
    rate = ratio(pieces, seconds)
    return None if rate is None else rate * 3600


def _takt_s(
    operation: Operation, remaining: float, work: Sequence[Window], now: datetime
) -> float | None:
    if operation.due is None or now >= operation.due:
        return None
    return ratio(worked_s(work, now, operation.due), remaining)
