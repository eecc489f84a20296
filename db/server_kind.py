"""What kind of server a database is on: the extension *and* its licence; and whether it will do.

Asked once a process. Never changes anything.
"""

from __future__ import annotations

from enum import StrEnum

import psycopg
from psycopg.rows import TupleRow

from db.statements import statements

OLDEST_POSTGRESQL, NEWEST_POSTGRESQL = 16, 18
OLDEST_TIMESCALEDB = (2, 20)

SQL = statements("server_kind.sql")


class Server(StrEnum):
    """What kind of server it is: the extension *and* its licence."""

    PLAIN = "plain"
    APACHE = "apache"
    COMMUNITY = "community"


class WrongServer(RuntimeError):
    """This server can't carry this database; says why and what to do."""


def server_of(conn: psycopg.Connection[TupleRow]) -> Server:
    """The kind of server behind `conn`: what is installed in this database, and its licence."""
    row = conn.execute(SQL["server"]).fetchone()
    assert row is not None
    installed, licence = row
    if not installed:
        return Server.PLAIN
    return Server.COMMUNITY if licence == "timescale" else Server.APACHE


def check(conn: psycopg.Connection[TupleRow]) -> None:
    """Raises WrongServer where the versions are out of range, or the kind is not the one that the
    database was made on. A database without tables may be on any kind.
    """
    row = conn.execute(SQL["versions"]).fetchone()
    assert row is not None
    check_versions(*row)
    kinds = conn.execute(SQL["made_on"]).fetchall() if _has_ledger(conn) else []
    check_kind(server_of(conn), {kind for (kind,) in kinds})


def check_versions(postgresql: int, timescaledb: str | None) -> None:
    """`postgresql` as the server tells it (180004). Raises WrongServer."""
    major = postgresql // 10_000
    if not OLDEST_POSTGRESQL <= major <= NEWEST_POSTGRESQL:
        raise WrongServer(
            f"This server is PostgreSQL {major}; {OLDEST_POSTGRESQL} to {NEWEST_POSTGRESQL} is "
            "needed. Name another server in TAKTBOARD_DATABASE_URL"
            + (", or install a newer Taktboard." if major > NEWEST_POSTGRESQL else ".")
        )
    if timescaledb is None:
        return
    if tuple(int(part) for part in timescaledb.split(".")[:2]) < OLDEST_TIMESCALEDB:
        raise WrongServer(
            f"This database has TimescaleDB {timescaledb}; 2.20 or newer is needed. Install it on "
            "the server, then, as the first statement of a new session: "
            "alter extension timescaledb update."
        )


def check_kind(server: Server, made_on: set[str]) -> None:
    """`made_on`: the kinds of server that the ledger of migrations names. Raises WrongServer."""
    other = sorted(made_on - {server.value})
    if other:
        raise WrongServer(
            f"This database was made on a server of the kind '{other[0]}', and is now on "
            f"'{server.value}' (the kinds: plain, TimescaleDB apache, TimescaleDB community). "
            f"Its tables don't fit. {_remedy(Server(other[0]), server)} To change the kind for "
            "good: back to the old one, and from there `python app.py db copy --to URL` into a new "
            "database."
        )


def _remedy(made_on: Server, now: Server) -> str:
    if made_on is Server.PLAIN:
        return "Drop the extension from this database: drop extension timescaledb."
    if now is Server.PLAIN:
        return (
            "Bring back the TimescaleDB extension: shared_preload_libraries = 'timescaledb', and "
            "the extension in this database."
        )
    licence = "timescale" if made_on is Server.COMMUNITY else "apache"
    return f"Bring back its licence: timescaledb.license = '{licence}' in postgresql.conf."


def _has_ledger(conn: psycopg.Connection[TupleRow]) -> bool:
    row = conn.execute(SQL["has_ledger"]).fetchone()
    return row is not None and bool(row[0])
