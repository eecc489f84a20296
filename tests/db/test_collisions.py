"""Two writers of the same rows at once: none loses a row, none ends in a deadlock."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from db import order_events, sources
from db.connect import Conflict, Connection, Database
from db.readings import Stored, batch_of, store
from plant.orders import Operation
from tests.patience import until

AT = datetime(2026, 3, 2, 6, tzinfo=UTC)
LATER = AT + timedelta(days=1)
PATIENCE_S = 20.0


def waiting(database: Database) -> int:
    """How many wait for a lock."""
    with database.session() as conn:
        row = conn.execute(
            "select count(*) from pg_stat_activity where datname = current_database() "
            "and wait_event_type = 'Lock'"
        ).fetchone()
    assert row is not None
    return int(row[0])


GATE = 7
GATED = """
create function stop_at_the_gate() returns trigger language plpgsql as $$
begin
    if current_setting('test.gated', true) = 'yes' then
        perform pg_advisory_xact_lock_shared(7);
    end if;
    return new;
end $$;
create trigger gate {when} on {table} for each row {only} execute function stop_at_the_gate();
"""


def collide(
    database: Database, first: Callable[[Connection], int], second: Callable[[Connection], int]
) -> list[int]:
    """The first writer stops at the gate with what it holds then, until the second one waits."""

    def gated(conn: Connection) -> int:
        conn.execute("set local test.gated = 'yes'")
        return first(conn)

    def run(work: Callable[[Connection], int]) -> int:
        with database.connection() as conn:  # not `transact`: a deadlock is to be seen
            return work(conn)

    with ThreadPoolExecutor(max_workers=2) as threads, database.session() as gate:
        gate.execute("select pg_advisory_lock(%s)", (GATE,))
        futures = [threads.submit(run, gated)]
        until(lambda: waiting(database) == 1, "the first one is at the gate")
        futures.append(threads.submit(run, second))
        until(lambda: waiting(database) == 2, "the second one waits for the first")
        gate.execute("select pg_advisory_unlock(%s)", (GATE,))
        return [future.result(PATIENCE_S) for future in futures]


def version(order: int, minute: int) -> Operation:
    return Operation(
        order=f"WO-{order}",
        operation="10",
        revision=f"r{minute:02}",
        at=AT + timedelta(minutes=minute),
        status="running",
        planned=100,
        good=minute,
        scrap=0,
        machine="M1",
        product="P1",
        planned_start=None,
        due=None,
        started_at=AT,
        ended_at=None,
    )


def append(conn: Connection, source: int, operations: list[Operation]) -> int:
    return order_events.append(conn, source, operations, machines={}, products={}, now=LATER)


def test_versions_of_one_operation_told_by_two_writers_are_kept_once(
    database: Database, make_plant: Any
) -> None:
    """One has told an older version and goes on with the newer one, which the other has told.

    Fact, projection, fact, projection would wait in a circle: the one for the other's fact, the
    other for the first one's projection.
    """
    with database.connection() as conn:
        source = make_plant(conn).source
        conn.execute(GATED.format(when="after insert", table="operation", only=""))
    older, newer = version(1, 0), version(1, 5)
    counts = collide(
        database,
        lambda conn: append(conn, source, [older, newer]),
        lambda conn: append(conn, source, [newer, version(2, 0)]),
    )
    assert counts == [2, 1]


@pytest.mark.parametrize(("table", "value"), [("reading", 1.0), ("reading_text", "on")])
def test_readings_told_by_two_writers_are_stored_once(
    database: Database, make_plant: Any, table: str, value: float | str
) -> None:
    """Each has them in an order of its own."""
    with database.connection() as conn:
        tags = sorted(t for roles in make_plant(conn).tags.values() for t in roles.values())
        last = f"when (new.tag_id = {tags[-1]})"
        conn.execute(GATED.format(when="before insert", table=table, only=last))
    rows = [(int(AT.timestamp() * 1e6), tag, value, 0) for tag in tags]
    stored = collide(
        database,
        lambda conn: store(conn, batch_of(rows), {}).inserted,
        lambda conn: store(conn, batch_of(rows[::-1]), {}).inserted,
    )
    assert stored == [len(rows), 0]


def test_a_reading_that_another_writer_stores_meanwhile_is_put_right(database: Database) -> None:
    """The second one has looked up what is there when the first one commits."""
    us = int(AT.timestamp() * 1e6)
    with database.connection() as conn:
        store(conn, batch_of([(us, 1, 1.0, 0)]), {})

    def second() -> Stored:
        with database.connection() as conn:
            return store(conn, batch_of([(us, tag, 1.0, 0) for tag in (1, 2, 3)]), {})

    with ThreadPoolExecutor(max_workers=1) as thread:
        with database.connection() as first, first.transaction():
            store(first, batch_of([(us, 2, 7.0, 0)]), {})
            found = thread.submit(second)
            until(lambda: waiting(database) == 1, "the second one waits for the first")
        assert found.result(PATIENCE_S) == Stored(1, 1, 1)
    with database.connection() as conn:
        stored = conn.execute("select tag_id, value from reading order by 1").fetchall()
    assert stored == [(1, 1.0), (2, 1.0), (3, 1.0)]


def test_a_deadlock_that_can_not_be_avoided_is_begun_again(database: Database) -> None:
    """Two transactions that take two rows in opposite order: each holds one and wants the other."""
    with database.connection() as conn:
        conn.execute("insert into setting values ('a', '0'), ('b', '0')")
    met = threading.Barrier(2)
    turns: list[str] = []

    def add(keys: str) -> None:
        def work(conn: Connection) -> None:
            turns.append(keys)
            for number, key in enumerate(keys):
                conn.execute(
                    "update setting set value = to_jsonb(value::int + 1) where key = %s", (key,)
                )
                if number == 0 and len(turns) <= 2:
                    met.wait(PATIENCE_S)

        database.transact(work)

    with ThreadPoolExecutor(max_workers=2) as threads:
        for future in [threads.submit(add, "ab"), threads.submit(add, "ba")]:
            future.result(PATIENCE_S)
    assert len(turns) == 3, "one of them was begun again"
    with database.connection() as conn:
        rows = conn.execute("select key, value from setting where key in ('a', 'b')").fetchall()
    assert dict(rows) == {"a": 2, "b": 2}


def test_a_conflict_without_end_is_told(database: Database, monkeypatch: Any) -> None:
    monkeypatch.setattr("db.connect.RETRY_S", 0.0)
    turns: list[int] = []

    def work(conn: Connection) -> None:
        turns.append(1)
        conn.execute("do $$ begin raise exception using errcode = '40001'; end $$")

    with pytest.raises(Conflict):
        database.transact(work)
    assert len(turns) == 6


def test_what_is_told_afterwards_is_taken_out_of_a_gap(database: Database, make_plant: Any) -> None:
    """An edge that keeps seven days of ten: three stay unknown."""
    with database.connection() as conn:
        source = make_plant(conn).source
        ten, three = AT + timedelta(days=10), AT + timedelta(days=3)
        sources.save_gap(conn, sources.Gap(source, AT, ten, "outage"))
        assert sources.close_gaps(conn, source, three, ten - timedelta(hours=1)) == 1
        left = conn.execute("select t0, t1, cause from source_gap order by t0").fetchall()
        assert left == [(AT, three, "outage"), (ten - timedelta(hours=1), ten, "outage")]
        assert sources.close_gaps(conn, source, AT, ten) == 2
        assert conn.execute("select count(*) from source_gap").fetchone() == (0,)
