"""The orders board: the same numbers as plant/orders.py, from facts in the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Self

import psycopg
import pytest
from psycopg.rows import TupleRow

from dashboards.board import Scene
from dashboards.orders.frame import frame, late_from
from dashboards.orders.layout import ROWS
from db.connect import Connection
from db.master import load
from db.order_board import SQL, open_cases, orders, queued
from plant.model import Language
from plant.orders import Progress
from plant.orders_queue import key_of, standings
from tests.web_site import Site

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)  # 16:00 in Suzhou, a Monday
START = NOW - timedelta(hours=2)


def operation(
    conn: Connection,
    code: str,
    machine: str,
    *,
    planned: float,
    good: float,
    due: datetime,
    status: str = "running",
    started: datetime | None = START,
    step: str = "10",
) -> int:
    row = conn.execute(
        """insert into operation (source_id, order_code, operation, revision, at, machine_id,
            product_id, status, planned, good, scrap, planned_start, due, started_at)
        select (select id from source where kind = 'rest'), %s, %s, '1', %s, machine.id,
            (select product_id from ideal_cycle where machine_id = machine.id limit 1),
            %s, %s, %s, 0, %s, %s, %s
        from machine where code = %s returning id""",
        [code, step, NOW, status, planned, good, started or NOW, due, started, machine],
    ).fetchone()
    assert row
    return int(row[0])


def produce(conn: Connection, operation_id: int, *, pieces_a_minute: float, minutes: int) -> None:
    conn.execute(
        """insert into machine_1m
        select %s::timestamptz + n * interval '1 minute', machine_id, id, product_id, 0,
            0, 0, 0, 60, 0, 0, 0, 0, 0, %s, 0, 0, 0, 0
        from operation, generate_series(0, %s) n where id = %s""",
        [START, pieces_a_minute, minutes - 1, operation_id],
    )


def shown(site: Site, language: Language = "en", **params: str) -> dict[str, dict[str, object]]:
    with site.database.connection() as conn:
        plant = load(conn).plant
        return frame(conn, Scene(plant, NOW, language, params)).nodes


def text(nodes: dict[str, dict[str, object]], node_id: str) -> object:
    return nodes[node_id]["text"]


def test_planned_produced_and_counted_stand_side_by_side(site: Site) -> None:
    with site.database.connection() as conn:
        made = operation(conn, "WO-1", "A01", planned=1000, good=230, due=NOW + timedelta(hours=20))
        produce(conn, made, pieces_a_minute=2, minutes=120)
    nodes = shown(site)
    assert text(nodes, "order-0-code") == "WO-1 / 10"
    assert text(nodes, "order-0-machine") == "A01"
    assert text(nodes, "order-0-planned") == "1,000"
    assert text(nodes, "order-0-produced") == "230"
    assert text(nodes, "order-0-counted") == "240"  # 2 a minute × 120 minutes
    assert text(nodes, "order-0-difference") == "+10"
    assert text(nodes, "order-0-rate") == "120"  # 240 in two hours of running
    assert text(nodes, "order-0-calendar-rate") == "120"  # and in two hours of all time
    assert nodes["order-0-produced-bar"]["width"] == 23.0
    assert nodes["order-0-counted-bar"]["width"] == 24.0
    assert text(nodes, "order-0-share") == "24 %"  # the larger of both counts
    assert nodes["order-0"]["hidden"] is False
    assert nodes["order-1"]["hidden"] is True
    assert nodes["orders-empty"]["hidden"] is True


def test_an_order_that_cannot_be_done_in_time_is_late(site: Site) -> None:
    with site.database.connection() as conn:
        made = operation(conn, "WO-1", "A01", planned=1000, good=0, due=NOW + timedelta(hours=1))
        produce(conn, made, pieces_a_minute=2, minutes=120)
        fine = operation(conn, "WO-2", "A02", planned=300, good=0, due=NOW + timedelta(hours=12))
        produce(conn, fine, pieces_a_minute=2, minutes=120)
    nodes = shown(site)
    assert nodes["order-0"]["tone"] == "critical"
    assert text(nodes, "order-0-status-word") == "late"
    assert nodes["order-0-status-icon"]["icon"]
    assert text(nodes, "order-0-risk") == "100 %"
    assert nodes["order-1"]["tone"] == "normal"
    assert text(nodes, "orders-late-n") == "1"
    assert text(shown(site, "zh"), "order-0-status-word") == "延期"


def test_a_line_is_filtered_by_the_address(site: Site) -> None:
    with site.database.connection() as conn:
        for n, machine in enumerate(("A01", "B01", "B02")):
            due = NOW + timedelta(hours=9 + n)
            operation(conn, f"WO-{n}", machine, planned=10, good=0, due=due)
    codes = [n["text"] for k, n in shown(site, scope="line:B").items() if k.endswith("-code")]
    assert codes == ["WO-1 / 10", "WO-2 / 10"]
    everything = [n for k, n in shown(site, scope="line:X").items() if k.endswith("-code")]
    assert len(everything) == 3


@pytest.mark.parametrize(("count", "more"), [(0, True), (ROWS, True), (ROWS + 4, False)])
def test_more_than_fits_is_said(site: Site, count: int, more: bool) -> None:
    with site.database.connection() as conn:
        for n in range(count):
            due = NOW + timedelta(hours=9, minutes=n)
            operation(conn, f"WO-{n:03}", "A01", planned=10, good=0, due=due)
    nodes = shown(site)
    assert nodes["orders-more"]["hidden"] is more
    assert nodes["orders-empty"]["hidden"] is (count > 0)
    if not more:
        assert text(nodes, "orders-more") == "and 4 more"


def test_an_order_without_due_date_and_machine_counts_has_no_risk(site: Site) -> None:
    with site.database.connection() as conn:
        operation(conn, "WO-1", "A01", planned=0, good=0, due=NOW, started=None, status="held")
        conn.execute("update operation set due = null, product_id = null")
    nodes = shown(site)
    assert text(nodes, "order-0-risk") == "–"
    assert text(nodes, "order-0-due") == "–"
    assert nodes["order-0-bar-tick"]["hidden"] is True


def test_the_plants_own_rule_says_what_late_is(site: Site) -> None:
    with site.database.connection() as conn:
        plant = load(conn).plant
    rules = [rule.probability for rule in plant.alerts if rule.kind == "order_late"]
    assert late_from(plant) == min(rules)
    assert late_from(plant.model_copy(update={"alerts": ()})) == 0.8


def test_the_address_filters_and_sorts(site: Site) -> None:
    with site.database.connection() as conn:
        late = operation(conn, "WO-1", "A01", planned=9000, good=0, due=NOW + timedelta(hours=9))
        fine = operation(conn, "WO-2", "A02", planned=300, good=0, due=NOW + timedelta(hours=8))
        for one in (late, fine):
            produce(conn, one, pieces_a_minute=2, minutes=120)
        operation(
            conn,
            "WO-3",
            "A03",
            planned=10,
            good=0,
            due=NOW + timedelta(hours=7),
            status="planned",
            started=None,
        )

    def codes(**params: str) -> list[object]:
        found = shown(site, "en", **params)
        return [n["text"] for k, n in found.items() if k.endswith("-code")]

    assert codes() == ["WO-2 / 10", "WO-1 / 10", "WO-3 / 10"]
    assert codes(sort="risk")[0] == "WO-1 / 10"
    assert codes(show="waiting") == ["WO-3 / 10"]
    assert codes(show="nonsense", sort="machine")[0] == "WO-1 / 10"


def test_a_difference_and_a_re_opened_split_order_are_explained(site: Site) -> None:
    with site.database.connection() as conn:
        made = operation(conn, "WO-1", "A01", planned=200, good=250, due=NOW + timedelta(hours=9))
        produce(conn, made, pieces_a_minute=2, minutes=120)
        conn.execute(
            "update operation set priority = 1, parent = 'WO-0', first_done_at = %s",
            [NOW - timedelta(hours=1)],
        )
    nodes = shown(site)
    assert text(nodes, "order-0-why") == "10 unexplained"
    assert text(nodes, "order-0-marks") == "Priority 1 · re-opened · split from WO-0 · 50 over"
    assert text(nodes, "orders-on-time-of") == "0 of 0 orders, 7 days"
    assert text(nodes, "orders-adherence") == "100.0"


WHOLE = {
    "en": "Whole order: 51 % of the work, 200 of 1,000 finished, 1/3 operations",
    "zh": "整个订单：完成工作量 51 %，成品 200/1,000，工序 1/3",
}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_an_order_of_several_machines_is_told_as_a_whole(site: Site, language: Language) -> None:
    """A first step that is over since long, then two machines side by side; another order apart.

    10 s × 1,000, 20 s × 120, 10 s × 80 of 10 s × 1,000, 20 s × 600, 10 s × 400.
    """
    due = NOW + timedelta(hours=20)
    with site.database.connection() as conn:
        ids = [
            operation(conn, "WO-7", machine, planned=planned, good=good, due=due, step=step)
            for machine, step, planned, good in (
                ("A01", "10", 1000, 0), ("A02", "20-1", 600, 50), ("A03", "20-2", 400, 80),
            )
        ]  # fmt: skip
        operation(conn, "WO-8", "A04", planned=100, good=10, due=due)
        conn.execute(
            "update operation set status = 'done', good = 1000, ended_at = %s where id = %s",
            [NOW - timedelta(days=2), ids[0]],
        )
        conn.execute(
            "update ideal_cycle c set seconds = case o.operation when '20-1' then 20 else 10 end"
            " from operation o where o.machine_id = c.machine_id and o.product_id = c.product_id"
        )
        produce(conn, ids[1], pieces_a_minute=1, minutes=120)  # 120 counted, 50 reported
    nodes = shown(site, language)
    codes = {text(nodes, f"order-{n}-code"): n for n in range(3)}
    assert set(codes) == {"WO-7 / 20-1", "WO-7 / 20-2", "WO-8 / 10"}
    for code in ("WO-7 / 20-1", "WO-7 / 20-2"):
        short = text(nodes, f"order-{codes[code]}-whole")
        assert "51 %" in str(short)
        assert "200/1,000" in str(short)
        told = nodes[f"order-{codes[code]}-whole"]["title"]
        parts = "10 A01 1,000/1,000; 20-1 A02 120/600; 20-2 A03 80/400"
        assert told == f"{WHOLE[language]}: {parts}"
    assert text(nodes, f"order-{codes['WO-8 / 10']}-whole") == ""


def _ended(conn: Connection, operation_id: int, at: datetime | None) -> None:
    conn.execute(
        "update operation set status = 'done', good = planned, ended_at = %s where id = %s",
        [at, operation_id],
    )


def test_an_order_is_on_time_by_its_last_step_however_far_away_that_is(site: Site) -> None:
    """Step 10 is done and was due an hour ago; step 20, on another line, is not due until tomorrow
    and not planned to begin before the evening; or has no machine yet; or was due, and is not done.
    """
    hour, ago = timedelta(hours=1), NOW - timedelta(hours=1)
    with site.database.connection() as conn:
        first = operation(conn, "WO-1", "A01", planned=100, good=0, due=ago)
        _ended(conn, first, ago)
        second = operation(
            conn,
            "WO-1",
            "B01",
            planned=100,
            good=0,
            due=NOW + 20 * hour,
            status="planned",
            started=None,
            step="20",
        )
        conn.execute(
            "update operation set planned_start = %s where id = %s", [NOW + 5 * hour, second]
        )
    for scope in ("site", "line:A", "line:B"):
        assert text(shown(site, scope=scope), "orders-on-time-of") == "0 of 0 orders, 7 days"
    with site.database.connection() as conn:
        conn.execute("update operation set machine_id = null where id = %s", [second])
    assert text(shown(site), "orders-on-time-of") == "0 of 0 orders, 7 days"
    with site.database.connection() as conn:
        conn.execute("update operation set due = %s where id = %s", [ago, second])
    nodes = shown(site, scope="line:A")
    assert text(nodes, "orders-on-time-of") == "0 of 1 orders, 7 days"
    assert text(nodes, "orders-actual-of") == "100 of 100 pieces, 24 h"  # of line A alone


class _Noted(psycopg.Cursor[TupleRow]):
    """Notes of which operations it was asked what went astray."""

    of: ClassVar[list[Sequence[int]]] = []

    def execute(self, query: Any, params: Any = None, **options: Any) -> Self:
        if query == SQL["astray"]:
            assert isinstance(params, Mapping)
            self.of.append(params["ids"])
        return super().execute(query, params, **options)


def test_why_counts_differ_is_asked_of_the_rows_that_are_seen_alone(site: Site) -> None:
    """Each was booked an hour ago; since then its machine made 60 more, and 120 before."""
    _Noted.of.clear()
    with site.database.connection() as conn:
        for n in range(ROWS + 4):
            due = NOW + timedelta(hours=9, minutes=n)
            made = operation(conn, f"WO-{n:03}", "A01", planned=500, good=120, due=due)
            produce(conn, made, pieces_a_minute=2, minutes=90)
        conn.execute("update operation set at = %s", [NOW - timedelta(hours=1)])
        plant = load(conn).plant
        conn.cursor_factory = _Noted
        rows = orders(conn, NOW, line=None, count=200)
        assert len(rows) == len(open_cases(conn, NOW)) == ROWS + 4
        assert not _Noted.of
        nodes = frame(conn, Scene(plant, NOW, "en", {})).nodes
        assert _Noted.of == [[row.row_id for row in rows[:ROWS]]]
    for n in (0, ROWS - 1):
        assert text(nodes, f"order-{n}-difference") == "+60"
        assert text(nodes, f"order-{n}-why") == "60 made after the last booking"


def test_the_first_of_many_are_forecast_as_though_all_were_read(site: Site) -> None:
    """One that is due last stands in the queue before them."""
    with site.database.connection() as conn:
        for order, due in (("WO-0", 4), ("WO-1", 5), ("WO-9", 48)):
            at = NOW + timedelta(hours=due)
            operation(
                conn, order, "A01", planned=99, good=0, due=at, status="released", started=None
            )
        conn.execute(
            "update operation set planned_start = %(now)s::timestamptz + case order_code"
            " when 'WO-9' then interval '0' else interval '1 hour' end",
            {"now": NOW},
        )

        def told(count: int) -> dict[str, Progress]:
            rows, others = queued(conn, NOW, line=None, count=count)
            stand = standings([row.case for row in rows], NOW, others)
            return {row.operation.order: how for row, how in zip(rows, stand, strict=True)}

        whole = told(200)
        assert len(whole) == 3
        for count in (1, 2):
            part = told(count)
            assert len(part) == count
            assert part.items() <= whole.items()


def test_a_line_tells_the_same_of_an_order_that_waits_for_another_line(site: Site) -> None:
    """Of what is elsewhere, only what it may wait for is looked at."""
    due = NOW + timedelta(hours=3)
    with site.database.connection() as conn:
        first = operation(conn, "WO-1", "A01", planned=480, good=0, due=due)
        produce(conn, first, pieces_a_minute=2, minutes=120)  # two hours more
        operation(conn, "WO-2", "A02", planned=480, good=0, due=due)
        operation(
            conn,
            "WO-1",
            "B01",
            planned=50,
            good=0,
            due=due,
            status="released",
            started=None,
            step="20",
        )

    with site.database.connection() as conn:
        _, beside = queued(conn, NOW, line="B", count=200)
    assert [key_of(case.operation) for case in beside] == ["WO-1/10"]

    def told(scope: str) -> tuple[object, ...]:
        nodes = shown(site, scope=scope)
        row = next(f"order-{n}" for n in range(3) if text(nodes, f"order-{n}-code") == "WO-1 / 20")
        return tuple(text(nodes, f"{row}-{part}") for part in ("eta", "span", "risk"))

    assert told(scope="line:B") == told(scope="site")
    assert (
        str(told(scope="line:B")[0]) > "18:00"
    )  # from 16:00 on, what is before it takes two hours


def test_a_step_that_has_no_machine_yet_is_part_of_its_order(site: Site) -> None:
    due = NOW + timedelta(hours=20)
    with site.database.connection() as conn:
        operation(conn, "WO-1", "A01", planned=100, good=40, due=due)
        later = operation(
            conn, "WO-1", "A02", planned=100, good=0, due=due, started=None, step="20"
        )
        conn.execute(
            "update operation set machine_id = null, good = 30, planned_start = %s where id = %s",
            [START, later],
        )
    nodes = shown(site)
    assert nodes["order-1"]["hidden"] is True
    told = nodes["order-0-whole"]["title"]
    assert told == (
        "Whole order: 35 % of the work, 30 of 100 finished, 0/2 operations:"
        " 10 A01 40/100; 20 – 30/100"
    )
    assert str(text(nodes, "orders-actual-of")).startswith("40 of ")  # no work is planned for it
