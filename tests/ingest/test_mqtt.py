"""The MQTT source against Mosquitto: nothing lost over restarts, bad payloads put aside."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import orjson
import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from ingest.feed import Feed
from ingest.reading import Channel
from plant.model import MqttSource
from tests.ingest.keeping import kept
from tests.patience import until_async

MakeFeed = Callable[..., Feed]
TOPIC = "plant/C/C01/status"
GOOD = 2
CHANNELS = [
    Channel(1, "C01.state", "state", TOPIC, "state"),
    Channel(GOOD, "C01.good", "good", TOPIC, "counters.good"),
    Channel(3, "C01.oven", "process", "plant/C/C01/oven", ""),
]


def source(port: int, **settings: Any) -> MqttSource:
    values = {"name": "unified", "kind": "mqtt", "host": "127.0.0.1", "topics": ("plant/#",)}
    return MqttSource(port=port, **(values | settings))


def status(good: int, at_ms: int | None = None) -> bytes:
    at = int(time.time() * 1000) if at_ms is None else at_ms
    return orjson.dumps({"timestamp_ms": at, "state": "RUN", "counters": {"good": good}})


class Machine:
    """A publisher with its own connection, QoS 1."""

    def __init__(self, port: int) -> None:
        self._client = Client(CallbackAPIVersion.VERSION2, client_id="machine")
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def say(self, payload: bytes, topic: str = TOPIC, *, retain: bool = False) -> None:
        self._client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(10)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def machine(broker: Any) -> Iterator[Machine]:
    publisher = Machine(broker.port)
    yield publisher
    publisher.close()


def counts(shelf: Any) -> list[float]:
    return sorted(set(shelf.values(GOOD)))


def test_values_come_by_topic_path_and_time(
    make_feed: MakeFeed, shelf: Any, broker: Any, machine: Machine
) -> None:
    at_ms = int(time.time() * 1000) - 5000

    async def run() -> None:
        feed = make_feed(CHANNELS)
        async with kept(feed, source(broker.port)):
            await until_async(lambda: feed.connected)
            machine.say(status(5, at_ms))
            machine.say(b"21.5", "plant/C/C01/oven")
            await until_async(lambda: len(shelf.rows) == 3)
        assert shelf.rows[:2] == [(at_ms * 1000, 1, "RUN", 0), (at_ms * 1000, GOOD, 5.0, 0)]
        assert shelf.rows[2].value == 21.5

    asyncio.run(run())


def test_what_is_said_while_we_are_away_is_kept_by_the_broker(
    make_feed: MakeFeed, shelf: Any, broker: Any, machine: Machine
) -> None:
    async def run() -> None:
        feed = make_feed(CHANNELS)
        async with kept(feed, source(broker.port)):
            await until_async(lambda: feed.connected)
        for number in range(200):
            machine.say(status(number))
        again = make_feed(CHANNELS)
        again.stale_after = timedelta(0)
        again.last_heard = feed.last_heard
        async with kept(again, source(broker.port)):
            await until_async(lambda: counts(shelf) == [float(n) for n in range(200)])
        assert not again.gaps

    asyncio.run(run())


def test_what_is_not_durable_comes_again(
    make_feed: MakeFeed, shelf: Any, broker: Any, machine: Machine
) -> None:
    async def run() -> None:
        shelf.holds = True
        feed = make_feed(CHANNELS)
        async with kept(feed, source(broker.port)):
            await until_async(lambda: feed.connected)
            for number in range(10):
                machine.say(status(number))
            await until_async(lambda: len(shelf.acks) == 10)
        shelf.rows.clear()
        shelf.release()  # too late: that connection is gone
        again = make_feed(CHANNELS)
        async with kept(again, source(broker.port)):
            await until_async(lambda: counts(shelf) == [float(n) for n in range(10)])

    asyncio.run(run())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_broker_that_ends_and_comes_back_within_5_s(
    make_feed: MakeFeed, shelf: Any, broker: Any, number: signal.Signals
) -> None:
    async def run() -> None:
        feed = make_feed(CHANNELS)
        async with kept(feed, source(broker.port)):
            await until_async(lambda: feed.connected)
            broker.signal(number)
            await until_async(lambda: not feed.connected, within_s=5)
            await asyncio.to_thread(broker.start)
            back_at = time.monotonic()
            await until_async(lambda: feed.connected, within_s=6)
            assert time.monotonic() - back_at < 5
            publisher = Machine(broker.port)
            publisher.say(status(7))
            await until_async(lambda: 7.0 in shelf.values(GOOD))
            publisher.close()

    asyncio.run(run())


def test_a_frozen_broker_is_noticed(make_feed: MakeFeed, broker: Any) -> None:
    async def run() -> None:
        feed = make_feed(CHANNELS)
        async with kept(feed, source(broker.port)):
            await until_async(lambda: feed.connected)
            broker.signal(signal.SIGSTOP)
            await until_async(lambda: not feed.connected, within_s=6)
            broker.signal(signal.SIGCONT)
            await until_async(lambda: feed.connected, within_s=10)

    asyncio.run(run())


def test_a_broker_that_forgot_us_is_subscribed_again_and_leaves_a_gap(
    make_feed: MakeFeed, shelf: Any, broker: Any
) -> None:
    async def run() -> None:
        feed = make_feed(CHANNELS)
        feed.stale_after = timedelta(0)
        async with kept(feed, source(broker.port)):
            await until_async(lambda: feed.connected)
            broker.signal(signal.SIGTERM)
            await until_async(lambda: not feed.connected, within_s=5)
            broker.forget()
            await asyncio.to_thread(broker.start)
            await until_async(lambda: feed.connected)
            publisher = Machine(broker.port)
            publisher.say(status(8))
            await until_async(lambda: 8.0 in shelf.values(GOOD))
            publisher.close()
        assert [gap.cause for gap in feed.gaps] == ["outage"]

    asyncio.run(run())


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"{", "bad_json"),
        (b"\xff\xfe\x00", "bad_json"),
        (b"", "bad_json"),
        (b"[" * 50_000, "bad_json"),
        (b"x" * (2 << 20), "too_large"),
        (b'{"timestamp_ms": "yesterday", "state": "RUN"}', "bad_time"),
        (b'{"timestamp_ms": "2026-01-05T08:00:00", "state": "RUN"}', "bad_time"),
        (b'{"timestamp_ms": 1, "state": "RUN"}', "too_old"),
        (b'{"timestamp_ms": 9e15, "state": "RUN"}', "in_future"),
        (b'{"other": 1}', "unmapped"),
        (b'{"state": {"a": 1}}', "bad_type"),
        (b'{"state": "RUN\\u0000"}', "bad_text"),
        (b'{"counters": {"good": 18446744073709551616}}', "out_of_range"),
    ],
)
def test_a_bad_payload_is_put_aside_and_the_next_one_is_taken(
    make_feed: MakeFeed,
    shelf: Any,
    broker: Any,
    machine: Machine,
    payload: bytes,
    reason: str,
) -> None:
    async def run() -> None:
        feed = make_feed(CHANNELS)
        async with kept(feed, source(broker.port)):
            await until_async(lambda: feed.connected)
            machine.say(payload)
            machine.say(status(9))
            await until_async(lambda: 9.0 in shelf.values(GOOD))
        assert [row.reason for row in shelf.refused] == [reason]

    asyncio.run(run())


def test_retained_values_without_a_time_are_no_news(
    make_feed: MakeFeed, shelf: Any, broker: Any, machine: Machine
) -> None:
    machine.say(b"99.0", "plant/C/C01/oven", retain=True)
    machine.say(status(4), retain=True)

    async def run() -> None:
        feed = make_feed(CHANNELS)
        async with kept(feed, source(broker.port)):
            await until_async(lambda: 4.0 in shelf.values(GOOD))
            machine.say(b"21.0", "plant/C/C01/oven")
            await until_async(lambda: shelf.values(3))
        assert shelf.values(3) == [21.0]

    asyncio.run(run())


def test_a_topic_without_a_tag_is_told_once(
    make_feed: MakeFeed, shelf: Any, broker: Any, machine: Machine
) -> None:
    async def run() -> None:
        feed = make_feed(CHANNELS)
        async with kept(feed, source(broker.port)):
            await until_async(lambda: feed.connected)
            for _ in range(3):
                machine.say(b"1", "plant/other")
            machine.say(status(1))
            await until_async(lambda: 1.0 in shelf.values(GOOD))
        assert [row.reason for row in shelf.refused] == ["unmapped"]

    asyncio.run(run())


def test_without_room_the_socket_is_not_read(
    make_feed: MakeFeed, shelf: Any, broker: Any, machine: Machine
) -> None:
    async def run() -> None:
        feed = make_feed(CHANNELS)
        async with kept(feed, source(broker.port)):
            await until_async(lambda: feed.connected)
            shelf.has_room = False
            for number in range(100):
                machine.say(status(number))
            await until_async(lambda: shelf.sought > 10, "the source waits for room")
            assert len(shelf.rows) < 20
            shelf.has_room = True
            await until_async(lambda: counts(shelf) == [float(n) for n in range(100)])

    asyncio.run(run())


def test_another_client_with_our_id_is_told(make_feed: MakeFeed, broker: Any) -> None:
    async def run() -> None:
        feed = make_feed(CHANNELS)
        other = Client(CallbackAPIVersion.VERSION2, client_id="taktboard-unified")
        async with kept(feed, source(broker.port)):
            await until_async(lambda: feed.connected)
            other.connect("127.0.0.1", broker.port)
            other.loop_start()  # it comes back each time that we throw it out
            await until_async(
                lambda: (feed.status().error or "").startswith("Another client"), within_s=20
            )
            other.disconnect()
            other.loop_stop()
            await until_async(lambda: feed.connected and not feed.status().error)

    asyncio.run(run())


def test_a_wrong_password_is_told_in_words(
    make_feed: MakeFeed, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> None:
        feed = make_feed(CHANNELS)
        async with kept(feed, source(port, user="taktboard", password_env="TAKTBOARD_NOT_SET")):
            await until_async(
                lambda: (feed.status().error or "").startswith("The password is not set")
            )

    asyncio.run(run())
