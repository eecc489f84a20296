"""The versions and kinds of server that will do, and what is said of the others."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from db.connect import Database, Server, Unfit, open_database
from db.server_kind import WrongServer, check_kind, check_versions, server_of

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("postgresql", "timescaledb"),
    [(160000, None), (180009, None), (160004, "2.20.0"), (170002, "2.24.1-dev"), (180000, "3.0.0")],
)
def test_versions_in_range_will_do(postgresql: int, timescaledb: str | None) -> None:
    check_versions(postgresql, timescaledb)


@pytest.mark.parametrize(
    ("postgresql", "timescaledb", "words"),
    [
        (150012, None, r"is PostgreSQL 15; 16 to 18 is needed. Name another"),
        (190000, None, r"is PostgreSQL 19; 16 to 18 .*, or install a newer Taktboard"),
        (160004, "2.19.3", r"has TimescaleDB 2.19.3; 2.20 or newer .*alter extension timescaledb"),
        (160004, "1.7.5", r"has TimescaleDB 1.7.5;"),
    ],
)
def test_versions_out_of_range_are_refused(
    postgresql: int, timescaledb: str | None, words: str
) -> None:
    with pytest.raises(WrongServer, match=words):
        check_versions(postgresql, timescaledb)


@pytest.mark.parametrize(
    ("made_on", "now", "words"),
    [
        ("plain", Server.COMMUNITY, "drop extension timescaledb"),
        ("community", Server.PLAIN, "shared_preload_libraries = 'timescaledb'"),
        ("community", Server.APACHE, "timescaledb.license = 'timescale'"),
        ("apache", Server.COMMUNITY, "timescaledb.license = 'apache'"),
    ],
)
def test_each_mismatch_has_its_remedy(made_on: str, now: Server, words: str) -> None:
    with pytest.raises(WrongServer, match=rf"the kind '{made_on}'.*'{now}'.*{words}.*db copy"):
        check_kind(now, {made_on})
    check_kind(now, {now.value})
    check_kind(now, set())


@pytest.mark.community
def test_the_kind_is_kept_from_the_first_migration_on(any_database: Database) -> None:
    with any_database.connection() as conn:
        kinds = conn.execute("select distinct server from schema_migration").fetchall()
        assert kinds == [(server_of(conn).value,)]
        assert server_of(conn) is any_database.server


def test_a_process_on_a_wrong_server_stops_with_instructions(database: Database) -> None:
    with psycopg.connect(database.url) as conn:
        conn.execute("update schema_migration set server = 'community'")
    wrong = open_database(database.url, application="test")
    with pytest.raises(Unfit, match="Bring back the TimescaleDB extension"), wrong.connection():
        pass
    wrong.close()
    for command in ("ingest", "alert", "serve"):
        told = subprocess.run(
            [sys.executable, "app.py", command],
            cwd=ROOT,
            env={"TAKTBOARD_DATABASE_URL": database.url, "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert told.returncode == 1, command
        assert "taktboard: This database was made on a server of the kind 'commun" in told.stderr
        assert "Traceback" not in told.stderr


def test_the_check_is_no_part_of_the_callers_transaction(database: Database) -> None:
    fresh = open_database(database.url, application="test")
    with fresh.connection() as conn:
        assert conn.info.transaction_status is psycopg.pq.TransactionStatus.IDLE
    fresh.close()
