"""How all operations of a plant stand: each machine's queue, forecast and progress. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from plant.calendar import Window
from plant.orders import BEGUN, ENDED, Observed, Operation, Progress, progress, remaining_of
from plant.orders_eta import Forecast, Queued
from plant.orders_flow import Queue, forecasts
from plant.orders_pace import Pace

NO_PRIORITY = 1_000_000
_TURN = {"running": 0, "held": 1, "released": 2, "planned": 3}


@dataclass(frozen=True, slots=True)
class Case:
    """One operation with all that its progress is computed from."""

    operation: Operation
    observed: Observed
    work: tuple[Window, ...]
    """Planned work of its machine, from its start to some weeks ahead."""
    pace: Pace
    """The last days of its machine."""


def standings(cases: Sequence[Case], now: datetime, others: Sequence[Case] = ()) -> list[Progress]:
    """How each case stands, in their order; the cases of a machine make its queue.

    `others`: what else is open at the plant, for these may have to wait for it. One second is as
    good as another for what will be in hours: the forecast holds for the minute.
    """
    found = _forecasts([*cases, *others], now.replace(second=0, microsecond=0))
    return [
        progress(c.operation, c.observed, c.work, now, found.get(key_of(c.operation)))
        for c in cases
    ]


def key_of(operation: Operation) -> str:
    """What tells an operation from every other."""
    return f"{operation.order}/{operation.operation}"


def queue_of(operations: Sequence[Operation]) -> list[Operation]:
    """In which order a machine will take its operations.

    What runs, the latest started first (it has the machine); what is held; what is released, by
    priority; what is planned, by its planned start. The due date decides between equals.
    """
    return sorted((o for o in operations if o.status not in ENDED), key=_turn)


def _turn(operation: Operation) -> tuple[float, ...]:
    priority = NO_PRIORITY if operation.priority is None else operation.priority
    started = -_stamp(operation.started_at)
    planned = _stamp(operation.planned_start)
    first = {
        "running": (started, 0.0),
        "held": (started, 0.0),
        "released": (priority, planned),
        "planned": (planned, priority),
    }[operation.status]
    return (_TURN[operation.status], *first, _stamp(operation.due))


def _stamp(at: datetime | None) -> float:
    return float("inf") if at is None else at.timestamp()


def _forecasts(cases: Sequence[Case], now: datetime) -> Mapping[str, Forecast]:
    machines: dict[str, dict[str, Case]] = defaultdict(dict)
    for case in cases:
        if case.operation.machine is not None and case.operation.status not in ENDED:
            machines[case.operation.machine][key_of(case.operation)] = case
    before = _steps_before([case for by_key in machines.values() for case in by_key.values()])
    return forecasts([_queue(by_key, before, now) for by_key in machines.values()], now)


def _steps_before(cases: Iterable[Case]) -> Mapping[str, list[Case]]:
    """By key: the operations of the step before it, of those that are open."""
    orders: dict[str, dict[int, list[Case]]] = defaultdict(lambda: defaultdict(list))
    for case in cases:
        orders[case.operation.order][case.operation.step_of].append(case)
    return {
        key_of(case.operation): before
        for steps in orders.values()
        for before, found in pairwise([steps[step] for step in sorted(steps)])
        for case in found
    }


def _queue(by_key: Mapping[str, Case], before: Mapping[str, list[Case]], now: datetime) -> Queue:
    operations = queue_of([case.operation for case in by_key.values()])
    cases = [by_key[key_of(operation)] for operation in operations]
    queued = (_queued(case, before.get(key_of(case.operation), []), now) for case in cases)
    return Queue(tuple(queued), cases[0].pace, cases[0].work)


def _queued(case: Case, before: Sequence[Case], now: datetime) -> Queued:
    operation, observed = case.operation, case.observed
    facts, has_cycle = observed.facts, observed.cycle_s is not None
    waits = operation.status == "planned" and operation.planned_start is not None
    return Queued(
        key=key_of(operation),
        remaining=remaining_of(operation, observed),
        product=operation.product,
        cycle_s=observed.cycle_s,
        expected=observed.target_oee if has_cycle else None,
        output=facts.ideal_good_s if has_cycle else facts.good,
        running_s=facts.running_s,
        setup_s=facts.setup_s,
        not_before=max(operation.planned_start or now, now) if waits else None,
        due=operation.due,
        has_begun=operation.status in BEGUN,
        after=tuple(key_of(one.operation) for one in before),
        lag_s=_lag_s(case, before),
    )


def _lag_s(case: Case, before: Sequence[Case]) -> float | None:
    """So long after the begin of the step before it, it begins; None: it waits for its end.

    Steps overlap where the later one has begun, or is planned to begin after the other and before
    that could be done, even at its ideal cycle.
    """
    if case.operation.status in BEGUN:
        return 0.0
    start = case.operation.planned_start
    plans = [_ideal_span(one, t0) for one in before if (t0 := one.operation.planned_start)]
    if start is None or not any(t0 < start < t1 for t0, t1 in plans):
        return None
    return max(0.0, (start - max(t0 for t0, _ in plans)).total_seconds())


def _ideal_span(case: Case, t0: datetime) -> Window:
    """From its planned start until it could be done at the earliest."""
    ideal_s = case.operation.planned * (case.observed.cycle_s or 0.0)
    return t0, t0 + timedelta(seconds=ideal_s)
