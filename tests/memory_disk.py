"""Where the test's database lies: in memory where the system has room there, else on its disk.

A test's database is some seven hundred files, made and dropped again: several times as fast there.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from db.directory_lock import DirectoryLock, InUse

MEMORY = Path("/dev/shm")
ROOM = 8 << 30
"""Bytes that the servers of all workers may come to need, with simulated weeks in them."""
NAME = "taktboard-run-"


@contextmanager
def fast_directory(else_in: Path) -> Iterator[Path]:
    """A directory of this run alone, gone at the end; in `else_in` where memory is short."""
    _sweep()
    made, lock = _made(MEMORY if _has_room() else else_in)
    try:
        yield made
    finally:
        shutil.rmtree(made)
        lock.release()


def _has_room() -> bool:
    """Of the file system, and of the memory that it only seems to have."""
    if not MEMORY.is_dir():
        return False
    return min(shutil.disk_usage(MEMORY).free, psutil.virtual_memory().available) >= ROOM


def _made(here: Path) -> tuple[Path, DirectoryLock]:
    """A new directory, and the lock that says that its run lives."""
    while True:
        made = Path(tempfile.mkdtemp(prefix=NAME, dir=here))
        with suppress(InUse, FileNotFoundError):  # another run has just swept it up
            return made, DirectoryLock(made)


def _sweep() -> None:
    """Memory is given back only by who removes the files: those of runs that were killed."""
    for left in MEMORY.glob(f"{NAME}*"):
        with suppress(InUse, OSError):  # it lives, or is no directory of ours
            lock = DirectoryLock(left)
            shutil.rmtree(left, ignore_errors=True)
            lock.release()
