"""The sources of a plant at work: one task each, replaced where the plant file changed them.

Never stops a source that stayed the same, and never lets one disturb another.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from db.clock import Clock
from db.master import Master
from db.order_events import Mark
from db.quarantine import Wanted
from db.readings import micros
from ingest.feed import Feed, KeepOrders
from ingest.reading import Channel
from ingest.sink import Sink
from ingest.sources import KINDS
from ingest.supervise import keep
from plant.model import Source, Tag

log = logging.getLogger(__name__)

STOP_S = 4.0
"""Sources close their connections within this; then they are left behind."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the database holds of one source when it is started."""

    last_heard: datetime | None
    newest: Mapping[int, datetime]
    order_mark: Mark | None


@dataclass(frozen=True, slots=True)
class Present:
    """What is in force now."""

    master: Master
    clock: Clock
    oldest: Callable[[datetime], datetime]
    """By now, the oldest source time whose readings live."""
    wanted: Sequence[Wanted]
    """What somebody wanted tried again before this plant was looked up."""


@dataclass(frozen=True, slots=True)
class Job:
    """One source with its tags, as the plant file has it; equal ones need no restart."""

    source_id: int
    source: Source
    channels: tuple[Channel, ...]


@dataclass(slots=True)
class _Member:
    job: Job
    feed: Feed
    task: asyncio.Task[None]


def jobs_of(master: Master) -> list[Job]:
    """Each source of the plant with its channels."""
    tags = list(master.plant.all_tags())
    return [_job(master, source, tags) for source in master.plant.sources]


def derived_tags(master: Master) -> dict[int, int]:
    """Tag id → machine id of the tags that derivation reads."""
    return {
        master.tags[tag.code]: master.machines[tag.machine]
        for tag in master.plant.all_tags()
        if tag.pattern.role != "process"
    }


def _job(master: Master, source: Source, tags: Iterable[Tag]) -> Job:
    own = [tag for tag in tags if tag.pattern.source == source.name]
    channels = tuple(channel_of(master.tags[tag.code], tag) for tag in own)
    return Job(master.sources[source.name], source, channels)


def channel_of(tag_id: int, tag: Tag) -> Channel:
    """A tag of the plant file as its source sees it."""
    pattern = tag.pattern
    deadband = pattern.deadband if pattern.deadband > 0 or pattern.changes_only else None
    return Channel(tag_id, tag.code, pattern.role, tag.address, tag.path, pattern.scale, deadband)


class Crew:
    """The running sources. Lives in one event loop."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._members: dict[int, _Member] = {}
        self.changed = asyncio.Event()
        """Set when a source connects or is lost."""

    @property
    def feeds(self) -> list[Feed]:
        """Of the sources at work."""
        return [member.feed for member in self._members.values()]

    def at_work(self, source_id: int | None) -> tuple[Job, Feed] | None:
        """A source at work, as the plant file has it now."""
        member = None if source_id is None else self._members.get(source_id)
        return None if member is None else (member.job, member.feed)

    def missing(self, jobs: Sequence[Job]) -> list[Job]:
        """Those that are not at work, or not as they should be now."""
        return [job for job in jobs if not self._has(job)]

    async def dismiss(self, jobs: Sequence[Job]) -> list[int]:
        """Stop what is not among `jobs` any more, or is there otherwise; ids of the former."""
        wanted = {job.source_id for job in jobs}
        members = list(self._members.items())
        over = [i for i, member in members if member.job not in jobs]
        await self._stop(over)
        return [i for i in over if i not in wanted]

    def go_by(self, present: Present) -> None:
        """Let all that are at work go by another time and horizon."""
        for feed in self.feeds:
            feed.clock, feed.oldest = present.clock, present.oldest

    def start(self, job: Job, present: Present, known: Known, keep_orders: KeepOrders) -> None:
        """Set a source to work."""
        feed = Feed(job.source_id, job.channels, self._sink, present.clock)
        feed.stale_after = timedelta(seconds=job.source.stale_after_s) * present.clock.speed
        feed.zone = present.master.plant.site.zone
        feed.last_heard, feed.order_mark = known.last_heard, known.order_mark
        feed.oldest = present.oldest
        feed.newest_us = {tag_id: micros(at) for tag_id, at in known.newest.items()}
        feed.keep_orders, feed.on_change = keep_orders, self.changed.set
        make = partial(KINDS[job.source.kind], job.source, feed)
        task = asyncio.create_task(keep(job.source.name, make, feed), name=job.source.name)
        self._members[job.source_id] = _Member(job, feed, task)

    async def stop(self) -> None:
        """Stop all."""
        await self._stop(list(self._members))

    async def _stop(self, ids: Sequence[int]) -> None:
        members = [member for member in (self._members.pop(i, None) for i in ids) if member]
        if not members:
            return
        for member in members:
            member.task.cancel()
        _, left = await asyncio.wait([member.task for member in members], timeout=STOP_S)
        for task in left:
            log.error("source %s does not end; it is left behind", task.get_name())

    def _has(self, job: Job) -> bool:
        member = self._members.get(job.source_id)
        return member is not None and member.job == job
