"""The truth: seconds per time element and pieces, as the simulated plant produced them.

Computed from the plan and the plant's calendar alone, apart from the derivation it is held against.
Writes it as JSON lines. Never reads what Taktboard stored.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import get_args

import numpy as np

from ingest.simulator.causes import Cause
from ingest.simulator.days import Spans, from_ms, to_ms
from ingest.simulator.fates import runs_of
from ingest.simulator.plan import Plan
from plant.book_edit import first_book
from plant.calendar import machine_shifts
from plant.model import Element, Plant

ELEMENTS: tuple[Element, ...] = get_args(Element)


@dataclass(frozen=True, slots=True)
class OrderTruth:
    """What an operation made within the range. Seconds: ideal cycle × pieces."""

    order: str
    operation: str
    product: str
    good: int
    scrap: int
    ideal_s: float
    ideal_good_s: float


@dataclass(frozen=True, slots=True)
class MachineTruth:
    """One machine over the range; the elements' seconds add up to the range."""

    machine: str
    line: str
    seconds: dict[Element, float]
    good: int
    scrap: int
    ideal_s: float
    ideal_good_s: float
    orders: tuple[OrderTruth, ...] = field(default=())

    @property
    def planned_busy_s(self) -> float:
        """All time but what was not scheduled and what was planned to stand."""
        return (
            sum(self.seconds.values())
            - self.seconds["not_scheduled"]
            - self.seconds["planned_stop"]
        )

    @property
    def oee(self) -> float | None:
        """Ideal seconds of the good pieces ÷ planned busy time."""
        return self.ideal_good_s / self.planned_busy_s if self.planned_busy_s else None


@dataclass(frozen=True, slots=True)
class Interval:
    """A machine's stretch in one element, after the calendar's rule."""

    machine: str
    t0: datetime
    t1: datetime
    element: Element
    reason: str | None


def truth(plant: Plant, seed: int, t0: datetime, t1: datetime) -> dict[str, MachineTruth]:
    """The truth of every machine over [t0, t1)."""
    return truth_of(Plan(plant, seed), t0, t1)


def truth_of(plan: Plan, t0: datetime, t1: datetime) -> dict[str, MachineTruth]:
    """The same from a plan that is at hand."""
    return {machine: _machine(plan, machine, t0, t1) for machine in plan.machines}


def line_oee(machines: dict[str, MachineTruth], line: str) -> float | None:
    """Sum of the ideal seconds of a line's good pieces ÷ sum of its planned busy time."""
    chosen = [truth for truth in machines.values() if truth.line == line]
    busy_s = sum(truth.planned_busy_s for truth in chosen)
    return sum(truth.ideal_good_s for truth in chosen) / busy_s if busy_s else None


def intervals(plan: Plan, machine: str, t0: datetime, t1: datetime) -> Iterator[Interval]:
    """The machine's time elements over [t0, t1), without gaps."""
    a, b = to_ms(t0), to_ms(t1)
    told = plan.told(machine, a, b)
    work, breaks = _calendar(plan.plant, machine, t0, t1)
    edges = np.unique(np.concatenate([told.ts, work.ravel(), breaks.ravel(), [a]]))
    edges = edges[(edges >= a) & (edges < b)]
    ends = [*edges[1:].tolist(), b]
    for start, end, code in zip(edges.tolist(), ends, told.at(edges).tolist(), strict=True):
        element, reason = _element(plan, machine, Cause(code), start, work, breaks)
        yield Interval(machine, from_ms(start), from_ms(end), element, reason)


def write(plan: Plan, directory: Path, t0: datetime, t1: datetime) -> Path:
    """The range as JSON lines, intervals first, in a file of its own; the same range again: the
    same file."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{t0:%Y%m%dT%H%M}Z.jsonl"
    told = (asdict(i) for machine in plan.machines for i in intervals(plan, machine, t0, t1))
    made = ({"t0": t0, "t1": t1, **asdict(m)} for m in truth_of(plan, t0, t1).values())
    path.write_text("".join(_line(row) for row in chain(told, made)), encoding="utf-8")
    return path


def _line(row: dict[str, object]) -> str:
    return json.dumps(row, default=_iso, ensure_ascii=False) + "\n"


def _iso(at: datetime) -> str:
    return at.isoformat()


def _machine(plan: Plan, machine: str, t0: datetime, t1: datetime) -> MachineTruth:
    seconds: dict[Element, float] = dict.fromkeys(ELEMENTS, 0.0)
    for interval in intervals(plan, machine, t0, t1):
        seconds[interval.element] += (interval.t1 - interval.t0).total_seconds()
    orders = tuple(_orders(plan, machine, to_ms(t0), to_ms(t1)))
    _, is_good = plan.pieces(machine, to_ms(t0), to_ms(t1))  # those without an order, too
    return MachineTruth(
        machine=machine,
        line=plan.machines[machine].line,
        seconds=seconds,
        good=int(is_good.sum()),
        scrap=int((~is_good).sum()),
        ideal_s=sum(order.ideal_s for order in orders),
        ideal_good_s=sum(order.ideal_good_s for order in orders),
        orders=orders,
    )


def _orders(plan: Plan, machine: str, t0: int, t1: int) -> Iterator[OrderTruth]:
    runs = [run.job for job in plan.jobs(machine, t0, t1) for run in runs_of(plan.seed, job)]
    for job in runs:
        if job.slot.t1 <= t0 or job.slot.t0 >= t1:
            continue
        ideal_s = plan.plant.ideal_cycle_s(job.slot.product, plan.machines[machine]) or 0.0
        inside = job.is_good[(job.ts >= t0) & (job.ts < t1)]
        good = int(inside.sum())
        yield OrderTruth(
            order=job.slot.order,
            operation=job.slot.operation,
            product=job.slot.product.code,
            good=good,
            scrap=len(inside) - good,
            ideal_s=ideal_s * len(inside),
            ideal_good_s=ideal_s * good,
        )


def _calendar(plant: Plant, machine: str, t0: datetime, t1: datetime) -> tuple[Spans, Spans]:
    kinds: dict[str, list[tuple[int, int]]] = {"work": [], "break": []}
    for instance in machine_shifts(first_book(plant), machine, t0, t1):
        for part in instance.slices():
            kinds["work" if part.kind == "work" else "break"].append(
                (to_ms(part.t0), to_ms(part.t1))
            )
    return _array(kinds["work"]), _array(kinds["break"])


def _array(pairs: list[tuple[int, int]]) -> Spans:
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def _element(
    plan: Plan, machine: str, cause: Cause, at: int, work: Spans, breaks: Spans
) -> tuple[Element, str | None]:
    """Running wins over the calendar; else the calendar over the state."""
    word = plan.words[machine].get(cause)
    state: Element = word.element if word else "unknown"
    reason = word.reason if word else None
    if state == "running":
        return "running", None
    if _holds(breaks, at):
        return "planned_stop", reason
    return (state, reason) if _holds(work, at) else ("not_scheduled", None)


def _holds(stretches: Spans, at: int) -> bool:
    return bool(((stretches[:, 0] <= at) & (at < stretches[:, 1])).any())
