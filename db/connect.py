"""Connections: one pool a process, and what the server can do, found out once.

`transact` alone runs a transaction again, for those who say that it may run twice. Transactions may
go through a pooler that gives each of them any connection of its own (PgBouncer's transaction
mode); what needs a session never does: listening, locks beyond a transaction, migrations.
"""

from __future__ import annotations

import logging
import math
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, LiteralString, TypeAlias, TypeVar

import psycopg
from psycopg import IsolationLevel, errors, sql
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool, PoolTimeout

from db.server_kind import Server, WrongServer, check, server_of
from db.statements import statements

__all__ = [
    "Busy",
    "Conflict",
    "Connection",
    "Crowded",
    "Database",
    "DatabaseUnavailable",
    "Limits",
    "LockTimeout",
    "Notification",
    "Server",
    "Unfit",
    "connect",
    "has_a_partition_now",
    "open_database",
    "server_of",
]

log = logging.getLogger(__name__)

SQL = statements("connect.sql")
Connection: TypeAlias = psycopg.Connection[TupleRow]
"""What a transaction runs on. Other rooms annotate with it and never import psycopg."""

CONNECT_TIMEOUT_S = 5
WAIT_S = 5.0
"""How long a caller usually waits for a connection before DatabaseUnavailable."""
RECONNECT_S = 2.0
"""How long the pool tries in the background; every caller afterwards starts a new attempt."""
LONGEST_PAUSE_S = 2.0
TRIES = 6
"""How often a transaction is begun where others are in its way."""
RETRY_S = 0.05
"""The pause before the second try at most; each further one may be twice as long."""
SETTINGS: Mapping[str, str] = {
    "timezone": "UTC",
    "jit": "off",
    # Parallel workers start later than most boards are answered, and take cores from the live path.
    "max_parallel_workers_per_gather": "0",
    # A late batch may meet more of a compressed day; who writes bounds what is unpacked for it.
    "timescaledb.max_tuples_decompressed_per_dml_transaction": "0",
}
"""Of the server, for whatever we ask it; one without TimescaleDB keeps what it does not know."""

T = TypeVar("T")


class DatabaseUnavailable(RuntimeError):
    """The database can't be used now: not there, restarting, full, or out of connections."""


class Crowded(DatabaseUnavailable):
    """Every connection of this process was at work for longer than its callers wait for one."""


class Busy(DatabaseUnavailable):
    """The database is there, and what was asked took it too long: it was given up."""


class Conflict(DatabaseUnavailable):
    """Another transaction was in the way (deadlock, serialization, lock time-out): try again."""


class LockTimeout(Busy, Conflict):
    """Another transaction was in the way for so long that waiting for it was given up."""


class Unfit(DatabaseUnavailable):
    """The database is there, and on a server that can't carry it: says why and what to do."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a statement may take, and wait for a lock, before the server gives it up."""

    statement_s: float
    lock_s: float

    def settings(self) -> dict[str, str]:
        """As the server calls them."""
        return {
            "statement_timeout": f"{self.statement_s * 1000:.0f}",
            "lock_timeout": f"{self.lock_s * 1000:.0f}",
        }


NEVER = Limits(0.0, 0.0)
"""For commands: who waits for them sees it, and may end them."""
WORKERS = Limits(60.0, 20.0)
"""Far beyond what a turn of derivation, a parcel or a round of alarms takes."""


@dataclass(frozen=True, slots=True)
class Notification:
    """A message on a channel; the payload may be empty."""

    channel: str
    payload: str


class _Pooled(psycopg.Connection[TupleRow]):
    """A connection on which a transaction's statements may have one deadline and one snapshot.

    The server knows a deadline for single statements alone (before PostgreSQL 17, and then it ends
    the session): each one gets what those before it have left.
    """

    ends_at: float = math.inf
    """time.monotonic() of the deadline."""

    def read_snapshots(self, wanted: bool) -> None:
        """From the next transaction on. Its BEGIN says so, for a pooler may change sessions."""
        self.set_isolation_level(IsolationLevel.REPEATABLE_READ if wanted else None)
        self.set_read_only(wanted or None)

    def execute(self, *args: Any, **kwargs: Any) -> psycopg.Cursor[TupleRow]:
        if self.ends_at < math.inf:
            left_ms = math.ceil(1000 * (self.ends_at - time.monotonic()))
            if left_ms <= 0:
                raise Busy("the time for all statements of this transaction is over")
            super().execute(*_locally({"statement_timeout": f"{left_ms}"}))
        return super().execute(*args, **kwargs)


class Database:
    """A pool of connections to one database. Close it at the end of the process."""

    def __init__(
        self,
        url: str,
        *,
        application: str,
        pool_size: int,
        wait_s: float,
        limits: Limits,
        pooler_url: str | None,
    ) -> None:
        self.url = url
        self._application = application
        settings = {**SETTINGS, **limits.settings()}
        self._settings_of_each = settings if pooler_url else {}
        self._pool: ConnectionPool[_Pooled] = ConnectionPool(
            pooler_url or url,
            connection_class=_Pooled,
            kwargs=_through_pooler(application) if pooler_url else _kwargs(application, settings),
            min_size=1,
            max_size=pool_size,
            timeout=wait_s,
            reconnect_timeout=RECONNECT_S,
            check=ConnectionPool.check_connection,
            open=False,
            name=application,
        )
        self._server: Server | None = None
        self._is_fit = False
        self._lent: set[Connection] = set()

    @property
    def server(self) -> Server:
        """What the server can do. Raises DatabaseUnavailable if it was never reached."""
        if self._server is None:
            with self.connection() as conn:
                self._server = server_of(conn)
        return self._server

    @contextmanager
    def connection(self, within_s: float = math.inf) -> Iterator[Connection]:
        """One transaction: commits at the end, rolls back on an exception.

        Raises DatabaseUnavailable when the server isn't there or goes away underneath; Crowded
        when no connection came free; Busy when its statements take longer than `within_s` together;
        Unfit, at first use, when the server is none for this database.
        """
        with self._transaction(within_s, is_snapshot=False) as conn:
            yield conn

    @contextmanager
    def snapshot(self, within_s: float = math.inf) -> Iterator[Connection]:
        """The same for an answer of several statements, which all see what the first one saw.

        It only reads, on a replica, too. Raises the same as `connection`.
        """
        with self._transaction(within_s, is_snapshot=True) as conn:
            yield conn

    @contextmanager
    def _transaction(self, within_s: float, *, is_snapshot: bool) -> Iterator[Connection]:
        with _available():
            if self._pool.closed:
                self._pool.open()
            with self._borrowed() as conn:
                self._check(conn)
                conn.read_snapshots(is_snapshot)
                if self._settings_of_each:
                    conn.execute(*_locally(self._settings_of_each))
                conn.ends_at = time.monotonic() + within_s
                yield conn

    @contextmanager
    def _borrowed(self) -> Iterator[_Pooled]:
        try:
            with self._pool.connection() as conn:
                self._lent.add(conn)
                try:
                    yield conn
                finally:
                    conn.ends_at = math.inf
                    self._lent.discard(conn)
        except PoolTimeout as error:
            if len(self._lent) < self._pool.max_size:
                raise
            raise Crowded(f"all {self._pool.max_size} connections are at work") from error

    def _check(self, conn: Connection) -> None:
        """Once a process: nothing else would say why its statements fail."""
        if self._is_fit:
            return
        try:
            check(conn)
        except WrongServer as error:
            raise Unfit(str(error)) from error
        conn.rollback()  # what was asked is no part of the caller's transaction
        self._is_fit = True

    def transact(self, work: Callable[[Connection], T]) -> T:
        """What `work` returns, run in one transaction, and again where another is in its way.

        `work` may run several times: all its effects are in the database. Raises
        DatabaseUnavailable; Conflict where it was in vain TRIES times.
        """
        for number in range(1, TRIES):
            try:
                with self.connection() as conn:
                    return work(conn)
            except Conflict as error:
                log.info("transaction %d of %d: %s", number, TRIES, error)
                # Nothing tells when the other is out of the way; chance keeps the two apart.
                time.sleep(random.uniform(0, RETRY_S * 2**number))
        with self.connection() as conn:
            return work(conn)

    @contextmanager
    def session(self) -> Iterator[Connection]:
        """A connection outside every pool, in autocommit: for session locks and CALL."""
        with _available(), connect(self.url, application=self._application) as conn:
            yield conn

    def listen(self, *channels: str, timeout_s: float) -> Iterator[Notification | None]:
        """Notifications of the channels, for ever, on a connection of its own.

        None at each time-out and after each reconnect: time to look for oneself. While the
        server is away, None comes after every failed attempt.
        """
        pause_s = 0.1
        while True:
            try:
                with self.session() as conn:
                    _subscribe(conn, channels)
                    pause_s = 0.1
                    yield None
                    yield from _notifications(conn, timeout_s)
            except DatabaseUnavailable as error:
                log.warning("no notifications for %.1f s: %s", pause_s, error)
                time.sleep(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
                yield None

    def cancel(self) -> None:
        """Interrupt what runs on the pool's connections: it raises Busy."""
        for conn in list(self._lent):
            conn.cancel()

    def close(self) -> None:
        """Close every connection; the database can't be used afterwards."""
        self._pool.close()


def open_database(
    url: str,
    *,
    application: str,
    pool_size: int = 4,
    wait_s: float = WAIT_S,
    limits: Limits = NEVER,
    pooler_url: str | None = None,
) -> Database:
    """A pool on `url`; connects at first use, so that it may be opened while the server is away.

    A caller waits `wait_s` for a connection before DatabaseUnavailable. A statement of the pool
    that goes beyond `limits` raises Busy; sessions have none. Transactions go through
    `pooler_url` where one is given: a pooler in front of the same database, in transaction mode.
    """
    return Database(
        url,
        application=application,
        pool_size=pool_size,
        wait_s=wait_s,
        limits=limits,
        pooler_url=pooler_url,
    )


def connect(url: str, *, application: str) -> Connection:
    """One connection in autocommit. Raises psycopg's OperationalError when it can't be made."""
    return psycopg.connect(url, autocommit=True, **_kwargs(application, SETTINGS))


def _kwargs(application: str, settings: Mapping[str, str]) -> dict[str, Any]:
    return _patience(application) | {
        "options": " ".join(f"-c {name}={value}" for name, value in settings.items())
    }


def _through_pooler(application: str) -> dict[str, Any]:
    """Without what lives by the session: options, and statements prepared on it."""
    return _patience(application) | {"prepare_threshold": None}


def _patience(application: str) -> dict[str, Any]:
    return {
        "application_name": f"taktboard-{application}",
        "connect_timeout": CONNECT_TIMEOUT_S,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 30_000,
    }


def _locally(settings: Mapping[str, str]) -> tuple[LiteralString, dict[str, list[str]]]:
    """Sets them for this transaction alone: the next one may meet another session."""
    return SQL["set_locally"], {"names": list(settings), "values": list(settings.values())}


def _subscribe(conn: Connection, channels: tuple[str, ...]) -> None:
    for channel in channels:
        conn.execute(sql.SQL("listen {}").format(sql.Identifier(channel)))


def _notifications(conn: Connection, timeout_s: float) -> Iterator[Notification | None]:
    while True:
        heard = False
        for note in conn.notifies(timeout=timeout_s, stop_after=1):
            heard = True
            yield Notification(note.channel, note.payload)
        if not heard:
            yield None


@contextmanager
def _available() -> Iterator[None]:
    try:
        yield
    except errors.LockNotAvailable as error:
        raise LockTimeout(_words(error)) from error
    except (errors.DeadlockDetected, errors.SerializationFailure) as error:
        raise Conflict(_words(error)) from error
    except errors.CheckViolation as error:
        if not has_a_partition_now(error):
            raise
        raise Conflict(_words(error)) from error
    except errors.QueryCanceled as error:
        raise Busy(_words(error)) from error
    except (errors.DiskFull, errors.TooManyConnections) as error:
        raise DatabaseUnavailable(_words(error)) from error
    except psycopg.OperationalError as error:
        if not _is_gone(error):
            raise
        raise DatabaseUnavailable(_words(error)) from error


def has_a_partition_now(error: psycopg.Error) -> bool:
    """Whether a row's partition was made while it waited to go into the default one."""
    table = error.diag.table_name or ""
    is_of_partition = isinstance(error, errors.CheckViolation) and not error.diag.constraint_name
    return is_of_partition and table.endswith("_default")


def _is_gone(error: psycopg.OperationalError) -> bool:
    """No SQLSTATE: libpq or the pool itself found nobody; 08: connection; 57P: shutting down."""
    state = error.sqlstate
    return state is None or state.startswith(("08", "57P"))


def _words(error: psycopg.Error) -> str:
    return f"the database can't be used now: {str(error).strip() or type(error).__name__}"
