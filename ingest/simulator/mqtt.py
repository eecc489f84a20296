"""The simulated unified namespace: one JSON document a machine, sent whenever something changes.

A sign of life every two seconds at least. QoS 1, never retained: every document carries its time.
What was not told before the last end follows, beside what is said now.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import orjson

from db.clock import Clock
from ingest.simulator.backlog import Backlog
from ingest.simulator.days import from_ms, to_ms
from ingest.simulator.link import Link
from ingest.simulator.live import Event, Live
from ingest.simulator.signals import Raw, Signals
from plant.model import MqttSource

HEARTBEAT_S = 1.5
"""Wall seconds of silence after which a machine repeats what it said."""
MOST_WAITING = 1000
"""Messages that the broker has not taken yet, above which the backlog waits."""
MARGIN_S = 1.0
"""Wall seconds that may lie between a moment of the plant and its document's way to the broker."""


@dataclass(slots=True)
class _Topic:
    """The present value of each tag behind one topic, and when it was last sent (monotonic s)."""

    values: dict[str, Raw] = field(default_factory=dict)
    sent_at: float = 0.0


@dataclass(slots=True)
class _Missed:
    """What was said before the start and not told: a backlog, and the values as it goes on."""

    backlog: Backlog
    values: dict[str, dict[str, Raw]] = field(default_factory=dict)
    """Topic → path → value."""
    told_at: float = float("inf")
    """When the last of it was handed over (monotonic s)."""

    def __post_init__(self) -> None:
        for event in self.backlog.opening():
            self.values.setdefault(event.tag.address, {})[event.tag.path] = event.raw


class Mqtt:
    """The publisher of one MQTT source. `told_to`: where it was at its last end, ms."""

    def __init__(
        self, source: MqttSource, signals: Signals, clock: Clock, told_to: int | None = None
    ) -> None:
        self._source = source
        self._signals = signals
        self._clock = clock
        self._tags = [tag for tag in signals.plan.tags if tag.pattern.source == source.name]
        self._topics = {tag.address: _Topic() for tag in self._tags}
        self._live = Live(signals, self._tags, 0)
        self._link: Link | None = None
        self._told_to = told_to
        self._missed: _Missed | None = None

    async def start(self) -> None:
        """Connect; the broker may come later."""
        now = to_ms(self._clock.now())
        if self._told_to is not None and self._told_to < now:
            backlog = Backlog(self._signals, self._tags, self._told_to, now + 1)
            self._missed = _Missed(backlog)
        self._live = Live(self._signals, self._tags, now + 1)
        for event in self._live.present(now):
            self._topics[event.tag.address].values[event.tag.path] = event.raw
        self._link = Link(
            self._source.host,
            self._source.port,
            f"simulator-{self._source.name}",
        )
        self._link.start()

    async def tick(self, now: int) -> None:
        """Send what changed up to now (ms), and a sign of life of who was silent."""
        values = {address: topic.values for address, topic in self._topics.items()}
        self._say(self._live.until(now), values)
        for address, topic in self._topics.items():
            if time.monotonic() - topic.sent_at > HEARTBEAT_S:
                self._send(address, now, topic.values)
        self._catch_up()

    def told(self, settled_s: float) -> Mapping[str, int]:
        """Up to where the plant's time (ms) is told, where what was sent before `settled_s`
        (monotonic) is with those who asked for it."""
        if self._link is None:  # not started: nothing was told since
            return self._told()
        settled_s = min(settled_s, self._link.settled_s())
        if self._missed is None or self._missed.told_at < settled_s:
            behind_s = (time.monotonic() - settled_s + MARGIN_S) * self._clock.speed
            self._told_to = to_ms(self._clock.now()) - int(behind_s * 1000)
        return self._told()

    def _told(self) -> Mapping[str, int]:
        return {} if self._told_to is None else {self._source.name: self._told_to}

    async def stop(self) -> None:
        """Disconnect."""
        if self._link is not None:
            await self._link.stop()

    def _catch_up(self) -> None:
        """The next piece of what was missed, where there is room for it."""
        missed = self._missed
        if missed is None or missed.backlog.is_told or self._is_busy():
            return
        self._say(missed.backlog.piece(), missed.values)
        if missed.backlog.is_told:
            missed.told_at = time.monotonic()

    def _is_busy(self) -> bool:
        return self._link is None or self._link.waiting > MOST_WAITING

    def _say(self, said: Sequence[Event], values: dict[str, dict[str, Raw]]) -> None:
        """A document of each machine for each moment in which something of it changed."""
        for moment, together in _together(said):
            for address in dict.fromkeys(event.tag.address for event in together):
                here = values.setdefault(address, {})
                here |= {e.tag.path: e.raw for e in together if e.tag.address == address}
                self._send(address, moment, here)

    def _send(self, address: str, at: int, values: dict[str, Raw]) -> None:
        assert self._link is not None
        self._topics[address].sent_at = time.monotonic()
        body = document(self._source.timestamp, at, values)
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
