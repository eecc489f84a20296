"""An operation of an order: what was planned, what was made, when it is done, how late it may be.

Pure: facts, work windows and the present time come in; nothing is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import erfc, sqrt
from statistics import fmean, pstdev
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from plant.calendar import Window, after_work, work_s
from plant.kpi import Facts, ratio

Status = Literal["planned", "running", "held", "done", "cancelled"]
PRIOR_STRETCHES = 2
"""Weight of the expected rate beside observed ones, in stretches."""
PRIOR_SPREAD = 0.5
"""Relative spread of the rate of one stretch, as far as nothing is known."""


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


FIELDS: tuple[str, ...] = tuple(Operation.model_fields)
"""Names that a source's `fields` may map."""
REQUIRED_FIELDS: tuple[str, ...] = ("order", "operation", "status", "planned")
"""Names that it must map; `at` and `revision` default to the source's mark."""


@dataclass(frozen=True, slots=True)
class Observed:
    """What the machines counted for an operation.

    `rates`: good pieces per second of planned busy time, one for each of the last equal stretches
    (say the last 32 quarters of an hour with planned busy time). `expected_rate`: the same as it
    should be, e.g. target OEE / ideal cycle; None where no ideal cycle is known.
    """

    facts: Facts = field(default_factory=Facts)
    rates: tuple[float, ...] = ()
    stretch_s: float = 900.0
    expected_rate: float | None = None


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
    share: float | None
    expected_share: float | None
    """What it should be now: planned work passed since the start / up to the due date."""
    rate_per_h: float | None
    """Good pieces an hour of running time."""
    takt_s: float | None
    """Planned work left until the due date, per remaining piece."""
    eta: datetime | None
    late_risk: float | None
    """Probability of missing the due date."""


def progress(
    operation: Operation, observed: Observed, work: Sequence[Window], now: datetime
) -> Progress:
    """Where an operation stands and when it will be done.

    `work`: planned work of its machine in order, from the operation's start to some weeks ahead;
    the ETA is None where that is not far enough or nothing is being made. The larger of both counts
    is taken as done, because a business system may report late, and a machine may not count at all.
    """
    done = max(operation.good, observed.facts.good)
    remaining = max(0.0, operation.planned - done)
    return Progress(
        planned=operation.planned,
        produced=operation.good,
        counted=observed.facts.good,
        difference=observed.facts.good - operation.good,
        scrap=observed.facts.scrap if observed.facts.total else operation.scrap,
        remaining=remaining,
        share=ratio(done, operation.planned),
        expected_share=_expected_share(operation, work, now),
        rate_per_h=_per_hour(observed.facts),
        takt_s=_takt_s(operation, remaining, work, now),
        eta=_eta(operation, remaining, observed, work, now),
        late_risk=late_risk(operation, remaining, observed, work, now),
    )


def late_risk(
    operation: Operation,
    remaining: float,
    observed: Observed,
    work: Sequence[Window],
    now: datetime,
) -> float | None:
    """Probability, 0 to 1, that `remaining` pieces are not made by the due date.

    What k stretches of planned work will yield is taken as normal, with the mean and the spread of
    the observed stretches and with the uncertainty of that mean: variance k·s² + k²·s²/n. None
    without a due date or without any idea of the rate; 0 or 1 for what has already happened.
    """
    if operation.due is None or operation.status == "cancelled":
        return None
    if operation.status == "done" or remaining <= 0:
        return float(_finished_late(operation))
    if now >= operation.due:
        return 1.0
    rate = _rate(observed)
    if rate is None:
        return None
    return _shortfall(remaining, rate, work_s(work, now, operation.due) / observed.stretch_s)


@dataclass(frozen=True, slots=True)
class _Rate:
    """Pieces a stretch: mean, spread, and on how many stretches that rests."""

    mean: float
    spread: float
    stretches: int


def _rate(observed: Observed) -> _Rate | None:
    seen = [rate * observed.stretch_s for rate in observed.rates]
    if observed.expected_rate is None:
        return _Rate(fmean(seen), max(pstdev(seen), 1e-9), len(seen)) if seen else None
    prior = observed.expected_rate * observed.stretch_s
    n = len(seen) + PRIOR_STRETCHES
    mean = (sum(seen) + PRIOR_STRETCHES * prior) / n
    squares = sum((x - mean) ** 2 for x in seen)
    squares += PRIOR_STRETCHES * ((prior - mean) ** 2 + (PRIOR_SPREAD * prior) ** 2)
    return _Rate(mean, max(sqrt(squares / n), 1e-9), n)


def _shortfall(pieces: float, rate: _Rate, stretches: float) -> float:
    """P(yield of so many stretches < pieces)."""
    if stretches <= 0:
        return 1.0
    spread = rate.spread * sqrt(stretches + stretches**2 / rate.stretches)
    return 0.5 * erfc((stretches * rate.mean - pieces) / (spread * sqrt(2)))


def _finished_late(operation: Operation) -> bool:
    return bool(operation.due and operation.ended_at and operation.ended_at > operation.due)


def _expected_share(operation: Operation, work: Sequence[Window], now: datetime) -> float | None:
    start = operation.planned_start or operation.started_at
    if start is None or operation.due is None:
        return None
    whole = work_s(work, start, operation.due)
    return ratio(work_s(work, start, min(now, operation.due)), whole)


def _per_hour(facts: Facts) -> float | None:
    rate = ratio(facts.good, facts.running_s)
    return None if rate is None else rate * 3600


def _takt_s(
    operation: Operation, remaining: float, work: Sequence[Window], now: datetime
) -> float | None:
    if operation.due is None or now >= operation.due:
        return None
    return ratio(work_s(work, now, operation.due), remaining)


def _eta(
    operation: Operation,
    remaining: float,
    observed: Observed,
    work: Sequence[Window],
    now: datetime,
) -> datetime | None:
    if operation.status in ("done", "cancelled"):
        return operation.ended_at
    rate = _rate(observed)
    if remaining <= 0 or rate is None or rate.mean <= 0:
        return now if remaining <= 0 else None
    start = max(now, operation.planned_start or now) if operation.status == "planned" else now
    return after_work(work, start, remaining / rate.mean * observed.stretch_s)
