"""The simulated OPC UA server: states, running counters, process values, and their history.

One variable a tag, with source time and status; HistoryRead answers from the plan. Never writable.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import cast
from urllib.parse import urlsplit

from asyncua import Node, Server, ua
from asyncua.common.events import Event as UaEvent
from asyncua.server.history import HistoryStorageInterface

from db.clock import Clock
from ingest.simulator.days import from_ms, to_ms
from ingest.simulator.faults import CannotSimulate, port_trouble
from ingest.simulator.live import Event, Live, events
from ingest.simulator.signals import BAD, UNCERTAIN, Raw, Signals
from plant.model import OpcUaSource, Tag

log = logging.getLogger(__name__)

NAMESPACE = "urn:taktboard:simulator"
LONGEST_HISTORY = timedelta(days=8)
VALUES_AN_ANSWER = 5000
_STATUS = {
    UNCERTAIN: ua.StatusCodes.UncertainSensorNotAccurate,
    BAD: ua.StatusCodes.BadSensorFailure,
}


class OpcUa:
    """The server of one OPC UA source."""

    def __init__(self, source: OpcUaSource, signals: Signals, clock: Clock) -> None:
        self._source = source
        self._signals = signals
        self._clock = clock
        self._tags = [tag for tag in signals.plan.tags if tag.pattern.source == source.name]
        self._nodes = {tag.code: ua.NodeId.from_string(tag.address) for tag in self._tags}
        self._live = Live(signals, self._tags, 0)
        self._server = Server()

    async def start(self) -> None:
        """Listen, every tag at its present value. Raises CannotSimulate."""
        if self._source.security != "none" or self._source.user:
            raise CannotSimulate(
                f'source {self._source.name}: the simulated OPC UA server knows security = "none" '
                "without a user only"
            )
        await self._server.init()
        self._server.set_endpoint(self._source.url)
        self._server.set_server_name("Taktboard simulated plant")
        self._server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        await self._add_nodes()
        now = to_ms(self._clock.now())
        self._live = Live(self._signals, self._tags, now + 1)
        await self._write(self._live.present(now))
        await self._listen()

    async def tick(self, now: int) -> None:
        """Write what the tags said up to now (ms)."""
        await self._write(self._live.until(now))

    def told(self, _settled_s: float) -> Mapping[str, int]:
        """Nothing is to be remembered: whoever missed something reads the history."""
        return {}

    async def stop(self) -> None:
        """Close every session and the port."""
        await self._server.stop()

    async def _listen(self) -> None:
        try:
            await self._server.start()
        except OSError as error:
            address = urlsplit(self._source.url)
            raise port_trouble(
                "OPC UA server", address.hostname or "", address.port or 4840, error
            ) from error

    async def _add_nodes(self) -> None:
        await self._register_namespaces()
        storage = PlanHistory(self._signals, self._tags, self._clock)
        self._server.iserver.history_manager.set_storage(storage)
        for machine in dict.fromkeys(tag.machine for tag in self._tags):
            folder = await self._server.nodes.objects.add_object(
                ua.NodeId.from_string(f"ns=2;s={machine}"), ua.QualifiedName(machine, 2)
            )
            for tag in self._tags:
                if tag.machine == machine:
                    await self._add_variable(folder, tag)

    async def _register_namespaces(self) -> None:
        """As many namespaces as the addresses use; the first of ours is 2."""
        highest = max((int(node.NamespaceIndex) for node in self._nodes.values()), default=2)
        for number in range(2, highest + 1):
            await self._server.register_namespace(f"{NAMESPACE}:{number}")

    async def _add_variable(self, folder: Node, tag: Tag) -> None:
        kind = variant_type(self._signals, tag)
        first = ua.Variant("" if kind is ua.VariantType.String else 0, kind)
        node = await folder.add_variable(
            self._nodes[tag.code], ua.QualifiedName(tag.pattern.name, 2), first
        )
        for attribute in (ua.AttributeIds.AccessLevel, ua.AttributeIds.UserAccessLevel):
            await node.set_attr_bit(attribute, ua.AccessLevel.HistoryRead)
        await node.write_attribute(
            ua.AttributeIds.Historizing, ua.DataValue(ua.Variant(True, ua.VariantType.Boolean))
        )

    async def _write(self, said: Sequence[Event]) -> None:
        for event in said:
            value = data_value(self._signals, event)
            await self._server.write_attribute_value(self._nodes[event.tag.code], value)


class PlanHistory(HistoryStorageInterface):
    """HistoryRead from the plan: what was said, also while nobody was listening."""

    def __init__(self, signals: Signals, tags: Sequence[Tag], clock: Clock) -> None:
        super().__init__(VALUES_AN_ANSWER)
        self._signals = signals
        self._tags = {ua.NodeId.from_string(tag.address): tag for tag in tags}
        self._clock = clock

    async def init(self) -> None:
        """Nothing to open."""

    async def stop(self) -> None:
        """Nothing to close."""

    async def read_node_history(
        self, node_id: ua.NodeId, start: datetime | None, end: datetime | None, nb_values: int
    ) -> tuple[list[ua.DataValue], datetime | None]:
        """(values of [start, end], source time of the first that did not fit)."""
        tag, now = self._tags.get(node_id), self._clock.now()
        if tag is None:
            return [], None
        oldest = now - LONGEST_HISTORY
        t0 = max(oldest if start is None else start, oldest)
        t1 = min(now if end is None or end <= ua.get_win_epoch() else end, now)
        limit = min(nb_values or VALUES_AN_ANSWER, VALUES_AN_ANSWER)
        first = -(-to_ms_us(t0) // 1000)
        found = events(self._signals, [tag], first, to_ms(t1) + 1)
        further = from_ms(found[limit].ts) if len(found) > limit else None
        return [data_value(self._signals, event) for event in found[:limit]], further

    async def new_historized_node(
        self, node_id: ua.NodeId, period: timedelta | None, count: int = 0
    ) -> None:
        """The plan knows every node already."""

    async def save_node_value(self, node_id: ua.NodeId, datavalue: ua.DataValue) -> None:
        """The plan knows every value already."""

    async def new_historized_event(
        self, source_id: ua.NodeId, evtypes: object, period: timedelta | None, count: int = 0
    ) -> None:
        """There are no events."""

    async def save_event(self, event: object) -> None:
        """There are no events."""

    async def read_event_history(
        self, *_asked: object, **_named: object
    ) -> tuple[list[UaEvent], datetime | None]:
        """There are no events."""
        return [], None


def to_ms_us(at: datetime) -> int:
    """UTC as microseconds since 1970."""
    return to_ms(at) * 1000 + at.microsecond % 1000


def variant_type(signals: Signals, tag: Tag) -> ua.VariantType:
    """The OPC UA type of a tag: words, codes, counters of 16 or 32 bits, measured values."""
    if tag.pattern.role == "process":
        return ua.VariantType.Double
    if tag.pattern.role == "state":
        return ua.VariantType.String if signals.speaks_text(tag) else ua.VariantType.Int32
    return ua.VariantType.UInt16 if tag.pattern.modulus == 65536 else ua.VariantType.UInt32


def data_value(signals: Signals, event: Event) -> ua.DataValue:
    """A value as the server gives it: source time, server time, status."""
    at = cast("ua.DateTime", from_ms(event.ts))
    status = ua.StatusCode(ua.UInt32(_STATUS.get(event.quality, ua.StatusCodes.Good)))
    if event.raw is None:
        return ua.DataValue(None, StatusCode=status, SourceTimestamp=at, ServerTimestamp=at)
    kind = variant_type(signals, event.tag)
    variant = ua.Variant(_typed(event.raw, kind), kind)
    return ua.DataValue(variant, StatusCode=status, SourceTimestamp=at, ServerTimestamp=at)


def _typed(raw: Raw, kind: ua.VariantType) -> float | int | str | None:
    if isinstance(raw, float) and kind is not ua.VariantType.Double:
        return round(raw)
    return raw
