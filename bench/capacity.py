"""What storing process values costs, by tags and their rate: processor time and bytes.

Values come through the pipeline at their pace, as from a source that has them decoded already, and
are rolled up afterwards. Charged is everything that this process and the database's server do, so
that other work on the machine shows little. Machines' states and counts cost more: see `live`.
"""

from __future__ import annotations

import asyncio
import time
from argparse import Namespace
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from bench.factory import Factory, factory
from bench.figure import Figure, figure
from bench.processor import server_s
from db.embedded import Embedded
from db.readings import micros
from db.rollups import advance
from ingest.pipeline import Pipeline
from ingest.reading import Reading
from ingest.spool import Spool

PLANTS = ((1_000, 1.0), (10_000, 0.1), (10_000, 1.0), (50_000, 1.0))
"""Tags, and readings a second of each."""
TICK_S = 0.1
FIRST_TAG = 1_000_000
"""Process values of no machine: nothing is derived from them."""


def run(server: Embedded, options: Namespace) -> list[Figure]:
    """A stretch of `options.seconds` for each plant, in a database of its own."""
    return [one for plant in PLANTS for one in _plant(server, *plant, options.seconds)]


def _plant(server: Embedded, tags: int, rate: float, seconds: float) -> list[Figure]:
    begun = datetime.now(UTC)
    with factory(server, 1, begun, begun + timedelta(days=1)) as made:
        ticks = _ticks(tags, rate, seconds, begun)
        before = _used_s(server)
        asyncio.run(_paced(made, ticks))
        stored = _used_s(server)
        _roll_up(made, begun + timedelta(hours=2))
        rolled = _used_s(server)
        count, size = _size(made)
    name = f"{tags} process values, {rate:g}/s each"
    return [
        figure(f"{name}: storing, of a core", [100 * (stored - before) / seconds], "%"),
        figure(f"{name}: rolling up, of a core", [100 * (rolled - stored) / seconds], "%"),
        figure(f"{name}: a reading with its index", [size / count], "bytes"),
    ]


def _ticks(tags: int, rate: float, seconds: float, begun: datetime) -> list[list[Reading]]:
    """What is said every tenth of a second: each tag in its turn, a value that wanders."""
    chance = np.random.default_rng(7)
    total, start = int(tags * rate * seconds), micros(begun)
    ts_us = start + (np.arange(total) * (1e6 / (tags * rate))).astype(np.int64)
    value = np.round(20.0 + np.cumsum(chance.normal(0.0, 0.05, total)), 2)
    rows = (
        Reading(ts, FIRST_TAG + number % tags, one, 0)
        for number, (ts, one) in enumerate(zip(ts_us.tolist(), value.tolist(), strict=True))
    )
    each = round(tags * rate * TICK_S)
    return [list(islice(rows, each)) for _ in range(total // each)]


async def _paced(made: Factory, ticks: Sequence[list[Reading]]) -> None:
    with TemporaryDirectory() as directory:
        spool = Spool(Path(directory))
        pipeline = Pipeline(made.database, spool)
        running = asyncio.create_task(pipeline.run())
        durable = asyncio.Semaphore(0)
        begun = time.monotonic()
        for number, rows in enumerate(ticks):
            await asyncio.sleep(begun + number * TICK_S - time.monotonic())
            await pipeline.room()
            pipeline.submit(rows, [], durable.release)
        for _ in ticks:
            await durable.acquire()
        pipeline.stop()
        await running
        spool.close()


def _roll_up(made: Factory, upto: datetime) -> None:
    with made.database.session() as conn:
        while advance(conn, upto).more:
            pass


def _used_s(server: Embedded) -> float:
    return time.process_time() + server_s(server.pid)


def _size(made: Factory) -> tuple[int, int]:
    """(number of readings, bytes they take)."""
    with made.database.connection() as conn:
        row = conn.execute(
            "select (select count(*) from reading),"
            " (select sum(pg_total_relation_size(relid))"
            "  from pg_partition_tree('reading') where isleaf)::bigint"
        ).fetchone()
    assert row is not None
    return row[0], row[1]
