"""Migrations: numbered SQL files, forward only, each in a transaction, with a ledger.

Lines after `-- only: plain apache` are for those servers alone, until `-- only: all`. Never runs a
file whose content differs from what the ledger remembers, and never on another kind of server
than the one the database was made on.
"""

from __future__ import annotations

import hashlib
import logging
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg import errors, sql

from db.connect import Connection, DatabaseUnavailable, connect
from db.roles import grant
from db.server_kind import Server, WrongServer, check, server_of
from db.statements import statements

log = logging.getLogger(__name__)

FOLDER = Path(__file__).parent / "migrations"
LOCK_KEY = 7_228_001
LOCK_TIMEOUT_MS = 800
"""Whoever stands behind a waiting migration is served within a second, its roll-back included."""
PATIENCE_S = 60.0
"""How long a busy table or another migration is waited for, in short attempts."""

SQL = statements("migrate.sql")
_NAME = re.compile(r"^(\d{4})_(\w+)\.sql$")
_ONLY = re.compile(r"^\s*-- only: ([a-z ]+)$")


class MigrationFault(RuntimeError):
    """The database can't be brought up to date; says why and what to do."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file."""

    number: int
    name: str
    text: str

    @property
    def sha256(self) -> str:
        """Of the text, as the ledger remembers it."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def sql_for(self, server: Server) -> LiteralString:
        """The lines meant for this kind of server."""
        return "\n".join(_lines_for(self.text, server))


def migrations(folder: Path = FOLDER) -> list[Migration]:
    """The files of the folder by number. Raises MigrationFault when a number occurs twice."""
    found = [
        Migration(int(match[1]), match[2], path.read_text(encoding="utf-8"))
        for path in sorted(folder.iterdir())
        if (match := _NAME.match(path.name))
    ]
    if len({m.number for m in found}) != len(found):
        raise MigrationFault(f"Two migrations in {folder} have the same number.")
    return found


def migrate(url: str, *, folder: Path = FOLDER) -> list[str]:
    """Bring the database of `url` up to date; the names of the migrations that ran.

    Several processes may call it at once: one works, the others wait and find nothing to do.
    Raises MigrationFault and DatabaseUnavailable.
    """
    try:
        with connect(url, application="migrate") as conn, _alone(conn):
            server = _server(conn)
            done = _ledger(conn)
            todo = [m for m in _checked(migrations(folder), done) if m.number not in done]
            for migration in todo:
                _run(conn, migration, server)
            _grant(conn)
            return [f"{m.number:04} {m.name}" for m in todo]
    except WrongServer as error:
        raise MigrationFault(str(error)) from error
    except psycopg.OperationalError as error:
        raise DatabaseUnavailable(f"the database can't be migrated now: {error}") from error


def _lines_for(text: str, server: Server) -> Iterator[str]:
    wanted = True
    for line in text.splitlines():
        match = _ONLY.match(line)
        if match:
            wanted = match[1] == "all" or server.value in match[1].split()
        # A line of another server stays as an empty one: the server's messages count lines.
        yield line if wanted and not match else ""


@contextmanager
def _alone(conn: Connection) -> Iterator[None]:
    deadline = time.monotonic() + PATIENCE_S
    while not _true(conn, "lock"):
        if time.monotonic() > deadline:
            raise MigrationFault(
                "Another process has been migrating this database for over a minute. "
                "Wait for it; `select * from pg_stat_activity` shows what it does."
            )
        time.sleep(0.05)
    yield  # the lock goes with the session


def _true(conn: Connection, name: str) -> bool:
    row = conn.execute(SQL[name], {"key": LOCK_KEY}).fetchone()
    return row is not None and bool(row[0])


def _server(conn: Connection) -> Server:
    """The kind of server, after taking TimescaleDB into use in a new database where it is."""
    if _true(conn, "is_new") and _true(conn, "timescaledb_is_loaded"):
        conn.execute(SQL["use_timescaledb"])
    check(conn)
    return server_of(conn)


def _ledger(conn: Connection) -> dict[int, str]:
    conn.execute(SQL["make_ledger"])
    return dict(conn.execute(SQL["read_ledger"]).fetchall())


def _checked(found: list[Migration], done: dict[int, str]) -> list[Migration]:
    by_number = {m.number: m for m in found}
    for number, sha256 in done.items():
        migration = by_number.get(number)
        if migration is None:
            raise MigrationFault(
                f"The database has migration {number:04}, which this version doesn't know: it was "
                "used with a newer Taktboard. Install that one."
            )
        if migration.sha256 != sha256:
            raise MigrationFault(
                f"Migration {number:04} ({migration.name}) was changed after it ran on this "
                "database. Restore the file as it was, or start with a new database."
            )
    return found


def _run(conn: Connection, migration: Migration, server: Server) -> None:
    name = f"Migration {migration.number:04} ({migration.name})"
    try:
        _patiently(name, lambda: _run_once(conn, migration, server))
    except psycopg.ProgrammingError as error:
        raise MigrationFault(f"{name} failed: {error}") from error


def _grant(conn: Connection) -> None:
    """What each role may do, after all that changed."""
    conn.execute(sql.SQL("set lock_timeout = {}").format(LOCK_TIMEOUT_MS))
    try:
        _patiently("Granting the roles their rights", lambda: _log_missing(grant(conn)))
    except psycopg.ProgrammingError as error:
        raise MigrationFault(f"The roles can't be given their rights: {error}") from error


def _log_missing(roles: list[str]) -> None:
    """Roles that are not there: everything runs as the owner then."""
    if roles:
        log.warning("these roles are missing, docs/database.md says what for: %s", ", ".join(roles))


def _patiently(name: str, work: Callable[[], None]) -> None:
    """In short attempts, so that nobody waits long behind us for a table."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            work()
            return
        except errors.LockNotAvailable as error:
            if time.monotonic() > deadline:
                raise MigrationFault(
                    f"{name} found its tables in use for a minute. Stop what holds them and start "
                    "again."
                ) from error
            time.sleep(0.5)


def _run_once(conn: Connection, migration: Migration, server: Server) -> None:
    with conn.transaction():
        conn.execute(sql.SQL("set local lock_timeout = {}").format(LOCK_TIMEOUT_MS))
        conn.execute(migration.sql_for(server))
        conn.execute(
            SQL["remember"],
            {
                "number": migration.number,
                "name": migration.name,
                "sha256": migration.sha256,
                "server": server.value,
            },
        )
    log.info("migration %04d %s done", migration.number, migration.name)
