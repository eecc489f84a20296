"""Orders from a business system's REST interface: polled from a mark, mapped by JMESPath.

Each poll asks for what changed since the mark, a little overlap included, page by page; the mark
moves when what was read is committed. Never writes to the system.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from urllib.parse import urljoin, urlsplit

import httpx
import jmespath
import orjson
from jmespath.exceptions import JMESPathError

from db.secret import secret
from ingest.feed import Feed
from ingest.sources.orders_mapping import Mapped, Mark, OrderMap
from ingest.words import SourceDown, Words, trouble_of_network
from plant.model import RestSource

log = logging.getLogger(__name__)

ANSWER_S = 5.0
CONNECT_S = 3.0
OVERLAP_S = 30.0
"""Wall seconds asked again with each poll: a change may be committed later than its time says."""
PAGES = 1_000
LARGEST_BYTES = 32 << 20
REMEMBERED = 50_000


class Rest:
    """One business system."""

    def __init__(self, source: RestSource, feed: Feed) -> None:
        self._source = source
        self._feed = feed
        self._mark: Mark | None = feed.order_mark
        self._etag: tuple[str, str] | None = None
        self._seen: OrderedDict[bytes, None] = OrderedDict()
        try:
            self._items = jmespath.compile(source.items)
            self._next = None if source.next_page is None else jmespath.compile(source.next_page)
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

    def _headers(self) -> dict[str, str]:
        if self._source.token_env is None:
            return {"Accept": "application/json"}
        token = secret(self._source.token_env)
        if token is None:
            raise SourceDown(Words.NO_PASSWORD, self._source.token_env)
        return {"Accept": "application/json", "Authorization": f"Bearer {token}"}

    async def _poll(self, client: httpx.AsyncClient) -> None:
        """Everything since the mark; the mark moves when all of it is committed."""
        newest = self._mark
        async for page in self._pages(client):
            found = self._map.read(page)
            self._refuse(found)
            fresh = [order for order in found.orders if self._is_new(order.key)]
            await self._feed.keep_orders([order.operation for order in fresh])
            for order in fresh:
                self._remember(order.key)
            newest = max([newest, *found.marks], key=_order_of)
        self._mark = newest

    async def _pages(self, client: httpx.AsyncClient) -> AsyncIterator[list[object]]:
        url = str(httpx.URL(self._source.url).copy_merge_params(self._since()))
        etag = None
        for number in range(PAGES):
            response, body = await self._get(client, url, first=number == 0)
            if response.status_code == httpx.codes.NOT_MODIFIED:
                return
            if number == 0 and "etag" in response.headers:
                etag = (url, response.headers["etag"])
            page = self._parsed(url, body)
            yield self._items_of(url, page, body)
            further = self._next_of(url, page)
            if further is None:
                self._etag = etag
                return
            url = further
        raise SourceDown(Words.NOT_UNDERSTOOD, f"more than {PAGES} pages")

    def _since(self) -> dict[str, str]:
        """The mark as a parameter; a time goes back by the overlap."""
        if self._mark is None:
            return {}
        return {self._source.mark_parameter: self._with_overlap(self._mark)}

    def _with_overlap(self, mark: Mark) -> str:
        at = _time_of(mark)
        if at is None:
            return str(mark)
        overlap = timedelta(seconds=OVERLAP_S * self._feed.clock.speed)
        return (at - overlap).isoformat()

    async def _get(
        self, client: httpx.AsyncClient, url: str, *, first: bool
    ) -> tuple[httpx.Response, bytes]:
        known = self._etag is not None and first and self._etag[0] == url
        headers = {"If-None-Match": self._etag[1]} if known and self._etag is not None else {}
        try:
            async with (
                asyncio.timeout(4 * ANSWER_S),
                client.stream("GET", url, headers=headers) as response,
            ):
                body = await _body(response)
        except httpx.TimeoutException as error:
            raise SourceDown(Words.TIMEOUT, f"{url}: {type(error).__name__}") from error
        except httpx.ConnectError as error:
            raise _connecting(error) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise SourceDown(Words.CUT, f"{url}: {error or type(error).__name__}") from error
        except TimeoutError as error:
            raise trouble_of_network(error) from error
        self._check(response, url, body)
        return response, body

    def _check(self, response: httpx.Response, url: str, body: bytes) -> None:
        status = response.status_code
        if response.is_success or status == httpx.codes.NOT_MODIFIED:
            return
        said = f"{url}: {status} {response.reason_phrase} {body[:200].decode(errors='replace')}"
        if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            raise SourceDown(Words.LOGIN, said)
        raise SourceDown(Words.SERVER_ERROR, said)

    def _parsed(self, url: str, body: bytes) -> object:
        try:
            page: object = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            self._refuse_once("bad_json", str(error), url, body)
            raise SourceDown(Words.NOT_UNDERSTOOD, f"{url}: {error}") from error
        return page

    def _items_of(self, url: str, page: object, body: bytes) -> list[object]:
        items = _search(self._items, page)
        if isinstance(items, list):
            return items
        why = f"no list at {self._source.items!r}"
        self._refuse_once("bad_answer", why, url, body)
        raise SourceDown(Words.NOT_UNDERSTOOD, f"{url}: {why}")

    def _next_of(self, url: str, page: object) -> str | None:
        """The next page's address; it must be at the same server, where our token belongs."""
        if self._next is None:
            return None
        found = _search(self._next, page)
        if not isinstance(found, str) or not found:
            return None
        further = urljoin(url, found)
        if urlsplit(further)[:2] != urlsplit(self._source.url)[:2]:
            raise SourceDown(Words.NOT_UNDERSTOOD, f"the next page is at another server: {further}")
        return further

    def _refuse(self, found: Mapped) -> None:
        for refusal, item in found.refused:
            self._refuse_once(refusal.reason, refusal.detail, self._source.url, item)
        self._feed.heard()

    def _refuse_once(self, reason: str, detail: str, address: str, body: bytes) -> None:
        """The same thing comes again with the next poll: it is reported once."""
        digest = hashlib.sha256(reason.encode() + body).digest()
        if digest not in self._seen:
            self._remember_digest(digest)
            self._feed.refuse(reason, detail, address, body)

    def _is_new(self, key: bytes) -> bool:
        return key not in self._seen

    def _remember(self, key: bytes) -> None:
        self._remember_digest(key)

    def _remember_digest(self, digest: bytes) -> None:
        self._seen[digest] = None
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)


async def _body(response: httpx.Response) -> bytes:
    parts, size = [], 0
    async for part in response.aiter_bytes():
        size += len(part)
        if size > LARGEST_BYTES:
            raise httpx.RemoteProtocolError(f"an answer of more than {LARGEST_BYTES} bytes")
        parts.append(part)
    return b"".join(parts)


def _connecting(error: httpx.ConnectError) -> SourceDown:
    """The operating system's reason, where the library kept it."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, OSError):
        cause = cause.__cause__ or cause.__context__
    return SourceDown(Words.REFUSED, str(error)) if cause is None else trouble_of_network(cause)


def _search(expression: jmespath.parser.ParsedResult, data: object) -> object:
    try:
        return expression.search(data)
    except (JMESPathError, TypeError, ValueError):
        return None


def _time_of(mark: Mark) -> datetime | None:
    if not isinstance(mark, str):
        return None
    try:
        at = datetime.fromisoformat(mark)
    except ValueError:
        return None
    return at if at.tzinfo is not None else None


def _order_of(mark: Mark | None) -> tuple[int, float, str]:
    """Times by their moment, numbers by size, other texts as texts."""
    if mark is None:
        return (0, 0.0, "")
    if isinstance(mark, (int, float)):
        return (1, float(mark), "")
    at = _time_of(mark)
    return (2, 0.0, mark) if at is None else (1, at.timestamp(), "")
