"""A private PostgreSQL for machines that have none: programs from a wheel, the server is ours.

Layout of the data directory: `cluster/` (PostgreSQL's own), `password`, `port` (kept over
restarts, so that other processes find the server again), `lock`, `start.log`. Listens on 127.0.0.1
only, with a password. Never touches a server it did not find working in its own directory.
"""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import psycopg
from psycopg import sql

from db import postgres_process
from db.directory_lock import DirectoryLock, InUse
from db.postgres_account import Account, NoAccount, account_for, environment, programs, within_reach

log = logging.getLogger(__name__)

NAME = "taktboard"
"""Of the role and of the database."""
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


class EmbeddedFault(RuntimeError):
    """The embedded database can't be started. Says what happened, where, and what to do."""


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


def start(data_dir: Path, *, settings: Mapping[str, str] | None = None) -> Embedded:
    """Start the server of `data_dir`, made there at the first start; adopt one left running.

    `settings` override PostgreSQL's. Raises EmbeddedFault, with a text for the user.
    """
    data_dir = data_dir.resolve()
    lock = _locked(data_dir)
    try:
        return _start(data_dir, lock, {**SETTINGS, **(settings or {})})
    except (OSError, NoAccount) as error:
        lock.release()
        raise EmbeddedFault(f"The database in {data_dir} can't be started: {error}") from error
    except BaseException:
        lock.release()
        raise


def _locked(data_dir: Path) -> DirectoryLock:
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


def _start(data_dir: Path, lock: DirectoryLock, settings: Mapping[str, str]) -> Embedded:
    cluster = data_dir / "cluster"
    account = account_for(cluster)
    bin_dir = programs(account)
    if not cluster.exists():
        _make_cluster(data_dir, account, bin_dir)
    _check_version(cluster, bin_dir)
    adopted = _running(cluster)
    if adopted is not None:
        log.info("adopting the database left running as pid %d in %s", adopted.pid, data_dir)
        url = _url(data_dir, adopted.port)
        _wait(data_dir, url, adopted.pid, None)
        return Embedded(url, adopted.pid, cluster, lock)
    postgres_process.end_orphans(cluster)
    port = _port(data_dir)
    process = _spawn(data_dir, account, bin_dir, {**settings, "port": str(port)})
    _wait(data_dir, _url(data_dir, port), process.pid, process)
    return Embedded(_url(data_dir, port), process.pid, cluster, lock, process)


def _running(cluster: Path) -> postgres_process.PidFile | None:
    found = postgres_process.read_pid_file(cluster)
    return found if found and postgres_process.works_in(found.pid, cluster) else None


def _make_cluster(data_dir: Path, account: Account, bin_dir: Path) -> None:
    new = data_dir / "cluster.new"
    if new.exists():  # a first start that was interrupted
        shutil.rmtree(new)
    new.mkdir(mode=0o700)
    account.own(new)
    password = _password(data_dir)
    with tempfile.NamedTemporaryFile("w", prefix="taktboard-") as file:
        file.write(password)
        file.flush()
        account.own(Path(file.name))
        with within_reach(account, new) as (path, fds):
            done = account.run(_initdb(bin_dir, path, file.name), fds=fds, cwd=Path("/"))
    if done.returncode != 0:
        raise EmbeddedFault(f"The database in {data_dir} can't be made:\n{done.stdout.strip()}")
    new.rename(data_dir / "cluster")


def _initdb(bin_dir: Path, path: str, password_file: str) -> list[str]:
    return [
        str(bin_dir / "initdb"),
        *("-D", path, "-U", NAME, f"--pwfile={password_file}", "--auth=scram-sha-256"),
        *("--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
        *("--locale=C", "--data-checksums", "--no-instructions"),
    ]


def _check_version(cluster: Path, bin_dir: Path) -> None:
    made_by = (cluster / "PG_VERSION").read_text().strip()
    said = subprocess.run([bin_dir / "postgres", "-V"], capture_output=True, text=True, check=True)
    ours = said.stdout.split()[-1].partition(".")[0]
    if made_by != ours:
        raise EmbeddedFault(
            f"The database in {cluster} was made by PostgreSQL {made_by}, this is {ours}. "
            f"Install the Taktboard that made it, or choose another data directory (--data DIR)."
        )


def _password(data_dir: Path) -> str:
    path = data_dir / "password"
    if not path.exists():
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_urlsafe(24))
    return path.read_text().strip()


def _port(data_dir: Path) -> int:
    path = data_dir / "port"
    last = int(path.read_text()) if path.exists() else 0
    port = _free(last) or _free(0)
    path.write_text(str(port))
    return port


def _free(port: int) -> int:
    with socket.socket() as probe:
        if os.name == "posix":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return 0
        return int(probe.getsockname()[1])


def _url(data_dir: Path, port: int, database: str = NAME) -> str:
    return f"postgresql://{NAME}:{_password(data_dir)}@127.0.0.1:{port}/{database}"


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
