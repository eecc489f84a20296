"""A simulated Sparkplug B edge node with a device a machine.

Births with aliases, data by alias, a death as last will, rebirth on command. Speaks only while its
primary host is online; what it would have said meanwhile follows as historical, and so does what
it said last before: data is QoS 0, nobody knows what of it arrived (Sparkplug 3.0, §5.3, §6.4.16).
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Mapping, Sequence

import orjson

from db.clock import Clock
from ingest.simulator.backlog import Backlog
from ingest.simulator.days import to_ms
from ingest.simulator.link import Link
from ingest.simulator.live import Event, Live
from ingest.simulator.memory import Remembered
from ingest.simulator.signals import Signals
from ingest.simulator.sparkplug_metrics import (
    REBIRTH,
    add_event,
    add_metric,
    payload_at,
    type_of,
    wants_rebirth,
)
from ingest.sparkplug_payload import DataType, Payload
from plant.model import SparkplugSource

log = logging.getLogger(__name__)

HEARTBEAT_S = 1.5
DOUBTFUL_S = 60.0
"""Wall seconds after which the host has what was sent, unless its end was noticed meanwhile: QoS 0
tells nobody, and a host on a busy machine takes its time."""
EVENTS_A_MESSAGE = 500
HEARTBEAT = "Node/Heartbeat"
BDSEQ = "bdSeq"
_HEARTBEAT_ALIAS = 1
_FIRST_ALIAS = 10


class EdgeNode:
    """One edge node of one Sparkplug source. `told_to`: where it was at its last end, ms."""

    def __init__(
        self,
        source: SparkplugSource,
        node: str,
        signals: Signals,
        clock: Clock,
        told_to: int | None = None,
    ) -> None:
        self._source, self._node = source, node
        self._signals, self._clock = signals, clock
        self._tags = [t for t in signals.plan.tags if t.pattern.source == source.name]
        self._tags = [t for t in self._tags if t.address.partition("/")[0] == node]
        self._alias = {tag.code: number for number, tag in enumerate(self._tags, _FIRST_ALIAS)}
        self._live = Live(signals, self._tags, 0)
        self._link: Link | None = None
        self._bd_seq = int(time.time()) % 256
        self._seq = 0
        self._online_at: int | None = None
        """When the host said so (its own time); none while it is away."""
        self._said_to = told_to
        """Plant time (ms) up to which the host has been told; none before its first birth."""
        self._missed: Backlog | None = None
        self._doubtful: deque[tuple[float, int]] = deque()
        """Of each message of the last seconds: when it went (monotonic s), its oldest time (ms)."""
        self._heartbeats, self._sent_at = 0, 0.0

    async def start(self) -> None:
        """Connect and wait for the host."""
        self._connect()

    async def tick(self, now: int) -> None:
        """Tell the host what was said up to now (ms)."""
        if self._online_at is None:
            return
        self._publish_data(self._live.until(now), historical=False)
        if self._missed is None:
            self._said_to = now
        else:
            self._catch_up(self._missed)
        if time.monotonic() - self._sent_at > HEARTBEAT_S:
            self._publish_heartbeat(now)

    def told(self, _settled_s: float) -> Mapping[str, int]:
        """Up to where the plant's time (ms) is told for sure."""
        return {} if self._said_to is None else {self.name: self._sure_to(self._said_to)}

    @property
    def name(self) -> str:
        """Its source and its own."""
        return f"{self._source.name}/{self._node}"

    async def stop(self) -> None:
        """Say that the node goes, and disconnect."""
        await self._part()

    def _connect(self) -> None:
        self._link = Link(
            self._source.host,
            self._source.port,
            f"simulator-{self._source.name}-{self._node}",
            on_up=self._up,
            on_down=self._down,
            on_message=self._arrived,
            will=(self._topic("NDEATH"), self._death()),
        )
        self._link.start()

    async def _part(self) -> None:
        if self._link is None:
            return
        link, self._link = self._link, None
        if self._online_at is not None:
            link.publish(self._topic("NDEATH"), self._death(), 1)
        self._online_at = None
        await link.stop()

    def _up(self) -> None:
        """A new connection: the broker tells the host's state, retained."""
        assert self._link is not None
        self._online_at = None
        self._link.subscribe(
            f"spBv1.0/STATE/{self._source.host_id}", self._topic("NCMD"), self._topic("DCMD") + "/#"
        )

    def _down(self) -> None:
        self._online_at = None

    def _arrived(self, topic: str, payload: bytes) -> None:
        if topic.startswith("spBv1.0/STATE/"):
            self._host_said(payload)
        elif topic == self._topic("NCMD") and wants_rebirth(payload):
            log.info("edge node %s is born again", self._node)
            self._born(to_ms(self._clock.now()))

    def _host_said(self, payload: bytes) -> None:
        try:
            state = orjson.loads(payload)
            is_online, at = bool(state["online"]), int(state.get("timestamp", 0))
        except (ValueError, KeyError, TypeError):
            log.warning("a STATE that is not understood: %r", payload[:100])
            return
        is_newer = self._online_at is None or at > self._online_at
        if is_online and is_newer:  # also where it came back before it was missed
            self._online_at = at
            self._born(to_ms(self._clock.now()))
        elif not is_online and self._online_at is not None and at >= self._online_at:
            log.info("edge node %s keeps its data: the host is offline", self._node)
            self._online_at = None

    def _born(self, now: int) -> None:
        """NBIRTH, DBIRTH; what the host missed follows piece by piece."""
        self._seq = 0
        self._live = Live(self._signals, self._tags, now + 1)
        present = self._live.present(now)
        self._publish("NBIRTH", None, self._node_birth(now))
        for device in dict.fromkeys(tag.address for tag in self._tags):
            self._publish("DBIRTH", device, self._device_birth(device, present, now))
        if self._said_to is None:
            self._said_to = now
        else:
            missed_from = self._sure_to(self._said_to) + 1
            self._missed = Backlog(self._signals, self._tags, missed_from, now + 1)
            self._publish_data(self._missed.standing(), historical=True)

    def _sure_to(self, said_to: int) -> int:
        return min([said_to, *(oldest - 1 for _, oldest in self._doubtful)])

    def _catch_up(self, missed: Backlog) -> None:
        self._publish_data(missed.piece(), historical=True)
        if missed.is_told:
            self._missed = None

    def _node_birth(self, now: int) -> Payload:
        payload = payload_at(now)
        add_metric(payload, now, self._bd_seq, DataType.UINT64).name = BDSEQ
        add_metric(payload, now, False, DataType.BOOLEAN).name = REBIRTH
        heartbeat = add_metric(payload, now, self._heartbeats, DataType.UINT64)
        heartbeat.name, heartbeat.alias = HEARTBEAT, _HEARTBEAT_ALIAS
        return payload

    def _device_birth(self, device: str, present: Sequence[Event], now: int) -> Payload:
        payload = payload_at(now)
        known = {event.tag.code: event for event in present}
        for tag in self._tags:
            if tag.address == device:
                event = known.get(tag.code, Event(now, tag, None, 0))
                metric = self._add(payload, event)
                metric.name = tag.path
        return payload

    def _publish_data(self, said: Sequence[Event], *, historical: bool) -> None:
        for device in dict.fromkeys(event.tag.address for event in said):
            mine = [event for event in said if event.tag.address == device]
            for first in range(0, len(mine), EVENTS_A_MESSAGE):
                part = mine[first : first + EVENTS_A_MESSAGE]
                payload = payload_at(part[-1].ts)
                for event in part:
                    self._add(payload, event).is_historical = historical
                self._publish("DDATA", device, payload)
        if said:
            self._doubtful.append((time.monotonic(), min(event.ts for event in said)))
        while self._doubtful and self._doubtful[0][0] < time.monotonic() - DOUBTFUL_S:
            self._doubtful.popleft()

    def _publish_heartbeat(self, now: int) -> None:
        self._heartbeats += 1
        payload = payload_at(now)
        add_metric(payload, now, self._heartbeats, DataType.UINT64).alias = _HEARTBEAT_ALIAS
        self._publish("NDATA", None, payload)

    def _add(self, payload: Payload, event: Event) -> Payload:
        kind = type_of(event.tag, in_words=self._signals.speaks_text(event.tag))
        metric = add_event(payload, event, kind)
        metric.alias = self._alias[event.tag.code]
        return metric

    def _publish(self, kind: str, device: str | None, payload: Payload) -> None:
        if self._link is None:
            return
        payload.seq = self._seq
        self._seq = (self._seq + 1) % 256
        self._sent_at = time.monotonic()
        topic = self._topic(kind)
        if device is not None:
            topic += "/" + device.partition("/")[2]
        self._link.publish(topic, payload.SerializeToString(), 0)

    def _topic(self, kind: str) -> str:
        return f"spBv1.0/{self._source.group}/{kind}/{self._node}"

    def _death(self) -> bytes:
        payload = Payload()
        payload.timestamp = to_ms(self._clock.now())
        add_metric(payload, payload.timestamp, self._bd_seq, DataType.UINT64).name = BDSEQ
        return bytes(payload.SerializeToString())


def edge_nodes(
    source: SparkplugSource, signals: Signals, clock: Clock, before: Remembered
) -> list[EdgeNode]:
    """Every edge node that the source's tags name; each goes on where it was at its last end."""
    mine = [tag for tag in signals.plan.tags if tag.pattern.source == source.name]
    names = dict.fromkeys(tag.address.partition("/")[0] for tag in mine)
    return [
        EdgeNode(source, name, signals, clock, before.told_to(f"{source.name}/{name}"))
        for name in names
    ]
