"""Backups: every relation comes back, on every server; what can't be restored says why."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest

from db import backup, postgres_programs
from db.backup import BackupFault, back_up, manifest_path, restore
from db.census import ROLLUPS, tables
from db.connect import Connection, Database, DatabaseUnavailable
from db.embedded import start
from db.migrate import migrate, migrations
from db.postgres_programs import ProgramFault
from db.roles import INGEST, REPORT
from tests.db.filled import MINUTES, fill, roll_up
from tests.ports import keep_port


@pytest.fixture
def another(any_database: Database) -> Iterator[str]:
    """The URL of an empty database on the same server."""
    name = f"taktboard_restored_{uuid4().hex[:8]}"
    with psycopg.connect(any_database.url, autocommit=True) as conn:
        conn.execute(f"create database {name}")
    yield urlsplit(any_database.url)._replace(path=f"/{name}").geturl()
    with psycopg.connect(any_database.url, autocommit=True) as conn:
        conn.execute(f"drop database {name} with (force)")


def contents(conn: Connection) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table and rollup."""
    return {
        name: conn.execute(f"select r::text from {name} r order by 1").fetchall()
        for name in [*tables(conn), *ROLLUPS]
    }


@pytest.mark.several_sessions("pg_dump works in the snapshot of another session")
def test_every_relation_comes_back(any_database: Database, another: str, tmp_path: Path) -> None:
    file = tmp_path / "site.dump"
    with any_database.connection() as conn:
        fill(conn)
    roll_up(any_database)
    with any_database.connection() as conn:
        before = contents(conn)
    assert [name for name, rows in before.items() if not rows] == ["rollup_dirty", "site_copy"]
    assert len(before["reading"]) == 6 * 3 * MINUTES
    made = back_up(any_database.url, file)
    assert made.row_count == sum(len(rows) for rows in before.values())
    restored = restore(another, file)
    assert restored == made
    with psycopg.connect(another, options="-c timezone=UTC") as conn:
        assert contents(conn) == before
        conn.execute("insert into area (code, name, position) values ('new', '{}', 2)")
    assert migrate(another) == []


def test_work_goes_on_during_a_backup(
    database: Database, empty_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is written after the figures were counted is in neither of both."""
    with database.connection() as conn:
        fill(conn)
    whole = postgres_programs.run

    def late(name: str, *rest: Any, **more: Any) -> None:
        with database.connection() as conn:
            conn.execute("insert into audit (at, actor, action) values (now(), 'late', 'login')")
        whole(name, *rest, **more)

    monkeypatch.setattr(backup, "run", late)
    made = back_up(database.url, tmp_path / "f")
    monkeypatch.setattr(backup, "run", whole)
    assert made.relations["audit"][0] == 1
    assert restore(empty_url, tmp_path / "f") == made


def test_a_backup_is_for_its_owner_alone(database: Database, tmp_path: Path) -> None:
    back_up(database.url, tmp_path / "f")
    assert (tmp_path / "f").stat().st_mode & 0o077 == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["f", "f.json"]


def test_a_database_that_holds_something_is_left_alone(database: Database, tmp_path: Path) -> None:
    back_up(database.url, tmp_path / "f")
    with pytest.raises(BackupFault, match=r"holds \d+ tables already.*createdb"):
        restore(database.url, tmp_path / "f")


def test_a_torn_copy_is_told(database: Database, empty_url: str, tmp_path: Path) -> None:
    file = tmp_path / "f"
    back_up(database.url, file)
    file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(BackupFault, match="not copied to its end"):
        restore(empty_url, file)
    manifest_path(file).unlink()
    with pytest.raises(BackupFault, match=r"as empty as before. pg_restore failed"):
        restore(empty_url, file)
    with psycopg.connect(empty_url) as conn:
        assert tables(conn) == []


def test_without_its_figures_a_backup_is_restored_and_not_compared(
    database: Database, empty_url: str, tmp_path: Path
) -> None:
    back_up(database.url, tmp_path / "f")
    manifest_path(tmp_path / "f").unlink()
    assert restore(empty_url, tmp_path / "f") is None
    assert migrate(empty_url) == []


def test_rows_that_are_missing_are_named(
    database: Database, empty_url: str, tmp_path: Path
) -> None:
    file = tmp_path / "f"
    back_up(database.url, file)
    manifest = json.loads(manifest_path(file).read_text())
    manifest["relations"]["audit"] = [3, 5]
    count, digest = manifest["relations"]["schema_migration"]
    manifest["relations"]["schema_migration"] = [count, digest + 1]
    manifest_path(file).write_text(json.dumps(manifest))
    with pytest.raises(BackupFault) as told:
        restore(empty_url, file)
    assert "audit: 3 rows expected, 0 found" in str(told.value)
    assert f"schema_migration: {len(migrations())} rows as expected, but of" in str(told.value)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("timescaledb", "2.99.1", "needs TimescaleDB 2.99.1.*updat"),
        ("postgresql", 990000, "is of PostgreSQL 99, this server is"),
    ],
)
def test_a_server_that_does_not_fit_is_told(
    database: Database, empty_url: str, tmp_path: Path, key: str, value: object, words: str
) -> None:
    file = tmp_path / "f"
    back_up(database.url, file)
    manifest = json.loads(manifest_path(file).read_text()) | {key: value}
    manifest_path(file).write_text(json.dumps(manifest))
    with pytest.raises(BackupFault, match=rf"(?s){words}"):
        restore(empty_url, file)


def test_nothing_to_back_up_or_restore_is_told(empty_url: str, tmp_path: Path) -> None:
    with pytest.raises(BackupFault, match="holds no Taktboard"):
        back_up(empty_url, tmp_path / "f")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(BackupFault, match="There is no backup"):
        restore(empty_url, tmp_path / "f")
    with pytest.raises(DatabaseUnavailable):
        back_up("postgresql://a:b@127.0.0.1:1/c", tmp_path / "f")


def test_a_failed_backup_leaves_the_older_one(database: Database, tmp_path: Path) -> None:
    file = tmp_path / "f"
    first = back_up(database.url, file)
    file.with_name("f.part").mkdir()
    with pytest.raises(BackupFault, match="was not made"):
        back_up(database.url, file)
    assert json.loads(manifest_path(file).read_text())["sha256"] == first.sha256


def give_programs(place: Path, version: str) -> None:
    place.mkdir(parents=True)
    path = place / "pg_dump"
    path.write_text(f"#!/bin/sh\necho 'pg_dump (PostgreSQL) {version} (Debian)'\n")
    path.chmod(0o755)


def test_the_oldest_program_that_suits_the_server_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = tmp_path / "pginstall" / "bin"
    theirs = tmp_path / "theirs"
    give_programs(ours, "18.6")
    give_programs(theirs, "16.4")
    monkeypatch.setattr(postgres_programs, "PACKAGE", tmp_path)
    monkeypatch.setenv("PATH", str(theirs))
    assert postgres_programs.program("pg_dump", 16) == theirs / "pg_dump"
    assert postgres_programs.program("pg_dump", 17) == ours / "pg_dump"
    with pytest.raises(ProgramFault, match="pg_dump of PostgreSQL 19 or newer"):
        postgres_programs.program("pg_dump", 19)
    with pytest.raises(ProgramFault, match="there is none"):
        postgres_programs.program("pg_restore", 18)


@pytest.mark.parametrize("version", ["15.18", "17.2"])
def test_a_server_of_16_takes_programs_of_16_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    """Newer ones set transaction_timeout, which 16 refuses; it ends a restore."""
    theirs = tmp_path / "theirs"
    give_programs(tmp_path / "pginstall" / "bin", "18.6")
    give_programs(theirs, version)
    monkeypatch.setattr(postgres_programs, "PACKAGE", tmp_path)
    monkeypatch.setenv("PATH", str(theirs))
    with pytest.raises(
        ProgramFault, match=r"pg_dump of PostgreSQL 16 is needed .*is 18\). Install"
    ):
        postgres_programs.program("pg_dump", 16)


RIGHTS = """
select n.nspname || '.' || c.relname, coalesce(g.rolname, 'everybody'), a.privilege_type
from pg_class c join pg_namespace n on n.oid = c.relnamespace
cross join aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) a
left join pg_roles g on g.oid = a.grantee
where n.nspname in ('public', 'report') and c.relkind in ('r', 'p', 'v')
union all
select p.oid::regprocedure::text, coalesce(g.rolname, 'everybody'), a.privilege_type
from pg_proc p cross join aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
left join pg_roles g on g.oid = a.grantee
where p.pronamespace = 'public'::regnamespace
union all
select n.nspname, g.rolname, a.privilege_type
from pg_namespace n cross join aclexplode(n.nspacl) a join pg_roles g on g.oid = a.grantee
where n.nspname = 'report'
union all
select tablename, unnest(roles), policyname from pg_policies
order by 1, 2, 3
"""


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database on a server of its own that knows none of our roles."""
    settings = {"fsync": "off", "shared_buffers": "32MB"}
    other = start(keep_port(tmp_path / "bare"), settings=settings)
    yield other.url
    other.stop()


@pytest.fixture
def plain_owner(bare: str) -> str:
    """The same database; its owner may make databases, and no roles."""
    with psycopg.connect(bare, autocommit=True) as conn:
        conn.execute("create role plain login createdb password 'x'")
        conn.execute("alter database taktboard owner to plain")
    return f"postgresql://plain:x@{bare.rpartition('@')[2]}"


@pytest.mark.parametrize("place", ["empty_url", "bare"])
def test_roles_have_their_rights_after_a_restore(
    request: pytest.FixtureRequest, database: Database, tmp_path: Path, place: str
) -> None:
    """On the same server, and on one that lacked the roles."""
    target = request.getfixturevalue(place)
    made = back_up(database.url, tmp_path / "f")
    assert restore(target, tmp_path / "f") == made
    with database.connection() as ours, psycopg.connect(target) as theirs:
        assert theirs.execute(RIGHTS).fetchall() == ours.execute(RIGHTS).fetchall()
    with psycopg.connect(target) as conn:
        conn.execute(f"set role {INGEST}")
        conn.execute("insert into reading values (now(), 1, 5, 0)")
    with psycopg.connect(target) as conn:
        conn.execute(f"set role {REPORT}")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="partition_drop"):
            conn.execute("select partition_drop('reading', 'infinity')")


def test_roles_that_this_log_in_may_not_make_are_asked_for(
    database: Database, bare: str, plain_owner: str, tmp_path: Path
) -> None:
    made = back_up(database.url, tmp_path / "f")
    with pytest.raises(BackupFault, match=r"administrator make them.*: create role") as told:
        restore(plain_owner, tmp_path / "f")
    with psycopg.connect(bare, autocommit=True) as conn:
        assert tables(conn) == []
        conn.execute(str(told.value).partition("again: ")[2].encode())
    assert restore(plain_owner, tmp_path / "f") == made


def test_a_site_without_roles_comes_back_without_them(plain_owner: str, tmp_path: Path) -> None:
    migrate(plain_owner)
    made = back_up(plain_owner, tmp_path / "f")
    with psycopg.connect(plain_owner, autocommit=True) as conn:
        conn.execute("create database restored")
    target = urlsplit(plain_owner)._replace(path="/restored").geturl()
    assert restore(target, tmp_path / "f") == made
    assert migrate(target) == []
