"""What boards ask of the database, of a plant with a year behind it, beside one with two days.

Each board is drawn `FRAMES` times for 200 machines on eight lines. A figure is the 95th percentile
of its slowest query, and of the whole frame (queries and Python); the ratio is to the same board of
a plant that began two days ago. The first line's machines are explained by their neighbours.
"""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Self

import numpy as np
import psycopg
from psycopg.rows import TupleRow

from bench import history
from bench.factory import Factory, factory
from bench.figure import Figure, figure
from dashboards.board import Board, Scene
from dashboards.web import BOARDS
from db.connect import Connection
from db.embedded import Embedded
from db.master import load
from plant.model import Plant

MACHINES, LINES = 200, 8
FRAMES = 20
GOAL_MS = 50.0
T1 = datetime(2026, 3, 2, 8, tzinfo=UTC)
TWO_DAYS, YEAR = timedelta(days=2), timedelta(days=366)
ORDERS_T0 = T1 - TWO_DAYS
ASKED: Mapping[str, Sequence[dict[str, str]]] = {
    "overview": [{}],
    "oee": [{"window": "24h"}, {"scope": "line:L0", "window": "7d"}],
    "stops": [{"window": "24h"}, {"scope": "line:L0", "window": "7d"}],
    "hours": [{"scope": "line:L0"}],
    "orders": [{}],
    "alerts": [{}],
    "sources": [{}],
}
"""By board: the parameters that it is drawn with."""


@dataclass(slots=True)
class Drawn:
    """Of each frame of a board: milliseconds of its slowest query, and of all of it."""

    queries_ms: list[float] = field(default_factory=list)
    frames_ms: list[float] = field(default_factory=list)


def run(server: Embedded, _: Namespace) -> list[Figure]:
    """The same boards of two plants."""
    young, old = _plant(server, TWO_DAYS), _plant(server, YEAR)
    return [one for name in old for one in _figures(name, old[name], young[name])]


def _figures(name: str, old: Drawn, young: Drawn) -> list[Figure]:
    of = "the same with two days behind it"
    text = f"{MACHINES} machines with a year behind them: {name}"
    query, other = _p95(old.queries_ms), _p95(young.queries_ms)
    frame, first = _p95(old.frames_ms), _p95(young.frames_ms)
    return [
        figure(f"{text}: slowest query, p95", query, "ms", goal=GOAL_MS, against=other, of=of),
        figure(f"{text}: frame, p95", frame, "ms", against=first, of=of),
    ]


def _p95(ms: Sequence[float]) -> list[float]:
    return [float(np.percentile(ms, 95))]


def _plant(server: Embedded, behind: timedelta) -> dict[str, Drawn]:
    with factory(server, MACHINES, ORDERS_T0, T1, LINES) as made:
        history.write(made, T1 - behind, T1, ORDERS_T0)
        with made.database.connection() as conn:
            plant = load(conn).plant
        return {
            " ".join([board.key, *params.values()]): _drawn(made, plant, board, params)
            for board in BOARDS
            for params in ASKED.get(board.key, ())
        }


def _drawn(made: Factory, plant: Plant, board: Board, params: dict[str, str]) -> Drawn:
    drawn = Drawn()
    for number in range(FRAMES + 1):
        scene = Scene(plant, T1 - timedelta(seconds=FRAMES - number), "en", params)
        with made.database.connection() as conn:
            ms, slowest_ms = _frame(conn, board, scene)
        if number:  # the first one makes plans
            drawn.frames_ms.append(ms)
            drawn.queries_ms.append(slowest_ms)
    return drawn


def _frame(conn: Connection, board: Board, scene: Scene) -> tuple[float, float]:
    """Milliseconds: of all, of the slowest query."""
    _Timed.ms.clear()
    conn.cursor_factory = _Timed
    begun = time.perf_counter()
    board.frame(conn, scene)
    return 1000 * (time.perf_counter() - begun), max(_Timed.ms)


class _Timed(psycopg.Cursor[TupleRow]):
    """Notes how long each query took, its rows received."""

    ms: ClassVar[list[float]] = []

    def execute(self, *args: Any, **options: Any) -> Self:
        begun = time.perf_counter()
        try:
            return super().execute(*args, **options)
        finally:
            self.ms.append(1000 * (time.perf_counter() - begun))
