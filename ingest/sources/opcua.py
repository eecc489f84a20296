"""OPC UA: subscriptions to the tags' nodes; never writes to a server.

asyncua is codec, session and security; delivery and health are ours: publish requests in flight at
all times, whole notifications, acknowledged after the commit, and a connection that is dead when
nothing came for a while, whatever the library's state says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import suppress

from asyncua import Client, ua

from ingest.feed import Feed
from ingest.sources.opcua_delivery import Delivery
from ingest.sources.opcua_history import History
from ingest.sources.opcua_items import Items
from ingest.sources.opcua_login import login, trouble
from ingest.words import SourceDown
from plant.model import OpcUaSource

ANSWER_S = 4.0
TEARDOWN_S = 2.0
SESSION_MS = 30_000


class OpcUa:
    """One OPC UA server."""

    def __init__(self, source: OpcUaSource, feed: Feed) -> None:
        self._source = source
        self._feed = feed

    async def session(self) -> None:
        """Connect, subscribe and deliver until the connection is over. Raises SourceDown."""
        missed_from = self._feed.last_heard
        history = History(self._source, self._feed, missed_from)
        client = Client(self._source.url, timeout=ANSWER_S)
        client.session_timeout = SESSION_MS
        try:
            await login(client, self._source)
            delivery = Delivery(client, self._source, self._feed)
            subscription_id = await delivery.subscribe()
            items = Items(client, self._source, self._feed, subscription_id)
            await items.create()
            self._feed.up()
            items.tell()
            await _together(delivery.run(), history.catch_up(client), items.ask_again())
        except SourceDown as down:
            self._feed.down(down.words, down.detail)  # told before the closing takes its time
            raise
        except (OSError, TimeoutError, ua.UaError) as error:
            raise trouble(error) from error
        finally:
            await _tear_down(client)


async def _together(*jobs: Awaitable[None]) -> None:
    """Deliver, with the history read beside it; the first that fails ends all."""
    tasks = [asyncio.ensure_future(job) for job in jobs]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _tear_down(client: Client) -> None:
    """Close politely within TEARDOWN_S, then cut."""
    with suppress(TimeoutError, OSError, ua.UaError, AttributeError):
        async with asyncio.timeout(TEARDOWN_S):
            await client.disconnect()
    protocol = client.uaclient.protocol
    if protocol is not None and protocol.transport is not None:
        protocol.transport.abort()
