"""A business system's answer, page by page, over HTTP: what is wrong with it, in words.

Asks only when something changed, where the system gives an ETag. Never sends our token to another
server, never reads an answer without end.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import httpx
import jmespath
import orjson
from jmespath.exceptions import JMESPathError

from ingest.reading import Reason, Refusal
from ingest.words import SourceDown, Words, trouble_of_network
from plant.model import RestSource

ANSWER_S = 5.0
PAGES = 1_000
LARGEST_BYTES = 32 << 20


@dataclass(frozen=True, slots=True)
class Unreadable(Exception):
    """An answer that is to be put aside before the source is told to be down."""

    refusal: Refusal
    url: str
    body: bytes

    @property
    def down(self) -> SourceDown:
        """What to tell the user."""
        return SourceDown(Words.NOT_UNDERSTOOD, f"{self.url}: {self.refusal.detail}")


class Pages:
    """The pages of one system. Raises JMESPathError where a path of the source can't be read."""

    def __init__(self, source: RestSource) -> None:
        self._source = source
        self._etag: tuple[str, str] | None = None
        self._items = jmespath.compile(source.items)
        self._next = None if source.next_page is None else jmespath.compile(source.next_page)

    async def read(
        self, client: httpx.AsyncClient, since: dict[str, str]
    ) -> AsyncIterator[list[object]]:
        """The items of each page; none where nothing changed. Raises SourceDown, Unreadable."""
        url = str(httpx.URL(self._source.url).copy_merge_params(since))
        etag = None
        for number in range(PAGES):
            response, body = await self._get(client, url, first=number == 0)
            if response.status_code == httpx.codes.NOT_MODIFIED:
                return
            if number == 0 and "etag" in response.headers:
                etag = (url, response.headers["etag"])
            page = _parsed(url, body)
            yield self._items_of(url, page, body)
            further = self._next_of(url, page)
            if further is None:
                self._etag = etag
                return
            url = further
        raise SourceDown(Words.NOT_UNDERSTOOD, f"more than {PAGES} pages")

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
        _check(response, url, body)
        return response, body

    def _items_of(self, url: str, page: object, body: bytes) -> list[object]:
        items = _search(self._items, page)
        if isinstance(items, list):
            return items
        raise Unreadable(
            Refusal(Reason.BAD_ANSWER, f"no list at {self._source.items!r}"), url, body
        )

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


def _parsed(url: str, body: bytes) -> object:
    try:
        page: object = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Unreadable(Refusal(Reason.BAD_JSON, str(error)), url, body) from error
    return page


def _check(response: httpx.Response, url: str, body: bytes) -> None:
    status = response.status_code
    if response.is_success or status == httpx.codes.NOT_MODIFIED:
        return
    said = f"{url}: {status} {response.reason_phrase} {body[:200].decode(errors='replace')}"
    if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        raise SourceDown(Words.LOGIN, said)
    raise SourceDown(Words.SERVER_ERROR, said)


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
