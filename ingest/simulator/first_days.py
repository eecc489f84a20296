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

CANCEL_S = 0.1
"""Between two cancellations: one that meets no statement is of no use."""


class _Stopped(Exception):
    """The demo ends; the next start loads the rest."""


class FirstDays:
    """The load: on a thread of its own from `start` on, cut off by `end`.

    The file `done` is there once it is whole: then there is nothing to do.
    """

    def __init__(
        self,
        database: Database,
        load: Callable[[Callable[[float], None], Callable[[], None]], None],
        *,
        done: Path,
        say: Callable[[str], None],
        stop: threading.Event,
    ) -> None:
        self._database, self._load = database, load
        self._done, self._say, self._stop = done, say, stop
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, name="history", daemon=True)

    def start(self) -> None:
        """Begin, where it is not whole yet."""
        if not self._done.exists() and not self._stop.is_set():
            self._thread.start()

    def join(self) -> None:
        """Wait until it is whole."""
        if self._thread.ident is not None:
            self._thread.join()

    def end(self) -> None:
        """Cut it off, in the middle of a statement too; the next start loads the rest."""
        self._over.set()
        while self._thread.is_alive():
            self._database.cancel()
            self._thread.join(CANCEL_S)

    def _work(self) -> None:
        try:
            self._load(_Progress(self._say), self._pause)
            self._done.touch()
        except _Stopped:
            log.info("the history is not whole yet")
        except DatabaseUnavailable as error:
            if not self._is_over():
                log.warning("the history is not whole, the next start goes on: %s", error)
        except OSError as error:
            self._say(f"{self._done} can't be written ({error.strerror}): loaded again next time")

    def _pause(self) -> None:
        if self._is_over():
            raise _Stopped

    def _is_over(self) -> bool:
        return self._stop.is_set() or self._over.is_set()


def loading(
    database: Database, plant: Plant, clock: Clock, seed: int
) -> Callable[[Callable[[float], None], Callable[[], None]], None]:
    """What loads the days before now, given what is called with its progress and its pauses."""

    def load(progress: Callable[[float], None], pause: Callable[[], None]) -> None:
        from ingest.simulator import history  # numpy and the plan: not before the boards are up

        t1 = clock.now()
        t0 = t1 - history.LONGEST
        history.load(database, plant, seed=seed, t0=t0, t1=t1, progress=progress, pause=pause)

    return load


class _Progress:
    """Tells each tenth, once."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say, self._said = say, 0

    def __call__(self, share: float) -> None:
        if int(share * 10) > self._said:
            self._said = int(share * 10)
            self._say(f"seven days of history: {share:.0%}")
