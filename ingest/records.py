"""What the worker reads from and writes to the database beside readings. Blocks: call in a thread.

Plant and clock, what is known of the sources, their status, gaps, orders and marks. Everything
raises DatabaseUnavailable where the database is away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial

from db import order_events
from db.clock import load_clock
from db.connect import Connection, Database
from db.horizon import raw_limit
from db.master import load
from db.order_events import Mark
from db.quarantine import settle, wanted
from db.readings import watermarks
from db.sources import Status, close_gaps, last_heard, leave, save_gap, save_status
from ingest.crew import Job, Known, Present
from ingest.feed import Feed
from ingest.sources.rest_mark import asked_of
from plant.model import RestSource
from plant.orders import Operation


class Records:
    """One database's."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def present(self) -> Present:
        """The plant in force and its time. Raises NoPlant where there is none yet."""
        with self._database.connection() as conn:
            asked = wanted(conn)  # before the plant, which is then no older than the wish
            return Present(load(conn), load_clock(conn), raw_limit(conn), asked)

    def known(self, jobs: Sequence[Job]) -> dict[int, Known]:
        """What the database holds of each source."""
        with self._database.connection() as conn:
            heard = last_heard(conn)
            return {job.source_id: _known(conn, job, heard.get(job.source_id)) for job in jobs}

    def leave(self, source_ids: Sequence[int], now: datetime) -> None:
        """Sources that nobody asks any more."""
        with self._database.connection() as conn:
            leave(conn, source_ids, now)

    def write(self, feeds: Sequence[Feed], statuses: Sequence[Status]) -> None:
        """Statuses, and the gaps that were found or closed meanwhile."""
        if statuses:
            self._database.transact(partial(save_status, statuses=statuses))
        for feed in feeds:
            self._write_gaps(feed)

    def settle(self, taken: Sequence[int], refused: Mapping[int, tuple[str, str]]) -> None:
        """What became of it; see `quarantine.settle`."""
        self._database.transact(partial(settle, taken=taken, refused=refused))

    def _write_gaps(self, feed: Feed) -> None:
        while feed.gaps:
            self._database.transact(partial(save_gap, gap=feed.gaps[0]))
            feed.gaps.popleft()
        while feed.told_afterwards:
            t0, t1 = feed.told_afterwards[0]
            self._database.transact(partial(close_gaps, source_id=feed.source_id, t0=t0, t1=t1))
            feed.told_afterwards.popleft()

    def keep_orders(
        self,
        job: Job,
        operations: Sequence[Operation],
        mark: Mark | None,
        *,
        machines: Mapping[str, int],
        products: Mapping[str, int],
        now: datetime,
    ) -> None:
        """Operations and a mark that moved, in one transaction; see `order_events.append`."""

        def keep(conn: Connection) -> None:
            order_events.append(
                conn,
                job.source_id,
                operations,
                machines=machines,
                products=products,
                now=now,
            )
            if mark is not None and isinstance(job.source, RestSource):
                order_events.save_mark(conn, job.source_id, asked_of(job.source), mark)

        self._database.transact(keep)


def _known(conn: Connection, job: Job, heard: datetime | None) -> Known:
    tags = [channel.tag_id for channel in job.channels]
    mark = None
    if isinstance(job.source, RestSource):
        mark = order_events.mark(conn, job.source_id, asked_of(job.source))
    return Known(heard, watermarks(conn, tags), mark)
