"""A plant in trouble, stored as its sources would have brought it: late, twice, out of order.

Through `db.readings.store`, `db.order_events`, `db.sources` and `db.count_corrections`, as live
facts come. Never derives anything, and never leaves a fact out for good.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import numpy.typing as npt

from db import count_corrections, order_events, readings, sources
from db.connect import Connection, Database
from db.count_corrections import Correction
from db.master import Master
from db.readings import Batch
from ingest.simulator import bookings
from ingest.simulator.chance import chance
from ingest.simulator.days import from_ms
from ingest.simulator.history import counting_machines
from ingest.simulator.signals import Series
from ingest.simulator.trouble import Trouble
from plant.orders import Operation

CHUNK_MS = 6 * 3_600_000
LATE_SHARE = 0.04
"""Of the hours of a machine, those whose readings come when all others are there."""
HOUR_MS = 3_600_000
REPEATED = 0.01
ORDERS_AT_ONCE = 60


def store(database: Database, master: Master, trouble: Trouble, order: str) -> Iterator[float]:
    """Store everything, a share of it at a time: yields the share. `order`: in which its chunks
    come, "newest", "oldest" or "shuffled" ones first; what is late comes last whatever it is.
    """
    parcels = _parcels(trouble, master, order)
    for number, parcel in enumerate(parcels, 1):
        database.transact(
            partial(readings.store, batch=parcel, machine_of=counting_machines(master))
        )
        yield number / (len(parcels) + 1)
    _store_orders(database, master, trouble, order)
    for source, stretches in trouble.outages.items():
        for a, b in stretches.tolist():
            gap = sources.Gap(master.sources[source], from_ms(a), from_ms(b), "outage")
            database.transact(partial(sources.save_gap, gap=gap))
    database.transact(partial(_put_right, master=master, trouble=trouble))
    yield 1.0


def _put_right(conn: Connection, master: Master, trouble: Trouble) -> None:
    for machine in trouble.plan.machines:
        for entry in trouble.by_hand(machine):
            row = Correction(
                master.machines[machine], from_ms(entry.at), "counted again", "qa", entry.good
            )
            count_corrections.correct(conn, row, from_ms(trouble.t1))


def _parcels(trouble: Trouble, master: Master, order: str) -> list[Batch]:
    """The chunks in order of arrival; then, by the hour, what is late."""
    rng = chance(trouble.plan.seed, "arrival", order)
    times, tags, values, qualities, texts = _columns(trouble, master)
    late = _is_late(trouble, times, tags)
    again = rng.random(len(times)) < REPEATED
    arrival = times // CHUNK_MS
    chunks = np.unique(arrival)
    if order == "newest":
        chunks = chunks[::-1]
    elif order == "shuffled":
        rng.shuffle(chunks)
    picks = [np.flatnonzero((arrival == chunk) & ~late) for chunk in chunks]
    twice = np.flatnonzero(again)
    held = np.flatnonzero(late)
    picks += [held[times[held] // HOUR_MS == hour] for hour in np.unique(times[held] // HOUR_MS)]
    picks += np.array_split(twice, max(len(twice) // 5000, 1))
    return [
        _batch(times, tags, values, qualities, texts, rng.permutation(pick))
        for pick in picks
        if len(pick)
    ]


def _columns(
    trouble: Trouble, master: Master
) -> tuple[
    npt.NDArray[np.int64],
    npt.NDArray[np.int32],
    npt.NDArray[np.float64],
    npt.NDArray[np.int16],
    npt.NDArray[np.object_],
]:
    found: list[tuple[int, float, Series]] = [
        (master.tags[tag.code], tag.pattern.scale, trouble.series(tag)) for tag in trouble.tags
    ]
    return (
        np.concatenate([series.ts for _, _, series in found]),
        np.concatenate([np.full(len(s.ts), tag, dtype=np.int32) for tag, _, s in found]),
        np.concatenate([series.value * scale for _, scale, series in found]),
        np.concatenate([series.quality for _, _, series in found]),
        np.concatenate([np.array(s.text or [None] * len(s.ts), dtype=object) for _, _, s in found]),
    )


def _is_late(
    trouble: Trouble, times: npt.NDArray[np.int64], tags: npt.NDArray[np.int32]
) -> npt.NDArray[np.bool_]:
    """Whole hours of a tag; so a count may be there days before the state that made it."""
    hours = times // HOUR_MS - trouble.t0 // HOUR_MS
    luck = chance(trouble.plan.seed, "late").random((int(tags.max()) + 1, int(hours.max()) + 1))
    return np.asarray(luck[tags, hours] < LATE_SHARE)


def _batch(
    times: npt.NDArray[np.int64],
    tags: npt.NDArray[np.int32],
    values: npt.NDArray[np.float64],
    qualities: npt.NDArray[np.int16],
    texts: npt.NDArray[np.object_],
    pick: npt.NDArray[np.int64],
) -> Batch:
    is_text = np.array([text is not None for text in texts[pick]], dtype=np.bool_)
    words, numbers = pick[is_text], pick[~is_text]
    return Batch(
        times[numbers] * 1000,
        tags[numbers],
        values[numbers],
        qualities[numbers],
        [(int(times[n]) * 1000, int(tags[n]), texts[n], int(qualities[n])) for n in words],
    )


def _store_orders(database: Database, master: Master, trouble: Trouble, order: str) -> None:
    """Every version out of order: an old one may come after the one that replaced it."""
    rng = chance(trouble.plan.seed, "orders", order)
    told = list(_versions(trouble))
    source = next(s.name for s in trouble.plan.plant.sources if s.kind == "rest")
    places = rng.permutation(len(told))
    for first in range(0, len(told), ORDERS_AT_ONCE):
        database.transact(
            partial(
                order_events.append,
                source_id=master.sources[source],
                operations=[told[n] for n in places[first : first + ORDERS_AT_ONCE]],
                machines=master.machines,
                products=master.products,
                now=from_ms(trouble.t1),
            )
        )


def _versions(trouble: Trouble) -> Iterator[Operation]:
    """Planned, begun, thought done, begun again, ended: each version of each operation."""
    for machine in trouble.plan.machines:
        for run in trouble.runs(machine):
            slot = run.job.slot
            moments = {slot.t0 - HOUR_MS, slot.t0}
            if run.thought_done and run.thought_done[1] <= trouble.t1:
                moments |= {*run.thought_done}
            if slot.t1 <= trouble.t1:
                moments.add(slot.t1 + bookings.BOOKS_EVERY_MS)
            moments = {m for m in moments if m <= trouble.t1 + bookings.BOOKS_EVERY_MS}
            told = {o.revision: o for o in (bookings.booked(trouble.plan, run, m) for m in moments)}
            yield from told.values()
