"""Orders from a REST interface: pages, marks, cancelled and re-opened, half answers, errors."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest

from db.connect import Database, DatabaseUnavailable
from db.order_events import append
from ingest.crew import Job
from ingest.feed import Feed
from ingest.records import Records
from ingest.sources.rest import OVERLAP_S, Rest
from ingest.sources.rest_mark import newest, parameter
from ingest.supervise import keep
from plant.model import RestSource
from plant.orders import Operation
from tests.patience import until_async

MakeFeed = Callable[..., Feed]
T0 = datetime(2026, 1, 5, 8, tzinfo=UTC)
FIELDS = {
    "order": "wo_id",
    "operation": "oper_id",
    "status": "state",
    "planned": "qty_reqd",
    "good": "qty_prod",
    "machine": "resource",
    "started_at": "act_start",
    "ended_at": "act_finish",
}


@dataclass
class Mes:
    """An order system with faults on demand."""

    items: list[dict[str, object]] = field(default_factory=list)
    asked: list[dict[str, list[str]]] = field(default_factory=list)
    page: int = 2
    fault: str = ""
    unchanged: int = 0
    port: int = 0

    def answer(self, path: str, etag: str | None) -> tuple[int, bytes, dict[str, str]]:
        query = parse_qs(urlsplit(path).query)
        self.asked.append(query)
        if self.fault == "500":
            return 500, b"out of order", {}
        since = query.get("since", [""])[0]
        found = [i for i in self.items if not since or str(i["changed"]) >= since]
        offset = int(query.get("offset", ["0"])[0])
        further = f"?since={since}&offset={offset + self.page}".replace("+", "%2B")
        has_more = offset + self.page < len(found)
        page = {"items": found[offset : offset + self.page], "next": further if has_more else None}
        body = orjson.dumps(page)
        tag = f'"{hash(body)}"'
        if etag == tag:
            self.unchanged += 1
            return 304, b"", {}
        return 200, body[: len(body) // 2] if self.fault == "half" else body, {"ETag": tag}


@pytest.fixture
def mes() -> Iterator[Mes]:
    mes = Mes()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body, headers = mes.answer(self.path, self.headers["If-None-Match"])
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    mes.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield mes
    server.shutdown()
    server.server_close()
    thread.join()


def item(order: str, minutes: float, **more: object) -> dict[str, object]:
    changed = (T0 + timedelta(minutes=minutes)).isoformat()
    values = {"wo_id": order, "oper_id": 10, "state": "WIP", "qty_reqd": 100, "qty_prod": 0}
    return values | {"changed": changed, "resource": "A01"} | more


def source(mes: Mes, **settings: Any) -> RestSource:
    values: dict[str, Any] = {
        "name": "mes",
        "kind": "rest",
        "interval_s": 0.05,
        "next_page": "next",
        "mark": "changed",
        "mark_parameter": "since",
        "fields": FIELDS,
        "statuses": {"WIP": "running", "CANC": "cancelled"},
    }
    return RestSource(url=f"http://127.0.0.1:{mes.port}/orders", **(values | settings))


@asynccontextmanager
async def kept(feed: Feed, settings: RestSource) -> AsyncIterator[list[Operation]]:
    got: list[Operation] = []

    async def keep_orders(operations: Any, mark: Any) -> None:
        got.extend(operations)

    feed.keep_orders = keep_orders
    made = Rest(settings, feed)
    task = asyncio.create_task(keep(settings.name, lambda: made, feed))
    try:
        yield got
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def test_pages_are_read_and_fields_are_mapped(make_feed: MakeFeed, mes: Mes) -> None:
    mes.items = [item(f"WO-{n}", n, qty_prod=n) for n in range(5)]

    async def run() -> None:
        feed = make_feed([])
        async with kept(feed, source(mes)) as got:
            await until_async(lambda: len(got) == 5)
            assert feed.connected
        assert [(o.order, o.operation, o.status, o.good, o.machine) for o in got][4] == (
            "WO-4",
            "10",
            "running",
            4.0,
            "A01",
        )
        assert got[0].at == T0
        assert got[0].revision == T0.isoformat()

    asyncio.run(run())


def test_the_mark_moves_with_an_overlap_and_versions_come_once(
    make_feed: MakeFeed, mes: Mes
) -> None:
    mes.items = [item("WO-1", 0), item("WO-2", 10)]

    async def run() -> None:
        async with kept(make_feed([]), source(mes)) as got:
            await until_async(lambda: len(mes.asked) > 3)
            mark = datetime.fromisoformat(mes.asked[-1]["since"][0])
            assert T0 + timedelta(minutes=9) < mark < T0 + timedelta(minutes=10)
            late = item("WO-3", 9.9)  # committed later than its time says
            mes.items.append(late)
            mes.items.append(item("WO-2", 11, state="CANC"))
            mes.items.append(item("WO-2", 12))  # re-opened
            await until_async(lambda: len(got) == 5)
            await until_async(lambda: mes.unchanged > 2)  # unchanged answers cost nothing
        versions = [(o.order, o.status) for o in got]
        assert sorted(versions[2:4]) == [("WO-2", "cancelled"), ("WO-3", "running")]
        assert versions[4] == ("WO-2", "running")

    asyncio.run(run())


def test_after_a_restart_it_goes_on_from_the_mark_whatever_the_revision_is(
    make_feed: MakeFeed, mes: Mes, database: Database, source_id: int
) -> None:
    """`revision` and `at` are the system's own fields, not the mark: `at` even goes backwards."""
    mes.page = 3
    mes.items = [item(f"WO-{n}", n, version=900 - n) for n in range(10)]
    mes.items += [item("WO-bad", 12, qty_reqd=-1)]  # refused, and the mark goes beyond it
    for number, one in enumerate(mes.items):
        one["planned_for"] = (T0 - timedelta(days=number)).isoformat()
    settings = source(mes, fields=FIELDS | {"revision": "version", "at": "planned_for"})
    job, records = Job(source_id, settings, ()), Records(database)

    async def run(got: list[str]) -> None:
        feed = make_feed([])
        feed.order_mark = records.known([job])[source_id].order_mark

        async def keep_orders(operations: Any, mark: Any) -> None:
            got.extend(o.order for o in operations)
            records.keep_orders(job, operations, mark, machines={}, products={}, now=T0)

        asked = len(mes.asked)
        async with kept(feed, settings):
            feed.keep_orders = keep_orders
            await until_async(lambda: feed.connected and len(mes.asked) > asked + 6)

    first: list[str] = []
    asyncio.run(run(first))
    assert len(first) == 10
    mes.items.append(item("WO-new", 12.1, version=1, planned_for=T0.isoformat()))
    restarted_at = len(mes.asked)
    second: list[str] = []
    asyncio.run(run(second))
    since = datetime.fromisoformat(mes.asked[restarted_at]["since"][0])
    assert since == T0 + timedelta(minutes=12) - timedelta(seconds=OVERLAP_S)
    assert second == ["WO-new"]  # nothing else again, nothing twice
    with database.connection() as conn:
        assert conn.execute("select count(*) from order_event").fetchone() == (11,)


def test_the_mark_waits_until_what_was_refused_is_durable(
    make_feed: MakeFeed, mes: Mes, shelf: Any
) -> None:
    mes.items = [item("WO-1", 0), item("WO-2", 1, qty_reqd=-1)]
    marks: list[Any] = []

    async def run() -> None:
        feed = make_feed([])
        shelf.holds = True

        async def keep_orders(_operations: Any, mark: Any) -> None:
            marks.append(mark)

        async with kept(feed, source(mes)):
            feed.keep_orders = keep_orders
            await until_async(lambda: shelf.acks and marks)
            assert marks == [None]
            shelf.release()
            await until_async(lambda: marks == [None, mes.items[1]["changed"]])

    asyncio.run(run())


def test_another_address_or_field_makes_an_old_mark_void(
    database: Database, source_id: int, mes: Mes
) -> None:
    records = Records(database)
    job = Job(source_id, source(mes), ())
    records.keep_orders(job, [], 42, machines={}, products={}, now=T0)
    assert records.known([job])[source_id].order_mark == 42
    for other in (source(mes, mark="id"), source(mes, mark_parameter="from")):
        changed = Job(source_id, other, ())
        assert records.known([changed])[source_id].order_mark is None


@pytest.mark.parametrize(
    ("marks", "highest"),
    [
        ((None, None), None),
        ((None, 3, 20, 7.5), 20),
        (("9", "10"), "10"),  # digits are a number, not a text
        (("b", "a"), "b"),
        (("2026-01-05T08:00:00Z", "2026-01-05T09:30:00+02:00"), "2026-01-05T08:00:00Z"),
        (("2026-01-05T08:00:00", "2026-01-05T10:00:00"), "2026-01-05T10:00:00"),
    ],
)
def test_the_newest_mark(marks: tuple[Any, ...], highest: Any) -> None:
    assert newest(marks) == highest


@pytest.mark.parametrize(
    ("mark", "asked"),
    [
        (17, "17"),
        ("A-17", "A-17"),
        ("20260105", "20260105"),
        ("2026-01-05T08:00:00Z", "2026-01-05T07:59:30+00:00"),
        ("2026-01-05T08:00:00", "2026-01-05T07:59:30"),
    ],
)
def test_times_are_asked_with_an_overlap(mark: Any, asked: str) -> None:
    assert parameter(mark, timedelta(seconds=30)) == asked


@pytest.mark.parametrize(
    ("fault", "words", "reasons"),
    [("500", "The server answers with an error", []), ("half", "The answer", ["bad_json"])],
)
def test_faults_are_told_and_survived(
    make_feed: MakeFeed,
    shelf: Any,
    mes: Mes,
    fault: str,
    words: str,
    reasons: list[str],
) -> None:
    mes.items = [item("WO-1", 0)]
    mes.fault = fault

    async def run() -> None:
        feed = make_feed([])
        async with kept(feed, source(mes)) as got:
            await until_async(lambda: (feed.status().error or "").startswith(words))
            await until_async(lambda: len(mes.asked) > 2)  # asked again, and put aside once
            assert [row.reason for row in shelf.refused] == reasons
            mes.fault = ""
            await until_async(lambda: len(got) == 1)
            assert feed.connected

    asyncio.run(run())


def test_a_bad_item_is_put_aside_once_and_the_others_are_taken(
    make_feed: MakeFeed, shelf: Any, mes: Mes
) -> None:
    bad: list[dict[str, object]] = [
        item("WO-2", 1, qty_reqd=-5),
        item("WO-3", 2, state="???"),
        {"changed": T0.isoformat()},
    ]
    mes.items = [item("WO-1", 0), *bad, item("WO-4", 3)]

    async def run() -> None:
        async with kept(make_feed([]), source(mes, next_page=None)) as got:
            mes.page = 100
            await until_async(lambda: len(got) == 2 and len(mes.asked) > 4)
        assert [o.order for o in got] == ["WO-1", "WO-4"]
        assert [row.reason for row in shelf.refused] == ["bad_order"] * 3

    asyncio.run(run())


def test_while_the_database_is_away_the_mark_stays(make_feed: MakeFeed, mes: Mes) -> None:
    mes.items = [item("WO-1", 0)]

    async def run() -> None:
        feed = make_feed([])
        got: list[Operation] = []
        tries: list[int] = []

        async def keep_orders(operations: Any, _mark: Any) -> None:
            tries.append(1)
            if len(tries) < 3:
                raise DatabaseUnavailable("away")
            got.extend(operations)

        async with kept(feed, source(mes)):
            feed.keep_orders = keep_orders
            await until_async(lambda: got, within_s=10)
        assert "since" not in mes.asked[2]

    asyncio.run(run())


def test_a_next_page_elsewhere_is_not_asked(make_feed: MakeFeed, mes: Mes) -> None:
    mes.items = [item(f"WO-{n}", n) for n in range(3)]

    async def run() -> None:
        feed = make_feed([])
        async with kept(feed, source(mes, next_page="'http://192.0.2.1/orders'")):
            await until_async(lambda: "another server" in (feed.status().error or ""))

    asyncio.run(run())


def operation(minutes: float, **more: Any) -> Operation:
    at = T0 + timedelta(minutes=minutes)
    values = {"order": "WO", "operation": "10", "revision": str(minutes), "at": at}
    return Operation(**(values | {"status": "running", "planned": 10} | more))


@pytest.fixture
def source_id(database: Database) -> int:
    with database.connection() as conn:
        row = conn.execute(
            "insert into source (name, kind, stale_after_s) values ('mes', 'rest', 5) returning id"
        ).fetchone()
    assert row is not None
    return int(row[0])


def test_facts_are_appended_once_and_the_newest_is_projected(
    database: Database, source_id: int
) -> None:
    versions = [operation(2, good=5), operation(1, good=9), operation(2, good=5)]
    with database.connection() as conn:
        new = [append(conn, source_id, [one], machines={}, products={}, now=T0) for one in versions]
        assert new == [1, 1, 0]
        assert conn.execute("select count(*) from order_event").fetchone() == (2,)
        assert conn.execute("select good, revision from operation").fetchall() == [(5.0, "2")]


def test_what_ran_where_is_derived_anew(database: Database, source_id: int) -> None:
    now = T0 + timedelta(hours=2)

    def dirty(*operations: Operation) -> list[tuple[object, ...]]:
        with database.connection() as conn:
            conn.execute("delete from derive_dirty")
            append(conn, source_id, operations, machines=machines, products={}, now=now)
            return conn.execute(
                "select machine_id, t0, t1 from derive_dirty order by 1, 2"
            ).fetchall()

    with database.connection() as conn:
        machines = {code: _machine(conn, code) for code in ("A01", "B01")}
        conn.execute("update machine set counts = 'tags'")  # what is reported counts no pieces
    a, b = machines["A01"], machines["B01"]
    half, one = T0 + timedelta(minutes=30), T0 + timedelta(hours=1)
    assert dirty(operation(1, machine="A01", status="planned")) == []
    assert dirty(operation(2, machine="A01", started_at=T0)) == [(a, T0, now)]
    assert dirty(operation(3, machine="A01", started_at=T0, good=3)) == []
    ended = operation(4, machine="A01", started_at=T0, ended_at=one)
    assert dirty(ended) == [(a, one, now)]
    corrected = operation(5, machine="A01", started_at=half, ended_at=one)
    assert dirty(corrected) == [(a, T0, half)]
    moved = operation(6, machine="B01", started_at=half, ended_at=one)
    assert dirty(moved) == [(a, half, one), (b, half, one)]


def _machine(conn: Any, code: str) -> int:
    row = conn.execute(
        """with a as (insert into area (code, name, position) values (%(c)s, '{}', 1) returning id),
           c as (insert into calendar (code) values (%(c)s) returning id),
           l as (insert into line (code, area_id, name, target_oee, position)
                 select %(c)s, id, '{}', 0.8, 1 from a returning id)
           insert into machine (code, line_id, calendar_id, name, position)
           select %(c)s, l.id, c.id, '{}', 1 from l, c returning id""",
        {"c": code},
    ).fetchone()
    return int(row[0])
