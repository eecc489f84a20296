"""The demo's broker keeps MQTT's promises to readers that are killed, frozen or replaced."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from ingest.simulator import broker as room
from ingest.simulator import mqtt_session
from ingest.simulator.broker import Broker, Subscriptions
from ingest.simulator.faults import CannotSimulate
from tests.patience import until_async
from tests.ports import free_port


@dataclass
class Reader:
    """A client with a thread of its own, which acknowledges what it is told to."""

    port: int
    name: str = "reader"
    topics: tuple[str, ...] = ("plant/#",)
    is_clean: bool = False
    acknowledges: bool = True
    keep_alive_s: int = 60
    heard: list[tuple[str, str, bool]] = field(default_factory=list)
    """(topic, payload, whether it says that it comes again)."""
    was_known: list[bool] = field(default_factory=list)
    unacknowledged: list[MQTTMessage] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.client = Client(
            CallbackAPIVersion.VERSION2,
            self.name,
            clean_session=self.is_clean,
            manual_ack=not self.acknowledges,
            reconnect_on_failure=False,
        )
        self.client.on_connect = self._up
        self.client.on_message = self._keep

    def open(self) -> Reader:
        self.client.connect("127.0.0.1", self.port, keepalive=self.keep_alive_s)
        self.client.loop_start()
        return self

    def cut(self) -> None:
        """As a SIGKILL does it: no DISCONNECT."""
        sock = self.client.socket()
        assert isinstance(sock, socket.socket)
        sock.shutdown(socket.SHUT_RDWR)
        self.client.loop_stop()

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def payloads(self, topic: str | None = None) -> list[str]:
        return [body for name, body, _ in self.heard if topic in (None, name)]

    def _up(self, client: Client, _data: object, flags: object, *_more: object) -> None:
        self.was_known.append(flags.session_present)  # type: ignore[attr-defined]
        if self.topics:
            client.subscribe([(topic, 1) for topic in self.topics])

    def _keep(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        self.heard.append((message.topic, message.payload.decode(), message.dup))
        self.unacknowledged.append(message)


@asynccontextmanager
async def running(port: int, kept: Subscriptions | None = None) -> AsyncIterator[Broker]:
    broker = await room.start("127.0.0.1", port, kept)
    assert broker is not None
    try:
        yield broker
    finally:
        await broker.stop()


@asynccontextmanager
async def house() -> AsyncIterator[tuple[Broker, int, Client]]:
    """A broker and a publisher."""
    port = free_port()
    async with running(port) as broker:
        publisher = Client(CallbackAPIVersion.VERSION2, "publisher")
        publisher.max_inflight_messages_set(1000)
        publisher.connect("127.0.0.1", port)
        publisher.loop_start()
        try:
            yield broker, port, publisher
        finally:
            publisher.disconnect()
            publisher.loop_stop()


NUMBERS = [str(number) for number in range(500)]


def say(publisher: Client, payloads: list[str], topic: str = "plant/a", qos: int = 1) -> None:
    for payload in payloads:
        publisher.publish(topic, payload, qos)


def test_what_a_killed_reader_had_not_acknowledged_comes_again_in_order() -> None:
    async def run() -> None:
        async with house() as (_, port, publisher):
            first = Reader(port, acknowledges=False).open()
            await until_async(lambda: first.client.is_connected() and first.was_known, "connected")
            await until_async(lambda: is_subscribed(publisher, first), "subscribed")
            say(publisher, NUMBERS)
            await until_async(lambda: len(set(first.payloads())) > 100, "messages on their way")
            for message in first.unacknowledged[:40]:
                first.client.ack(message.mid, message.qos)
            await asyncio.to_thread(first.cut)
            again = Reader(port).open()
            await until_async(lambda: NUMBERS[-1] in again.payloads(), "all that was left")
            again.close()
        got = first.payloads()[:40] + again.payloads()
        assert [n for n in NUMBERS if n not in got] == []
        told_again = [body for body in again.payloads() if body in NUMBERS]
        assert told_again == sorted(told_again, key=int)
        assert len(told_again) == len(set(told_again))
        assert again.heard[0][2], "the first one says that it comes again"
        assert again.was_known == [True]

    asyncio.run(run())


def is_subscribed(publisher: Client, reader: Reader) -> bool:
    """Whether one of the hellos, of which this sends another, has come."""
    publisher.publish("plant/hello", "hello", 1)
    return bool(reader.heard)


def test_what_comes_while_the_reader_is_away_waits_for_it() -> None:
    async def run() -> None:
        async with house() as (_, port, publisher):
            first = Reader(port).open()
            await until_async(lambda: is_subscribed(publisher, first), "subscribed")
            await asyncio.to_thread(first.close)
            say(publisher, NUMBERS)
            again = Reader(port, topics=()).open()
            await until_async(lambda: NUMBERS[-1] in again.payloads(), "everything")
            assert again.payloads("plant/a") == NUMBERS
            await asyncio.to_thread(again.close)
            fresh = Reader(port, topics=(), is_clean=True).open()
            await until_async(lambda: fresh.was_known, "connected")
            assert fresh.was_known == [False]
            fresh.close()

    asyncio.run(run())


def test_a_frozen_reader_is_cut_off_and_gets_everything_later() -> None:
    async def run() -> None:
        async with house() as (broker, port, publisher):
            reader = Reader(port, acknowledges=False, keep_alive_s=1).open()
            await until_async(lambda: is_subscribed(publisher, reader), "subscribed")
            reader.client.loop_stop()  # answers no more, and keeps its connection
            say(publisher, NUMBERS)
            await until_async(lambda: "reader" not in broker._connections, "it is cut off")
            again = Reader(port).open()
            await until_async(lambda: NUMBERS[-1] in again.payloads(), "everything")
            assert [n for n in NUMBERS if n not in again.payloads()] == []
            again.close()

    asyncio.run(run())


def test_another_one_with_the_same_name_takes_over() -> None:
    async def run() -> None:
        async with house() as (_, port, publisher):
            first = Reader(port)
            first.client.will_set("plant/will", "gone", 1)
            first.open()
            await until_async(lambda: is_subscribed(publisher, first), "subscribed")
            second = Reader(port, topics=()).open()
            await until_async(lambda: "gone" in second.payloads(), "the first one's will")
            await until_async(lambda: not first.client.is_connected(), "the first one is cut off")
            say(publisher, NUMBERS)
            await until_async(lambda: NUMBERS[-1] in second.payloads(), "the second one is served")
            second.close()
            first.client.loop_stop()

    asyncio.run(run())


def test_nobody_gets_what_only_another_one_asked_for() -> None:
    """Retained or not, at its connection or later."""

    async def run() -> None:
        async with house() as (_, port, publisher):
            host = Reader(port, "host", topics=("state/#",)).open()
            publisher.publish("state/host", "online", 1, retain=True)
            await until_async(lambda: host.payloads(), "the host hears it")
            for is_clean in (False, False, True):
                reader = Reader(port, is_clean=is_clean).open()
                await until_async(partial(is_subscribed, publisher, reader), "subscribed")
                assert set(reader.payloads()) == {"hello"}
                await asyncio.to_thread(reader.cut)
            host.close()

    asyncio.run(run())


def test_quality_of_service_is_the_lower_of_both() -> None:
    async def run() -> None:
        async with house() as (_, port, publisher):
            reader = Reader(port, topics=("plant/#",)).open()
            await until_async(lambda: is_subscribed(publisher, reader), "subscribed")
            for qos in (0, 1, 2):
                say(publisher, ["x"], f"plant/qos{qos}", qos)
            await until_async(lambda: len(reader.payloads("plant/qos2")) == 1, "all three")
            got = {m.topic: m.qos for m in reader.unacknowledged if "qos" in m.topic}
            assert got == {"plant/qos0": 0, "plant/qos1": 1, "plant/qos2": 1}
            reader.close()

    asyncio.run(run())


def test_retained_messages_are_told_to_who_comes_and_can_be_cleared() -> None:
    async def run() -> None:
        async with house() as (broker, port, publisher):
            publisher.publish("state/host", "online", 1, retain=True)
            await until_async(lambda: broker.retained, "it is kept")
            reader = Reader(port, topics=("state/+",)).open()
            await until_async(lambda: reader.payloads() == ["online"], "it is told")
            assert reader.unacknowledged[0].retain
            publisher.publish("state/host", "", 1, retain=True)
            await until_async(lambda: not broker.retained, "it is cleared")
            reader.close()

    asyncio.run(run())


def test_a_session_outlasts_its_broker_and_says_when_it_could_not_keep_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def run() -> None:
        async with house() as (broker, port, publisher):
            reader = Reader(port).open()
            await until_async(lambda: is_subscribed(publisher, reader), "subscribed")
            await asyncio.to_thread(reader.close)
            kept = broker.kept
        assert kept == {"reader": {"plant/#": 1}}
        monkeypatch.setattr(mqtt_session, "LONGEST_QUEUE", 10)
        async with running(port, kept) as broker:
            reader = Reader(port, topics=()).open()
            await until_async(lambda: reader.was_known, "connected")
            await asyncio.to_thread(reader.close)
            writer = Reader(port, "writer", topics=()).open()
            say(writer.client, NUMBERS[:11])
            await until_async(lambda: "reader" not in broker.kept, "too much for it")
            writer.close()
            again = Reader(port).open()
            await until_async(lambda: again.was_known, "connected again")
            again.close()
        assert (reader.was_known, again.was_known) == ([True], [False])

    asyncio.run(run())


def test_a_session_is_kept_before_it_is_promised() -> None:
    """Who kills the broker the moment after loses no session, and the edge's guests ask nothing."""

    async def run() -> None:
        kept: list[tuple[Subscriptions, bool]] = []
        port = free_port()
        broker = await room.start("127.0.0.1", port, on_asked=lambda: kept.append(state()))
        assert broker is not None
        reader, guest = Reader(port), Reader(port, "guest", is_clean=True)
        promised: list[int] = []
        for client in (reader, guest):
            client.client.on_subscribe = lambda *_: promised.append(len(kept))

        def state() -> tuple[Subscriptions, bool]:
            return broker.kept, bool(promised)

        guest.open()
        await until_async(lambda: promised == [0], "the guest is subscribed")
        promised.clear()
        reader.open()
        await until_async(lambda: promised == [1], "the reader is subscribed")
        assert kept == [({"reader": {"plant/#": 1}}, False)]
        reader.close()
        guest.close()
        await broker.stop()

    asyncio.run(run())


def test_settled_is_what_everybody_acknowledged() -> None:
    async def run() -> None:
        async with house() as (broker, port, publisher):
            reader = Reader(port, acknowledges=False).open()
            await until_async(lambda: is_subscribed(publisher, reader), "subscribed")
            before = time.monotonic()
            assert broker.settled_s() < before
            say(publisher, NUMBERS[:5])
            await until_async(lambda: NUMBERS[4] in reader.payloads(), "heard")
            for message in reader.unacknowledged:
                reader.client.ack(message.mid, message.qos)
            await until_async(lambda: broker.settled_s() > before, "acknowledged")
            reader.close()

    asyncio.run(run())


@pytest.mark.parametrize(
    "words",
    [
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: lost/1.0 " + b"." * 50,
        bytes.fromhex("c000"),  # PINGREQ before CONNECT
        bytes.fromhex("100d00064d51497364700302000a0000")[:15],  # MQTT 3.1
        bytes.fromhex("30ffffffff7f"),  # a length without an end
        room.CONNECT + bytes.fromhex("36030001610000"),  # QoS 3
        room.CONNECT + bytes.fromhex("30030001 2b"),  # a wildcard as topic
        room.CONNECT + bytes.fromhex("20020000"),  # CONNACK from a client
    ],
)
def test_who_does_not_speak_mqtt_is_cut_off_and_others_go_on(words: bytes) -> None:
    async def run() -> None:
        async with house() as (_, port, publisher):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(words)
            async with asyncio.timeout(15):
                try:
                    while await reader.read(100):
                        pass
                except ConnectionResetError:
                    pass
            writer.close()
            listener = Reader(port).open()
            await until_async(lambda: is_subscribed(publisher, listener), "the others go on")
            listener.close()

    asyncio.run(run())


def test_what_is_no_broker_is_told() -> None:
    async def run() -> None:
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            with pytest.raises(CannotSimulate, match="not an MQTT broker"):
                await room.start("127.0.0.1", int(other.getsockname()[1]))

    asyncio.run(run())
