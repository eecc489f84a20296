"""The nodes of a subscription: a monitored item a tag, in calls of the size that the server takes.

An address that the server refuses is told, and asked for again from time to time: servers make
nodes late, after a download or when a machine is switched on. The others are read meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

from asyncua import Client, ua

from ingest.feed import Feed
from ingest.reading import Reason
from ingest.words import SourceDown, Words
from plant.model import OpcUaSource

log = logging.getLogger(__name__)

ASK_AGAIN_S = 10.0
"""How often refused addresses are asked for again."""
ITEMS_A_CALL = 1_000
MAX_ITEMS_A_CALL = ua.ObjectIds.Server_ServerCapabilities_OperationLimits_MaxMonitoredItemsPerCall
TOLD = 20
"""Refused addresses that are named."""


class Items:
    """The items of one subscription. A tag's handle is its place among the feed's channels."""

    def __init__(
        self, client: Client, source: OpcUaSource, feed: Feed, subscription_id: int
    ) -> None:
        self._session = client.uaclient.session
        self._source = source
        self._feed = feed
        self._subscription_id = subscription_id
        self._refused: dict[int, str] = {}
        self._items_a_call = ITEMS_A_CALL

    async def create(self) -> None:
        """Ask for all. Raises SourceDown where the server knows none of them."""
        self._items_a_call = await self._limit()
        await self._ask(range(len(self._feed.channels)))
        if not self._refused:
            return
        if len(self._refused) == len(self._feed.channels):
            raise SourceDown(Words.ADDRESSES, self._detail())
        log.warning("%s refuses %d addresses", self._source.name, len(self._refused))
        detail = self._detail()
        self._feed.refuse(Reason.UNKNOWN_ADDRESS, detail, self._source.url, detail.encode())

    def tell(self) -> None:
        """Say on the boards what is refused now."""
        if self._refused:
            self._feed.warn(Words.ADDRESSES, self._detail())
        else:
            self._feed.up()

    async def ask_again(self) -> None:
        """Until the server knows all of them."""
        while self._refused:
            await asyncio.sleep(ASK_AGAIN_S)
            before = dict(self._refused)
            await self._ask(list(before))
            if self._refused != before:
                found = len(before) - len(self._refused)
                log.info("%s knows %d more addresses", self._source.name, found)
                self.tell()

    async def _ask(self, handles: Iterable[int]) -> None:
        """Create items; what is refused is noted, what is accepted is no longer."""
        items: list[ua.MonitoredItemCreateRequest] = []
        for handle in handles:
            try:
                items.append(self._item(handle))
            except (ua.UaError, ValueError) as error:
                self._refused[handle] = str(error)
        for start in range(0, len(items), self._items_a_call):
            await self._create(items[start : start + self._items_a_call])

    def _item(self, handle: int) -> ua.MonitoredItemCreateRequest:
        address = self._feed.channels[handle].address
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

    async def _limit(self) -> int:
        """The server's own, where it names one."""
        limit = ua.NodeId.from_string(f"i={MAX_ITEMS_A_CALL}")
        (found,) = await self._session.read_attributes([limit], ua.AttributeIds.Value)
        value = found.Value.Value if found.Value is not None else None
        return min(value, ITEMS_A_CALL) if isinstance(value, int) and value else ITEMS_A_CALL

    async def _create(self, items: list[ua.MonitoredItemCreateRequest]) -> None:
        results = await self._session.create_monitored_items(
            ua.CreateMonitoredItemsParameters(
                SubscriptionId=self._subscription_id,
                TimestampsToReturn=ua.TimestampsToReturn.Both,
                ItemsToCreate=items,
            )
        )
        for item, result in zip(items, results, strict=True):
            handle = item.RequestedParameters.ClientHandle
            self._refused.pop(handle, None)
            if not result.StatusCode.is_good():
                self._refused[handle] = result.StatusCode.name

    def _detail(self) -> str:
        """One address a line, with the server's reason."""
        channels, refused = self._feed.channels, sorted(self._refused.items())[:TOLD]
        return "\n".join(f"{channels[handle].address}: {why}" for handle, why in refused)
