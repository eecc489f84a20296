"""What an OPC UA server kept while we were away: HistoryRead from each tag's newest stored value.

Where the server has no history of the tags, the stretch becomes a gap: unknown, never guessed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice

from asyncua import Client, ua

from db.readings import micros, moment
from ingest.feed import Feed
from ingest.reading import Channel, Sample
from plant.model import OpcUaSource

log = logging.getLogger(__name__)

NODES_A_CALL = 20
VALUES_A_NODE = 2_000
LONGEST_S = 30.0
"""A call for history may take this long; live values come beside it."""


class History:
    """The stretch from the last sign of life to this connection. Make it before subscribing."""

    def __init__(self, source: OpcUaSource, feed: Feed, missed_from: datetime | None) -> None:
        self._source = source
        self._feed = feed
        self._missed_from = missed_from
        self._newest_us = dict(feed.newest_us)

    async def catch_up(self, client: Client) -> None:
        """Hand over what the server kept; a gap where it kept nothing of a state."""
        if self._missed_from is None:
            return
        until = self._feed.clock.now()
        untold = await self._read_all(client, until)
        if _matters(untold, self._feed.channels):
            self._feed.missed(self._missed_from)

    async def _read_all(self, client: Client, until: datetime) -> list[Channel]:
        """The channels that the server has no history of."""
        untold: list[Channel] = []
        for chunk in _chunks(self._feed.channels, NODES_A_CALL):
            nodes = [(c, node) for c in chunk if (node := self._node(c)) is not None]
            untold += await self._read(client, nodes, until)
        return untold

    def _node(self, channel: Channel) -> ua.HistoryReadValueId | None:
        try:
            return ua.HistoryReadValueId(NodeId=ua.NodeId.from_string(channel.address))
        except (ua.UaError, ValueError):
            return None

    async def _read(
        self, client: Client, nodes: list[tuple[Channel, ua.HistoryReadValueId]], until: datetime
    ) -> list[Channel]:
        """One call a round, until no node has more to tell."""
        untold: list[Channel] = []
        while nodes:
            results = await self._ask(client, nodes, until)
            if results is None:
                return [channel for channel, _ in nodes]
            further = []
            for (channel, node), result in zip(nodes, results, strict=True):
                if not result.StatusCode.is_good():
                    untold.append(channel)
                    continue
                await self._hand_over(channel, result.HistoryData)
                if result.ContinuationPoint and result.ContinuationPoint != node.ContinuationPoint:
                    node.ContinuationPoint = result.ContinuationPoint
                    further.append((channel, node))
            nodes = further
        return untold

    async def _ask(
        self, client: Client, nodes: list[tuple[Channel, ua.HistoryReadValueId]], until: datetime
    ) -> list[ua.HistoryReadResult] | None:
        """None where the server does not know the service at all."""
        parameters = ua.HistoryReadParameters(
            HistoryReadDetails=ua.ReadRawModifiedDetails(
                IsReadModified=False,
                StartTime=min(self._start(channel) for channel, _ in nodes),
                EndTime=until + timedelta(seconds=60),
                NumValuesPerNode=VALUES_A_NODE,
                ReturnBounds=False,
            ),
            TimestampsToReturn=ua.TimestampsToReturn.Both,
            ReleaseContinuationPoints=False,  # the library's default asks for no data at all
            NodesToRead=[node for _, node in nodes],
        )
        try:
            async with asyncio.timeout(LONGEST_S):
                return await client.uaclient.session.history_read(parameters)
        except ua.UaStatusCodeError as error:
            log.info("%s tells no history: %s", self._source.name, error)
            return None

    def _start(self, channel: Channel) -> datetime:
        """From the newest value we have, else from the last sign of life."""
        assert self._missed_from is not None
        newest_us = self._newest_us.get(channel.tag_id)
        newest = self._missed_from if newest_us is None else moment(newest_us)
        return max(newest, self._feed.oldest(self._feed.clock.now()))

    async def _hand_over(self, channel: Channel, data: object) -> None:
        values = data.DataValues if isinstance(data, ua.HistoryData) else None
        samples = [_sample(channel, value) for value in values or ()]
        await self._feed.room()
        if samples:
            self._feed.take(samples)


def _matters(untold: Sequence[Channel], channels: Sequence[Channel]) -> bool:
    """A machine's state of that stretch is unknown; where no states are read, anything is."""
    has_states = any(channel.role == "state" for channel in channels)
    return any(channel.role == "state" or not has_states for channel in untold)


def source_us(value: ua.DataValue) -> int | None:
    """The source's time of a value, else the server's, as µs since 1970."""
    at = value.SourceTimestamp or value.ServerTimestamp
    if at is None:
        return None
    return micros(at if at.tzinfo is not None else at.replace(tzinfo=UTC))


def _sample(channel: Channel, value: ua.DataValue) -> Sample:
    status = 0 if value.StatusCode is None else value.StatusCode.value
    raw = None if value.Value is None else value.Value.Value
    quality = min(status >> 30, 2)
    return Sample(channel, source_us(value), raw, quality, historical=True)


def _chunks(items: Sequence[Channel], size: int) -> Iterator[list[Channel]]:
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk
