"""How soon the minutes are right after one reading that comes hours or days late, on a busy plant.

A thousand machines speak every second, as in `bench.live`. Some of them have a past of three days;
each is told once of a rejected part that was made then, and the time is taken until the minute it
was made in and the minute of the part after it both know.
"""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice

import numpy as np

from bench.factory import RUNNING, Factory, factory
from bench.figure import Figure, figure
from bench.live import GOAL_MS, MACHINES, WARM_UP_S, begin, working
from bench.plant_floor import Witness
from db.connect import Connection, Notification
from db.embedded import Embedded
from db.readings import Batch, micros, store

GOAL_LATE_MS = 2000.0
PAST = timedelta(hours=73)
AFTER = timedelta(minutes=5)
"""From the late part to the one after it; no order begins in between, which would divide them."""
AGES_H = (1, 4, 8, 20, 47, 72)
"""Of the late readings: one of each, and once more as long as a run lasts."""
APART = 8
"""Notices of derivation between two late readings: each finds the plant as it is without them."""
LONGEST_S = 30.0


@dataclass(frozen=True, slots=True)
class _Told:
    """One machine, its counter of rejected parts, and when it is told of the first of two."""

    machine: int
    tag: int
    at: datetime
    next_at: datetime


def run(server: Embedded, options: Namespace) -> list[Figure]:
    """`options.pairs` pairs of stretches of `options.seconds`: without late readings, and with."""
    now = datetime.now(UTC)
    with factory(server, MACHINES, now - timedelta(hours=3), now + timedelta(hours=8)) as made:
        row = _told(made, now)
        with made.database.connection() as conn:
            _remember(conn, made, row, now)
        begin(made, now)
        late = iter(row)
        with working(made) as (_, witness):
            assert witness.is_warm.wait(WARM_UP_S), "the minutes don't know the pieces"
            turns = [_turn(made, witness, late, options.seconds) for _ in range(options.pairs)]
    calm, meanwhile, waits = (list(column) for column in zip(*turns, strict=True))
    name = f"{MACHINES} machines speak every second"
    return [
        figure(
            f"{name}: one reading 1 to 72 h late, to right minutes, longest of a run",
            waits,
            "ms",
            goal=GOAL_LATE_MS,
        ),
        figure(
            f"{name}: source to minute, p95, late readings meanwhile",
            meanwhile,
            "ms",
            goal=GOAL_MS,
            against=calm,
            of="without them",
        ),
    ]


def _told(made: Factory, now: datetime) -> list[_Told]:
    """The machines with a past, the ages in turn."""
    chosen = islice(zip(made.machines, made.scrap, strict=True), 0, MACHINES, MACHINES // 100)
    moments = (now - timedelta(hours=hours) for hours in cycle(AGES_H))
    return [_Told(*one, at, at + AFTER) for one, at in zip(chosen, moments, strict=False)]


def _remember(conn: Connection, made: Factory, row: list[_Told], now: datetime) -> None:
    """They run since three days, with no rejected part then and ten after the late one."""
    state_of = dict(zip(made.machines, made.state, strict=True))
    tags = [state_of[one.machine] for one in row], [one.tag for one in row]
    _store(conn, made, now - PAST, [*tags[0], *tags[1]], [RUNNING] * len(row) + [0.0] * len(row))
    for one in row:
        _store(conn, made, one.next_at, [one.tag], [10.0])


def _turn(
    made: Factory, witness: Witness, late: Iterator[_Told], seconds: float
) -> tuple[float, float, float]:
    """(p95 in ms without late readings, with them, the longest wait for one of those in ms)."""
    witness.waits_s.clear()
    time.sleep(seconds)  # the stretch that is measured
    calm = _p95(witness)
    witness.waits_s.clear()
    waits, until = [], time.monotonic() + seconds
    heard = made.database.listen("taktboard_live", timeout_s=1.0)
    next(heard)  # it listens from now on
    while time.monotonic() < until:
        waits.append(_wait(made, heard, next(late)))
        for _ in islice(heard, APART):
            pass
    return calm, _p95(witness), 1000 * max(waits)


def _wait(made: Factory, heard: Iterator[Notification | None], one: _Told) -> float:
    with made.database.connection() as conn:
        _store(conn, made, one.at, [one.tag], [4.0])
    begun = time.monotonic()
    for _ in heard:
        took = time.monotonic() - begun
        if _is_right(made, one):
            return took
        assert took < LONGEST_S, f"a late reading of {one.at} is not applied"
    raise AssertionError("unreachable: a listener never ends")


def _is_right(made: Factory, one: _Told) -> bool:
    with made.database.connection() as conn:
        rows = conn.execute(
            "select sum(scrap) from machine_1m where machine_id = %(machine)s"
            " and ts in (date_bin('1 minute', %(at)s, 'epoch'),"
            " date_bin('1 minute', %(next)s, 'epoch')) group by ts order by ts",
            {"machine": one.machine, "at": one.at, "next": one.next_at},
        ).fetchall()
    return rows == [(4.0,), (6.0,)]


def _store(
    conn: Connection, made: Factory, at: datetime, tags: list[int], values: list[float]
) -> None:
    batch = Batch(
        np.full(len(tags), micros(at), dtype=np.int64),
        np.array(tags, dtype=np.int32),
        np.array(values),
        np.zeros(len(tags), dtype=np.int16),
    )
    store(conn, batch, made.machine_of)


def _p95(witness: Witness) -> float:
    return 1000 * float(np.quantile(witness.waits_s, 0.95))
