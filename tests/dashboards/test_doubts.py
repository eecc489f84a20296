"""What is not final is said on every board of figures, in both languages, with the reason."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from dashboards import hours, orders, stops
from dashboards.board import Scene
from dashboards.doubts import LONG
from dashboards.texts import texts
from db.clock import Clock, load_clock
from db.master import load
from plant.model import Language
from tests.dashboards.conftest import START, eventually, work_since_noon
from tests.web_site import NOW, Site, log_in

if TYPE_CHECKING:
    from playwright.sync_api import Browser

HOUR = timedelta(hours=1)
BOARDS = {"hours": hours.BOARD, "orders": orders.BOARD, "stops": stops.BOARD}
MARKS = {"hours": "sum-provisional", "orders": "order-0-doubt", "stops": "stops-doubt"}
ORDER = """
insert into operation (source_id, order_code, operation, revision, at, machine_id, product_id,
    status, planned, good, scrap, started_at, due, ended_at)
select (select min(id) from source), 'WO-5', '10', '1', %(now)s, m.id, null,
    %(status)s, 900, 300, 4, %(t0)s, %(now)s, %(ended)s
from machine m where m.code = 'A01'
"""
SILENT = "update machine_1m set unknown_s = 6, running_s = 48 where ts >= %s"
LATE = """
insert into derive_dirty (machine_id, t0, t1)
select id, %(at)s, %(at)s from machine where code = 'A01'
"""


@pytest.fixture(scope="module")
def busy(shown_site: Site) -> Iterator[Site]:
    """Running since noon; plant time stands still at half past four."""
    order = {"now": START, "t0": START - 2 * HOUR, "status": "running", "ended": None}
    with shown_site.database.connection() as conn:
        work_since_noon(conn, Clock(NOW, START, 1e-9))
        conn.execute(ORDER, order)
        conn.execute(
            "update machine_1m f set operation_id = o.id from operation o"
            " where o.machine_id = f.machine_id and ts >= %s",
            [START - 2 * HOUR],
        )
    return (yield shown_site)


def mark(site: Site, board: str, language: Language, node: str = "") -> dict[str, object]:
    with site.database.connection() as conn:
        scene = Scene(load(conn).plant, load_clock(conn).now(), language, {"scope": "line:A"})
        return BOARDS[board].frame(conn, scene).nodes[node or MARKS[board]]


@pytest.mark.parametrize("board", sorted(BOARDS))
def test_a_window_that_is_open_is_no_warning(busy: Site, board: str) -> None:
    said: dict[Language, str] = {"en": "so far", "zh": texts("zh").text("so far")}
    for language, words in said.items():
        found = mark(busy, board, language)
        assert (found["text"], found["tone"]) == (words, "muted")
        assert found["title"] == texts(language).text(LONG["open"])
    assert words != "so far"


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("board", sorted(BOARDS))
def test_silence_and_late_data_are(busy: Site, board: str, language: Language) -> None:
    t = texts(language)
    with busy.database.connection() as conn:
        conn.execute(SILENT, [START - 2 * HOUR])
        conn.execute("delete from derive_dirty")
    silent = mark(busy, board, language)
    assert silent["tone"] == "warning"
    assert "%" in str(silent["text"])
    assert t.text(LONG["unknown"]) in str(silent["title"])
    assert t.text(LONG["late"]) not in str(silent["title"])
    with busy.database.connection() as conn:
        conn.execute(LATE, {"at": START - HOUR})
    late = mark(busy, board, language)
    if board != "orders":  # a row has room for one
        assert t.text("late data") in str(late["text"])
    assert t.text(LONG["late"]) in str(late["title"])
    with busy.database.connection() as conn:
        conn.execute("delete from derive_dirty")
        conn.execute("update machine_1m set unknown_s = 0, running_s = 54")


def test_late_data_of_another_machine_or_time_is_not_an_orders(busy: Site) -> None:
    with busy.database.connection() as conn:
        conn.execute(LATE.replace("A01", "A02"), {"at": START - HOUR})
        conn.execute(LATE, {"at": START - 3 * HOUR})
    assert mark(busy, "orders", "en")["text"] == "so far"
    assert "late data" in str(mark(busy, "orders", "en", "orders-doubt")["text"])
    with busy.database.connection() as conn:
        conn.execute("delete from derive_dirty")


def test_what_is_over_and_known_has_no_mark(busy: Site) -> None:
    with busy.database.connection() as conn:
        conn.execute("update operation set status = 'done', ended_at = %s", [START])
    assert mark(busy, "orders", "en")["text"] == ""
    assert mark(busy, "hours", "en", "hour-0-doubt")["text"] == ""
    with busy.database.connection() as conn:
        conn.execute(SILENT, [START - HOUR])
    assert mark(busy, "hours", "en", "hour-2-doubt")["text"] == "10.0 % unknown"
    assert mark(busy, "hours", "en", "hour-0-doubt")["text"] == ""
    with busy.database.connection() as conn:
        conn.execute("update operation set status = 'running', ended_at = null")
        conn.execute("update machine_1m set unknown_s = 0, running_s = 54")


def test_a_tap_says_the_reason(busy: Site, address: str, web_browser: Browser) -> None:
    context = web_browser.new_context(
        viewport={"width": 800, "height": 1100}, has_touch=True, locale="en"
    )
    log_in(context, address, "vera")
    page = context.new_page()
    said = (
        "(id) => getComputedStyle(document.querySelector(`[data-live=${id}]`), '::after').content"
    )
    for path, node in (
        ("/hours?scope=line:A", "sum-provisional"),
        ("/orders?scope=line:A", "order-0-doubt"),
        ("/stops?scope=line:A", "stops-doubt"),
    ):
        page.goto(f"{address}{path}&lang=en")
        eventually(page, "(id) => document.querySelector(`[data-live=${id}]`)?.textContent", node)
        assert page.evaluate(said, node) == "none"
        page.tap(f"[data-live={node}]")
        assert LONG["open"] in page.evaluate(said, node)
    context.close()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_pieces_without_an_ideal_cycle_are_told(busy: Site, language: Language) -> None:
    """Their scrap lowers no quality: nobody may take the figures for whole."""
    with busy.database.connection() as conn, conn.transaction(force_rollback=True):
        conn.execute(
            "update machine_1m set ideal_s = 0, ideal_good_s = 0"
            " where machine_id = (select id from machine where code = 'A01')"
        )
        scene = Scene(load(conn).plant, load_clock(conn).now(), language, {"scope": "line:A"})
        node = stops.BOARD.frame(conn, scene).nodes["stops-doubt"]
    assert "16.7 %" in str(node["text"]), "one machine of six"
    assert texts(language).text(LONG["unrated"]) in str(node["title"])
