"""A source kept connected as the worker does it, as long as a block lasts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from ingest.feed import Feed
from ingest.sources import KINDS
from ingest.supervise import keep
from plant.model import MqttSource, OpcUaSource, SparkplugSource


@asynccontextmanager
async def kept(
    feed: Feed, settings: OpcUaSource | MqttSource | SparkplugSource
) -> AsyncIterator[None]:
    """One that feeds `feed`; a fault of its settings is told in its status."""
    task = asyncio.create_task(
        keep(settings.name, lambda: KINDS[settings.kind](settings, feed), feed)
    )
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
