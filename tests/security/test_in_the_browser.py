"""In Chromium: no script of a stranger runs, the policy is never violated, a wall goes round."""

from __future__ import annotations

import json
from collections.abc import Iterator

import psycopg
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from dashboards.web import BOARDS
from tests.web_site import NOW, Site, log_in, log_in_by_hand

EVIL = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>\'"{{7*7}}'


class Watched:
    """A page and what its console complained about."""

    def __init__(self, page: Page, address: str) -> None:
        self.page, self.address = page, address
        self.complaints: list[str] = []
        page.on("console", lambda m: self._note(m.type, m.text))
        page.on("pageerror", lambda error: self._note("error", str(error)))

    def _note(self, kind: str, text: str) -> None:
        if kind == "error":
            self.complaints.append(text)

    def log_in(self, name: str) -> None:
        log_in(self.page.context, self.address, name)

    def log_in_by_hand(self, name: str) -> None:
        log_in_by_hand(self.page, self.address, name)


@pytest.fixture(scope="module", autouse=True)
def poisoned(shown_site: Site) -> None:
    """Every page shows a stranger's markup."""
    poison(shown_site)


@pytest.fixture
def watched(context: BrowserContext, address: str) -> Iterator[Watched]:
    """A fresh window on the site."""
    page = context.new_page()
    yield Watched(page, address)
    page.close()


def poison(site: Site) -> None:
    """Markup in every name that a stranger may have a say in."""
    params = json.dumps({"name": {"en": EVIL, "zh": EVIL}, "subject": {"en": EVIL}, "unit": EVIL})
    with psycopg.connect(site.url) as conn:
        conn.execute(
            """insert into operation (source_id, order_code, operation, revision, at, machine_id,
                status, planned, good, scrap, due)
            select (select min(id) from source), %s, %s, '1', %s, min(id), 'running', 9, 0, 0, %s
            from machine""",
            [EVIL, EVIL, NOW, NOW],
        )
        conn.execute(
            """insert into alarm (rule, kind, subject, priority, state, since, raised_at, value,
                params)
            values (%s, 'tag_limit', %s, 'critical', 'unacknowledged', %s, %s, 1, %s)""",
            [EVIL, EVIL, NOW, NOW, params],
        )
        conn.execute(
            """insert into source_status (source_id, connected, since, error)
            select min(id), false, %s, %s from source""",
            [NOW, EVIL],
        )
        conn.execute(
            """insert into quarantine (at, source_id, reason, detail, address, payload)
            select %s, min(id), %s, %s, %s, %s from source""",
            [NOW, EVIL, EVIL, EVIL, EVIL.encode()],
        )
        conn.execute("insert into audit (at, actor, action) values (%s, %s, %s)", [NOW, EVIL, EVIL])
        conn.execute("update app_user set name = %s where name = 'mario'", [EVIL])


def test_names_are_never_markup(watched: Watched) -> None:
    watched.log_in("anna")
    for path in ("/orders", "/alerts", "/sources", "/sources/quarantine", "/admin/users"):
        watched.page.goto(watched.address + path)
        shown = watched.page.get_by_text("onerror=").locator("visible=true").first
        expect(shown, path).to_be_visible(timeout=15_000)
        assert watched.page.evaluate("window.hacked") is None, path


def test_no_page_violates_the_policy(watched: Watched) -> None:
    watched.log_in_by_hand("anna")
    paths = [board.path for board in BOARDS]
    paths += ["/account", "/admin/users", "/admin/devices", "/admin/audit", "/sources/quarantine"]
    for path in paths:
        watched.page.goto(f"{watched.address}{path}?lang=zh")
        watched.page.wait_for_selector("#board, main.plain-main")
    assert watched.complaints == []


def test_a_strangers_inline_script_would_not_run(watched: Watched) -> None:
    watched.log_in_by_hand("anna")
    watched.page.evaluate(
        """() => { const s = document.createElement("script");
        s.textContent = "window.hacked = 1"; document.body.append(s); }"""
    )
    assert watched.page.evaluate("window.hacked") is None
    assert any("Content Security Policy" in complaint for complaint in watched.complaints)


def test_an_operator_acknowledges_by_a_click(shown_site: Site, watched: Watched) -> None:
    watched.log_in("olga")
    watched.page.goto(f"{watched.address}/alerts")
    watched.page.locator("button.acknowledge:visible").click(timeout=15_000)
    expect(watched.page.locator(".alert-row .tag:visible")).to_have_text("seen", timeout=15_000)
    assert ("olga", "alarm_acknowledged") in shown_site.actions()
    assert watched.complaints == []


def test_a_wall_goes_round_without_loading_anew(watched: Watched) -> None:
    watched.log_in("vera")
    watched.page.goto(f"{watched.address}/orders?kiosk=1&rotate=5&boards=orders,sources")
    watched.page.evaluate("window.sameDocument = true")
    watched.page.wait_for_selector("#board[data-board=sources]", timeout=20_000)
    watched.page.wait_for_selector("#board[data-board=orders]", timeout=20_000)
    assert watched.page.evaluate("window.sameDocument") is True
    assert watched.page.evaluate("history.length") <= 4
    assert watched.page.locator("header.shell").count() == 0


def test_the_menu_signs_out(watched: Watched) -> None:
    watched.log_in_by_hand("vera")
    watched.page.click("details.shell-menu summary")
    watched.page.click("button.menu-button")
    watched.page.wait_for_url("**/login")


def test_a_phone_never_scrolls_sideways(watched: Watched) -> None:
    watched.page.set_viewport_size({"width": 390, "height": 844})
    watched.log_in("anna")
    for path in ("/orders", "/alerts", "/sources", "/sources/quarantine", "/admin/users"):
        watched.page.goto(watched.address + path)
        shown = watched.page.get_by_text("onerror=").locator("visible=true").first
        expect(shown, path).to_be_visible(timeout=15_000)
        assert watched.page.evaluate("document.scrollingElement.scrollWidth") <= 390, path
