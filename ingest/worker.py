"""The ingest process: sources, pipeline and derive loop, from start to a clean stop.

Waits for the database where it is not there, and survives that it goes away at any moment. At the
end everything in memory is committed or in the spool.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path

from db.clock import Clock
from db.connect import Database, DatabaseUnavailable
from db.master import Master, NoPlant
from db.order_events import Mark
from ingest.crew import Crew, Job, Present, derived_tags, jobs_of
from ingest.deriver import Deriver
from ingest.feed import Feed
from ingest.offload import Offload
from ingest.pipeline import Pipeline
from ingest.records import Records
from ingest.retaking import Retaker
from ingest.spool import Spool
from ingest.words import Words
from plant.orders import Operation

log = logging.getLogger(__name__)

TICK_S = 0.1
PLANT_S = 1.0
"""How often the plant's version is looked at, and what of the quarantine is to be tried again."""
STATUS_S = 0.5
LAST_COMMIT_S = 20.0


def run(database: Database, spool_dir: Path, stop: threading.Event) -> None:
    """Bring readings and orders in until `stop` is set; returns when everything is durable.

    Raises OSError or sqlite3.Error where the spool's directory can't be used.
    """
    spool = Spool(spool_dir)
    deriver = Deriver(database, stop)
    deriver.start()
    try:
        asyncio.run(_Worker(database, spool, stop).run())
    finally:
        stop.set()
        deriver.wake()
        deriver.join(timeout_s=5.0)
        spool.close()


class _Worker:
    """What lives in the event loop."""

    def __init__(self, database: Database, spool: Spool, stop: threading.Event) -> None:
        self._records = Records(database)
        self._stop = stop
        self._pipeline = Pipeline(database, spool)
        self._crew = Crew(self._pipeline)
        self._asides = Offload("taktboard-aside")
        self._orders = Offload("taktboard-orders")
        self._retaker = Retaker(self._records, self._crew, self._pipeline, self._asides)
        self._master: Master | None = None
        self._clock: Clock | None = None

    async def run(self) -> None:
        storing = asyncio.create_task(self._pipeline.run())
        plant = asyncio.create_task(_again(PLANT_S, self._follow_plant))
        status = asyncio.create_task(_again(STATUS_S, self._save_status, self._crew.changed))
        while not self._stop.is_set() and not storing.done():
            await asyncio.sleep(TICK_S)
        plant.cancel()
        feeds = self._crew.feeds
        await self._crew.stop()
        self._pipeline.stop()
        await asyncio.wait([storing], timeout=LAST_COMMIT_S)
        status.cancel()
        await asyncio.gather(plant, status, return_exceptions=True)
        await self._say_good_bye(feeds)
        self._asides.close()
        self._orders.close()
        _check(storing)

    async def _follow_plant(self) -> None:
        """Take over the plant in force; what is tried again is judged by no older one."""
        is_more = True
        while is_more:
            present = await self._asides.submit(self._records.present)
            await self._take_over(present)
            await self._retaker.go(present.wanted, present.oldest(present.clock.now()))
            is_more = bool(present.wanted)

    async def _take_over(self, present: Present) -> None:
        """Where it is another plant, or the first."""
        master, clock = present.master, present.clock
        self._crew.go_by(present)
        before, self._clock = self._clock, clock
        if _is_same(self._master, before, master, clock):
            return
        jobs = jobs_of(master)
        known = await self._asides.submit(partial(self._records.known, self._crew.missing(jobs)))
        self._pipeline.machine_of = derived_tags(master)
        gone = await self._crew.dismiss(jobs)
        for job in self._crew.missing(jobs):
            keep_orders = partial(self._keep_orders, job)
            self._crew.start(job, present, known[job.source_id], keep_orders)
        self._master = master
        log.info("plant version %d: %d sources at work", master.version, len(jobs))
        if gone:
            await self._asides.submit(partial(self._records.leave, gone, clock.now()))

    async def _keep_orders(
        self, job: Job, operations: Sequence[Operation], mark: Mark | None
    ) -> None:
        """Raises DatabaseUnavailable: the source asks again from the same mark."""
        master, clock = self._master, self._clock
        assert master is not None
        assert clock is not None
        keep = partial(
            self._records.keep_orders,
            machines=master.machines,
            products=master.products,
            now=clock.now(),
        )
        await self._orders.submit(partial(keep, job, operations, mark))

    async def _save_status(self) -> None:
        self._crew.changed.clear()
        feeds = self._crew.feeds
        if not feeds:
            return
        statuses = [feed.status() for feed in feeds]
        try:
            await self._asides.submit(partial(self._records.write, feeds, statuses))
        except Exception:
            for feed, status in zip(feeds, statuses, strict=True):
                feed.count_again(status.readings)
            raise

    async def _say_good_bye(self, feeds: Sequence[Feed]) -> None:
        for feed in feeds:
            feed.down(Words.STOPPED)
        statuses = [feed.status() for feed in feeds]
        writing = self._asides.submit(partial(self._records.write, feeds, statuses))
        try:
            async with asyncio.timeout(2 * STATUS_S):
                await writing
        except (DatabaseUnavailable, TimeoutError) as error:
            log.warning("the sources' last status could not be saved: %s", error)


def _check(storing: asyncio.Task[None]) -> None:
    """Raises what ended the pipeline, if anything did."""
    if storing.done():
        storing.result()
        return
    storing.cancel()
    log.error("not all could be stored: what was not acknowledged comes again from the sources")


def _is_same(before: Master | None, ran: Clock | None, master: Master, clock: Clock) -> bool:
    if before is None or ran is None:
        return False
    return before.version == master.version and ran.speed == clock.speed


async def _again(
    every_s: float, step: Callable[[], Awaitable[None]], wake: asyncio.Event | None = None
) -> None:
    """Run `step` for ever; what it raises is logged, and it is run again."""
    trouble = ""
    while True:
        try:
            await step()
            trouble = ""
        except (DatabaseUnavailable, NoPlant) as error:
            if str(error) != trouble:
                log.warning("%s", error)
            trouble = str(error)
        except Exception:
            log.exception("unexpected; it is tried again")
        await _pause(every_s, wake)


async def _pause(seconds: float, wake: asyncio.Event | None) -> None:
    if wake is None:
        await asyncio.sleep(seconds)
        return
    try:
        async with asyncio.timeout(seconds):
            await wake.wait()
    except TimeoutError:
        return
