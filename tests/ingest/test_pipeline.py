"""The pipeline against a real server: durable before acknowledged, whatever the server does."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from db.connect import Database, open_database
from db.embedded import Embedded, start
from db.readings import batch_of, by_hour, micros
from ingest import pipeline as pipeline_module
from ingest.pipeline import Pipeline
from ingest.reading import Reading
from ingest.spool import Spool
from tests.patience import until_async

US = micros(datetime.now(UTC)) - 3_600_000_000


def reading(number: int, tag: int = 1, quality: int = 0) -> Reading:
    return Reading(US + number, tag, float(number), quality)


@asynccontextmanager
async def running(database: Database, directory: Path, **limits: Any) -> AsyncIterator[Pipeline]:
    spool = Spool(directory, **limits)
    pipeline = Pipeline(database, spool)
    task = asyncio.create_task(pipeline.run())
    try:
        yield pipeline
    finally:
        pipeline.stop()
        async with asyncio.timeout(30):
            await task
        spool.close()


def stored(database: Database) -> list[float]:
    with database.connection() as conn:
        rows = conn.execute("select value from reading order by ts").fetchall()
    return [row[0] for row in rows]


def kill(server: Embedded) -> None:
    os.kill(server.pid, signal.SIGKILL)
    server.stop()  # frees the directory for the next one


def test_what_is_acknowledged_is_stored(database: Database, tmp_path: Path) -> None:
    seen: list[int] = []

    async def run() -> None:
        async with running(database, tmp_path) as pipeline:

            def ack(number: int) -> None:
                assert number in stored(database)
                seen.append(number)

            def has(count: int) -> bool:
                return len(seen) == count

            for number in range(20):
                pipeline.submit([reading(number)], [], partial(ack, number))
                if number % 5 == 4:  # in batches
                    await until_async(partial(has, number + 1))
            assert pipeline.counters.committed == 20

    asyncio.run(run())
    assert seen == list(range(20))


def test_nothing_of_its_own_is_acknowledged_at_once(database: Database, tmp_path: Path) -> None:
    async def run() -> None:
        async with running(database, tmp_path) as pipeline:
            seen: list[int] = []
            pipeline.submit([], [], lambda: seen.append(1))
            assert seen == [1]

    asyncio.run(run())


def test_a_row_that_the_database_refuses_is_quarantined_alone(
    database: Database, tmp_path: Path
) -> None:
    with database.connection() as conn:
        conn.execute("alter table reading add check (quality < 3)")

    async def run() -> None:
        async with running(database, tmp_path) as pipeline:
            seen: list[int] = []
            rows = [reading(n, quality=9 if n in (3, 77) else 0) for n in range(100)]
            pipeline.submit(rows, [], lambda: seen.append(1))
            await until_async(lambda: seen)
            assert pipeline.counters.poisoned == 2

    asyncio.run(run())
    assert stored(database) == [float(n) for n in range(100) if n not in (3, 77)]
    with database.connection() as conn:
        (reason, count) = conn.execute(
            "select min(reason), count(*) from quarantine"
        ).fetchone() or (None, 0)
    assert (reason, count) == ("refused", 2)


def test_the_database_killed_and_restarted_loses_nothing(
    own_server: list[Embedded], tmp_path: Path
) -> None:
    acked: list[int] = []

    def followed(number: int) -> bool:
        return len(acked) > number - 30

    async def feed(pipeline: Pipeline, numbers: range) -> None:
        """At most thirty are on their way, as a broker has it."""
        for number in numbers:
            await pipeline.room()
            pipeline.submit([reading(number)], [], partial(acked.append, number))
            await until_async(partial(followed, number))

    async def run() -> None:
        database = open_database(own_server[0].url, application="test")
        async with running(database, tmp_path / "spool") as pipeline:
            await feed(pipeline, range(300))
            kill(own_server[-1])
            began = time.monotonic()
            await feed(pipeline, range(300, 600))
            await until_async(lambda: len(acked) == 600, within_s=15)  # without the database
            assert time.monotonic() - began < 8
            assert pipeline.backlog > 0
            own_server.append(await asyncio.to_thread(start, tmp_path / "server"))
            await feed(pipeline, range(600, 900))
            await until_async(lambda: len(acked) == 900 and not pipeline.backlog, within_s=20)
        assert stored(database) == [float(n) for n in range(900)]
        database.close()

    asyncio.run(run())


def test_what_waits_in_the_spool_at_the_start_is_stored(database: Database, tmp_path: Path) -> None:
    nowhere = open_database("postgresql://127.0.0.1:1/none", application="test")

    async def without() -> None:
        async with running(nowhere, tmp_path) as pipeline:
            seen: list[int] = []
            pipeline.submit([reading(1)], [], lambda: seen.append(1))
            await until_async(lambda: seen, within_s=12)

    async def back() -> None:
        async with running(database, tmp_path) as pipeline:
            await until_async(lambda: not pipeline.backlog)

    asyncio.run(without())
    nowhere.close()
    asyncio.run(back())
    assert stored(database) == [1.0]


def test_with_a_full_spool_sources_wait_and_nothing_is_acknowledged(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline_module, "ROOM_ROWS", 2_000)
    nowhere = open_database("postgresql://127.0.0.1:1/none", application="test")
    acked: list[int] = []

    async def run() -> None:
        async with running(nowhere, tmp_path, limit_bytes=60_000) as pipeline:
            numbers = count()

            def fill() -> bool:
                number = next(numbers)
                rows = [reading(number * 500 + n) for n in range(500)]
                pipeline.submit(rows, [], partial(acked.append, number))
                return pipeline.full and not pipeline.has_room

            await until_async(fill, "spool and memory are full")
            submitted = next(numbers)
            assert len(acked) < submitted
            waiting = asyncio.create_task(pipeline.room())
            await asyncio.sleep(0)
            assert not waiting.done()
            pipeline._storing._database = database  # the database is back
            await until_async(lambda: len(acked) == submitted and not pipeline.backlog, within_s=20)
            async with asyncio.timeout(5):
                await waiting

    asyncio.run(run())
    nowhere.close()
    assert len(stored(database)) == len(set(stored(database))) == len(acked) * 500


def test_a_database_that_hangs_holds_nobody_up(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline_module, "COMMIT_S", 0.3)
    with database.connection() as conn:
        conn.execute("insert into reading (ts, tag_id, value, quality) values (now(), 9, 0, 0)")

    async def run() -> None:
        async with running(database, tmp_path) as pipeline:
            seen: list[int] = []
            with database.session() as locker, locker.transaction():
                locker.execute("lock table reading in access exclusive mode")
                for number in range(10):
                    pipeline.submit([reading(number)], [], partial(seen.append, number))
                    await until_async(partial(seen.count, number), within_s=5)
            await until_async(lambda: not pipeline.backlog, within_s=10)

    asyncio.run(run())
    assert [v for v in stored(database) if v] == [float(n) for n in range(1, 10)]


def test_late_rows_have_transactions_of_their_own_an_hour_each(
    database: Database, tmp_path: Path
) -> None:
    """Two rows 19 h apart in one transaction cost TimescaleDB a refresh of all in between."""
    hours = [0.0, 0.5, 3.2, 3.3, 3.9, 19.0]
    rows = [Reading(US - int(h * 3_600_000_000), 1, h, 0) for h in reversed(hours)]

    async def run() -> None:
        async with running(database, tmp_path) as pipeline:
            seen: list[int] = []
            pipeline.submit(rows, [], lambda: seen.append(1))
            await until_async(lambda: seen)
            assert pipeline.counters.committed == 6

    asyncio.run(run())
    with database.connection() as conn:
        found = conn.execute(
            "select array_agg(value order by value) from reading group by xmin::text order by 1"
        ).fetchall()
    assert [row[0] for row in found] == [[0.0, 0.5], [3.2, 3.3, 3.9], [19.0]]


def test_a_batch_cut_by_hour_keeps_every_row_in_its_order() -> None:
    chance = random.Random(3)
    rows = [
        (US - chance.randrange(86_400_000_000), n % 3, chance.choice(["a", 1.0, None]), n % 2)
        for n in range(500)
    ]
    parts = by_hour(batch_of(rows))
    assert sum(len(part) for part in parts) == 500
    newest = max(row[0] for row in rows)
    for age, part in enumerate(parts):
        times = [*part.ts_us.tolist(), *(text[0] for text in part.texts)]
        assert {(newest - at) // 3_600_000_000 for at in times} == {age}
        order = [row[0] for row in rows if row[0] in set(part.ts_us.tolist())]
        assert part.ts_us.tolist() == order
    (empty,) = by_hour(batch_of([]))
    assert len(empty) == 0


def test_a_disk_that_fails_under_the_backlog_ends_nothing(
    own_server: list[Embedded], tmp_path: Path
) -> None:
    """What is stored and can't be taken out of the spool is stored again, and is there once."""

    async def run() -> None:
        database = open_database(own_server[0].url, application="test")
        async with running(database, tmp_path / "spool") as pipeline:
            pipeline._spool._db.execute("pragma busy_timeout = 20")
            kill(own_server[-1])
            seen: list[int] = []
            pipeline.submit([reading(1)], [], lambda: seen.append(1))
            await until_async(lambda: seen)
            other = sqlite3.connect(pipeline._spool.path, isolation_level=None)
            other.execute("begin immediate")  # nothing can be written any more
            own_server.append(await asyncio.to_thread(start, tmp_path / "server"))
            await until_async(lambda: pipeline.counters.repeated > 0)
            assert pipeline.backlog == 1
            pipeline.submit([reading(2)], [], lambda: seen.append(2))
            await until_async(lambda: seen == [1, 2])
            other.execute("rollback")
            other.close()
            await until_async(lambda: not pipeline.backlog)
        assert stored(database) == [1.0, 2.0]
        database.close()

    asyncio.run(run())
