"""The OPC UA source against a server of another stack: outages, history, overflow."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from ingest.feed import Feed
from ingest.reading import Channel
from plant.model import OpcUaSource
from tests.ingest.keeping import kept
from tests.patience import until_async

CHANNELS = [
    Channel(1, "A01.state", "state", "ns=2;s=A01.State", ""),
    Channel(2, "A01.good", "good", "ns=2;s=A01.Good", ""),
    Channel(3, "A01.vibration", "process", "ns=2;s=A01.Vibration", ""),
]
GOOD = 2


def source(port: int, **settings: Any) -> OpcUaSource:
    values = {"name": "press", "kind": "opcua", "security": "none", "publishing_interval_ms": 100}
    return OpcUaSource(url=f"opc.tcp://127.0.0.1:{port}/", **(values | settings))


async def burst(server: Any, start: int, count: int) -> None:
    """`count` values of Good, a millisecond apart in the server's own time."""
    at = int(time.time() * 1000)
    steps = {"name": "Good", "from": start, "count": count, "every_ms": 1}
    await asyncio.to_thread(lambda: server.ask(burst=steps, at=at))


def test_every_value_of_a_fast_tag_comes(
    make_feed: Callable[..., Feed], shelf: Any, port: int, peer: Callable[..., Any]
) -> None:
    server = peer("opcua_server.js", str(port), "0")
    assert server.read()["index"] == 2

    async def run() -> None:
        feed = make_feed(CHANNELS)
        async with kept(feed, source(port, queue_size=1000)):
            await until_async(lambda: feed.connected and len(shelf.rows) >= 3)
            for start in range(1, 1001, 200):
                await burst(server, start, 200)
            await until_async(lambda: 1000.0 in shelf.values(GOOD))
        assert [v for v in shelf.values(GOOD) if v] == [float(n) for n in range(1, 1001)]

    asyncio.run(run())


def test_a_frozen_server_is_noticed_and_nothing_is_missing_afterwards(
    make_feed: Callable[..., Feed], shelf: Any, port: int, peer: Callable[..., Any]
) -> None:
    server = peer("opcua_server.js", str(port), "1")
    server.read()

    async def run() -> None:
        feed = make_feed(CHANNELS)
        async with kept(feed, source(port)):
            await until_async(lambda: feed.connected)
            await burst(server, 1, 50)
            await until_async(lambda: 50.0 in shelf.values(GOOD))
            server.signal(signal.SIGSTOP)
            frozen_at = time.monotonic()
            await until_async(lambda: not feed.connected, within_s=6)
            assert time.monotonic() - frozen_at < 5.0
            server.signal(signal.SIGCONT)
            await burst(server, 51, 50)  # while we are away
            thawed_at = time.monotonic()
            await until_async(lambda: feed.connected, within_s=10)
            await burst(server, 101, 50)
            await until_async(
                lambda: {float(n) for n in range(1, 151)} <= set(shelf.values(GOOD)), within_s=15
            )
            assert time.monotonic() - thawed_at < 15
        assert not feed.gaps  # the server could tell afterwards

    asyncio.run(run())


def test_a_server_without_history_leaves_a_gap(
    make_feed: Callable[..., Feed], shelf: Any, port: int, peer: Callable[..., Any]
) -> None:
    first = peer("opcua_server.js", str(port), "0")
    first.read()

    async def run() -> None:
        feed = make_feed(CHANNELS)
        async with kept(feed, source(port)):
            await until_async(lambda: feed.connected)
            first.kill()
            await until_async(lambda: not feed.connected, within_s=5)
            heard = feed.last_heard
            await asyncio.to_thread(lambda: peer("opcua_server.js", str(port), "0").read())
            # An outage longer than the limit, without waiting for it.
            feed.stale_after *= 0
            await until_async(lambda: feed.gaps, within_s=15)
        assert feed.gaps[0].t0 == heard
        assert feed.gaps[0].t1 > feed.gaps[0].t0

    asyncio.run(run())


def test_an_overflow_of_the_servers_queue_is_told(
    make_feed: Callable[..., Feed], shelf: Any, port: int, peer: Callable[..., Any]
) -> None:
    server = peer("opcua_server.js", str(port), "0")
    server.read()

    async def run() -> None:
        feed = make_feed(CHANNELS)
        settings = source(port, queue_size=5, publishing_interval_ms=500)
        async with kept(feed, settings):
            await until_async(lambda: feed.connected and len(shelf.rows) >= 3)
            await burst(server, 1, 100)
            await until_async(lambda: 100.0 in shelf.values(GOOD))
            await until_async(lambda: [r.reason for r in shelf.refused] == ["overflow"])

    asyncio.run(run())


@pytest.mark.parametrize("status", [0x80000000, 0x40000000])
def test_quality_comes_from_the_other_stack_too(
    make_feed: Callable[..., Feed],
    shelf: Any,
    port: int,
    peer: Callable[..., Any],
    status: int,
) -> None:
    server = peer("opcua_server.js", str(port), "0")
    server.read()

    async def run() -> None:
        feed = make_feed(CHANNELS)
        async with kept(feed, source(port)):
            await until_async(lambda: len(shelf.rows) >= 3)
            server.ask(write={"Vibration": 7.5}, status=status)
            await until_async(lambda: 7.5 in shelf.values(3))
        assert shelf.rows[-1].quality == status >> 30

    asyncio.run(run())
