"""What an OPC UA server publishes, taken whole and acknowledged when it is durable.

Several publish requests are in flight at all times; a notification that was skipped is asked for
again, and silence ends the connection. Never reads values on its own account.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from functools import partial

from asyncua import Client, ua
from asyncua.ua.ua_binary import struct_from_binary

from ingest.feed import Feed
from ingest.reading import Sample
from ingest.sources import opcua_codec as codec
from ingest.sources.opcua_history import source_us
from ingest.words import SourceDown, Words
from plant.model import OpcUaSource

KEEP_ALIVE_S = 1.5
SILENT_S = 3.5
"""Neither data nor a keep-alive for this long: the connection is dead."""
IN_FLIGHT = 4
LOST = 0x480
"""Info bits of a value before which the server dropped others: its queue was full."""


class Delivery:
    """One subscription: its publish requests and its acknowledgements."""

    def __init__(self, client: Client, source: OpcUaSource, feed: Feed) -> None:
        self._session = client.uaclient.session
        self._source = source
        self._feed = feed
        self._subscription_id = 0
        self._next: int | None = None
        self._durable: list[ua.SubscriptionAcknowledgement] = []

    async def subscribe(self) -> int:
        """Create the subscription, still without items; its id."""
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
        return self._subscription_id

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
            async with asyncio.timeout(SILENT_S):
                return await request
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
