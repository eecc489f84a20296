"""Partitions ahead and behind, horizons, and that derivation and rollups survive the drop."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import psycopg
import pytest

from db.connect import Connection, Database, Server
from db.derive import derive, rebuild, touch
from db.horizon import RAW
from db.readings import batch_of, micros, store
from db.retention import keep
from db.rollups import advance

if TYPE_CHECKING:
    from tests.db.conftest import MakePlant

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def partitions(conn: Connection, relation: str) -> list[str]:
    rows = conn.execute(
        "select relid::text from pg_partition_tree(%s) where isleaf order by 1", [relation]
    ).fetchall()
    return [name for (name,) in rows]


def advance_all(database: Database, now: datetime) -> None:
    more = True
    while more:
        with database.connection() as conn:
            more = advance(conn, now).more


def test_partitions_are_made_ahead_and_take_over_the_default_rows(database: Database) -> None:
    with database.connection() as conn:
        conn.execute("insert into reading values (%s, 1, 5, 0)", [NOW])
        conn.execute("insert into reading values (%s, 1, 5, 0)", [NOW + 20 * DAY])
        keep(conn, NOW)
    with database.session() as conn:  # its own transaction, where there is none
        keep(conn, NOW)
        made = partitions(conn, "reading")
        assert made[0] == "reading_20260303"
        assert made[-2:] == ["reading_20260313", "reading_default"]
        found = conn.execute("select tableoid::regclass::text from reading order by ts").fetchall()
        assert found == [("reading_20260310",), ("reading_default",)]
        assert partitions(conn, "machine_1m") == [
            "machine_1m_20260201",
            "machine_1m_20260301",
            "machine_1m_20260401",
            "machine_1m_default",
        ]


def test_a_day_of_readings_has_no_gaps_in_its_rows_and_is_found_by_time(
    database: Database,
) -> None:
    rows = 20_000
    with database.connection() as conn:
        conn.execute("insert into reading values (%s, 7, 2.5, 1)", [NOW])  # moved there
        keep(conn, NOW)
        conn.execute(
            "insert into reading select %s + n * interval '1 second', 8, 1, 0"
            " from generate_series(1, %s) n",
            [NOW, rows - 1],
        )
        found = conn.execute("select ts, tag_id, value, quality from reading where tag_id = 7")
        assert found.fetchall() == [(NOW, 7, 2.5, 1)]
        size = conn.execute("select pg_relation_size('reading_20260310')").fetchone()
        assert size is not None
        assert size[0] / rows < 54
        kinds = conn.execute(
            "select amname from pg_index i join pg_class c on c.oid = i.indexrelid"
            " join pg_am a on a.oid = c.relam where i.indrelid = 'reading_20260310'::regclass"
        ).fetchall()
        assert sorted(kinds) == [("brin",), ("btree",)]


@pytest.mark.parametrize("read", ["reading", "machine_1m"])
def test_writers_wait_no_more_than_a_second_for_housekeeping(database: Database, read: str) -> None:
    """While a report reads what is to be dropped, or holds up what comes after it."""
    with database.connection() as conn:
        keep(conn, NOW - 40 * DAY)
        conn.execute("insert into reading values (%s, 1, 5, 0)", [NOW - 40 * DAY])
    advance_all(database, NOW)
    waits: list[float] = []
    over = threading.Event()

    def write() -> None:
        while not over.is_set():
            begun = time.monotonic()
            database.transact(lambda conn: store(conn, batch_of([(micros(NOW), 2, 5.0, 0)]), {}))
            waits.append(time.monotonic() - begun)

    with (
        database.session() as housekeeper,
        psycopg.connect(database.url) as report,
        ThreadPoolExecutor(1) as pool,
    ):
        report.execute(f"select count(*) from {read}")
        writer = pool.submit(write)
        keep(housekeeper, NOW)
        report.rollback()
        keep(housekeeper, NOW)
        over.set()
        writer.result()
        assert f"machine_1m_{NOW:%Y%m}01" in partitions(housekeeper, "machine_1m")
        assert partitions(housekeeper, "reading")[0] == "reading_20260303"
    assert len(waits) > 10
    assert max(waits) <= 1.0


def test_nothing_is_dropped_before_it_is_rolled_up(database: Database) -> None:
    with database.connection() as conn:
        conn.execute("insert into reading values (%s, 1, 5, 0)", [NOW - 20 * DAY])
        keep(conn, NOW)
        assert conn.execute("select count(*) from reading").fetchone() == (1,)
    advance_all(database, NOW)
    with database.connection() as conn:
        keep(conn, NOW)
        assert conn.execute("select count(*) from reading").fetchone() == (0,)
    with database.connection() as conn:  # a late note about dropped rows changes nothing
        conn.execute(
            "insert into rollup_dirty (level, t0, t1) values ('tag_1m', %s, %s)",
            [NOW - 21 * DAY, NOW],
        )
    advance_all(database, NOW)
    with database.connection() as conn:
        assert conn.execute("select sum(n) from tag_1h").fetchone() == (1,)
        assert conn.execute("select sum(n) from tag_1m").fetchone() == (1,)


@pytest.mark.community
def test_horizons_close_on_every_server(any_database: Database) -> None:
    with any_database.connection() as conn:
        conn.execute("insert into reading values (%s, 1, 5, 0)", [NOW - 200 * DAY])
    if any_database.server is Server.COMMUNITY:  # its policies do the routine
        with any_database.session() as conn:
            conn.execute(
                "call refresh_continuous_aggregate('tag_1m', %s::timestamptz, %s::timestamptz)",
                [NOW - 300 * DAY, NOW],
            )
    advance_all(any_database, NOW)
    with any_database.connection() as conn:
        keep(conn, NOW)
        keep(conn, NOW)
        row = conn.execute("select ts from retention_floor where relation = 'reading'").fetchone()
        assert row is not None
        assert row[0] == (NOW - RAW[any_database.server]).replace(hour=0)
        left = 1 if any_database.server is Server.COMMUNITY else 0
        assert conn.execute("select count(*) from reading").fetchone() == (left,)
        assert conn.execute("select sum(n) from tag_1m").fetchone() == (1,)


def test_states_and_counts_go_on_over_the_horizon(
    database: Database, make_plant: MakePlant
) -> None:
    """Silent for weeks, a machine still is what it said, and counts from its last total."""
    early = NOW - 20 * DAY
    with database.connection() as conn:
        plant = make_plant(conn)
        machine = plant.machines[0]
        tags = plant.tags[machine]
        keep(conn, early)
        conn.execute(
            "insert into source_status (source_id, connected, since, last_heard)"
            " values (%s, true, %s, %s)",
            [plant.source, early, NOW + DAY],
        )
        conn.execute("insert into reading values (%s, %s, 1, 0)", [early, tags["state"]])
        conn.execute("insert into reading values (%s, %s, 100, 0)", [early, tags["good"]])
        touch(conn, machine, early, early)
        derive(conn, NOW - timedelta(hours=1))
    advance_all(database, NOW - timedelta(hours=1))
    with database.connection() as conn:
        keep(conn, NOW)
        assert conn.execute("select count(*) from reading").fetchone() == (0,)
        conn.execute("insert into reading values (%s, %s, 103, 0)", [NOW, tags["good"]])
        touch(conn, machine, NOW, NOW)
        derive(conn, NOW + timedelta(minutes=1))
        row = conn.execute("select t0, t1, state::text from state_interval").fetchall()
        assert row == [(early, NOW + timedelta(minutes=1), "running")]
        assert conn.execute("select sum(good) from machine_1m").fetchone() == (3,)
        minutes = conn.execute("select count(*) from machine_1m").fetchone()
        assert rebuild(conn, early - DAY, NOW + DAY) == 0
        assert conn.execute("select count(*) from machine_1m").fetchone() == minutes
