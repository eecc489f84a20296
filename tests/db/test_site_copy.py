"""A site moves to another server: whole, resumed after a break, finished after work went on."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from db import horizon, site_copy_days
from db.census import ROLLUPS, census, differences, tables
from db.connect import (
    Connection,
    Database,
    DatabaseUnavailable,
    Server,
    open_database,
    server_of,
)
from db.migrate import FOLDER, migrate
from db.rollups import advance
from db.site_copy import OWN, CopyFault, copy
from tests.db.filled import MINUTES, T0, fill, roll_up
from tests.db.policies import drop_after
from tests.patience import until


def quiet(_: str) -> None: ...


@pytest.fixture
def source(database: Database) -> Database:
    """A filled site whose rollups reach a day further back than its readings."""
    with database.connection() as conn:
        fill(conn)
        conn.execute(
            "insert into reading select ts - interval '1 day', tag_id, value, quality from reading"
        )
    roll_up(database)
    with database.connection() as conn:
        conn.execute("delete from reading where ts < %s", [T0 - timedelta(hours=1)])
        conn.execute("select setval('area_id_seq', 70)")
    return database


@contextmanager
def ingest_at_work(url: str) -> Iterator[Connection]:
    """A connection of an ingest worker on a database; the server knows it is gone at the end."""
    with (
        closing(open_database(url, application="ingest")) as worker,
        worker.connection() as conn,
    ):
        yield conn
    with psycopg.connect(url, autocommit=True) as seen:
        until(lambda: not ingest_sessions(seen))


def ingest_sessions(conn: Connection) -> list[tuple[Any, ...]]:
    return conn.execute(
        """select pid, state from pg_stat_activity
        where datname = current_database() and application_name = 'taktboard-ingest'"""
    ).fetchall()


def hold_a_plant(url: str) -> None:
    """Some site's, as after `migrate --plant`."""
    with psycopg.connect(url) as conn:
        conn.execute("insert into plant_version (applied_at, sha256, body) values (now(), '', '')")


def contents(conn: Connection) -> dict[str, list[tuple[Any, ...]]]:
    names = [name for name in tables(conn) if name not in OWN]
    return {
        name: conn.execute(f"select r::text from {name} r order by 1").fetchall() for name in names
    }


def assert_alike(source: Database, target: str) -> None:
    with source.connection() as ours, psycopg.connect(target) as theirs:
        theirs.execute("set timezone = 'UTC'")
        assert contents(theirs) == contents(ours)
        expected, found = census(ours), census(theirs)
        assert (
            differences(
                {name: expected[name] for name in ROLLUPS}, {name: found[name] for name in ROLLUPS}
            )
            == []
        )


@pytest.mark.community
def test_a_site_moves_whole(source: Database, any_empty_url: str) -> None:
    with source.connection() as conn:
        hours = conn.execute("select min(ts), count(*) from tag_1h").fetchone()
        assert hours is not None
        assert hours[0] < T0 - timedelta(hours=20)
    copied = copy(source.url, any_empty_url, quiet)
    assert copied.wrong == []
    assert copied.writers == []
    assert copied.relations["reading"][0] == 6 * 3 * MINUTES
    assert_alike(source, any_empty_url)
    with psycopg.connect(any_empty_url) as conn:
        assert conn.execute("select min(ts), count(*) from tag_1h").fetchone() == hours
        row = conn.execute(
            "insert into area (code, name, position) values ('n', '{}', 1) returning id"
        ).fetchone()
        assert row == (71,)


@pytest.mark.community
def test_the_moved_site_works_on(source: Database, any_empty_url: str) -> None:
    """Late and new readings come through the rollups; what was moved stays."""
    copy(source.url, any_empty_url, quiet)
    database = open_database(any_empty_url, application="test")
    try:
        with database.connection() as conn:
            before = conn.execute("select sum(n) from tag_1h").fetchone()
            assert before is not None
            at = T0 + timedelta(minutes=30, seconds=7)
            conn.execute("insert into reading values (%s, 1, 5, 0)", [at])
            conn.execute(
                "insert into rollup_dirty (level, t0, t1) values ('tag_1m', %s, %s)",
                [at, at + timedelta(seconds=1)],
            )
        more = True
        while more:
            with database.connection() as conn:
                more = advance(conn, T0 + timedelta(minutes=MINUTES)).more
        with database.connection() as conn:
            for level in ("tag_1m", "tag_1h"):
                assert conn.execute(f"select sum(n) from {level}").fetchone() == (before[0] + 1,)
    finally:
        database.close()


def test_a_copy_that_was_broken_off_goes_on(
    source: Database, any_empty_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = site_copy_days._pipe
    runs: list[list[str]] = []

    def break_at(at: int) -> None:
        """The line dies after so many tables' days of the next copy."""
        moved: list[str] = []
        runs.append(moved)

        def breaking(ours: Connection, theirs: Connection, store: Any, query: Any) -> None:
            if len(moved) == at:
                raise psycopg.OperationalError("the line is dead")
            moved.append(store.target)
            whole(ours, theirs, store, query)

        monkeypatch.setattr(site_copy_days, "_pipe", breaking)

    for at in (7, 30):
        break_at(at)
        with pytest.raises(DatabaseUnavailable, match="the same command goes on with it"):
            copy(source.url, any_empty_url, quiet)
    break_at(1000)
    assert copy(source.url, any_empty_url, quiet).wrong == []
    assert len(runs[0]) == 7
    assert not set(runs[0][:-1]) & set(runs[1])
    assert not set(runs[1][:-1]) & set(runs[2])
    assert_alike(source, any_empty_url)
    break_at(1000)
    assert copy(source.url, any_empty_url, quiet).wrong == []
    # On Community the last bucket is added up anew after each run, in an order of the server's own.
    assert [name for name in runs[3] if "materialized" not in name] == []


def test_what_was_written_meanwhile_comes_with_the_next_run(
    source: Database, any_empty_url: str
) -> None:
    def write(line: str) -> None:
        if line == "comparing":
            with source.connection() as conn:
                conn.execute("insert into audit (at, actor, action) values (now(), 'x', 'late')")
                conn.execute("insert into reading values (%s, 1, 5, 0)", [T0 + timedelta(days=1)])
                conn.execute("update machine set position = 9 where id = 2")
                conn.execute("delete from mail_outbox_event")

    with ingest_at_work(source.url):
        copied = copy(source.url, any_empty_url, write)
    assert copied.writers == ["taktboard-ingest"]
    assert [words.partition(":")[0] for words in copied.wrong] == [
        *("audit", "machine", "mail_outbox_event", "reading", "tag_1h", "tag_1m")
    ]
    assert copy(source.url, any_empty_url, quiet).wrong == []
    assert_alike(source, any_empty_url)


@pytest.mark.community
def test_minutes_live_as_long_in_the_target(source: Database, any_empty_url: str) -> None:
    with source.connection() as conn:
        horizon.save(conn, timedelta(days=1000))
    copy(source.url, any_empty_url, quiet)
    with psycopg.connect(any_empty_url) as conn:
        assert horizon.counts_horizon(conn) == timedelta(days=1000)
        if server_of(conn) is Server.COMMUNITY:
            dropped = drop_after(conn)
            assert dropped["machine_1m"] == dropped["tag_1m"] == timedelta(days=1000)


def test_a_database_of_another_program_is_left_alone(source: Database, empty_url: str) -> None:
    with psycopg.connect(empty_url) as conn:
        conn.execute("create table invoice (number integer)")
    with pytest.raises(CopyFault, match="tables of another program, as invoice"):
        copy(source.url, empty_url, quiet)
    with psycopg.connect(empty_url) as conn:
        assert tables(conn) == ["invoice"]


@pytest.mark.parametrize("newest", [10, 20])
def test_an_older_site_is_not_migrated(
    source: Database, empty_url: str, tmp_path: Path, newest: int
) -> None:
    migrate_up_to(newest, empty_url, tmp_path)
    hold_a_plant(empty_url)
    with pytest.raises(CopyFault, match="holds a site that was not copied there"):
        copy(source.url, empty_url, quiet)
    assert newest_migration(empty_url) == newest


def test_an_older_target_is_not_migrated_under_its_processes(
    source: Database, empty_url: str, tmp_path: Path
) -> None:
    migrate_up_to(20, empty_url, tmp_path)
    hold_a_plant(empty_url)
    with psycopg.connect(empty_url) as conn:
        conn.execute("insert into site_copy (is_target) values (true)")
    with (
        ingest_at_work(empty_url),
        pytest.raises(CopyFault, match="On the target work taktboard-ingest"),
    ):
        copy(source.url, empty_url, quiet)
    assert newest_migration(empty_url) == 20


def migrate_up_to(newest: int, url: str, folder: Path) -> None:
    """Make the database as the version of that migration had it."""
    for path in FOLDER.iterdir():
        if int(path.name[:4]) <= newest:
            shutil.copy(path, folder)
    migrate(url, folder=folder)


def newest_migration(url: str) -> int:
    with psycopg.connect(url) as conn:
        row = conn.execute("select max(number) from schema_migration").fetchone()
    assert row is not None
    return int(row[0])


def test_a_site_of_its_own_is_not_overwritten(source: Database, empty_url: str) -> None:
    migrate(empty_url)
    hold_a_plant(empty_url)
    with pytest.raises(CopyFault, match="holds a site that was not copied there"):
        copy(source.url, empty_url, quiet)


def test_a_target_that_has_worked_since_is_left_alone(source: Database, empty_url: str) -> None:
    copy(source.url, empty_url, quiet)
    with ingest_at_work(empty_url) as conn:
        conn.execute("update source_status set last_heard = last_heard + interval '1 minute'")
        with pytest.raises(CopyFault, match="On the target work taktboard-ingest"):
            copy(source.url, empty_url, quiet)
    with pytest.raises(CopyFault, match="has worked since it was copied"):
        copy(source.url, empty_url, quiet)


def test_what_can_not_be_copied_says_why(database: Database, empty_url: str) -> None:
    with pytest.raises(CopyFault, match="holds no plant"):
        copy(empty_url, database.url, quiet)
    with pytest.raises(CopyFault, match="holds no plant"):
        copy(database.url, empty_url, quiet)
    with database.connection() as conn:
        fill(conn)
    with pytest.raises(CopyFault, match="or source and target are the same database"):
        copy(database.url, database.url, quiet)
    with database.connection() as conn:
        conn.execute("delete from schema_migration where number = 19")
    with pytest.raises(CopyFault, match=r"run `python app.py migrate` on it"):
        copy(database.url, empty_url, quiet)
    with pytest.raises(DatabaseUnavailable):
        copy("postgresql://a:b@127.0.0.1:1/c", empty_url, quiet)
