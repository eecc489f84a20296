"""Orders from a business system's REST interface: polled from a mark, mapped by JMESPath.

Each poll asks for what changed since the mark, a little overlap included, page by page; the mark
moves when what was read is committed, and is kept with it. Never writes to the system.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from datetime import timedelta
from functools import partial

import httpx
import orjson
from jmespath.exceptions import JMESPathError

from db.quarantine import Form
from db.secret import secret
from ingest.feed import Feed
from ingest.reading import Reason, Refusal
from ingest.sources.orders_mapping import Mapped, OrderMap
from ingest.sources.rest_mark import newest, parameter
from ingest.sources.rest_pages import ANSWER_S, Pages, Unreadable
from ingest.words import SourceDown, Words
from plant.model import RestSource
from plant.orders import Operation

CONNECT_S = 3.0
OVERLAP_S = 30.0
"""Wall seconds asked again with each poll: a change may be committed later than its time says."""
REMEMBERED = 50_000


class Rest:
    """One business system."""

    def __init__(self, source: RestSource, feed: Feed) -> None:
        self._source = source
        self._feed = feed
        self._mark = feed.order_mark
        self._seen: OrderedDict[bytes, None] = OrderedDict()
        self._unsettled: list[asyncio.Future[None]] = []
        try:
            self._pages = Pages(source)
            self._map = OrderMap(source, feed.zone)
        except (JMESPathError, ValueError) as error:
            raise SourceDown(Words.CONFIGURATION, str(error)) from error

    async def session(self) -> None:
        """Poll until something fails. Raises SourceDown."""
        timeout = httpx.Timeout(ANSWER_S, connect=CONNECT_S)
        async with httpx.AsyncClient(timeout=timeout, headers=self._headers()) as client:
            while True:
                await self._poll(client)
                self._feed.up()
                await asyncio.sleep(self._source.interval_s)

    def again(self, _address: str, body: bytes) -> Operation | Refusal:
        """What a refused order says now."""
        found = self._map.read([orjson.loads(body)])
        return found.orders[0].operation if found.orders else found.refused[0][0]

    def _headers(self) -> dict[str, str]:
        if self._source.token_env is None:
            return {"Accept": "application/json"}
        token = secret(self._source.token_env)
        if token is None:
            raise SourceDown(Words.NO_PASSWORD, self._source.token_env)
        return {"Accept": "application/json", "Authorization": f"Bearer {token}"}

    async def _poll(self, client: httpx.AsyncClient) -> None:
        """Everything since the mark; the mark moves when all of it is committed."""
        mark = self._mark
        try:
            async for page in self._pages.read(client, self._since()):
                found = self._map.read(page)
                await self._keep(found)
                mark = newest([mark, *found.marks])
        except Unreadable as unreadable:
            self._refuse_once(unreadable.refusal, unreadable.url, unreadable.body)
            raise unreadable.down from unreadable
        if mark != self._mark:
            await self._settled()
            await self._feed.keep_orders([], mark)
            self._mark = mark

    def _since(self) -> dict[str, str]:
        """The mark as a parameter; a time goes back by the overlap."""
        if self._mark is None:
            return {}
        overlap = timedelta(seconds=OVERLAP_S * self._feed.clock.speed)
        return {self._source.mark_parameter: parameter(self._mark, overlap)}

    async def _keep(self, found: Mapped) -> None:
        for refusal, item in found.refused:
            self._refuse_once(refusal, self._source.url, item)
        self._feed.heard()
        fresh = [order for order in found.orders if order.key not in self._seen]
        if fresh:
            await self._feed.keep_orders([order.operation for order in fresh], None)
        for order in fresh:
            self._remember(order.key)

    def _refuse_once(self, refusal: Refusal, address: str, body: bytes) -> None:
        """The same thing comes again with the next poll: it is reported once."""
        digest = hashlib.sha256(refusal.reason.encode() + body).digest()
        if digest not in self._seen:
            self._remember(digest)
            durable: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._unsettled.append(durable)
            ack = partial(_settle, durable)
            form: Form | None = "order" if refusal.reason is Reason.BAD_ORDER else None
            self._feed.refuse(refusal.reason, refusal.detail, address, body, ack, form=form)

    async def _settled(self) -> None:
        """Wait until all that was refused is durable: the mark goes beyond it."""
        unsettled, self._unsettled = self._unsettled, []
        await asyncio.gather(*unsettled)

    def _remember(self, digest: bytes) -> None:
        self._seen[digest] = None
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)


def _settle(durable: asyncio.Future[None]) -> None:
    if not durable.done():
        durable.set_result(None)
