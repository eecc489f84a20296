"""Simulated days before the first start: the facts that live sources would have brought.

Written through `db.readings.store` and `db.order_events`, newest first, so that the boards have
something to say at once. Never derives anything: the ingest worker does, as from live facts.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial

import numpy as np

from db import order_events, readings, sources
from db.connect import Connection, Database
from db.master import Master
from db.master import load as load_master
from db.readings import Batch, Text
from ingest.simulator import bookings
from ingest.simulator.days import to_ms
from ingest.simulator.plan import Plan
from ingest.simulator.signals import Series, Signals
from plant.model import Plant, Tag

log = logging.getLogger(__name__)

FIRST_CHUNK = timedelta(hours=2)
CHUNK = timedelta(hours=6)
STEP_MS = 60_000
"""Between two samples of a process value."""
LONGEST = timedelta(days=7) - timedelta(hours=1)
"""Raw readings are kept seven days; the margin is for the time the load takes."""


def load(
    database: Database,
    plant: Plant,
    *,
    seed: int,
    t0: datetime,
    t1: datetime,
    progress: Callable[[float], None],
    pause: Callable[[], None] = lambda: None,
) -> int:
    """Store [t0, t1) of the simulated plant; how many readings. `progress`: share done, 0 to 1.

    The plant must have been applied to the database. What is older than raw readings are kept is
    left out. The same range again changes nothing. `pause` is called between two tags: what it
    raises ends the load. Raises DatabaseUnavailable.
    """
    t0 = max(t0, t1 - LONGEST)
    signals = Signals(Plan(plant, seed), STEP_MS)
    master = database.transact(load_master)
    database.transact(partial(_say_heard, master=master, t1=t1))
    stored = 0
    for start, end in _chunks(t0, t1):
        pause()
        batch = batch_of(signals, master.tags, start, end, opening=start == t0, pause=pause)
        stored += database.transact(
            partial(_store, master=master, plan=signals.plan, batch=batch, start=start, end=end)
        )
        progress((t1 - start) / (t1 - t0))
    database.transact(partial(_close_gaps, master=master, t0=t0, t1=t1))
    log.info("%d readings of simulated history stored, from %s to %s", stored, t0, t1)
    return stored


def _say_heard(conn: Connection, master: Master, t1: datetime) -> None:
    """Sources never heard so far were heard up to t1: from there on a live source goes on."""
    known = sources.last_heard(conn)
    told = [
        sources.Status(
            source_id=source_id,
            connected=False,
            since=t1,
            last_heard=t1,
            last_reading=t1,
            lag_s=None,
            rate=0.0,
            bad_share=0.0,
            readings=0,
            error=None,
        )
        for source_id in master.sources.values()
        if source_id not in known
    ]
    if told:
        sources.save_status(conn, told)


def _close_gaps(conn: Connection, master: Master, t0: datetime, t1: datetime) -> None:
    """What a source could not tell of the range, as of a start cut off half-way, is told now."""
    for source_id in master.sources.values():
        sources.close_gaps(conn, source_id, t0, t1)


def _chunks(t0: datetime, t1: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Newest first; the first one short, so that it is there at once."""
    end, length = t1, FIRST_CHUNK
    while end > t0:
        start = max(end - length, t0)
        yield start, end
        end, length = start, CHUNK


def _store(
    conn: Connection, master: Master, plan: Plan, batch: Batch, start: datetime, end: datetime
) -> int:
    """A chunk's orders and readings; how many readings were new."""
    _append_orders(conn, master, plan, start, end)
    return readings.store(conn, batch, counting_machines(master)).inserted


def batch_of(
    signals: Signals,
    tags: Mapping[str, int],
    start: datetime,
    end: datetime,
    *,
    opening: bool,
    pause: Callable[[], None] = lambda: None,
) -> Batch:
    """The readings of all tags in [start, end). `opening`: begin with each tag's present value."""
    t0, t1 = to_ms(start), to_ms(end)
    parts: list[tuple[int, Tag, Series]] = []
    for tag in signals.plan.tags:
        pause()
        if opening:
            parts.append((tags[tag.code], tag, _opening(signals, tag, t0)))
        parts.append((tags[tag.code], tag, signals.between(tag, t0, t1)))
    return _batch(parts)


def counting_machines(master: Master) -> dict[int, int]:
    """Tag id → machine id of the tags that derivation reads."""
    return {
        master.tags[tag.code]: master.machines[tag.machine]
        for tag in master.plant.all_tags()
        if tag.pattern.role != "process"
    }


def _opening(signals: Signals, tag: Tag, t0: int) -> Series:
    """The tag's value when the range begins, at that moment; nothing where it says one itself."""
    latest = signals.latest(tag, t0)
    if tag.pattern.counter == "delta" or (len(latest.ts) and latest.ts[0] == t0):
        return Series(latest.ts[:0], latest.value[:0], latest.quality[:0])
    return Series(np.full_like(latest.ts, t0), latest.value, latest.quality, latest.text)


def _batch(parts: list[tuple[int, Tag, Series]]) -> Batch:
    numbers = [(tag_id, tag, series) for tag_id, tag, series in parts if series.text is None]
    texts: list[Text] = [
        (int(ts) * 1000, tag_id, text, int(quality))
        for tag_id, _, series in parts
        for ts, text, quality in zip(series.ts, series.text or (), series.quality, strict=False)
    ]
    return Batch(
        np.concatenate([series.ts for _, _, series in numbers]) * 1000,
        np.concatenate([np.full(len(s.ts), tag_id, dtype=np.int32) for tag_id, _, s in numbers]),
        np.concatenate([series.value * tag.pattern.scale for _, tag, series in numbers]),
        np.concatenate([series.quality for _, _, series in numbers]),
        texts,
    )


def _append_orders(
    conn: Connection, master: Master, plan: Plan, start: datetime, end: datetime
) -> None:
    source = next((s.name for s in plan.plant.sources if s.kind == "rest"), None)
    if source is None:
        return
    order_events.append(
        conn,
        master.sources[source],
        bookings.versions(plan, start, end),
        machines=master.machines,
        products=master.products,
        now=end,
    )
