"""The simulated MES: operations with their progress over HTTP, in the MES's own words.

Changes since a mark, in pages, with an ETag. The words are those that the plant file maps from.
Never takes orders; the demo's mails are shown by the same server.
"""

from __future__ import annotations

import hashlib
import logging
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

import orjson

from db.clock import Clock
from ingest.simulator import bookings
from ingest.simulator.faults import port_trouble
from ingest.simulator.mqtt import put
from ingest.simulator.plan import Plan
from plant.model import RestSource
from plant.orders import Operation

log = logging.getLogger(__name__)

PAGE_SIZE = 100
REMEMBERS = timedelta(days=2)
LONGEST = timedelta(days=7)
Answer = tuple[int, str, bytes]
"""Status, content type, body."""
Pages = Callable[[str, dict[str, str]], Answer | None]
"""An answer to (path, parameters); none: not one of ours."""


class Mes:
    """The answers of one REST source; made on several threads, one at a time."""

    def __init__(self, source: RestSource, plan: Plan, clock: Clock) -> None:
        self._source = source
        self._plan = plan
        self._clock = clock
        self._path = urlsplit(source.url).path
        self._words = {ours: theirs for theirs, ours in source.statuses.items()}
        self._lock = threading.Lock()

    def answer(self, path: str, parameters: dict[str, str]) -> Answer | None:
        """One page of operations as JSON; 400 where a parameter can't be read."""
        if path != self._path:
            return None
        try:
            since = self._since(parameters.get(self._source.mark_parameter))
            page = max(int(parameters.get("page", "1")), 1)
        except ValueError as error:
            return 400, "application/json", orjson.dumps({"error": str(error)})
        with self._lock:
            found = self._changed(since)
        return 200, "application/json", orjson.dumps(self._page(found, page, parameters))

    def _since(self, text: str | None) -> datetime | None:
        if not text:
            return None
        at = datetime.fromisoformat(text)
        return at if at.tzinfo else at.replace(tzinfo=UTC)

    def _changed(self, since: datetime | None) -> list[Operation]:
        now = self._clock.now()
        oldest = now - REMEMBERS if since is None else max(since, now - LONGEST)
        found = bookings.operations(self._plan, now, oldest)
        return [o for o in found if since is None or o.at >= since]

    def _page(
        self, found: list[Operation], page: int, parameters: dict[str, str]
    ) -> dict[str, object]:
        first = (page - 1) * PAGE_SIZE
        body: dict[str, object] = {}
        items = [self._item(operation) for operation in found[first : first + PAGE_SIZE]]
        put(body, self._source.items, items)
        if self._source.next_page is not None:
            further = len(found) > first + PAGE_SIZE
            query = urlencode(parameters | {"page": str(page + 1)})
            put(body, self._source.next_page, f"{self._path}?{query}" if further else None)
        return body

    def _item(self, operation: Operation) -> dict[str, object]:
        ours = operation.model_dump(mode="json")
        ours["status"] = self._words.get(operation.status, operation.status)
        ours["at"] = operation.revision
        item: dict[str, object] = {}
        put(item, self._source.mark, operation.revision)
        for field, path in self._source.fields.items():
            put(item, path, ours[field])
        return item


class HttpServer:
    """An HTTP server on a thread of its own. GET only."""

    def __init__(self, host: str, port: int, pages: list[Pages]) -> None:
        try:
            self._server = _Server((host, port), _Handler)
        except OSError as error:
            raise port_trouble("MES", host, port, error) from error
        self._server.pages = pages
        self._thread = threading.Thread(target=self._serve, name="simulator-http", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Close the port and end the thread."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _serve(self) -> None:
        self._server.serve_forever(poll_interval=0.1)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    pages: list[Pages]

    def handle_error(self, *_who: object) -> None:
        """Whoever asked is gone: no news; an answer that can't be made is."""
        error = sys.exc_info()[1]
        if isinstance(error, ConnectionError | TimeoutError):
            log.debug("whoever asked is gone: %s", error)
        else:
            log.error("a request can't be answered", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30
    server: _Server

    def do_GET(self) -> None:
        """Ask each page in turn."""
        address = urlsplit(self.path)
        parameters = {name: values[-1] for name, values in parse_qs(address.query).items()}
        answers = (page(address.path, parameters) for page in self.server.pages)
        answer = next((a for a in answers if a is not None), None)
        self._answer(*(answer or (404, "text/plain; charset=utf-8", b"nothing here\n")))

    def _answer(self, status: int, content_type: str, body: bytes) -> None:
        etag = f'"{hashlib.sha256(body).hexdigest()[:24]}"'
        if status == 200 and self.headers.get("If-None-Match") == etag:
            status, body = 304, b""
        self.send_response(status)
        self.send_header("ETag", etag)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header(
            "Content-Security-Policy",
            "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-src 'self'",
        )
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Requests are no news."""
        log.debug(format, *args)
