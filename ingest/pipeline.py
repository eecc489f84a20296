"""From the sources' readings to the database: bounded, in batches, acknowledged when durable.

Durable is: committed, or in the spool on disk. Live batches go first, the spool's backlog drains
beside them, one transaction at a time. A row that the database refuses ends in the quarantine.
Never acknowledges before that, never drops, never ends because of a bad row.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from db.connect import Database, DatabaseUnavailable
from db.quarantine import Refused
from db.readings import Stored, batch_of
from ingest.offload import Offload
from ingest.reading import Reading
from ingest.sink import Ack
from ingest.spool import Parcel, Spool, SpoolFull
from ingest.storing import Counters, Storing, parts_of

log = logging.getLogger(__name__)

BATCH_ROWS = 5_000
BATCH_S = 0.025
ROOM_ROWS = 50_000
"""Rows in memory above which sources wait before they read on."""
COMMIT_S = 5.0
"""A commit that takes longer means a database that hangs: what is in memory goes to the spool."""
RETRY_S = 0.5


@dataclass(slots=True)
class _Items:
    """What was submitted together, in order of arrival."""

    rows: list[Reading] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    acks: list[Ack] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.rows) + len(self.refused)

    def add(self, other: _Items) -> None:
        self.rows += other.rows
        self.refused += other.refused
        self.acks += other.acks


class Pipeline:
    """The one way from sources into the database. Runs in one event loop: `run` until `stop`."""

    def __init__(self, database: Database, spool: Spool) -> None:
        self.counters = Counters()
        self.machine_of: Mapping[int, int] = {}
        """Tag id → machine id of the tags that derivation reads; set anew with each plant."""
        self.full = False
        """The database is away and the spool is full: nothing is acknowledged."""
        self._storing = Storing(database, self.counters)
        self._spool = spool
        self._waiting: deque[_Items] = deque()
        self._rows = 0
        self._arrived = asyncio.Event()
        self._has_room = asyncio.Event()
        self._has_room.set()
        self._stopping = False
        self._commits = Offload("taktboard-commit")
        self._disk = Offload("taktboard-spool")
        self._down = False
        self._probing: asyncio.Task[None] | None = None
        self._backlog = len(spool)

    @property
    def backlog(self) -> int:
        """Batches in the spool."""
        return self._backlog

    @property
    def has_room(self) -> bool:
        """See Sink."""
        return self._has_room.is_set()

    def submit(self, rows: Sequence[Reading], refused: Sequence[Refused], ack: Ack | None) -> None:
        """See Sink. What is empty is acknowledged at once."""
        items = _Items(list(rows), list(refused), [] if ack is None else [ack])
        if not len(items):
            _acknowledge(items.acks)
            return
        self._waiting.append(items)
        self._rows += len(items)
        self._arrived.set()
        if self._rows >= ROOM_ROWS:
            self._has_room.clear()

    async def room(self) -> None:
        """See Sink."""
        await self._has_room.wait()

    def stop(self) -> None:
        """Make `run` return once everything in memory is committed or spooled."""
        self._stopping = True
        self._arrived.set()

    async def run(self) -> None:
        """Store what is submitted until `stop`; call it once."""
        try:
            while not (self._stopping and not self._waiting):
                await self._gather()
                await self._live()
                await self._drain()
        finally:
            if self._probing is not None:
                self._probing.cancel()
            self._commits.close()
            self._disk.close()

    async def _gather(self) -> None:
        """Wait for the first row, then a moment for more; not at all while a backlog drains."""
        if not self._waiting and not self._stopping and (self._down or not self._backlog):
            self._arrived.clear()
            await self._arrived.wait()
        if self._waiting and self._rows < BATCH_ROWS and not self._stopping:
            await asyncio.sleep(BATCH_S)

    async def _live(self) -> None:
        if not self._waiting:
            return
        items = self._take()
        parcel = Parcel(batch_of(items.rows), items.refused)
        while not await self._durable(parcel):
            await asyncio.sleep(RETRY_S)
        self._rows -= len(items)
        if self._rows < ROOM_ROWS:
            self._has_room.set()
        _acknowledge(items.acks)

    def _take(self) -> _Items:
        taken = _Items()
        while self._waiting and len(taken) < BATCH_ROWS:
            taken.add(self._waiting.popleft())
        return taken

    async def _durable(self, parcel: Parcel) -> bool:
        if not self._down and await self._commit(parcel):
            self.full = False
            return True
        try:
            await self._disk.submit(partial(self._spool.append, parcel))
        except SpoolFull as error:
            if not self.full:
                log.error("nothing more is taken from the sources: %s", error)
            self.full = True
            return False
        self.counters.spooled += len(parcel)
        self._backlog += 1
        self.full = False
        return True

    async def _drain(self) -> None:
        """One parcel of the backlog, the oldest first, beside the live ones."""
        if not self._backlog or self._stopping or self._down:
            return
        try:
            await self._drain_one()
        except SpoolFull as error:  # what it holds stays there, and is tried again
            log.error("the spool can't be read or cleared: %s", error)
            await asyncio.sleep(RETRY_S)

    async def _drain_one(self) -> None:
        found = await self._disk.submit(self._spool.oldest)
        if found is None:
            self._backlog = 0
            return
        number, parcel = found
        if await self._commit(parcel):
            await self._disk.submit(partial(self._spool.remove, number))
            self._backlog -= 1
            self.counters.drained += len(parcel)

    async def _commit(self, parcel: Parcel) -> bool:
        """True where it is committed; False where the database is away or hangs.

        Late rows have transactions of their own. Where a later one fails, those before it are
        stored already, and are found again when the parcel comes out of the spool.
        """
        for part in parts_of(parcel):
            if not await self._commit_part(part):
                return False
        return True

    async def _commit_part(self, parcel: Parcel) -> bool:
        storing = self._commits.submit(partial(self._storing.store, parcel, self.machine_of))
        try:
            async with asyncio.timeout(COMMIT_S):
                stored = await asyncio.shield(storing)
            self._count(stored)
        except TimeoutError:
            storing.add_done_callback(_observed)
            self._went_down(f"the database has not answered for {COMMIT_S:.0f} s")
        except DatabaseUnavailable as error:
            self._went_down(str(error))
        except Exception as error:
            log.exception("a batch could not be stored; it is kept and tried again")
            self._went_down(str(error))
        return not self._down

    def _went_down(self, why: str) -> None:
        log.warning("readings go to the spool: %s", why)
        self._down = True
        self._probing = asyncio.get_running_loop().create_task(self._probe())

    async def _probe(self) -> None:
        """Find out when the database is back; live readings don't wait for it."""
        while self._down:
            await asyncio.sleep(RETRY_S)
            try:
                await self._commits.submit(self._storing.reach)
            except Exception as error:
                log.info("the database is still away: %s", error)
            else:
                log.info("the database is back; %d batches wait in the spool", self._backlog)
                self._down = False
                self._arrived.set()

    def _count(self, stored: Stored) -> None:
        self.counters.committed += stored.inserted
        self.counters.replaced += stored.replaced
        self.counters.repeated += stored.repeated


def _acknowledge(acks: Sequence[Ack]) -> None:
    for ack in acks:
        try:
            ack()
        except Exception:  # a source that is gone meanwhile: it delivers again
            log.info("an acknowledgement reached nobody", exc_info=True)


def _observed(future: asyncio.Future[Stored]) -> None:
    if not future.cancelled():
        future.exception()
