"""Workers through a pooler that gives each transaction another session."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from db import heartbeat
from db.clock import Clock, load_clock, save_clock
from db.connect import WORKERS, Database, Notification, open_database
from db.derive import rebuild
from db.readings import batch_of, micros, store
from db.rollups import REFRESHER_KEY, Advanced, advance
from db.rollups import SQL as ROLLUPS
from ingest.deriver import Deriver
from tests.db.conftest import MakePlant, TinyPlant
from tests.patience import Match, until
from tests.pooler import Pooler

T0 = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
LENGTH = timedelta(hours=3)
SPEED = 3600.0
"""Plant seconds a wall second: the watermarks are behind by minutes, not for minutes."""
WRITERS = 4
HEARD = """
insert into source_status (source_id, connected, since, last_heard)
values (%(source)s, true, %(t0)s, %(t1)s)
"""


@pytest.fixture
def pooled(database: Database, pooler: Pooler) -> Iterator[tuple[Database, Database]]:
    """The database as two workers open it."""
    opened = [
        open_database(
            database.url,
            application=f"worker{number}",
            limits=WORKERS,
            pooler_url=pooler.url(database.url),
        )
        for number in range(2)
    ]
    yield opened[0], opened[1]
    for one in opened:
        one.close()


def test_every_transaction_has_our_settings(pooled: tuple[Database, Database]) -> None:
    for _ in range(20):
        with pooled[0].connection() as conn, pooled[1].connection() as other:
            for each in (conn, other):
                assert each.execute("show timezone").fetchone() == ("UTC",)
                assert each.execute("show jit").fetchone() == ("off",)
                assert each.execute("show statement_timeout").fetchone() == ("1min",)
                row = each.execute("select timestamptz '2026-03-01 12:00+08'").fetchone()
                assert row is not None
                assert row[0].utcoffset() == timedelta(0)


def test_a_snapshot_is_one_transaction_s_and_of_no_session(
    pooled: tuple[Database, Database],
) -> None:
    for speed in range(1, 21):
        with pooled[0].snapshot() as reads, pooled[1].connection() as writes:
            assert load_clock(reads).speed == max(1, speed - 1)
            save_clock(writes, Clock(T0, T0, speed))
            writes.commit()
            assert load_clock(reads).speed == max(1, speed - 1)


def test_what_is_said_in_a_transaction_is_heard(pooled: tuple[Database, Database]) -> None:
    notes = pooled[0].listen("taktboard_live", timeout_s=5.0)
    assert next(notes) is None  # connected
    with pooled[1].connection() as conn:
        conn.execute("select pg_notify('taktboard_live', 'alarm')")
    assert next(notes) == Notification("taktboard_live", "alarm")


def test_one_worker_alone_rolls_up_and_one_leads(pooled: tuple[Database, Database]) -> None:
    one, other = pooled
    with one.session() as mine, other.session() as theirs:
        mine.execute(ROLLUPS["try_alone"], {"key": REFRESHER_KEY})
        assert advance(theirs, T0) == Advanced(0, False)
        assert heartbeat.lead(mine) is not None
        assert heartbeat.lead(theirs) is None


def test_two_workers_store_and_derive_the_same_as_one(
    database: Database,
    pooled: tuple[Database, Database],
    make_plant: MakePlant,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Each reading comes to both, and more than once: the second time over the staging table."""
    with database.connection() as conn:
        plant = make_plant(conn, machines=4)
        conn.execute(HEARD, {"source": plant.source, "t0": T0, "t1": T0 + 1000 * LENGTH})
        save_clock(conn, Clock(datetime.now(UTC), T0, SPEED))
    stop = threading.Event()
    derivers = [Deriver(each, stop) for each in pooled]
    for deriver in derivers:
        deriver.start()
    try:
        _write(pooled, plant)
        until(lambda: Match(_behind(database, plant), 0), "derived and rolled up")
    finally:
        stop.set()
        for deriver in derivers:
            deriver.wake()
            deriver.join(30.0)
    assert "failed" not in caplog.text
    assert _counted(database) == {machine: _pieces() for machine in plant.machines}
    with database.connection() as conn:
        assert rebuild(conn, T0, T0 + LENGTH) == 0


def _pieces() -> int:
    """What a machine counts in all: one a minute."""
    return int(LENGTH / timedelta(minutes=1)) - 1


def _write(pooled: tuple[Database, Database], plant: TinyPlant) -> None:
    failed: list[BaseException] = []
    threads = [
        threading.Thread(target=_write_all, args=(pooled[number % 2], plant, number, failed))
        for number in range(WRITERS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def _write_all(
    database: Database, plant: TinyPlant, number: int, failed: list[BaseException]
) -> None:
    machine_of = {tag: m for m, tags in plant.tags.items() for tag in tags.values()}
    minutes = int(LENGTH / timedelta(minutes=1))
    try:
        for begin in range(number % 3, minutes, 20):
            rows = [
                (micros(T0 + timedelta(minutes=minute)), tags[role], value, 0)
                for tags in plant.tags.values()
                for minute in range(max(begin - 5, 0), min(begin + 20, minutes))
                for role, value in (("state", 1.0), ("good", float(minute)))
            ]
            put = partial(store, batch=batch_of(rows), machine_of=machine_of)
            database.transact(put)
    except BaseException as error:
        failed.append(error)


def _behind(database: Database, plant: TinyPlant) -> int:
    """Machines whose hours are not all rolled up."""
    with database.connection() as conn:
        row = conn.execute(
            "select count(*) from (select machine_id from machine_1h_done"
            " where ts < %s group by 1 having sum(good) = %s) done",
            [T0 + LENGTH, _pieces()],
        ).fetchone()
    assert row is not None
    return len(plant.machines) - int(row[0])


def _counted(database: Database) -> dict[int, int]:
    with database.connection() as conn:
        rows = conn.execute(
            "select machine_id, sum(good)::integer from machine_1m where ts < %s group by 1",
            [T0 + LENGTH],
        ).fetchall()
    return dict(rows)
