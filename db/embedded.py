"""A private PostgreSQL for machines that have none: programs from a wheel, the server is ours.

Layout of the data directory: `cluster/` (PostgreSQL's own), `password`, `port` (kept over
restarts, so that other processes find the server again), `lock`, `start.log`. Listens on 127.0.0.1
only, with a password. Never touches a server it did not find working in its own directory.
"""

from __future__ import annotations

import logging
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import psycopg
from psycopg import sql

from db import postgres_process
from db.directory_lock import DirectoryLock, InUse
from db.embedded_cluster import NAME, EmbeddedFault, check_version, make_cluster, password, port
from db.postgres_account import Account, NoAccount, account_for, environment, programs, within_reach

__all__ = ["Embedded", "EmbeddedFault", "at_hand", "locked", "start"]

log = logging.getLogger(__name__)

START_TIMEOUT_S = 300.0
"""Recovery after a power cut may take minutes."""
SETTINGS: Mapping[str, str] = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "80",
    "shared_buffers": "256MB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "effective_cache_size": "1GB",
    "max_wal_size": "1GB",
    "wal_compression": "on",
    "checkpoint_timeout": "10min",
    "random_page_cost": "1.1",
    "max_locks_per_transaction": "256",
    "autovacuum_naptime": "15s",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "on",
    "log_directory": "log",
    "log_filename": "postgresql-%a.log",
    "log_truncate_on_rotation": "on",
    "log_rotation_age": "1d",
    "log_rotation_size": "0",
}
"""Sized for a small machine; the log keeps a week."""


@dataclass(slots=True)
class Embedded:
    """A running server. `url` names the database; `stop()` ends the server and frees its lock."""

    url: str
    pid: int
    cluster: Path
    _lock: DirectoryLock
    _process: subprocess.Popen[bytes] | None = field(default=None)

    def alive(self) -> bool:
        """Whether the server still works; False after a kill."""
        if self._process is not None:
            self._process.poll()
        return postgres_process.works_in(self.pid, self.cluster)

    def stop(self) -> None:
        """Stop the server; twice is fine."""
        if not postgres_process.stop(self.pid, self.cluster):
            log.warning("the database in %s had to be stopped the hard way", self.cluster)
        if self._process is not None:
            self._process.wait()
        self._lock.release()


def start(
    data_dir: Path, *, settings: Mapping[str, str] | None = None, bin_dir: Path | None = None
) -> Embedded:
    """Start the server of `data_dir`, made there at the first start; adopt one left running.

    `settings` override PostgreSQL's; `bin_dir` holds other programs than those that come with
    Taktboard. Raises EmbeddedFault, with a text for the user.
    """
    data_dir = data_dir.resolve()
    lock = locked(data_dir)
    try:
        return _start(data_dir, lock, {**SETTINGS, **(settings or {})}, bin_dir)
    except (OSError, NoAccount) as error:
        lock.release()
        raise EmbeddedFault(f"The database in {data_dir} can't be started: {error}") from error
    except BaseException:
        lock.release()
        raise


def locked(data_dir: Path) -> DirectoryLock:
    """The data directory, for this process alone. Raises EmbeddedFault."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        return DirectoryLock(data_dir)
    except InUse as error:
        raise EmbeddedFault(
            f"The database in {data_dir} is already in use by another Taktboard{error}. "
            "Stop that one, or choose another data directory (--data DIR)."
        ) from error
    except OSError as error:
        raise EmbeddedFault(
            f"The data directory {data_dir} can't be written: {error.strerror}. "
            "Give this user the right to write there, or choose another (--data DIR)."
        ) from error


@contextmanager
def at_hand(data_dir: Path) -> Iterator[str]:
    """The URL of the data directory's database: of the server that runs there, else of one that
    runs meanwhile. Never makes a database. Raises EmbeddedFault.
    """
    data_dir = data_dir.resolve()
    cluster = data_dir / "cluster"
    if not cluster.exists():
        raise EmbeddedFault(f"There is no database in {data_dir}.")
    found = _running(cluster)
    if found is not None:
        yield _url(data_dir, found.port)
        return
    embedded = start(data_dir)
    try:
        yield embedded.url
    finally:
        embedded.stop()


def _start(
    data_dir: Path, lock: DirectoryLock, settings: Mapping[str, str], bin_dir: Path | None
) -> Embedded:
    cluster = data_dir / "cluster"
    account = account_for(cluster)
    bin_dir = bin_dir or programs(account)
    if not cluster.exists():
        make_cluster(data_dir, account, bin_dir)
    check_version(cluster, bin_dir)
    adopted = _running(cluster)
    if adopted is not None:
        log.info("adopting the database left running as pid %d in %s", adopted.pid, data_dir)
        url = _url(data_dir, adopted.port)
        _wait(data_dir, url, adopted.pid, None)
        return Embedded(url, adopted.pid, cluster, lock)
    postgres_process.end_orphans(cluster)
    chosen = port(data_dir)
    process = _spawn(data_dir, account, bin_dir, {**settings, "port": str(chosen)})
    _wait(data_dir, _url(data_dir, chosen), process.pid, process)
    return Embedded(_url(data_dir, chosen), process.pid, cluster, lock, process)


def _running(cluster: Path) -> postgres_process.PidFile | None:
    found = postgres_process.read_pid_file(cluster)
    return found if found and postgres_process.works_in(found.pid, cluster) else None


def _url(data_dir: Path, port: int, database: str = NAME) -> str:
    return f"postgresql://{NAME}:{password(data_dir)}@127.0.0.1:{port}/{database}"


def _spawn(
    data_dir: Path, account: Account, bin_dir: Path, settings: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    cluster = data_dir / "cluster"
    options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
    stale = postgres_process.pid_in_file(cluster)
    env = environment() | ({"PG_GRANDPARENT_PID": str(stale)} if stale else {})
    with (data_dir / "start.log").open("wb") as output, within_reach(account, cluster) as (at, fds):
        command = [str(bin_dir / "postgres"), "-D", at, *options]
        return _popen(command, account, env, output, fds)


def _popen(
    command: list[str],
    account: Account,
    env: dict[str, str],
    output: IO[bytes],
    fds: tuple[int, ...],
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        cwd="/",
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        pass_fds=fds,
        start_new_session=True,  # Ctrl-C at the terminal is for us alone
        user=account.uid,
        group=account.gid,
        extra_groups=None if account.uid is None else [],
    )


def _wait(data_dir: Path, url: str, pid: int, process: subprocess.Popen[bytes] | None) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    server = url.rpartition("/")[0] + "/postgres"
    while True:
        if process is not None and process.poll() is not None:
            raise EmbeddedFault(f"The database in {data_dir} did not start:\n{_said(data_dir)}")
        try:
            with psycopg.connect(server, autocommit=True, connect_timeout=2) as conn:
                return _make_database(conn)
        except psycopg.OperationalError as error:
            if time.monotonic() > deadline:
                raise EmbeddedFault(
                    f"The database in {data_dir} (pid {pid}) does not answer: {error}"
                ) from error
            time.sleep(0.02)


def _make_database(conn: psycopg.Connection) -> None:
    if conn.execute("select from pg_database where datname = %s", [NAME]).fetchone() is None:
        conn.execute(sql.SQL("create database {}").format(sql.Identifier(NAME)))


def _said(data_dir: Path) -> str:
    """The last lines the server wrote: into start.log, and into its own log where it got so far."""
    first = data_dir / "start.log"
    said = first.read_text(errors="replace")
    begun = first.stat().st_mtime
    for own in (data_dir / "cluster" / "log").glob("*.log"):
        if own.stat().st_mtime >= begun:
            said += own.read_text(errors="replace")
    return "\n".join(said.splitlines()[-12:])
