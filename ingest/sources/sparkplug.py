"""Sparkplug B as a host application: learns births, follows data, marks what died as bad.

Publishes only what the protocol asks of a host: its own STATE and requests for a birth. Data is
QoS 0, so no acknowledgement protects it: while nothing can be stored, STATE goes offline and the
edge nodes keep their values for later.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from functools import partial

import orjson
from paho.mqtt.client import MQTTMessage

from db.readings import moment
from ingest.feed import Feed
from ingest.reading import Channel, Quality, Reason, Refusal, Sample
from ingest.sources.mqtt_client import Will
from ingest.sources.mqtt_link import Link
from ingest.sources.mqtt_takeovers import Takeovers
from ingest.sources.payload import LARGEST_BYTES
from ingest.sources.sparkplug_node import Message, Metric, Node, value_of
from ingest.sparkplug_payload import DataType, Payload, decode
from ingest.words import SourceDown
from plant.model import SparkplugSource

log = logging.getLogger(__name__)

NAMESPACE = "spBv1.0"
REBIRTH = "Node Control/Rebirth"
TICK_S = 0.25
BIRTH_WAIT_S = 1.0
"""Nodes that watch our STATE are born by themselves; the others are asked after this long."""
STATELESS = ("NCMD", "DCMD")
GOOD_CODE = 192
"""Property `Quality`, as the usual host applications write it."""


class Sparkplug:
    """One group of edge nodes behind one broker."""

    def __init__(self, source: SparkplugSource, feed: Feed) -> None:
        self._source = source
        self._feed = feed
        self._takeovers = Takeovers()
        self._state_topic = f"{NAMESPACE}/STATE/{source.host_id}"
        self._nodes: dict[str, Node] = defaultdict(Node)
        self._tags: dict[tuple[str, str, str], list[Channel]] = defaultdict(list)
        for channel in feed.channels:
            edge, _, device = channel.address.partition("/")
            self._tags[edge, device, channel.path].append(channel)
        self._edges = sorted({edge for edge, _, _ in self._tags})
        self._told_from = feed.clock.now()

    async def session(self) -> None:
        """Connect, be the host, deliver until the connection is over. Raises SourceDown."""
        await self._feed.room()
        began_s = time.monotonic()
        born_at = int(time.time() * 1000)
        link = Link(
            self._source,
            self._feed,
            lambda message: self._receive(link, message, born_at),
            persistent=False,
            will=Will(self._state_topic, _state(online=False, at_ms=born_at)),
            on_room=lambda has_room: self._say(link, born_at, online=has_room),
        )
        self._nodes.clear()
        missed_from = self._feed.last_heard
        try:
            await link.open()
            self._told_from = missed_from or self._feed.clock.now()
            self._feed.missed(missed_from)
            await link.subscribe([f"{NAMESPACE}/{self._source.group}/#", self._state_topic], 1)
            self._say(link, born_at, online=True)
            self._feed.up()
            await self._run(link)
        except SourceDown as down:
            raise self._takeovers.judged(down, time.monotonic() - began_s) from None
        finally:
            try:
                await link.publish_last(self._state_topic, _state(online=False, at_ms=born_at))
            finally:
                await link.close()

    async def _run(self, link: Link) -> None:
        watching = asyncio.create_task(self._watch(link))
        try:
            await link.run()
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    async def _watch(self, link: Link) -> None:
        """Release what waits for a lost message, and ask for births that are missing."""
        await asyncio.sleep(BIRTH_WAIT_S)
        for edge in self._edges:
            node = self._nodes[edge]
            node.wants_birth = node.wants_birth or not node.born
        while True:
            now_s = time.monotonic()
            for edge, node in list(self._nodes.items()):
                for message in list(node.overdue(now_s)):
                    self._read(edge, node, message)
                if node.should_ask(now_s):
                    self._ask_birth(link, edge)
            await asyncio.sleep(TICK_S)

    def _say(self, link: Link, born_at: int, *, online: bool) -> None:
        payload = _state(online=online, at_ms=born_at)
        link.publish(self._state_topic, payload, qos=1, retain=True)

    def _ask_birth(self, link: Link, edge: str) -> None:
        log.info("%s: asking %s for a birth", self._source.name, edge)
        command = Payload(timestamp=int(time.time() * 1000))
        command.metrics.add(name=REBIRTH, datatype=DataType.BOOLEAN, boolean_value=True)
        topic = f"{NAMESPACE}/{self._source.group}/NCMD/{edge}"
        link.publish(topic, command.SerializeToString(), qos=0)

    def _receive(self, link: Link, message: MQTTMessage, born_at: int) -> None:
        """Whatever a message holds, it is taken or refused: an exception here would block all."""
        ack = partial(link.ack, message.mid, message.qos)
        try:
            refusal = self._take(link, message, born_at)
        except Exception as error:  # a payload that no one thought of
            log.exception("%s: a message on %s", self._source.name, message.topic)
            refusal = Refusal(Reason.UNEXPECTED, f"{type(error).__name__}: {error}")
        if refusal is None:
            ack()
        else:
            self._feed.refuse(*refusal, message.topic, bytes(message.payload), ack)

    def _take(self, link: Link, message: MQTTMessage, born_at: int) -> Refusal | None:
        if message.topic == self._state_topic:
            self._heed_state(link, bytes(message.payload), born_at)
            return None
        _, _, kind, edge, *rest = [*message.topic.split("/"), "", ""]
        if kind in STATELESS or not edge:
            return None
        if len(message.payload) > LARGEST_BYTES:
            return Refusal(Reason.TOO_LARGE, f"{len(message.payload)} bytes")
        try:
            payload = decode(bytes(message.payload))
        except ValueError as error:
            return Refusal(Reason.BAD_SPARKPLUG, str(error))
        node = self._nodes[edge]
        self._follow(node, edge, Message(kind, rest[0], payload))
        if node.should_ask(time.monotonic()):
            self._ask_birth(link, edge)
        return None

    def _heed_state(self, link: Link, payload: bytes, born_at: int) -> None:
        """An older will of ours, published late, says that we are offline: we are not.

        Said with this connection's own time: nodes would take its will for an older one's if they
        had heard a later time from us (Sparkplug 3.0, §5.3).
        """
        try:
            told = orjson.loads(payload)
        except orjson.JSONDecodeError:
            return
        is_over = link.leaving or not self._feed.has_room
        if isinstance(told, dict) and told.get("online") is False and not is_over:
            self._say(link, born_at, online=True)

    def _follow(self, node: Node, edge: str, message: Message) -> None:
        if message.kind == "NDEATH":
            if node.dies(message.payload):
                self._mark_dead(edge, None)
            return
        for ready in node.receive(message, time.monotonic()):
            self._read(edge, node, ready)

    def _read(self, edge: str, node: Node, message: Message) -> None:
        if message.kind == "DDEATH":
            self._mark_dead(edge, message.device)
            return
        samples = [
            sample for metric in node.metrics(message) for sample in self._samples(edge, metric)
        ]
        self._feed.take(samples)
        told = [sample.ts_us for sample in samples if sample.historical and sample.ts_us]
        if told:
            self._close_gap(moment(min(told)))

    def _close_gap(self, oldest: datetime) -> None:
        """An edge keeps so much and no more: before the oldest that it tells, nobody knows."""
        is_whole = oldest - self._told_from <= self._feed.stale_after
        told_from = self._told_from if is_whole else oldest
        self._feed.told_afterwards.append((told_from, self._feed.clock.now()))

    def _samples(self, edge: str, metric: Metric) -> Iterator[Sample]:
        channels = self._tags.get((edge, metric.device, metric.name), ())
        if not channels:
            return
        body = metric.body
        at_ms = body.timestamp or metric.payload.timestamp
        raw = value_of(body, metric.datatype)
        for channel in channels:
            yield Sample(
                channel, at_ms * 1000 or None, raw, _quality(body), bool(body.is_historical)
            )

    def _mark_dead(self, edge: str, device: str | None) -> None:
        """All tags of a node (device: none) or of one device: no value, bad, from now on."""
        self._feed.take(
            Sample(channel, None, None, Quality.BAD)
            for (tag_edge, tag_device, _), channels in self._tags.items()
            if tag_edge == edge and (device is None or tag_device == device)
            for channel in channels
        )


def _state(*, online: bool, at_ms: int) -> bytes:
    return orjson.dumps({"online": online, "timestamp": at_ms})


def _quality(body: object) -> int:
    """From the property `Quality` where a metric has one: 192 good, 64 to 191 uncertain."""
    properties = body.properties  # type: ignore[attr-defined]
    if "Quality" not in properties.keys:
        return Quality.GOOD
    code = properties.values[list(properties.keys).index("Quality")].int_value
    if code == GOOD_CODE:
        return Quality.GOOD
    return Quality.UNCERTAIN if 64 <= code < GOOD_CODE else Quality.BAD
