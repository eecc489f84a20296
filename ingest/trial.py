"""One source tried out before it is put to work: what comes, what it means, what lacks a tag.

Connects as the worker would, under a name of its own, so that a worker at work is not disturbed.
Never needs a database, and keeps nothing.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from db.clock import real_clock
from db.order_events import Mark
from db.quarantine import Refused
from db.readings import moment
from ingest.crew import channel_of
from ingest.feed import Feed
from ingest.reading import Quality, Reading
from ingest.sink import Ack
from ingest.sources import KINDS
from ingest.supervise import keep
from plant.model import MqttSource, Plant, Source, SparkplugSource, Tag
from plant.orders import Operation
from plant.states import Reading as Said
from plant.states import meaning, raw_text

GUEST = "-try"
MOST_REFUSED = 20
MOST_ORDERS = 20
TAG_LINE = "{:<20}  {:<34}  {:<24}  {:<9}  {:<19}  {:>8}  {:>6}"
ORDER_LINE = "{:<18}  {:<10}  {:<10}  {:<12}  {:<12}  {:>9}  {:>9}"
REFUSED_LINE = "{:>6}  {:<15}  {}"


class NoSuchSource(ValueError):
    """The plant file has no source of that name; the text says which it has."""


class NothingCame(ValueError):
    """The source was never connected; the text says what it said."""


@dataclass(slots=True)
class Shelf:
    """Takes what the source delivers: the newest of each tag, how many, what was refused."""

    newest: dict[int, Reading] = field(default_factory=dict)
    counts: Counter[int] = field(default_factory=Counter)
    refused: list[Refused] = field(default_factory=list)
    orders: list[Operation] = field(default_factory=list)
    has_room: bool = True

    def submit(self, rows: Sequence[Reading], refused: Sequence[Refused], ack: Ack | None) -> None:
        """See Sink."""
        for row in rows:
            self.counts[row.tag_id] += 1
            if row.ts_us >= self.newest.get(row.tag_id, row).ts_us:
                self.newest[row.tag_id] = row
        self.refused += refused
        if ack is not None:
            ack()

    async def room(self) -> None:
        """There always is."""

    async def keep_orders(self, operations: Sequence[Operation], _mark: Mark | None) -> None:
        """See Feed."""
        self.orders += operations


def tried(plant: Plant, name: str, seconds: float) -> Iterator[str]:
    """Listen to a source of the plant file for some seconds, and tell what came, in lines.

    Raises NoSuchSource; NothingCame where it could not be reached all the while.
    """
    source = _named(plant, name)
    tags = [tag for tag in plant.all_tags() if tag.pattern.source == name]
    shelf = Shelf()
    feed = Feed(
        0, [channel_of(number, tag) for number, tag in enumerate(tags)], shelf, real_clock()
    )
    feed.zone, feed.keep_orders = plant.site.zone, shelf.keep_orders
    error = asyncio.run(_listen(source, feed, seconds))
    if feed.last_heard is None:
        raise NothingCame(f"{name}: {error}")
    yield f"{name} ({source.kind}), {seconds:g} s: {error or 'connected'}"
    yield from _of_tags(plant, tags, shelf)
    yield from _of_orders(plant, shelf.orders)
    yield from _of_refused(shelf.refused)


async def _listen(source: Source, feed: Feed, seconds: float) -> str | None:
    """What it lacked at the end."""
    make = partial(KINDS[source.kind], _as_guest(source), feed)
    task = asyncio.create_task(keep(source.name, make, feed))
    await asyncio.wait([task], timeout=seconds)
    error = feed.status().error
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return error


def _as_guest(source: Source) -> Source:
    """The same source under a name of its own; nothing is kept for it, and no edge heeds it."""
    if isinstance(source, MqttSource):
        name = source.client_id or f"taktboard-{source.name}"
        return source.model_copy(update={"client_id": name + GUEST, "qos": 0})
    if isinstance(source, SparkplugSource):
        name = source.client_id or f"taktboard-{source.name}"
        host_id = source.host_id + GUEST
        return source.model_copy(update={"client_id": name + GUEST, "host_id": host_id})
    return source


def _named(plant: Plant, name: str) -> Source:
    for source in plant.sources:
        if source.name == name:
            return source
    known = ", ".join(source.name for source in plant.sources)
    raise NoSuchSource(f"the plant file has no source {name}; it has {known or 'none'}")


def _of_tags(plant: Plant, tags: Sequence[Tag], shelf: Shelf) -> Iterator[str]:
    if not tags:
        return
    yield ""
    yield TAG_LINE.format("tag", "address", "value", "quality", "its own time", "age s", "came")
    for number, tag in enumerate(tags):
        row, address = shelf.newest.get(number), f"{tag.address} {tag.path}".strip()
        if row is None:
            yield TAG_LINE.format(tag.code, address, "nothing came", "", "", "", 0)
            continue
        at = moment(row.ts_us)
        age_s = f"{(real_clock().now() - at).total_seconds():.1f}"
        time, quality = f"{at.astimezone(plant.site.zone):%Y-%m-%d %H:%M:%S}", Quality(row.quality)
        value = _value(plant, tag, Said(at, row.value, row.quality))
        came = shelf.counts[number]
        yield TAG_LINE.format(tag.code, address, value, quality.name.lower(), time, age_s, came)
    silent = len(tags) - len(shelf.newest)
    if silent:
        yield f"nothing came for {silent} of {len(tags)} tags: are their addresses right?"


def _value(plant: Plant, tag: Tag, said: Said) -> str:
    """The value in its unit; of a state also what the plant file takes it for."""
    if said.value is None:
        return "none"
    raw = raw_text(said.value)
    for state_map in plant.state_maps:
        if state_map.name == tag.pattern.state_map:
            is_named = raw in state_map.values
            return f"{raw} → {meaning(said, state_map).state}{'' if is_named else ' (not mapped)'}"
    return f"{raw} {tag.pattern.unit}".strip()


def _of_orders(plant: Plant, orders: Sequence[Operation]) -> Iterator[str]:
    if not orders:
        return
    machines, products = {m.code for m in plant.machines}, {p.code for p in plant.products}
    yield ""
    yield ORDER_LINE.format("order", "operation", "status", "machine", "product", "planned", "good")
    for one in orders[:MOST_ORDERS]:
        machine, product = _known(one.machine, machines), _known(one.product, products)
        numbers = f"{one.planned:g}", f"{one.good:g}"
        yield ORDER_LINE.format(one.order, one.operation, one.status, machine, product, *numbers)
    if len(orders) > MOST_ORDERS:
        yield f"and {len(orders) - MOST_ORDERS} more"
    if not all(one.machine in machines and one.product in products for one in orders):
        yield "? : not in the plant file"


def _known(code: str | None, codes: set[str]) -> str:
    return "-" if code is None else code if code in codes else f"{code} ?"


def _of_refused(refused: Sequence[Refused]) -> Iterator[str]:
    if not refused:
        return
    found = Counter((str(one.reason), f"{one.address or ''}: {one.detail}") for one in refused)
    yield ""
    yield REFUSED_LINE.format("times", "refused because", "where, and what it says")
    for (reason, text), times in found.most_common(MOST_REFUSED):
        line = "".join(char if char.isprintable() else "·" for char in text[:200])
        yield REFUSED_LINE.format(times, reason, line)
    if len(found) > MOST_REFUSED:
        yield f"and {len(found) - MOST_REFUSED} more"
