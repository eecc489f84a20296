"""How all operations of a plant stand: each machine's queue, forecast and progress. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from plant.calendar import Window
from plant.orders import ENDED, Observed, Operation, Progress, progress, remaining_of
from plant.orders_eta import Forecast, Queued, forecasts
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


def standings(cases: Sequence[Case], now: datetime) -> list[Progress]:
    """How each case stands, in their order; the cases of a machine make its queue.

    One second is as good as another for what will be in hours: the forecast holds for the minute.
    """
    found = _forecasts(cases, now.replace(second=0, microsecond=0))
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
        if case.operation.machine is not None:
            machines[case.operation.machine][key_of(case.operation)] = case
    found: dict[str, Forecast] = {}
    for by_key in machines.values():
        queue = queue_of([case.operation for case in by_key.values()])
        if queue:
            any_case = by_key[key_of(queue[0])]
            queued = tuple(_queued(by_key[key_of(operation)], now) for operation in queue)
            found |= forecasts(queued, any_case.pace, any_case.work, now)
    return found


def _queued(case: Case, now: datetime) -> Queued:
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
    )
