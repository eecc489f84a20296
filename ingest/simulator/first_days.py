"""The seven days before a demo's first start, loaded beside the live plant.

Taken up again by the next start where it was cut off. Never blocks the demo's end.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from db.clock import Clock
from db.connect import Database, DatabaseUnavailable
from plant.model import Plant

log = logging.getLogger(__name__)


class _Stopped(Exception):
    """The demo ends; the next start loads the rest."""


def start(
    database: Database,
    plant: Plant,
    clock: Clock,
    *,
    seed: int,
    done: Path,
    say: Callable[[str], None],
    stop: threading.Event,
) -> None:
    """Load on a thread of its own; the file `done` is there once it is whole."""
    if done.exists() or stop.is_set():
        return

    def work() -> None:
        try:
            _load(database, plant, clock, seed, _Progress(say, stop))
            done.touch()
        except _Stopped:
            log.info("the history is not whole yet")
        except DatabaseUnavailable as error:
            if not stop.is_set():
                log.warning("the history is not whole, the next start goes on: %s", error)

    threading.Thread(target=work, name="history", daemon=True).start()


def _load(
    database: Database, plant: Plant, clock: Clock, seed: int, progress: Callable[[float], None]
) -> None:
    from ingest.simulator import history  # numpy and the plan: not before the boards are up

    now = clock.now()
    history.load(database, plant, seed=seed, t0=now - history.LONGEST, t1=now, progress=progress)


class _Progress:
    """Tells each tenth, once; raises _Stopped where the demo ends."""

    def __init__(self, say: Callable[[str], None], stop: threading.Event) -> None:
        self._say, self._stop, self._said = say, stop, 0

    def __call__(self, share: float) -> None:
        if self._stop.is_set():
            raise _Stopped
        if int(share * 10) > self._said:
            self._said = int(share * 10)
            self._say(f"seven days of history: {share:.0%}")
