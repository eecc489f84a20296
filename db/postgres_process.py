"""Which postgres works in a directory, found by what it is and not by a number in a file.

A pid file may be stale, and its number may belong to somebody else by now. The server's processes
all have the data directory as their working directory. Never signals a process that does not.
"""

from __future__ import annotations

import logging
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil

log = logging.getLogger(__name__)

PID_FILE = "postmaster.pid"


@dataclass(frozen=True, slots=True)
class PidFile:
    """What a postmaster wrote about itself."""

    pid: int
    port: int


def read_pid_file(cluster: Path) -> PidFile | None:
    """The pid file's content; None where there is none or it is torn."""
    try:
        lines = (cluster / PID_FILE).read_text(encoding="utf-8", errors="replace").splitlines()
        return PidFile(int(lines[0]), int(lines[3]))
    except (FileNotFoundError, IndexError, ValueError):
        return None


def pid_in_file(cluster: Path) -> int | None:
    """The number in the pid file's first line, however torn the rest."""
    try:
        first = (cluster / PID_FILE).read_text(encoding="utf-8", errors="replace").split("\n")[0]
        return int(first)
    except (FileNotFoundError, ValueError):
        return None


def works_in(pid: int, cluster: Path) -> bool:
    """Whether `pid` is a living postgres whose working directory is `cluster`."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE or "postgres" not in process.name():
            return False
        return Path(process.cwd()).samefile(cluster)
    except (psutil.Error, OSError):
        return False


def workers_in(cluster: Path) -> list[int]:
    """Every living postgres process of the directory."""
    return [pid for pid in psutil.pids() if works_in(pid, cluster)]


def end_orphans(cluster: Path, *, timeout_s: float = 10.0) -> None:
    """Wait for what a killed postmaster left behind; end what does not go by itself."""
    orphans = [psutil.Process(pid) for pid in workers_in(cluster)]
    _, alive = psutil.wait_procs(orphans, timeout=timeout_s / 2)
    for process in alive:
        log.warning("ending pid %d, left behind by a killed server in %s", process.pid, cluster)
        process.terminate()
    _, alive = psutil.wait_procs(alive, timeout=timeout_s / 2)
    for process in alive:
        process.kill()
    psutil.wait_procs(alive, timeout=timeout_s / 2)


def stop(pid: int, cluster: Path, *, timeout_s: float = 30.0) -> bool:
    """Stop the server: open transactions roll back, what is committed is kept.

    False when it had to be stopped the hard way (it will recover at the next start).
    """
    if not works_in(pid, cluster):
        return True
    process = psutil.Process(pid)
    for request, patience_s in ((_fast, timeout_s), (_immediate, 10.0), (_kill, 10.0)):
        request(process)
        if not psutil.wait_procs([process], timeout=patience_s)[1]:
            return request is _fast
    return False


def _fast(process: psutil.Process) -> None:
    process.terminate() if sys.platform == "win32" else process.send_signal(signal.SIGINT)


def _immediate(process: psutil.Process) -> None:
    process.kill() if sys.platform == "win32" else process.send_signal(signal.SIGQUIT)


def _kill(process: psutil.Process) -> None:
    process.kill()
