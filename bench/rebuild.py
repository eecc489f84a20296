"""How long derivation takes for a stretch of the past: facts just stored, and anew over its rows.

The goal is for a month of 200 machines. A run takes one day of them, and the month is thirty times
that, since derivation goes in steps of hours; `--full` measures the month itself.
"""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import numpy as np

from bench.factory import Factory, factory
from bench.figure import Figure, figure
from bench.processor import server_s
from db import retention
from db.derive import derive
from db.embedded import Embedded
from db.readings import Batch, store
from db.rebuild import rebuild_parallel

MACHINES = 200
MONTH_DAYS = 30
GOAL_S = 120.0
JOBS = 2
BATCH = 5000
"""Readings a transaction, as ingest's pipeline stores them."""
T0 = datetime(2026, 3, 2, tzinfo=UTC)


def run(server: Embedded, options: Namespace) -> list[Figure]:
    """Pairs of storing and deriving the same facts, each in a new database."""
    days = MONTH_DAYS if options.full else 1
    pairs = [_pair(server, days, seed) for seed in range(1 if options.full else options.pairs)]
    month = MONTH_DAYS / days
    stored, first, again, other, used, readings = map(list, zip(*pairs, strict=True))
    size = f"a month of {MACHINES} machines"
    of = "storing them"
    return [
        figure(f"{size}: facts stored", [month * s for s in stored], "s"),
        figure(
            f"{size}: derived from facts just stored, one session",
            [month * s for s in first],
            "s",
            against=[month * s for s in stored],
            of=of,
        ),
        figure(
            f"{size}: rebuilt over its rows, {JOBS} sessions",
            [month * s for s in again],
            "s",
            goal=GOAL_S,
            against=[month * s for s in stored],
            of=of,
        ),
        figure(
            f"{size}: rebuilt with other ideal cycles, every row changed, {JOBS} sessions",
            [month * s for s in other],
            "s",
            goal=GOAL_S,
            against=[month * s for s in stored],
            of=of,
        ),
        figure(f"{size}: rebuilt, processor time", [month * u for u in used], "s"),
        figure(f"{size}: readings", [month * n for n in readings], ""),
    ]


def _pair(server: Embedded, days: int, seed: int) -> tuple[float, ...]:
    """(seconds to store, to derive, to rebuild the same, to rebuild others, of a processor for the
    same, number of readings)."""
    chance = np.random.default_rng(seed)
    t1 = T0 + timedelta(days=days)
    with factory(server, MACHINES, T0, t1) as made:
        readings, store_s = 0, 0.0
        for day, batch in enumerate(made.past(T0, days, chance)):
            with made.database.session() as session:
                retention.prepare(session, T0 + timedelta(days=day))
            readings += len(batch)
            store_s += _timed(partial(_store, made, batch))
        derive_s = _timed(partial(_derive, made, t1))
        used_s = _used_s(server)
        same_s = _timed(partial(_rebuild, made, t1))
        used_s = _used_s(server) - used_s
        other_s = _timed(partial(_rebuild_otherwise, made, t1))
        return store_s, derive_s, same_s, other_s, used_s, float(readings)


def _timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _used_s(server: Embedded) -> float:
    """Of a processor, by the server and by this process; others on the machine don't add to it."""
    return server_s(server.pid) + time.process_time()


def _store(made: Factory, batch: Batch) -> None:
    for at in range(0, len(batch), BATCH):
        part = slice(at, at + BATCH)
        rows = Batch(batch.ts_us[part], batch.tag_id[part], batch.value[part], batch.quality[part])
        with made.database.connection() as conn:
            store(conn, rows, made.machine_of)


def _derive(made: Factory, now: datetime) -> None:
    more = True
    while more:
        with made.database.connection() as conn:
            more = derive(conn, now).more


def _rebuild(made: Factory, t1: datetime) -> None:
    changed = rebuild_parallel(made.database, T0, t1, jobs=JOBS)
    assert changed == 0, f"rebuild changed {changed} minutes that derivation had made"


def _rebuild_otherwise(made: Factory, t1: datetime) -> None:
    with made.database.connection() as conn:
        conn.execute("update ideal_cycle set seconds = 1.25 * seconds")
    changed = rebuild_parallel(made.database, T0, t1, jobs=JOBS)
    assert changed > 0, "other ideal cycles changed no minute"
