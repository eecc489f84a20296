"""Processor time of a database server and of this process's threads, in seconds. Never waits."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from contextlib import suppress

import psutil


def server_s(postmaster: int) -> float:
    """Everything the server used so far, connections that have ended included."""
    process = psutil.Process(postmaster)
    used = 0.0
    for child in process.children():
        with suppress(psutil.NoSuchProcess):  # ended since: it counts among those
            used += _own(child)
    times = process.cpu_times()
    return float(used + _own(process) + times.children_user + times.children_system)


def connections_s(pids: Iterable[int]) -> float:
    """What these connections' server processes used so far; they must still be there."""
    return float(sum(_own(psutil.Process(pid)) for pid in pids))


def threads_s(names: Iterable[str]) -> float:
    """What threads of this process used so far, by name."""
    wanted = set(names)
    ids = {one.native_id for one in threading.enumerate() if one.name in wanted}
    used = psutil.Process(os.getpid()).threads()
    return float(sum(one.user_time + one.system_time for one in used if one.id in ids))


def _own(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
