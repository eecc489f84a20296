"""How fast readings get into the database, beside bare COPY BINARY into the same table.

Each turn writes the same number of rows in batches of 10,000, of 1,000 tags at ten moments: bare,
by `db.readings.store`, with every tenth row of a batch there already and the same, and with another
value; one batch of each after the other, so that whatever else the machine does meets all four.
Then through the pipeline from readings to acknowledgements. Goals are of the time: 1 / 0.85 of bare
COPY's, and 1 / 0.4.
"""

from __future__ import annotations

import asyncio
import time
from argparse import Namespace
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from bench.factory import Factory, factory
from bench.figure import Figure, figure
from db.connect import Connection
from db.embedded import Embedded
from db.readings import Batch, micros, store
from ingest.pipeline import Pipeline
from ingest.reading import Reading
from ingest.spool import Spool

MACHINES = 334
"""Of three tags each."""
MOMENTS = 10
TAGS = 1000
BATCHES = 30
SUBMITTED = 500
"""Readings that a source hands over at once."""
READY, WITH_DUPLICATES = 1 / 0.85, 1 / 0.4
COPY = "copy reading (ts, tag_id, value, quality) from stdin (format binary)"
ROW = np.dtype(
    {
        "names": ["n", "l0", "ts", "l1", "tag", "l2", "value", "l3", "quality"],
        "formats": [">i2", ">i4", ">i8", ">i4", ">i4", ">i4", ">f8", ">i4", ">i2"],
    }
)
POSTGRES_US = 946_684_800_000_000
T0 = datetime(2026, 3, 2, tzinfo=UTC)


def run(server: Embedded, options: Namespace) -> list[Figure]:
    """Turns of all five in the same table."""
    with factory(server, MACHINES, T0, T0 + timedelta(days=1)) as made:
        fresh = _batches(made)
        _bare(made, next(fresh))  # the first one makes connections and plans
        turns = [_turn(made, fresh) for _ in range(options.pairs)]
    bare, ready, again, other, piped = (list(column) for column in zip(*turns, strict=True))
    million = 1e6 / (BATCHES * MOMENTS * TAGS)
    bare_s = [seconds * million for seconds in bare]
    return [
        figure("a million readings: bare COPY BINARY", bare_s, "s"),
        _beside("stored from ready rows", ready, bare, READY),
        _beside("stored, a tenth there already", again, bare, WITH_DUPLICATES),
        _beside("stored, a tenth with another value", other, bare, WITH_DUPLICATES),
        _beside("through the pipeline", piped, bare, READY),
    ]


def _beside(name: str, seconds: Sequence[float], bare: Sequence[float], goal: float) -> Figure:
    times = [one / other for one, other in zip(seconds, bare, strict=True)]
    return figure(f"a million readings: {name}", times, "× bare COPY", goal=goal)


def _turn(made: Factory, fresh: Iterator[Batch]) -> tuple[float, ...]:
    """Seconds: bare, by `store`, with repeated rows, with changed ones, through the pipeline."""
    rounds = [_round(made, fresh) for _ in range(BATCHES)]
    piped = asyncio.run(_piped(made, [next(fresh) for _ in range(BATCHES)]))
    return *(sum(column) for column in zip(*rounds, strict=True)), piped


def _round(made: Factory, fresh: Iterator[Batch]) -> tuple[float, float, float, float]:
    """Seconds of a batch each, as in `_turn`."""
    bare, stored = _bare(made, next(fresh)), next(fresh)
    ready = _stored(made, stored)
    again = _stored(made, _with_tenth_of(stored, next(fresh)))
    return bare, ready, again, _stored(made, _with_tenth_of(stored, next(fresh), changed_by=1.0))


def _batches(made: Factory) -> Iterator[Batch]:
    """Batch after batch of every tag, a second apart."""
    tags = np.array((*made.state, *made.good, *made.scrap)[:TAGS], dtype=np.int32)
    for second in count():
        moments = micros(T0) + second * 1_000_000 + np.arange(MOMENTS) * (1_000_000 // MOMENTS)
        ts_us = np.repeat(moments, TAGS).astype(np.int64)
        rows = len(ts_us)
        value = np.full(rows, float(second))
        yield Batch(ts_us, np.tile(tags, MOMENTS), value, np.zeros(rows, dtype=np.int16))


def _with_tenth_of(old: Batch, batch: Batch, changed_by: float = 0.0) -> Batch:
    """The batch, its first moment that of an older one."""
    ts_us, value = batch.ts_us.copy(), batch.value.copy()
    ts_us[:TAGS], value[:TAGS] = old.ts_us[:TAGS], old.value[:TAGS] + changed_by
    return Batch(ts_us, batch.tag_id, value, batch.quality)


def _bare(made: Factory, batch: Batch) -> float:
    body = _packed(batch)
    begun = time.perf_counter()
    with made.database.connection() as conn:
        _copy(conn, body)
    return time.perf_counter() - begun


def _copy(conn: Connection, body: bytes) -> None:
    with conn.cursor().copy(COPY) as copy:
        copy.write(body)


def _packed(batch: Batch) -> bytes:
    """The body of a COPY BINARY in the order of the index, as `store` has it."""
    order = np.lexsort((batch.ts_us, batch.tag_id))
    rows = np.empty(len(order), dtype=ROW)
    rows["n"], rows["l0"], rows["l1"], rows["l2"], rows["l3"] = 4, 8, 4, 8, 2
    rows["ts"], rows["tag"] = batch.ts_us[order] - POSTGRES_US, batch.tag_id[order]
    rows["value"], rows["quality"] = batch.value[order], batch.quality[order]
    return b"PGCOPY\n\xff\r\n\0" + bytes(8) + rows.tobytes() + b"\xff\xff"


def _stored(made: Factory, batch: Batch) -> float:
    begun = time.perf_counter()
    with made.database.connection() as conn:
        store(conn, batch, made.machine_of)
    return time.perf_counter() - begun


async def _piped(made: Factory, batches: Sequence[Batch]) -> float:
    """From readings that are there to their last acknowledgement."""
    handed = [part for batch in batches for part in _parts(batch)]
    with TemporaryDirectory() as directory:
        spool = Spool(Path(directory))
        pipeline = Pipeline(made.database, spool)
        pipeline.machine_of = made.machine_of
        running = asyncio.create_task(pipeline.run())
        durable = asyncio.Semaphore(0)
        begun = time.perf_counter()
        for rows in handed:
            await pipeline.room()
            pipeline.submit(rows, [], durable.release)
        for _ in handed:
            await durable.acquire()
        seconds = time.perf_counter() - begun
        pipeline.stop()
        await running
        spool.close()
    return seconds


def _parts(batch: Batch) -> Iterator[list[Reading]]:
    columns = (batch.ts_us, batch.tag_id, batch.value, batch.quality)
    rows = [Reading(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]
    for at in range(0, len(rows), SUBMITTED):
        yield rows[at : at + SUBMITTED]
