"""Servers that accept a connection and say nothing: a time-out in words, and nobody else waits."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from ingest.feed import Feed
from ingest.reading import Channel
from ingest.sources import KINDS
from ingest.supervise import keep
from ingest.words import SourceDown, Words
from plant.model import MqttSource, OpcUaSource, RestSource, SparkplugSource
from tests.patience import until_async

MakeFeed = Callable[..., Feed]
Settings = OpcUaSource | MqttSource | SparkplugSource | RestSource
HOST = "127.0.0.1"


class Mute:
    """Accepts whoever comes, reads what they say and never answers."""

    def __init__(self) -> None:
        self.visitors = 0
        self.port = 0
        self._writers: list[asyncio.StreamWriter] = []

    async def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.visitors += 1
        self._writers.append(writer)
        with suppress(OSError):
            while await reader.read(4096):
                pass
        writer.close()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        server = await asyncio.start_server(self._welcome, HOST, 0)
        self.port = server.sockets[0].getsockname()[1]
        yield
        server.close()
        for writer in self._writers:
            writer.transport.abort()


def settings(kind: str, port: int) -> Settings:
    if kind == "opcua":
        url = f"opc.tcp://{HOST}:{port}/"
        return OpcUaSource(name="mute", kind="opcua", url=url, security="none")
    if kind == "rest":
        url = f"http://{HOST}:{port}/"
        return RestSource(name="mute", kind="rest", url=url, fields={"order": "id"})
    if kind == "sparkplug":
        return SparkplugSource(name="mute", kind="sparkplug", host=HOST, port=port, group="G")
    tls = kind == "mqtt over tls"
    return MqttSource(name="mute", kind="mqtt", host=HOST, port=port, topics=("#",), tls=tls)


async def kept(source: Settings, feed: Feed) -> None:
    made = KINDS[source.kind](source, feed)
    await keep(source.name, lambda: made, feed)


@pytest.mark.parametrize("kind", ["opcua", "mqtt", "mqtt over tls", "sparkplug", "rest"])
def test_a_server_that_says_nothing_is_told_and_tried_again(make_feed: MakeFeed, kind: str) -> None:
    async def run() -> None:
        mute = Mute()
        async with mute.listening():
            feed = make_feed([Channel(1, "A01.state", "state", "ns=2;s=A01.State", "")])
            source = settings(kind, mute.port)
            task = asyncio.create_task(kept(source, feed))
            await until_async(lambda: (feed.status().error or "").startswith("No answer in time"))
            assert not feed.connected
            await until_async(lambda: mute.visitors >= 2)
            task.cancel()
            with suppress(asyncio.CancelledError):
                async with asyncio.timeout(5):
                    await task

    asyncio.run(run())


def test_one_whose_library_swallows_the_cancellation_ends(make_feed: MakeFeed) -> None:
    """As asyncua does while it waits for the end of its own tasks."""

    class Swallowing:
        sessions = 0

        async def session(self) -> None:
            self.sessions += 1
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError as error:
                raise SourceDown(Words.CUT) from error

    async def run() -> None:
        source = Swallowing()
        task = asyncio.create_task(keep("mute", lambda: source, make_feed([])))
        await until_async(lambda: source.sessions)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            async with asyncio.timeout(5):
                await task
        assert source.sessions == 1

    asyncio.run(run())


def test_many_that_hang_hold_up_nobody(make_feed: MakeFeed, broker: Any) -> None:
    """More of them than the event loop has threads for calls that block."""

    async def run() -> None:
        mute = Mute()
        async with mute.listening():
            source = settings("mqtt over tls", mute.port)
            hanging = [asyncio.create_task(kept(source, make_feed([]))) for _ in range(40)]
            await until_async(lambda: mute.visitors >= 40)
            feed = make_feed([])
            hanging.append(asyncio.create_task(kept(settings("mqtt", broker.port), feed)))
            await until_async(lambda: feed.connected)
            for task in hanging:
                task.cancel()
            await asyncio.gather(*hanging, return_exceptions=True)
        await until_async(
            lambda: not any(t.name == "taktboard-connect" for t in threading.enumerate())
        )

    asyncio.run(run())
