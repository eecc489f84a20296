"""The hour-by-hour board in a real browser: live, written on, signed, nothing typed is lost."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING

import pytest

from tests.dashboards.conftest import START, eventually
from tests.web_site import log_in

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

    from tests.dashboards.conftest import Wall

SCOPE = "/hours?scope=machine:B02&lang=en"
NOW_ROW = "hour-2"
"""14:00 to 15:00 is hour-0; it is 16:30 and a little."""
MADE = """
insert into machine_1m (ts, machine_id, operation_id, product_id, shift_id, not_scheduled_s,
    planned_stop_s, setup_s, running_s, down_s, idle_s, starved_s, blocked_s, unknown_s,
    good, scrap, rework, ideal_s, ideal_good_s)
select %(ts)s, id, 0, 0, 0, 0, 0, 0, 60, 0, 0, 0, 0, 0, 11, 0, 0, 0, 0
from machine where code = 'B02'
"""


WindowOf = Callable[[str], "BrowserContext"]


@pytest.fixture(scope="module")
def window_of(wall: Wall, web_browser: Browser) -> WindowOf:
    """A user's own window, logged in."""

    @cache
    def window(name: str) -> BrowserContext:
        made = web_browser.new_context(viewport={"width": 1440, "height": 900})
        log_in(made, wall.address, name)
        return made

    return window


def opened(wall: Wall, window: BrowserContext) -> Page:
    """A page of its own, before the board."""
    page = window.new_page()
    page.goto(wall.address + SCOPE)
    page.wait_for_selector("[data-live=hour-0-time]:text-is('14:00–15:00')")
    return page


@pytest.fixture
def olga(wall: Wall, window_of: WindowOf) -> Iterator[Page]:
    page = opened(wall, window_of("olga"))
    yield page
    page.close()


@pytest.fixture
def mario(wall: Wall, window_of: WindowOf) -> Iterator[Page]:
    page = opened(wall, window_of("mario"))
    yield page
    page.close()


def row(page: Page, n: int) -> str:
    return f"[data-live=hour-{n}]"


def write(page: Page, n: int, remark: str, measure: str = "") -> None:
    page.click(f"{row(page, n)} .hour-write")
    page.fill("#hours-remark", remark)
    page.fill("#hours-measure", measure)


def save(page: Page) -> None:
    page.click(".hours-save")
    page.wait_for_selector("#hours-dialog", state="hidden")


def says(page: Page, node_id: str, text: str) -> None:
    eventually(
        page,
        "([id, text]) => document.querySelector(`[data-live=${id}]`).textContent === text",
        [node_id, text],
    )


def test_the_running_hour_fills_while_one_looks(wall: Wall, olga: Page) -> None:
    before = int(olga.text_content(f"[data-live={NOW_ROW}-made]") or "")
    loaded = olga.evaluate("performance.timeOrigin")
    with wall.database.connection() as conn:
        conn.execute(MADE, {"ts": START})
        conn.execute("select pg_notify('taktboard_live', 'derived')")
    says(olga, f"{NOW_ROW}-made", str(before + 11))
    assert olga.evaluate("performance.timeOrigin") == loaded, "without loading the page anew"


def test_one_writes_another_sees_it_and_signs(wall: Wall, olga: Page, mario: Page) -> None:
    write(olga, 0, "Coolant empty", "Filled it, and put it on the morning round")
    save(olga)
    says(mario, "hour-0-remark", "Coolant empty")
    says(mario, "hour-0-measure", "Filled it, and put it on the morning round")
    assert olga.locator(f"{row(olga, 0)} .hour-sign").count() == 0, "an operator doesn't sign"
    mario.click(f"{row(mario, 0)} .hour-sign")
    eventually(olga, "document.querySelector('[data-live=hour-0-signed]').textContent[0] === 'm'")
    assert re.fullmatch(r"mario · \d\d:\d\d", olga.text_content("[data-live=hour-0-signed]") or "")
    mario.wait_for_selector(f"{row(mario, 0)} .hour-sign", state="hidden")
    olga.click(f"{row(olga, 0)} .hour-write")
    assert olga.input_value("#hours-remark") == "Coolant empty"
    olga.click(".hours-past summary")
    eventually(olga, "document.querySelectorAll('.hours-versions li').length === 2")
    assert "mario · signed" in (olga.text_content(".hours-versions li") or "")


def test_nothing_typed_is_lost_to_live_updates_or_a_reload(wall: Wall, olga: Page) -> None:
    write(olga, 1, "Half a sentence")
    before = int(olga.text_content(f"[data-live={NOW_ROW}-made]") or "")
    with wall.database.connection() as conn:
        conn.execute(
            "update machine_1m set good = good + 5 where ts = %s and machine_id ="
            " (select id from machine where code = 'B02')",
            [START - timedelta(minutes=1)],
        )
        conn.execute("select pg_notify('taktboard_live', 'derived')")
    says(olga, f"{NOW_ROW}-made", str(before + 5))
    assert olga.input_value("#hours-remark") == "Half a sentence"
    assert olga.evaluate("document.activeElement.id") == "hours-measure"
    olga.reload()
    olga.wait_for_selector("#hours-dialog[open]")
    assert olga.input_value("#hours-remark") == "Half a sentence"
    assert "Not saved yet" in (olga.text_content(".hours-warning") or "")
    save(olga)
    says(olga, "hour-1-remark", "Half a sentence")
    olga.reload()
    olga.wait_for_selector("[data-live=hour-1-remark]:not(:empty)")
    assert olga.locator("#hours-dialog[open]").count() == 0


def test_two_at_once_are_told_and_neither_loses_words(wall: Wall, olga: Page, mario: Page) -> None:
    write(olga, 2, "Olga's words")
    write(mario, 2, "Mario's words")
    save(mario)
    # told while still typing, before saving
    eventually(olga, "!document.querySelector('.hours-warning').hidden")
    told = olga.text_content(".hours-warning") or ""
    assert "mario has written meanwhile" in told
    assert "Mario's words" in told
    assert olga.input_value("#hours-remark") == "Olga's words"
    olga.fill("#hours-remark", "Both words")
    save(olga)
    says(mario, "hour-2-remark", "Both words")


def test_the_server_says_it_where_the_stream_has_not(wall: Wall, olga: Page) -> None:
    """A screen whose stream lags: the answer to saving tells."""
    write(olga, 0, "Typed on old news")
    olga.evaluate("window.EventSource = null")
    with wall.database.connection() as conn:
        conn.execute(
            "insert into hour_note (machine_id, t0, t1, remark, countermeasure, is_signed, actor,"
            " at, based_on, key) select n.machine_id, n.t0, n.t1, 'Written by night', '', false,"
            " 'nina', n.at, n.id, gen_random_uuid() from hour_note n"
            " order by n.t0, n.id desc limit 1"
        )
    olga.click(".hours-save")
    eventually(olga, "!document.querySelector('.hours-warning').hidden")
    assert "nina has written meanwhile" in (olga.text_content(".hours-warning") or "")
    assert olga.input_value("#hours-remark") == "Typed on old news"


def test_who_only_looks_has_nothing_to_press(wall: Wall, window_of: WindowOf) -> None:
    page = opened(wall, window_of("vera"))
    assert page.locator(".hour-write, .hour-sign, #hours-dialog").count() == 0
    status = page.evaluate(
        """async () => {
          const token = document.cookie.match(/_csrf_token=([^;]+)/)[1];
          const answer = await fetch("/hours/note", { method: "POST",
            headers: { "X-CSRFToken": decodeURIComponent(token) },
            body: new URLSearchParams({ scope: "machine:B02", remark: "x" }) });
          return answer.status;
        }"""
    )
    assert status == 403
    page.goto(f"{wall.address}{SCOPE}&kiosk=1")
    page.wait_for_selector("[data-live=hour-0-time]:not(:empty)")
    assert page.evaluate("document.documentElement.scrollHeight <= window.innerHeight")
    page.close()


def test_it_prints_on_one_sheet_of_a4_across(wall: Wall, olga: Page) -> None:
    paper = olga.pdf(prefer_css_page_size=True)
    sizes = re.findall(rb"/MediaBox\s*\[\s*0 0 ([\d.]+) ([\d.]+)", paper)
    assert [(round(float(w)), round(float(h))) for w, h in sizes] == [(842, 595)]
    olga.emulate_media(media="print")
    olga.set_viewport_size({"width": 1054, "height": 725})
    assert not olga.is_visible("header.shell")
    assert not olga.is_visible(f"{row(olga, 0)} .hour-write")
    assert olga.is_visible("[data-live=hour-7-target]")
    ink = "getComputedStyle(document.querySelector('[data-live=hour-0-made]')).color"
    assert olga.evaluate(ink) == "rgb(0, 0, 0)"
