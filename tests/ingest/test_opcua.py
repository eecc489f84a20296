"""The OPC UA source against asyncua's own server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from asyncua import Node, Server, ua

from db.readings import micros
from ingest.feed import Feed
from ingest.reading import Channel, Quality
from ingest.sources import opcua_items
from ingest.sources.opcua import OpcUa
from ingest.sources.opcua_delivery import Delivery
from ingest.supervise import keep
from plant.model import OpcUaSource
from tests.ingest.keeping import kept
from tests.patience import until_async

MakeFeed = Callable[..., Feed]


def channel(number: int, name: str, role: str = "process") -> Channel:
    return Channel(number, f"A01.{name}", role, f"ns=2;s=A01.{name}", "")  # type: ignore[arg-type]


CHANNELS = [channel(1, "State", "state"), channel(2, "Good", "good"), channel(3, "Vibration")]


def source(port: int, **settings: Any) -> OpcUaSource:
    values = {"name": "press", "kind": "opcua", "security": "none", "publishing_interval_ms": 50}
    return OpcUaSource(url=f"opc.tcp://127.0.0.1:{port}/", **(values | settings))


@dataclass
class Machine:
    """asyncua's server with one machine."""

    server: Server
    nodes: dict[str, Node]

    async def write(self, name: str, value: ua.Variant, at: datetime, status: int = 0) -> None:
        data = ua.DataValue(value, ua.StatusCode(ua.UInt32(status)))
        data.SourceTimestamp = data.ServerTimestamp = ua.DateTime.fromisoformat(at.isoformat())
        await self.nodes[name].write_value(data)

    async def add(self, name: str, value: ua.Variant) -> None:
        node_id = ua.NodeId.from_string(f"ns=2;s=A01.{name}")
        self.nodes[name] = await self.server.nodes.objects.add_variable(node_id, name, value)


@asynccontextmanager
async def machine(port: int) -> AsyncIterator[Machine]:
    server = Server()
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{port}/")
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    await server.register_namespace("urn:press")
    nodes = {}
    values = {
        "State": ua.Variant(4, ua.VariantType.Int16),
        "Good": ua.Variant(0, ua.VariantType.UInt32),
        "Vibration": ua.Variant(0.0, ua.VariantType.Float),
        "Text": ua.Variant("RUN", ua.VariantType.String),
        "Array": ua.Variant([1.0, 2.0], ua.VariantType.Double),
    }
    for name, value in values.items():
        node_id = ua.NodeId.from_string(f"ns=2;s=A01.{name}")
        nodes[name] = await server.nodes.objects.add_variable(node_id, name, value)
    async with server:
        yield Machine(server, nodes)


def test_values_come_with_their_own_time_and_quality(
    make_feed: MakeFeed, shelf: Any, port: int
) -> None:
    at = datetime.now(UTC).replace(microsecond=123_456) - timedelta(seconds=2)

    async def run() -> None:
        feed = make_feed([*CHANNELS, channel(4, "Text", "state")])
        async with machine(port) as press, kept(feed, source(port)):
            await until_async(lambda: feed.connected and len(shelf.rows) >= 4)
            await press.write("Vibration", ua.Variant(1.25, ua.VariantType.Float), at)
            await press.write("State", ua.Variant(6, ua.VariantType.Int16), at)
            later = at + timedelta(seconds=1)
            await press.write("Good", ua.Variant(7, ua.VariantType.UInt32), later, 0x40000000)
            await press.write("Text", ua.Variant("STOP", ua.VariantType.String), at)
            await until_async(lambda: len(shelf.rows) >= 8)
        us = micros(at)
        assert sorted(shelf.rows[4:], key=lambda r: r.tag_id) == [
            (us, 1, 6.0, Quality.GOOD),
            (us + 1_000_000, 2, 7.0, Quality.UNCERTAIN),
            (us, 3, 1.25, Quality.GOOD),
            (us, 4, "STOP", Quality.GOOD),
        ]

    asyncio.run(run())


def test_a_stop_is_heeded_though_an_answer_comes_in_the_same_moment(
    make_feed: MakeFeed, shelf: Any, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = Delivery._send

    async def run() -> None:
        feed = make_feed(CHANNELS)

        async def stop_with_the_answer(delivery: Delivery, request: ua.PublishRequest) -> bytes:
            answer = await answered(delivery, request)
            if len(shelf.rows) >= len(CHANNELS):
                task.cancel()
            return answer

        monkeypatch.setattr(Delivery, "_send", stop_with_the_answer)
        async with machine(port):
            task = asyncio.create_task(keep("press", lambda: OpcUa(source(port), feed), feed))
            await asyncio.wait([task], timeout=10)
            assert task.cancelled()

    asyncio.run(run())


def test_what_is_no_scalar_is_quarantined_and_the_rest_goes_on(
    make_feed: MakeFeed, shelf: Any, port: int
) -> None:
    async def run() -> None:
        feed = make_feed([*CHANNELS, channel(9, "Array"), channel(10, "NotThere")])
        async with machine(port) as press, kept(feed, source(port)):
            await until_async(lambda: len(shelf.rows) >= 3 and len(shelf.refused) >= 2)
            await press.write(
                "Vibration", ua.Variant(float("inf"), ua.VariantType.Float), datetime.now(UTC)
            )
            await until_async(lambda: len(shelf.refused) >= 3)
            await press.write("Vibration", ua.Variant(2.0, ua.VariantType.Float), datetime.now(UTC))
            await until_async(lambda: 2.0 in shelf.values(3))
        assert [r.reason for r in shelf.refused] == ["unknown_address", "bad_type", "not_finite"]

    asyncio.run(run())


def test_a_node_that_is_made_later_is_found(
    make_feed: MakeFeed, shelf: Any, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opcua_items, "ASK_AGAIN_S", 0.2)

    async def run() -> None:
        feed = make_feed([*CHANNELS, channel(9, "Later"), channel(10, "Latest")])

        def error() -> str:
            return feed.status().error or ""

        async with machine(port) as press, kept(feed, source(port)):
            await until_async(lambda: feed.connected and len(shelf.rows) == 3)
            words = "Some addresses are unknown to the server. Check the tags' addresses."
            later, latest = (f"ns=2;s=A01.{name}: BadNodeIdUnknown" for name in ("Later", "Latest"))
            assert error().splitlines() == [words, later, latest]
            await press.add("Later", ua.Variant(5.0, ua.VariantType.Double))
            await until_async(lambda: shelf.values(9) == [5.0])
            await until_async(lambda: error().splitlines() == [words, latest])
            await press.add("Latest", ua.Variant(6.0, ua.VariantType.Double))
            await until_async(lambda: shelf.values(10) == [6.0] and not error())
            assert feed.connected  # all in the same session
            await press.write("Later", ua.Variant(7.0, ua.VariantType.Double), datetime.now(UTC))
            await until_async(lambda: shelf.values(9) == [5.0, 7.0])
        assert [row.reason for row in shelf.refused] == ["unknown_address"]

    asyncio.run(run())


def test_nothing_is_missing_after_a_restart_of_the_server(
    make_feed: MakeFeed, shelf: Any, port: int
) -> None:
    async def run() -> None:
        feed = make_feed(CHANNELS)
        async with kept(feed, source(port)):
            async with machine(port):
                await until_async(lambda: feed.connected)
            await until_async(lambda: not feed.connected, within_s=5)
            async with machine(port) as press:
                await until_async(lambda: feed.connected)
                await press.write("Good", ua.Variant(5, ua.VariantType.UInt32), datetime.now(UTC))
                await until_async(lambda: 5.0 in shelf.values(2))

    asyncio.run(run())


def test_acknowledges_only_what_is_durable(make_feed: MakeFeed, shelf: Any, port: int) -> None:
    def has_come(value: float) -> bool:
        return value in shelf.values(2)

    async def run() -> None:
        feed = make_feed(CHANNELS)
        shelf.holds = True
        async with machine(port) as press, kept(feed, source(port)):
            await until_async(lambda: len(shelf.rows) >= 3)
            (held,) = press.server.iserver.subscription_service.subscriptions.values()
            for number in range(3):
                value = ua.Variant(number + 1, ua.VariantType.UInt32)
                await press.write("Good", value, datetime.now(UTC))
                await until_async(partial(has_come, number + 1.0))
            assert len(held._not_acknowledged_results) == 4
            shelf.release()
            await until_async(lambda: not held._not_acknowledged_results)

    asyncio.run(run())


@pytest.mark.parametrize("address", ["opc.tcp://127.0.0.1:1/", "opc.tcp://no.such.host.invalid:1/"])
def test_a_server_that_is_not_there_is_told_in_words(make_feed: MakeFeed, address: str) -> None:
    async def run() -> None:
        feed = make_feed(CHANNELS)
        settings = source(1).model_copy(update={"url": address})
        async with kept(feed, settings):
            await until_async(lambda: "STARTING" not in (feed.status().error or "STARTING"))
            await until_async(
                lambda: (feed.status().error or "").startswith(("Nobody", "The host"))
            )

    asyncio.run(run())
