"""What it costs to say when a hundred orders will be done, beside drawing as many numbers bare.

Each turn is a hundred machines of five days' history with one running order each, forecast as the
orders board has it forecast once a minute. Processor time: nothing waits. No database takes part.
"""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np

from bench.figure import Figure, figure
from db.embedded import Embedded
from plant.kpi import Facts
from plant.orders import Observed, Operation
from plant.orders_eta import WAYS
from plant.orders_pace import Floats, Pace
from plant.orders_queue import Case, standings

ORDERS = 100
GOAL_MS = 200.0
QUARTERS = 480
"""Of an hour: five days of a machine's past."""
RUN_QUARTERS = 20
"""One order after another of so many quarters."""
CYCLE_S, PIECES = 27.0, 500
AHEAD_QUARTERS = 40
"""As many as the forecast of such an order draws for each of its ways."""
T0 = datetime(2026, 3, 4, 6, tzinfo=UTC)
WORK = tuple(
    (T0 + timedelta(hours=24 * day + begin), T0 + timedelta(hours=24 * day + begin + 4))
    for day in range(21)
    for begin in (0, 5)
)


def run(_: Embedded, options: Namespace) -> list[Figure]:
    """`options.pairs` pairs of turns: a hundred orders forecast, and their numbers drawn bare."""
    chance = np.random.default_rng(1)
    turns = [_turn(chance) for _ in range(options.pairs)]
    forecast, drawn = (list(column) for column in zip(*turns, strict=True))
    return [
        figure(
            f"{ORDERS} orders forecast, processor time",
            forecast,
            "ms",
            goal=GOAL_MS,
            against=drawn,
            of=f"drawing {WAYS} × {AHEAD_QUARTERS} quarters for each",
        )
    ]


def _turn(chance: np.random.Generator) -> tuple[float, float]:
    """Milliseconds of processor time: (forecasts, bare draws)."""
    cases = [_case(number, chance) for number in range(ORDERS)]
    yields = chance.gamma(10.0, 0.1, QUARTERS)
    return (
        _processor_ms(lambda: standings(cases, T0 + timedelta(hours=1))),
        _processor_ms(lambda: [_drawn(chance, yields) for _ in range(ORDERS)]),
    )


def _case(number: int, chance: np.random.Generator) -> Case:
    operation = Operation(
        order=f"WO-{number}",
        operation="10",
        revision="1",
        at=T0,
        status="running",
        planned=PIECES,
        machine=f"M{number}",
        product="P",
        started_at=T0,
    )
    seen = Observed(Facts(running_s=900, good=25, ideal_good_s=25 * CYCLE_S), CYCLE_S, 0.75)
    return Case(operation, seen, WORK, _past(chance))


def _past(chance: np.random.Generator) -> Pace:
    """Runs with a change-over of half a quarter each, the rest running at a pace that varies."""
    place = np.arange(QUARTERS)
    setup = np.where(place % RUN_QUARTERS == 0, 450.0, 0.0)
    good = np.floor(chance.gamma(10.0, 2.5, QUARTERS) * (1 - setup / 900))
    return Pace(
        run=place // RUN_QUARTERS,
        product=np.full(QUARTERS, "P"),
        busy_s=np.full(QUARTERS, 900.0),
        setup_s=setup,
        running_s=900 - setup,
        good=good,
        ideal_good_s=good * CYCLE_S,
    )


def _drawn(chance: np.random.Generator, yields: Floats) -> Floats:
    return np.cumsum(chance.choice(yields, (WAYS, AHEAD_QUARTERS)), axis=1)


def _processor_ms(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return 1000 * (time.process_time() - begun)
