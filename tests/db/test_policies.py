"""Days of housekeeping by the server's clock: policies on Community, retention elsewhere."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from db import horizon
from db.connect import Connection, Database, Server
from db.horizon import BEFORE
from db.retention import keep
from db.rollups import advance, note_readings
from tests.db.policies import run

DAY = timedelta(days=1)
COUNTS = 730 * DAY
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "database.md"
Row = tuple[datetime, int, float]

RAW = """
select date_bin('1 hour', ts, 'epoch'), tag_id, count(*), sum(value), min(value), max(value),
       (array_agg(value order by ts desc))[1]
from reading group by 1, 2 order by 2, 1
"""
ROLLED_UP = "select ts, tag_id, n, sum, min, max, last from {} order by tag_id, ts"
COMPRESSED = """
select count(*) from timescaledb_information.chunks
where hypertable_name = 'reading' and is_compressed
"""


def some_rows(chance: random.Random, now: datetime, days_ago: Sequence[int], n: int) -> list[Row]:
    """A few hours of each day, in any order; sums of whole numbers are the same in any order."""
    of_day = 3 * 3600
    return [
        (
            now - days_ago[at // of_day] * DAY - timedelta(seconds=at % of_day),
            chance.randint(1, 3),
            float(chance.randint(-50, 50)),
        )
        for at in chance.sample(range(len(days_ago) * of_day), n)
    ]


def write(database: Database, rows: list[Row]) -> None:
    """A day's rows a transaction, as ingest does."""
    for day in {ts.date() for ts, _, _ in rows}:
        of_day = [row for row in rows if row[0].date() == day]
        with database.connection() as conn:
            note_readings(conn, min(of_day)[0], max(of_day)[0])
            insert(conn, of_day)


def insert(conn: Connection, rows: list[Row]) -> None:
    conn.cursor().executemany(
        "insert into reading values (%s, %s, %s, 0) on conflict (tag_id, ts)"
        " do update set value = excluded.value",
        rows,
    )


def roll_up_as_at(database: Database, at: datetime) -> None:
    """What policies did, or the engine, when it was so late."""
    with database.session() as conn:
        if database.server is not Server.COMMUNITY:
            advance(conn, at)
            return
        for level in ("tag_1m", "tag_1h"):
            span = [level, at - 3 * DAY, at]
            conn.execute("call refresh_continuous_aggregate(%s, %s::timestamptz, %s)", span)


def housekeeping(database: Database, now: datetime) -> None:
    """What ingest does all day and what the server does beside it."""
    more = True
    while more:
        with database.session() as conn:
            more = advance(conn, now).more
    if database.server is Server.COMMUNITY:
        run(database)
    with database.session() as conn:
        keep(conn, now)


def from_raw(conn: Connection) -> list[tuple[object, ...]]:
    return conn.execute(RAW).fetchall()


def assert_hours(conn: Connection, expected: list[tuple[object, ...]]) -> None:
    assert conn.execute(ROLLED_UP.format("tag_1h")).fetchall() == expected
    pieces = conn.execute("select sum(n), sum(sum) from tag_1m").fetchone()
    assert pieces == conn.execute("select sum(n), sum(sum) from tag_1h").fetchone()


@pytest.mark.community
def test_what_was_rolled_up_outlives_its_readings(any_database: Database) -> None:
    now = datetime.now(UTC)
    chance = random.Random(12)
    with any_database.connection() as conn:
        horizon.save(conn, COUNTS, 20 * DAY)
        keep(conn, now)
    written = some_rows(chance, now, [0, *range(3, 12)], 300)
    write(any_database, written)
    housekeeping(any_database, now)
    with any_database.connection() as conn:
        assert_hours(conn, from_raw(conn))
        if any_database.server is Server.COMMUNITY:
            # The days before the last four whole ones; hours may lie on both sides of midnight.
            assert conn.execute(COMPRESSED).fetchone() in [(7,), (8,)]
    # Late ones between what is compressed, and some of those there put right.
    late = some_rows(chance, now, range(5, 12), 30)
    write(any_database, late + [(ts, tag, value + 100) for ts, tag, value in written[:30]])
    housekeeping(any_database, now)
    with any_database.connection() as conn:
        expected = from_raw(conn)
        assert_hours(conn, expected)
        horizon.save(conn, COUNTS, 4 * DAY)
    housekeeping(any_database, now)
    with any_database.connection() as conn:
        row = conn.execute("select min(ts), count(*) from reading").fetchone()
        assert row is not None
        assert now - 4 * DAY - BEFORE - DAY <= row[0] < now - 3 * DAY
        assert 50 < row[1] < 250
        assert_hours(conn, expected)


@pytest.mark.community
def test_policies_that_were_off_for_a_week_leave_no_hole(any_database: Database) -> None:
    """What was written meanwhile came in order: above the watermark, so that nobody noted it."""
    now = datetime.now(UTC)
    chance = random.Random(13)
    with any_database.connection() as conn:
        horizon.save(conn, COUNTS, 20 * DAY)
        keep(conn, now)
        insert(conn, some_rows(chance, now, range(8, 11), 60))
    roll_up_as_at(any_database, now - 7.5 * DAY)
    with any_database.connection() as conn:
        insert(conn, some_rows(chance, now, range(7, -1, -1), 160))
        expected = from_raw(conn)
        assert_hours(conn, expected)  # live, as before
    roll_up_as_at(any_database, now)  # they are back, before ingest looks
    housekeeping(any_database, now)
    with any_database.connection() as conn:
        assert_hours(conn, expected)


@pytest.mark.community
def test_chunks_are_as_long_as_the_documents_say(any_database: Database) -> None:
    if any_database.server is Server.PLAIN:
        return  # it has partitions: db/retention.py
    with any_database.connection() as conn:
        found = conn.execute(
            "select hypertable_name::text, time_interval from timescaledb_information.dimensions"
            " where hypertable_name not like '%\\_materialized\\_%'"
        ).fetchall()
    told = dict(re.findall(r"^\| `(\w+)` \| (\d+) day", DOCUMENT.read_text("utf-8"), re.MULTILINE))
    assert {name: str(length.days) for name, length in found} == {
        name: days for name, days in told.items() if name in dict(found)
    }
    assert {"reading", "reading_text", "machine_1m"} <= told.keys()
