"""Migrations: once, at once, changed, newer, on another server, behind a lock."""

from __future__ import annotations

import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from db import migrate as module
from db.connect import Database, Server
from db.migrate import Migration, MigrationFault, migrate, migrations
from tests.patience import until

ALL = [f"{m.number:04} {m.name}" for m in migrations()]


def test_twice_is_once(empty_url: str) -> None:
    assert migrate(empty_url) == ALL
    assert migrate(empty_url) == []


def test_at_once_one_works_and_the_others_wait(empty_url: str) -> None:
    with ThreadPoolExecutor(3) as pool:
        ran = list(pool.map(migrate, [empty_url] * 3))
    assert sorted(ran, key=len) == [[], [], ALL]


def test_a_changed_file_is_refused(empty_url: str, tmp_path: Path) -> None:
    folder = shutil.copytree(module.FOLDER, tmp_path / "migrations")
    migrate(empty_url, folder=folder)
    with (folder / "0002_facts.sql").open("a") as file:
        file.write("-- a thought afterwards\n")
    with pytest.raises(MigrationFault, match=r"0002 \(facts\) was changed after it ran"):
        migrate(empty_url, folder=folder)


def test_a_newer_database_is_refused(empty_url: str, tmp_path: Path) -> None:
    folder = shutil.copytree(module.FOLDER, tmp_path / "migrations")
    (folder / "0999_future.sql").write_text("select 1;")
    migrate(empty_url, folder=folder)
    with pytest.raises(MigrationFault, match="0999, which this version doesn't know"):
        migrate(empty_url)


def test_another_kind_of_server_is_refused_with_instructions(empty_url: str) -> None:
    migrate(empty_url)
    with psycopg.connect(empty_url) as conn:
        conn.execute("update schema_migration set server = 'community'")
    with pytest.raises(
        MigrationFault, match=r"made on a server of the kind 'community'.*Bring back"
    ):
        migrate(empty_url)


def test_a_failing_migration_leaves_nothing(empty_url: str, tmp_path: Path) -> None:
    (tmp_path / "0001_good.sql").write_text("create table good ();")
    (tmp_path / "0002_bad.sql").write_text("create table half ();\nselect nonsense;")
    with pytest.raises(MigrationFault, match=r"0002 \(bad\) failed: column \"nonsense\""):
        migrate(empty_url, folder=tmp_path)
    with psycopg.connect(empty_url) as conn:
        row = conn.execute("select to_regclass('good'), to_regclass('half')").fetchone()
        assert row == ("good", None)
    (tmp_path / "0002_bad.sql").write_text("create table half ();")
    assert migrate(empty_url, folder=tmp_path) == ["0002 bad"]


def test_waits_in_short_attempts_for_a_table_in_use(empty_url: str, tmp_path: Path) -> None:
    """Whoever comes behind a waiting migration waits a second at most."""
    (tmp_path / "0001_a.sql").write_text("create table a (x int);")
    migrate(empty_url, folder=tmp_path)
    (tmp_path / "0002_b.sql").write_text("alter table a add y int;")
    with psycopg.connect(empty_url) as holder, ThreadPoolExecutor(1) as pool:
        holder.execute("lock table a in access share mode")
        running = pool.submit(migrate, empty_url, folder=tmp_path)
        with psycopg.connect(empty_url, autocommit=True) as reader:
            reader.execute("set statement_timeout = '5s'")
            blocked = "select 1 from pg_locks where relation = 'a'::regclass and not granted"
            until(lambda: reader.execute(blocked).fetchone(), "migration waits for the lock")
            assert reader.execute("select count(*) from a").fetchone() == (0,)
        assert not running.done()
        holder.rollback()
        assert running.result(timeout=20) == ["0002 b"]


@pytest.mark.parametrize(
    ("text", "behind"),
    [
        ("alter table held add y int;", "held"),
        ("alter table free add y int; alter table held add y int;", "free"),
    ],
    ids=["of the table it waits for", "of one that it has already"],
)
def test_live_writers_wait_no_more_than_a_second(
    empty_url: str, tmp_path: Path, text: str, behind: str
) -> None:
    """While a long transaction reads a table that a migration wants."""
    (tmp_path / "0001_a.sql").write_text("create table held (x int); create table free (x int);")
    migrate(empty_url, folder=tmp_path)
    (tmp_path / "0002_b.sql").write_text(text)
    waits: list[float] = []
    over = threading.Event()

    def write() -> None:
        with psycopg.connect(empty_url, autocommit=True) as conn:
            while not over.is_set():
                begun = time.monotonic()
                conn.execute(f"insert into {behind} (x) values (1)")
                waits.append(time.monotonic() - begun)

    with psycopg.connect(empty_url) as report, ThreadPoolExecutor(2) as pool:
        report.execute("select count(*) from held")
        writer = pool.submit(write)
        running = pool.submit(migrate, empty_url, folder=tmp_path)
        until(lambda: sum(wait > 0.5 for wait in waits) >= 3, "three attempts of the migration")
        assert not running.done()
        report.rollback()
        assert running.result(timeout=20) == ["0002 b"]
        over.set()
        writer.result()
    assert max(waits) <= 1.0


def test_a_number_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "0001_a.sql").write_text("")
    (tmp_path / "0001_b.sql").write_text("")
    with pytest.raises(MigrationFault, match="same number"):
        migrations(tmp_path)


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        (Server.PLAIN, ["all;", "two;", "end;"]),
        (Server.APACHE, ["all;", "two;", "end;"]),
        (Server.COMMUNITY, ["all;", "one;", "end;"]),
    ],
)
def test_sections_for_one_kind_of_server(server: Server, expected: list[str]) -> None:
    text = "all;\n-- only: community\none;\n-- only: plain apache\ntwo;\n-- only: all\nend;\n"
    assert Migration(1, "x", text).sql_for(server).split() == expected


@pytest.mark.community
def test_the_same_columns_on_every_server(any_database: Database) -> None:
    """Names, columns and types of what the boards read."""
    with any_database.connection() as conn:
        rows = conn.execute(
            "select table_name::text, string_agg(column_name || ' ' || data_type, ', '"
            " order by ordinal_position) from information_schema.columns"
            " where table_name in ('tag_1m', 'tag_1h', 'machine_1m', 'machine_15m', 'machine_1h')"
            " group by 1"
        ).fetchall()
    found = dict(rows)
    tag = (
        "ts timestamp with time zone, tag_id integer, n bigint, sum double precision,"
        " min double precision, max double precision, last double precision"
    )
    assert found["tag_1m"] == tag
    assert found["tag_1h"] == tag
    assert found["machine_15m"] == found["machine_1m"]
    assert found["machine_1h"] == found["machine_1m"]
