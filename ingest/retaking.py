"""What was refused, taken again where somebody asked for it: the plant file or a clock was mended.

What goes now is forgotten in the quarantine once it is durable; what doesn't stays there with what
it lacks now. Never tries by itself, and never tells it as news of a source.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

from db.connect import DatabaseUnavailable
from db.quarantine import Wanted
from db.readings import micros
from ingest.crew import Crew, Job
from ingest.feed import Feed
from ingest.offload import Offload
from ingest.reading import Reason, Refusal, Sample
from ingest.records import Records
from ingest.refused import reading_in, sample_in
from ingest.sink import Ack, Sink
from ingest.sources import RETAKING
from ingest.words import SourceDown
from plant.orders import Operation

log = logging.getLogger(__name__)

GONE = Refusal(Reason.UNMAPPED, "its source is not in the plant file any more")
LONG_AGO = Refusal(Reason.TOO_OLD, "readings of its time are kept no longer")


class Retaker:
    """Lives in the worker's event loop; `go` now and then."""

    def __init__(self, records: Records, crew: Crew, sink: Sink, asides: Offload) -> None:
        self._records = records
        self._crew = crew
        self._sink = sink
        self._asides = asides

    async def go(self, wanted: Sequence[Wanted], oldest: datetime) -> None:
        """Try what somebody wants; readings live since `oldest`. Raises DatabaseUnavailable."""
        if not wanted:
            return
        await self._sink.room()
        outcomes = await asyncio.gather(*(self._outcome(one, oldest) for one in wanted))
        await self._settle(wanted, outcomes)

    async def _settle(self, wanted: Sequence[Wanted], outcomes: Sequence[Refusal | None]) -> None:
        tried = list(zip(wanted, outcomes, strict=True))
        taken = [one.id for one, refusal in tried if refusal is None]
        refused = {one.id: (why.reason, why.detail) for one, why in tried if why is not None}
        await self._asides.submit(partial(self._records.settle, taken, refused))
        log.info("tried again: %d taken, %d refused", len(taken), len(refused))

    async def _outcome(self, one: Wanted, oldest: datetime) -> Refusal | None:
        """None where it is durable now."""
        try:
            return await self._taken(one, oldest)
        except DatabaseUnavailable:
            raise  # nobody refused it: the wish stays
        except SourceDown as down:  # the source can't even be made: a path that can't be read, say
            return Refusal(Reason.UNEXPECTED, str(down))
        except Exception as error:  # a payload that no one thought of
            log.exception("number %d of the quarantine", one.id)
            return Refusal(Reason.UNEXPECTED, f"{type(error).__name__}: {error}")

    async def _taken(self, one: Wanted, oldest: datetime) -> Refusal | None:
        body = one.payload or b""
        if one.form == "reading":
            row = reading_in(body)
            if row.ts_us < micros(oldest):
                return LONG_AGO
            await self._durable(partial(self._sink.submit, [row], []))
            return None
        member = self._crew.at_work(one.source_id)
        if member is None:
            return GONE
        found = _read(one, body, *member)
        if isinstance(found, Refusal):
            return found
        _, feed = member
        if isinstance(found, Operation):
            await feed.keep_orders([found], None)
        else:
            await self._durable(partial(feed.retake, found))
        return None

    async def _durable(self, submit: Callable[[Ack], None]) -> None:
        """Submit, and wait until it is on a disk."""
        durable = asyncio.Event()
        submit(durable.set)
        await durable.wait()


def _read(one: Wanted, body: bytes, job: Job, feed: Feed) -> list[Sample] | Operation | Refusal:
    if one.form == "sample":
        return _sample(one, body, feed)
    found = RETAKING[job.source.kind](job.source, feed).again(one.address or "", body)
    if not isinstance(found, list):
        return found
    arrived_us = micros(one.at)
    return [s._replace(ts_us=s.ts_us or arrived_us, historical=True) for s in found]


def _sample(one: Wanted, body: bytes, feed: Feed) -> list[Sample] | Refusal:
    sample = sample_in(body, feed.channels, micros(one.at))
    if isinstance(sample, Refusal):
        return sample
    judged = feed.judge(sample)
    return judged if isinstance(judged, Refusal) else [sample]
