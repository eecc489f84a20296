"""The Sparkplug source: an edge node of another stack through Mosquitto, and the node's rules."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import orjson
import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from db.readings import moment
from ingest.feed import Feed
from ingest.reading import Channel, Quality
from ingest.sources.sparkplug_node import REBIRTH_S, REORDER_S, Message, Node
from ingest.sparkplug_payload import Payload
from plant.model import SparkplugSource
from tests.ingest.keeping import kept
from tests.patience import until_async

MakeFeed = Callable[..., Feed]
STATE, GOOD, TEMPERATURE = 1, 2, 3
CHANNELS = [
    Channel(STATE, "D01.state", "state", "D/D01", "Status/State"),
    Channel(GOOD, "D01.good", "good", "D/D01", "Counters/Good"),
    Channel(TEMPERATURE, "D01.temperature", "process", "D/D01", "Process/Temperature"),
]


def source(port: int) -> SparkplugSource:
    return SparkplugSource(
        name="spb", kind="sparkplug", host="127.0.0.1", port=port, group="G", host_id="taktboard"
    )


def born(good: int) -> list[dict[str, object]]:
    at = int(time.time() * 1000)
    return [
        {"name": "Status/State", "type": "Int16", "value": 6, "alias": 10, "timestamp": at},
        {"name": "Counters/Good", "type": "UInt32", "value": good, "alias": 11, "timestamp": at},
        {"name": "Process/Temperature", "type": "Float", "value": -1.5, "timestamp": at},
    ]


def data(good: int, **more: object) -> list[dict[str, object]]:
    at = int(time.time() * 1000)
    return [{"name": "Counters/Good", "type": "UInt32", "value": good, "timestamp": at} | more]


def edge(peer: Callable[..., Any], port: int) -> Any:
    node = peer("sparkplug_edge.js", str(port), "G", "D")
    assert node.read()["ready"]
    return node


@contextmanager
def heard(port: int, topic: str) -> Iterator[list[MQTTMessage]]:
    """What a listener to a topic of the broker is told, from now on."""
    said: list[MQTTMessage] = []
    subscribed = threading.Event()
    client = Client(CallbackAPIVersion.VERSION2, client_id="listener")
    client.on_message = lambda _client, _data, message: said.append(message)
    client.on_subscribe = lambda *_: subscribed.set()
    client.connect("127.0.0.1", port)
    client.subscribe(topic, qos=1)
    client.loop_start()
    try:
        assert subscribed.wait(10)
        yield said
    finally:
        client.disconnect()
        client.loop_stop()


def test_births_data_and_deaths_of_another_stack(
    make_feed: MakeFeed, shelf: Any, broker: Any, peer: Callable[..., Any]
) -> None:
    async def run() -> None:
        feed = make_feed(CHANNELS)
        async with kept(feed, source(broker.port)):
            await until_async(lambda: feed.connected)
            node = await asyncio.to_thread(edge, peer, broker.port)
            node.ask(device="D01", birth=born(5))
            await until_async(lambda: shelf.values(TEMPERATURE))
            assert shelf.values(STATE)[0] == 6.0
            assert shelf.values(TEMPERATURE)[0] == -1.5
            for number in range(6, 306):
                node.ask(device="D01", data=data(number))
            await until_async(lambda: 305.0 in shelf.values(GOOD))
            assert set(shelf.values(GOOD)) == {float(n) for n in range(5, 306)}
            node.ask(die="D01")
            await until_async(lambda: shelf.rows[-1].quality == Quality.BAD)
            assert {row.tag_id for row in shelf.rows[-3:]} == {STATE, GOOD, TEMPERATURE}
            assert all(row.value is None for row in shelf.rows[-3:])

    asyncio.run(run())


def test_a_killed_node_is_stale_by_its_will(
    make_feed: MakeFeed, shelf: Any, broker: Any, peer: Callable[..., Any]
) -> None:
    async def run() -> None:
        feed = make_feed(CHANNELS)
        async with kept(feed, source(broker.port)):
            await until_async(lambda: feed.connected)
            node = await asyncio.to_thread(edge, peer, broker.port)
            node.ask(device="D01", birth=born(5))
            await until_async(lambda: shelf.values(GOOD))
            node.kill()
            await until_async(lambda: shelf.rows[-1].quality == Quality.BAD, within_s=15)

    asyncio.run(run())


def test_a_late_host_asks_for_births(
    make_feed: MakeFeed, shelf: Any, broker: Any, peer: Callable[..., Any]
) -> None:
    async def run() -> None:
        with heard(broker.port, "spBv1.0/G/DBIRTH/#") as births:
            node = await asyncio.to_thread(edge, peer, broker.port)
            node.ask(device="D01", birth=born(5))
            await until_async(lambda: births)
        feed = make_feed(CHANNELS)
        async with kept(feed, source(broker.port)):
            await until_async(lambda: 5.0 in shelf.values(GOOD), within_s=10)
            assert node.ask()["rebirths"] >= 1

    asyncio.run(run())


def test_lost_messages_lead_to_a_rebirth_and_nothing_is_dropped(
    make_feed: MakeFeed, shelf: Any, broker: Any, peer: Callable[..., Any]
) -> None:
    async def run() -> None:
        feed = make_feed(CHANNELS)
        async with kept(feed, source(broker.port)):
            await until_async(lambda: feed.connected)
            node = await asyncio.to_thread(edge, peer, broker.port)
            node.ask(device="D01", birth=born(5))
            await until_async(lambda: shelf.values(GOOD))
            before = node.ask()["rebirths"]
            node.ask(skip=3)
            node.ask(device="D01", data=data(6))
            await until_async(lambda: 6.0 in shelf.values(GOOD), within_s=REORDER_S + 3)
            await until_async(lambda: node.ask()["rebirths"] > before, within_s=REBIRTH_S + 5)

    asyncio.run(run())


def test_historical_values_are_stored_and_close_the_gap_from_the_oldest_on(
    make_feed: MakeFeed, shelf: Any, broker: Any, peer: Callable[..., Any]
) -> None:
    async def run() -> None:
        feed = make_feed(CHANNELS)
        feed.last_heard = feed.clock.now() - timedelta(minutes=10)
        async with kept(feed, source(broker.port)):
            await until_async(lambda: feed.connected)
            node = await asyncio.to_thread(edge, peer, broker.port)
            node.ask(device="D01", birth=born(5))
            await until_async(lambda: shelf.values(GOOD))
            at = int(time.time() * 1000) - 60_000
            node.ask(device="D01", data=data(4, timestamp=at, isHistorical=True))
            await until_async(lambda: 4.0 in shelf.values(GOOD))
            assert [t0 for t0, _ in feed.told_afterwards] == [moment(at * 1000)]

    asyncio.run(run())


def test_the_host_says_that_it_is_there_and_that_it_is_not(
    make_feed: MakeFeed, shelf: Any, broker: Any
) -> None:
    async def run() -> None:
        def online() -> list[bool]:
            return [orjson.loads(state.payload)["online"] for state in said]

        with heard(broker.port, "spBv1.0/STATE/taktboard") as said:
            feed = make_feed(CHANNELS)
            async with kept(feed, source(broker.port)):
                await until_async(lambda: online() == [True])
            await until_async(lambda: online() == [True, False])

    asyncio.run(run())


def test_a_broker_that_ends_leaves_a_gap_and_is_found_again(
    make_feed: MakeFeed, broker: Any
) -> None:
    async def run() -> None:
        feed = make_feed(CHANNELS)
        feed.stale_after = timedelta(0)
        async with kept(feed, source(broker.port)):
            await until_async(lambda: feed.connected)
            broker.signal(signal.SIGKILL)
            await until_async(lambda: not feed.connected, within_s=5)
            await asyncio.to_thread(broker.start)
            await until_async(lambda: feed.connected)
        assert [gap.cause for gap in feed.gaps] == ["outage"]

    asyncio.run(run())


def test_what_is_no_sparkplug_is_put_aside(make_feed: MakeFeed, shelf: Any, broker: Any) -> None:
    async def run() -> None:
        feed = make_feed(CHANNELS)
        client = Client(CallbackAPIVersion.VERSION2, client_id="noise")
        client.connect("127.0.0.1", broker.port)
        client.loop_start()
        async with kept(feed, source(broker.port)):
            await until_async(lambda: feed.connected)
            for topic in ("NDATA/D", "DDATA/D/D01", "NBIRTH/D"):
                client.publish(f"spBv1.0/G/{topic}", b"\xff\xff\xff", qos=1).wait_for_publish(5)
            await until_async(lambda: len(shelf.refused) == 3)
            assert {row.reason for row in shelf.refused} == {"bad_sparkplug"}
        client.disconnect()
        client.loop_stop()

    asyncio.run(run())


def message(kind: str, seq: int, *, bd_seq: int | None = None) -> Message:
    payload = Payload(seq=seq)
    if bd_seq is not None:
        payload.metrics.add(name="bdSeq", datatype=8, long_value=bd_seq)
    return Message(kind, "", payload)


def fed(node: Node, *seqs: int, now_s: float = 0.0) -> list[int]:
    """Sequence numbers in the order in which they may be read."""
    return [
        int(ready.payload.seq)
        for seq in seqs
        for ready in list(node.receive(message("NDATA", seq), now_s))
    ]


@pytest.fixture
def node() -> Node:
    node = Node()
    assert len(list(node.receive(message("NBIRTH", 0, bd_seq=4), 0.0))) == 1
    return node


@pytest.mark.parametrize(
    ("seqs", "read"),
    [
        ((1, 2, 3), [1, 2, 3]),
        ((2, 1, 3), [1, 2, 3]),
        ((3, 2, 1), [1, 2, 3]),
        ((1, 1, 2), [1, 1, 2]),  # repeated: the values are idempotent
        ((1, 2, 1, 3), [1, 2, 1, 3]),
        ((1, 3), [1]),  # waits
    ],
)
def test_messages_are_put_in_order(node: Node, seqs: tuple[int, ...], read: list[int]) -> None:
    assert fed(node, *seqs) == read
    assert not node.wants_birth


def test_numbers_wrap(node: Node) -> None:
    numbers = [n % 256 for n in range(1, 600)]
    assert fed(node, *numbers) == numbers


def test_what_waited_too_long_is_read_and_a_birth_is_wanted(node: Node) -> None:
    assert fed(node, 3, 4, now_s=10.0) == []
    assert list(node.overdue(10.0 + REORDER_S / 2)) == []
    assert [int(m.payload.seq) for m in node.overdue(10.0 + REORDER_S)] == [3, 4]
    assert node.wants_birth
    assert node.should_ask(11.0)
    assert not node.should_ask(11.0 + REBIRTH_S / 2)
    assert node.should_ask(11.0 + REBIRTH_S)
    assert fed(node, 5) == [5]


def test_a_death_of_an_older_birth_is_not_ours(node: Node) -> None:
    assert not node.dies(message("NDEATH", 0, bd_seq=3).payload)
    assert node.born
    assert node.dies(message("NDEATH", 0, bd_seq=4).payload)
    assert not node.born


def test_data_without_a_birth_wants_one() -> None:
    node = Node()
    payload = Payload(seq=7)
    payload.metrics.add(alias=11, int_value=3)
    (ready,) = node.receive(Message("DDATA", "D01", payload), 0.0)
    assert list(node.metrics(ready)) == []
    assert node.wants_birth
