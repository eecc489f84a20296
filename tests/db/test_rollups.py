"""The rollups equal a calculation from raw, bucket by bucket: late, deleted, concurrent or not."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import psycopg
import pytest

from db import rollups
from db.connect import Connection, Database, DatabaseUnavailable, Server
from db.rollup_level import Level
from db.rollups import Advanced, advance, note_minutes, note_readings
from tests.patience import until

T0 = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)

TAGS = """
select date_bin(%s, ts, 'epoch'), tag_id, count(*), round(sum(value)::numeric, 6), min(value),
       max(value), (array_agg(value order by ts desc))[1]
from reading where quality < 2 and value is not null group by 1, 2 order by 1, 2
"""
MACHINES = """
select date_bin(%s, ts, 'epoch'), machine_id, operation_id, product_id, shift_id,
       round(sum(running_s)::numeric, 6), round(sum(good)::numeric, 6)
from machine_1m group by 1, 2, 3, 4, 5 order by 1, 2, 3, 4, 5
"""
LEVELS = {
    "tag_1m": (TAGS, MINUTE, "ts, tag_id, n, round(sum::numeric, 6), min, max, last", 2),
    "tag_1h": (TAGS, HOUR, "ts, tag_id, n, round(sum::numeric, 6), min, max, last", 2),
    "machine_15m": (
        MACHINES,
        15 * MINUTE,
        "ts, machine_id, operation_id, product_id, shift_id,"
        " round(running_s::numeric, 6), round(good::numeric, 6)",
        5,
    ),
    "machine_1h": (
        MACHINES,
        HOUR,
        "ts, machine_id, operation_id, product_id, shift_id,"
        " round(running_s::numeric, 6), round(good::numeric, 6)",
        5,
    ),
}


def wrong_buckets(conn: Connection) -> dict[str, int]:
    """Buckets that differ from a calculation from raw, by level; and none may be empty."""
    result = {}
    for level, (query, bucket, columns, keys) in LEVELS.items():
        order = ", ".join(str(n + 1) for n in range(keys))
        expected = conn.execute(query, [bucket]).fetchall()
        found = conn.execute(f"select {columns} from {level} order by {order}").fetchall()
        assert expected, level
        result[level] = len(set(expected) ^ set(found)) + abs(len(expected) - len(found))
    return result


RIGHT = dict.fromkeys(LEVELS, 0)


def write(conn: Connection, rows: list[tuple[datetime, int, float]]) -> None:
    with conn.cursor() as cursor:
        cursor.executemany(
            "insert into reading values (%s, %s, %s, 0) on conflict (tag_id, ts)"
            " do update set value = excluded.value",
            rows,
        )
        cursor.executemany(
            "insert into machine_1m values (%s, %s, 0, 0, 0, 0, 0, 0, 60, 0, 0, 0, 0, 0, %s, 0, 0,"
            " 0, 0) on conflict (machine_id, ts, operation_id, shift_id)"
            " do update set good = machine_1m.good + excluded.good",
            [(ts.replace(second=0, microsecond=0), tag, value) for ts, tag, value in rows],
        )
    times = [ts for ts, _, _ in rows]
    tags = {tag for _, tag, _ in rows} if len(rows) % 2 else None
    note_readings(conn, min(times), max(times), tags)
    note_minutes(conn, (min(times), max(times)))


def policies(conn: Connection, now: datetime) -> None:
    """What TimescaleDB's policies would do at `now`; the server's own clock is elsewhere."""
    for level, (_, bucket, _, _) in LEVELS.items():
        conn.execute(
            "call refresh_continuous_aggregate(%s, %s::timestamptz, %s::timestamptz)",
            [level, T0 - timedelta(days=2), now - bucket],
        )


def refresh(database: Database, now: datetime) -> Advanced:
    if database.server is Server.COMMUNITY:
        with database.session() as conn:
            policies(conn, now)
    with database.connection() as conn:
        return advance(conn, now)


def settle(database: Database, now: datetime) -> None:
    while refresh(database, now).more:
        pass


def some_rows(
    rnd: random.Random, t0: datetime, t1: datetime, n: int, tags: tuple[int, int] = (1, 4)
) -> list[tuple[datetime, int, float]]:
    span = (t1 - t0).total_seconds()
    rows = {
        (t0 + timedelta(microseconds=int(rnd.uniform(0, span) * 1e6)), rnd.randint(*tags)): float(
            rnd.randint(-50, 50)
        )
        for _ in range(n)
    }
    return [(ts, tag, value) for (ts, tag), value in sorted(rows.items())]


def test_empty_is_fine(any_database: Database) -> None:
    with any_database.connection() as conn:
        assert advance(conn, T0) == Advanced(0, False)


@pytest.mark.community
def test_late_rows_come_through_every_level(any_database: Database) -> None:
    rnd = random.Random(4)
    for begin in (3, 2, 0, 1):  # the newest first, as history comes
        with any_database.connection() as conn:
            write(conn, some_rows(rnd, T0 + begin * HOUR, T0 + (begin + 1) * HOUR, 300))
        settle(any_database, T0 + 4 * HOUR)
        with any_database.connection() as conn:
            assert wrong_buckets(conn) == RIGHT
    with any_database.connection() as conn:
        below = conn.execute("select level from rollup_watermark where watermark > %s", [T0])
        assert {level for (level,) in below} == set(LEVELS)
        write(conn, [(T0 + timedelta(seconds=90), 1, 1000.0)])
        write(conn, [(T0 - timedelta(hours=30), 1, 7.0)])
    settle(any_database, T0 + 4 * HOUR)
    with any_database.connection() as conn:
        assert wrong_buckets(conn) == RIGHT


@pytest.mark.community
def test_deleted_minutes_leave_the_rollups(any_database: Database) -> None:
    with any_database.connection() as conn:
        write(conn, some_rows(random.Random(5), T0, T0 + HOUR, 200))
    settle(any_database, T0 + 3 * HOUR)
    with any_database.connection() as conn:
        conn.execute("delete from machine_1m where ts < %s", [T0 + 20 * MINUTE])
        note_minutes(conn, (T0, T0 + 20 * MINUTE))
    settle(any_database, T0 + 3 * HOUR)
    with any_database.connection() as conn:
        assert wrong_buckets(conn) == RIGHT


@pytest.mark.community
def test_live_rows_show_at_once(any_database: Database) -> None:
    with any_database.connection() as conn:
        write(conn, some_rows(random.Random(6), T0, T0 + HOUR, 200))
    settle(any_database, T0 + HOUR)
    with any_database.connection() as conn:
        write(conn, [(T0 + HOUR + timedelta(seconds=5), 1, 1.0)])
        assert wrong_buckets(conn) == RIGHT


def test_a_minute_is_computed_once(database: Database) -> None:
    with database.connection() as conn:
        write(conn, some_rows(random.Random(8), T0, T0 + 3 * MINUTE, 60))
    settle(database, T0 + 3 * MINUTE)
    assert refresh(database, T0 + 4 * MINUTE) == Advanced(1, False)


def test_what_is_written_while_a_minute_is_computed_is_mended(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows are there, the watermark is not yet: the writer's row is in neither."""
    with database.connection() as conn:
        write(conn, [(T0, 1, 1.0), (T0 + MINUTE, 1, 1.0)])
    settle(database, T0 + 2 * MINUTE)
    refill = rollups._refill

    def late(conn: Connection, level: Level, t0: datetime, *rest: Any) -> int:
        rows = refill(conn, level, t0, *rest)
        if level.name == "tag_1m" and t0 == T0 and not interrupted:
            interrupted.append(t0)
            with database.connection() as other:
                write(other, [(T0 + timedelta(seconds=n), 1, 2.0) for n in (1, 2, 3)])
        return rows

    interrupted: list[datetime] = []
    monkeypatch.setattr(rollups, "_refill", late)
    settle(database, T0 + 3 * MINUTE)
    with database.connection() as conn:
        assert interrupted
        assert wrong_buckets(conn) == RIGHT


def test_one_late_reading_costs_its_own_tag(database: Database) -> None:
    def versions(conn: Connection) -> dict[tuple[object, ...], object]:
        rows = conn.execute("select tag_id, ts, xmin::text from tag_1m_done").fetchall()
        return {(tag, ts): version for tag, ts, version in rows}

    with database.connection() as conn:
        write(conn, some_rows(random.Random(9), T0, T0 + HOUR, 600))
    settle(database, T0 + 3 * HOUR)
    at = T0 + 20 * MINUTE + timedelta(seconds=7)
    with database.connection() as conn:
        before = versions(conn)
        write(conn, [(at, 2, 11.0)])
    settle(database, T0 + 3 * HOUR)
    with database.connection() as conn:
        after = versions(conn)
        assert wrong_buckets(conn) == RIGHT
    changed = {key for key in after if after[key] != before.get(key)}
    assert changed == {(2, at.replace(second=0))}


def test_work_a_call_is_bounded(database: Database) -> None:
    with database.connection() as conn:
        write(conn, some_rows(random.Random(7), T0, T0 + 30 * HOUR, 400))
    with database.connection() as conn:
        assert advance(conn, T0 + 31 * HOUR, budget_s=0.0).more
    settle(database, T0 + 31 * HOUR)
    with database.connection() as conn:
        assert wrong_buckets(conn) == RIGHT


def test_needs_a_connection_outside_a_transaction(database: Database) -> None:
    with database.connection() as conn:
        conn.execute("select 1")
        with pytest.raises(RuntimeError, match="outside a transaction"):
            advance(conn, T0)


def test_a_second_refresher_leaves_it_to_the_first(database: Database) -> None:
    with database.session() as first, database.connection() as second:
        first.execute("select pg_advisory_lock(7228011)")
        assert advance(second, T0) == Advanced(0, False)


@pytest.mark.several_sessions("writers and a refresher, each in its own transaction")
def test_writers_and_a_refresher_at_once(any_database: Database) -> None:
    """Transactions that began before the watermark moved and commit after it are the trap."""
    begun = time.monotonic()
    over = threading.Event()

    def now() -> datetime:
        return T0 + (time.monotonic() - begun) * timedelta(minutes=20)

    written, moves, turns = [0, 0, 0], [0], [0]

    def held_up(conn: Connection, turn: int) -> bool:
        """The refresher has come to a writer's transaction: it waits for it, or went past it."""
        waiting = "select 1 from pg_locks where locktype = 'advisory' and not granted"
        return turns[0] > turn or over.is_set() or conn.execute(waiting).fetchone() is not None

    def writer(seed: int) -> None:
        rnd = random.Random(seed)
        own = (10 * seed, 10 * seed + 3)
        while not over.is_set():
            # Narrow and just above the watermark: a wide dirty range would mend its neighbours.
            at = now() - rnd.choice([0.5, 1, 1.5, 2, 90]) * MINUTE
            with any_database.connection() as conn:
                rows = some_rows(rnd, at, at + timedelta(seconds=20), 10, own)
                write(conn, rows)
                if rnd.random() < 0.6:  # a slow commit
                    until(partial(held_up, conn, turns[0]), "the refresher comes by")
            written[seed] += len(rows)

    def refresher() -> None:
        while not over.is_set():
            turns[0] += 1
            moves[0] += refresh(any_database, now()).steps

    with ThreadPoolExecutor(4) as pool:
        work: list[Callable[[], None]] = [partial(writer, seed) for seed in range(3)]
        running = [pool.submit(task) for task in [*work, refresher]]
        enough = 0 if any_database.server is Server.COMMUNITY else 11

        def seen_enough() -> bool:
            is_met = min(written) > 50 and moves[0] >= enough
            return is_met or any(task.done() for task in running)

        try:
            until(seen_enough)
        finally:
            over.set()
        for task in running:
            task.result()
    assert min(written) > 50
    settle(any_database, now())
    with any_database.connection() as conn:
        assert wrong_buckets(conn) == RIGHT


def test_a_crash_between_the_steps_loses_no_range(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.connection() as conn:
        write(conn, some_rows(random.Random(8), T0, T0 + 5 * HOUR, 300))
    from db import rollups

    whole = rollups._refill
    calls = iter(range(1000))

    def failing(*args: object) -> int:
        if next(calls) % 3 == 2:
            raise psycopg.OperationalError("killed")
        return whole(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(rollups, "_refill", failing)
    failed = 0
    for _ in range(20):
        try:
            with database.connection() as conn:
                advance(conn, T0 + 6 * HOUR)
        except DatabaseUnavailable:
            failed += 1
    assert failed > 3
    monkeypatch.setattr(rollups, "_refill", whole)
    settle(database, T0 + 6 * HOUR)
    with database.connection() as conn:
        assert wrong_buckets(conn) == RIGHT


@pytest.mark.community
def test_late_rows_reach_a_compressed_chunk(any_database: Database) -> None:
    """On Community; elsewhere nothing is compressed and the rows are just late."""
    with any_database.connection() as conn:
        write(conn, some_rows(random.Random(9), T0, T0 + 2 * HOUR, 500))
    settle(any_database, T0 + 4 * HOUR)
    if any_database.server is Server.COMMUNITY:
        with any_database.session() as conn:
            conn.execute("select compress_chunk(c) from show_chunks('reading') c")
    with any_database.connection() as conn:
        again = conn.execute("select ts, tag_id, value + 1 from reading order by ts limit 5")
        write(conn, again.fetchall() + some_rows(random.Random(10), T0, T0 + HOUR, 50))
    settle(any_database, T0 + 4 * HOUR)
    with any_database.connection() as conn:
        assert wrong_buckets(conn) == RIGHT
