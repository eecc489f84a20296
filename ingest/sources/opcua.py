"""OPC UA: subscriptions to the tags' nodes; never writes to a server.

asyncua is codec, session and security; delivery and health are ours: publish requests in flight at
all times, whole notifications, acknowledged after the commit, and a connection that is dead when
nothing came for a while, whatever the library's state says.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Iterable
from contextlib import suppress
from functools import partial

from asyncua import Client, ua
from asyncua.ua.ua_binary import struct_from_binary

from ingest.feed import Feed
from ingest.reading import Reason, Sample
from ingest.sources import opcua_codec as codec
from ingest.sources.opcua_history import History, source_us
from ingest.sources.opcua_login import login, trouble
from ingest.words import SourceDown, Words
from plant.model import OpcUaSource

log = logging.getLogger(__name__)

ANSWER_S = 4.0
KEEP_ALIVE_S = 1.5
SILENT_S = 3.5
"""Neither data nor a keep-alive for this long: the connection is dead."""
TEARDOWN_S = 2.0
SESSION_MS = 30_000
IN_FLIGHT = 4
ITEMS_A_CALL = 1_000
MAX_ITEMS_A_CALL = ua.ObjectIds.Server_ServerCapabilities_OperationLimits_MaxMonitoredItemsPerCall
LOST = 0x480
"""Info bits of a value before which the server dropped others: its queue was full."""


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
            delivery = _Delivery(client, self._source, self._feed)
            await delivery.subscribe()
            self._feed.up()
            await _together(delivery.run(), history.catch_up(client))
        except SourceDown as down:
            self._feed.down(down.words, down.detail)  # told before the closing takes its time
            raise
        except (OSError, TimeoutError, ua.UaError) as error:
            raise trouble(error) from error
        finally:
            await _tear_down(client)


class _Delivery:
    """One subscription: its items, its publish requests, its acknowledgements."""

    def __init__(self, client: Client, source: OpcUaSource, feed: Feed) -> None:
        self._session = client.uaclient.session
        self._source = source
        self._feed = feed
        self._subscription_id = 0
        self._next: int | None = None
        self._durable: list[ua.SubscriptionAcknowledgement] = []
        self._last_state_us: dict[int, int] = {}

    async def subscribe(self) -> None:
        """Create the subscription and its items. Raises SourceDown where no item is known."""
        interval_s = self._source.publishing_interval_ms / 1000
        request = ua.CreateSubscriptionRequest()
        request.Parameters = ua.CreateSubscriptionParameters(
            RequestedPublishingInterval=self._source.publishing_interval_ms,
            RequestedMaxKeepAliveCount=max(1, round(KEEP_ALIVE_S / interval_s)),
            RequestedLifetimeCount=max(10, round(60 / interval_s)),
            MaxNotificationsPerPublish=0,
            PublishingEnabled=True,
        )
        body = await self._session._send_request(request)
        response = struct_from_binary(ua.CreateSubscriptionResponse, body)
        response.ResponseHeader.ServiceResult.check()
        self._subscription_id = response.Parameters.SubscriptionId
        self._report(await self._create_items())

    async def _create_items(self) -> list[str]:
        """The addresses that the server refuses, with its reason."""
        items, refused = [], []
        for handle, channel in enumerate(self._feed.channels):
            try:
                items.append(self._item(handle, channel.address))
            except (ua.UaError, ValueError) as error:
                refused.append(f"{channel.address}: {error}")
        chunk = await self._items_a_call()
        for start in range(0, len(items), chunk):
            refused += await self._create(items[start : start + chunk])
        return refused

    def _item(self, handle: int, address: str) -> ua.MonitoredItemCreateRequest:
        return ua.MonitoredItemCreateRequest(
            ItemToMonitor=ua.ReadValueId(
                NodeId=ua.NodeId.from_string(address), AttributeId=ua.AttributeIds.Value
            ),
            MonitoringMode=ua.MonitoringMode.Reporting,
            RequestedParameters=ua.MonitoringParameters(
                ClientHandle=handle,
                SamplingInterval=0.0,  # each change, not a sample now and then
                QueueSize=self._source.queue_size,
                DiscardOldest=True,
            ),
        )

    async def _items_a_call(self) -> int:
        """The server's own limit, where it names one."""
        limit = ua.NodeId.from_string(f"i={MAX_ITEMS_A_CALL}")
        (found,) = await self._session.read_attributes([limit], ua.AttributeIds.Value)
        value = found.Value.Value if found.Value is not None else None
        return min(value, ITEMS_A_CALL) if isinstance(value, int) and value else ITEMS_A_CALL

    async def _create(self, items: list[ua.MonitoredItemCreateRequest]) -> list[str]:
        results = await self._session.create_monitored_items(
            ua.CreateMonitoredItemsParameters(
                SubscriptionId=self._subscription_id,
                TimestampsToReturn=ua.TimestampsToReturn.Both,
                ItemsToCreate=items,
            )
        )
        return [
            f"{item.ItemToMonitor.NodeId.to_string()}: {result.StatusCode.name}"
            for item, result in zip(items, results, strict=True)
            if not result.StatusCode.is_good()
        ]

    def _report(self, refused: list[str]) -> None:
        if not refused:
            return
        detail = "\n".join(refused[:20])
        if len(refused) == len(self._feed.channels):
            raise SourceDown(Words.ADDRESSES, detail)
        log.warning("%s: %d addresses are refused: %s", self._source.name, len(refused), detail)
        self._feed.refuse(Reason.UNKNOWN_ADDRESS, detail, self._source.url, detail.encode())

    async def run(self) -> None:
        """Take notifications until the connection is over; raises SourceDown then."""
        flying = deque(self._publish() for _ in range(IN_FLIGHT))
        try:
            while flying:
                body = await self._answer(flying.popleft())
                if body is not None:
                    await self._heed(body)
                    await self._feed.room()
                    flying.append(self._publish())
        finally:
            for request in flying:
                request.cancel()
            await asyncio.gather(*flying, return_exceptions=True)

    def _publish(self) -> asyncio.Task[bytes]:
        request = ua.PublishRequest()
        request.Parameters.SubscriptionAcknowledgements, self._durable = self._durable, []
        return asyncio.create_task(self._send(request))

    async def _send(self, request: ua.PublishRequest) -> bytes:
        body = await self._session._send_request(request, timeout=0)
        return bytes(body.read(len(body)))

    async def _answer(self, request: asyncio.Task[bytes]) -> bytes | None:
        """None where the server wants fewer requests in flight."""
        try:
            return await asyncio.wait_for(request, SILENT_S)
        except TimeoutError as error:
            raise SourceDown(Words.SILENT) from error
        except ua.uaerrors.BadTooManyPublishRequests:
            return None

    async def _heed(self, body: bytes) -> None:
        try:
            publish = codec.decode(body)
        except codec.Unusual:
            publish = _decode_anything(body)
        self._feed.heard()
        missing = self._missing(publish)
        for sequence in missing:
            await self._ask_again(sequence, publish.available)
        if not publish.keep_alive:
            self._take(publish)

    def _missing(self, publish: codec.Publish) -> range:
        """Numbers that were skipped since the last message; 2^32 − 1 is followed by 1."""
        expected, self._next = self._next, publish.sequence
        if not publish.keep_alive:
            self._next = publish.sequence % 0xFFFF_FFFF + 1
        if expected is None or publish.sequence <= expected:
            return range(0)
        return range(expected, publish.sequence)

    async def _ask_again(self, sequence: int, available: Iterable[int]) -> None:
        if sequence not in available:
            raise SourceDown(Words.CUT, f"notification {sequence} is lost: values are read anew")
        message = await self._session.republish(self._subscription_id, sequence)
        self._take(_from_message(self._subscription_id, message))

    def _take(self, publish: codec.Publish) -> None:
        samples = [self._sample(item) for item in publish.items]
        self._feed.take(samples, partial(self._is_durable, publish.sequence))

    def _is_durable(self, sequence: int) -> None:
        self._durable.append(ua.SubscriptionAcknowledgement(self._subscription_id, sequence))

    def _sample(self, item: codec.Item) -> Sample:
        channel = self._feed.channels[item.handle]
        if item.status & LOST == LOST:
            self._feed.lost_before(channel, item.ts_us)
        return Sample(channel, item.ts_us, item.value, quality_of(item.status))


def quality_of(status: int) -> int:
    """0 good, 1 uncertain, 2 bad, from the two highest bits of a status code."""
    return min(status >> 30, 2)


def _decode_anything(body: bytes) -> codec.Publish:
    """The same by asyncua's decoder: arrays, structures, events, status changes."""
    response = struct_from_binary(ua.PublishResponse, ua.utils.Buffer(body))
    response.ResponseHeader.ServiceResult.check()
    result = response.Parameters
    publish = _from_message(result.SubscriptionId, result.NotificationMessage)
    available = tuple(result.AvailableSequenceNumbers or ())
    return codec.Publish(
        publish.subscription_id, publish.sequence, available, publish.items, publish.keep_alive
    )


def _from_message(subscription_id: int, message: ua.NotificationMessage) -> codec.Publish:
    items: list[codec.Item] = []
    for part in message.NotificationData or ():
        if isinstance(part, ua.StatusChangeNotification):
            raise SourceDown(Words.CUT, part.Status.name)
        if isinstance(part, ua.DataChangeNotification):
            items += [item_of(item.ClientHandle, item.Value) for item in part.MonitoredItems]
    keep_alive = not message.NotificationData
    return codec.Publish(subscription_id, message.SequenceNumber, (), items, keep_alive)


def item_of(handle: int, value: ua.DataValue) -> codec.Item:
    """An item from asyncua's own form of a value."""
    status = 0 if value.StatusCode is None else value.StatusCode.value
    raw = None if value.Value is None else value.Value.Value
    return codec.Item(handle, raw, status, source_us(value))


async def _together(delivery: Awaitable[None], history: Awaitable[None]) -> None:
    """Deliver, with the history read beside it; the first that fails ends both."""
    tasks = [asyncio.ensure_future(delivery), asyncio.ensure_future(history)]
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
        await asyncio.wait_for(client.disconnect(), TEARDOWN_S)
    protocol = client.uaclient.protocol
    if protocol is not None and protocol.transport is not None:
        protocol.transport.abort()
