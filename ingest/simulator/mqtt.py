"""The simulated unified namespace: one JSON document a machine, sent whenever something changes.

A sign of life every two seconds at least. QoS 1, never retained: every document carries its time.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import orjson

from db.clock import Clock
from ingest.simulator.days import from_ms, to_ms
from ingest.simulator.link import Link
from ingest.simulator.live import Event, Live
from ingest.simulator.signals import Raw, Signals
from plant.model import MqttSource

HEARTBEAT_S = 1.5
"""Wall seconds of silence after which a machine repeats what it said."""


@dataclass(slots=True)
class _Topic:
    """The present value of each tag behind one topic, and when it was last sent (monotonic s)."""

    values: dict[str, Raw] = field(default_factory=dict)
    sent_at: float = 0.0


class Mqtt:
    """The publisher of one MQTT source."""

    def __init__(self, source: MqttSource, signals: Signals, clock: Clock) -> None:
        self._source = source
        self._signals = signals
        self._clock = clock
        self._tags = [tag for tag in signals.plan.tags if tag.pattern.source == source.name]
        self._topics = {tag.address: _Topic() for tag in self._tags}
        self._live = Live(signals, self._tags, 0)
        self._link: Link | None = None

    async def start(self) -> None:
        """Connect; the broker may come later."""
        now = to_ms(self._clock.now())
        self._live = Live(self._signals, self._tags, now + 1)
        for event in self._live.present(now):
            self._topics[event.tag.address].values[event.tag.path] = event.raw
        self._link = Link(
            self._source.host,
            self._source.port,
            f"simulator-{self._source.name}",
            on_up=lambda: None,
            on_message=lambda _topic, _payload: None,
        )
        self._link.start()

    async def tick(self, now: int) -> None:
        """Send what changed up to now (ms), and a sign of life of who was silent."""
        for moment, said in _together(self._live.until(now)):
            for address in dict.fromkeys(event.tag.address for event in said):
                values = self._topics[address].values
                values |= {e.tag.path: e.raw for e in said if e.tag.address == address}
                self._send(address, moment)
        for address, topic in self._topics.items():
            if time.monotonic() - topic.sent_at > HEARTBEAT_S:
                self._send(address, now)

    async def stop(self) -> None:
        """Disconnect."""
        if self._link is not None:
            await self._link.stop()

    def _send(self, address: str, at: int) -> None:
        assert self._link is not None
        topic = self._topics[address]
        topic.sent_at = time.monotonic()
        body = document(self._source.timestamp, at, topic.values)
        self._link.publish(address, body, self._source.qos)


def document(timestamp: str | None, at: int, values: dict[str, Raw]) -> bytes:
    """The JSON document: each value at its path, the time at its own (epoch ms, else ISO 8601)."""
    root: dict[str, object] = {}
    if timestamp:
        put(root, timestamp, at if timestamp.endswith("_ms") else from_ms(at).isoformat())
    for path, raw in values.items():
        put(root, path, int(raw) if isinstance(raw, float) and raw.is_integer() else raw)
    return orjson.dumps(root)


def put(root: dict[str, object], path: str, value: object) -> None:
    """Set a value at a dotted path."""
    *folders, last = path.split(".")
    here = root
    for name in folders:
        below = here.setdefault(name, {})
        assert isinstance(below, dict), f"{path}: {name} is a value already"
        here = below
    here[last] = value


def _together(said: Sequence[Event]) -> list[tuple[int, list[Event]]]:
    """Events of the same moment in one."""
    found: dict[int, list[Event]] = {}
    for event in said:
        found.setdefault(event.ts, []).append(event)
    return list(found.items())
