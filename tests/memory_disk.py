"""Where the test's database lies: in memory where the system has room there, else on its disk.

A test's database is some seven hundred files, made and dropped again: several times as fast there.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

MEMORY = Path("/dev/shm")
ROOM = 8 << 30
"""Bytes that the servers of all workers may come to need, with simulated weeks in them."""
NAME = "taktboard-tests-"


@contextmanager
def fast_directory(else_in: Path) -> Iterator[Path]:
    """A directory of this process, gone at the end; in `else_in` where memory is short."""
    _sweep()
    here = MEMORY if _has_room() else else_in
    made = here / f"{NAME}{os.getpid()}"
    made.mkdir(mode=0o700)
    try:
        yield made
    finally:
        shutil.rmtree(made)


def _has_room() -> bool:
    return MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= ROOM


def _sweep() -> None:
    """Memory is given back only by who removes the files: those of runs that were killed."""
    for left in MEMORY.glob(f"{NAME}*"):
        if not psutil.pid_exists(int(left.name.removeprefix(NAME))):
            shutil.rmtree(left, ignore_errors=True)
