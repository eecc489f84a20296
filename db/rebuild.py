"""The past derived anew by several sessions at once, each with its own share of the machines.

Live derivation goes on beside it: a group of machines is held for one step of about half a second.
Never derives by itself what is not derived yet, and never looks at a clock.
"""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from queue import Empty, SimpleQueue

from db.connect import Database
from db.derive import GROUPS, rebuild_group

log = logging.getLogger(__name__)


def rebuild_parallel(
    database: Database,
    t0: datetime,
    t1: datetime,
    *,
    jobs: int,
) -> int:
    """Derive [t0, t1) of every machine anew in `jobs` sessions; the minute rows that changed.

    What fails in one session ends the others at their next group, and is raised; what was derived
    until then is right and stays.
    """
    waiting: SimpleQueue[int] = SimpleQueue()
    for group in range(GROUPS):
        waiting.put(group)
    share = _Share(database, t0, t1, waiting)
    with ThreadPoolExecutor(jobs, thread_name_prefix="taktboard-rebuild") as pool:
        running = [pool.submit(share.work) for _ in range(jobs)]
        return sum(done.result() for done in running)


class _Share:
    """What the sessions have in common: the groups that wait, and whether one failed."""

    def __init__(
        self, database: Database, t0: datetime, t1: datetime, waiting: SimpleQueue[int]
    ) -> None:
        self._database, self._t0, self._t1, self._waiting = database, t0, t1, waiting
        self._failed = threading.Event()

    def work(self) -> int:
        """Take groups until none waits; the minute rows that changed."""
        try:
            with self._database.session() as session:
                changed = 0
                while (group := self._next()) is not None:
                    changed += rebuild_group(session, group, self._t0, self._t1)
                    log.info("machines of group %d of %d are derived anew", group + 1, GROUPS)
                return changed
        except BaseException:
            self._failed.set()
            raise

    def _next(self) -> int | None:
        if self._failed.is_set():
            return None
        try:
            return self._waiting.get_nowait()
        except Empty:
            return None
