"""One number everywhere: wall, browser, mail, the page that explains it and the JSON behind them.

Plant time stands still in the shift, so that all of them are of the same period.
"""

from __future__ import annotations

import re
import threading
from datetime import timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from alerts.mail import Sender
from alerts.pace import Pace
from alerts.round import Rounds
from alerts.texts import texts
from dashboards.format import percent
from dashboards.why import link
from db import outbox
from db.clock import Clock, save_clock
from db.kpi_facts import SITE, Scope, facts_in
from db.master import load
from plant.kpi import kpis
from plant.percent import percent_text
from plant.periods import Span
from tests.dashboards.conftest import FACTS, FAR, START, STATES, TAILS, eventually
from tests.web_site import NOW, PASSWORD, Site

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ZONE = ZoneInfo("Asia/Shanghai")
KPIS = ("oee", "availability", "performance", "quality")
LOW = """
update machine_1m set running_s = 41, down_s = 12, idle_s = 7, good = 3, scrap = 1, ideal_s = 27.87,
    ideal_good_s = 20.9
where machine_id in (select id from machine where code like 'B%%')
"""
OEE_IN_MAIL = re.compile(r"(?:OEE of the present shift is|OEE为|OEE 为)\s*([\d.]+) %")
VALUE = re.compile(r'class="explain-value">([^<]+)<small>([^<]*)')


@pytest.fixture(scope="module")
def stands(shown_site: Site) -> Site:
    """Half past four for ever; line B does badly, which a rule tells by mail."""
    with shown_site.database.connection() as conn:
        save_clock(conn, Clock(NOW, START, 1e-9))
        conn.execute(FACTS, {"t0": START - timedelta(hours=4), "t1": START})
        conn.execute(LOW, {})
        conn.execute(STATES, {"t0": START - timedelta(hours=4), "t1": FAR})
        conn.execute(TAILS, {"t1": FAR})
    return shown_site


@pytest.fixture(scope="module")
def wanted(stands: Site) -> dict[str, dict[str, str]]:
    """By hand: what the facts of the shift since 14:00 make, of line B and of the plant."""
    found = {}
    with stands.database.connection() as conn:
        zone = load(conn).plant.site.zone
        for scope in (SITE, Scope("line", "B")):
            span = Span(START - timedelta(hours=2.5), START + timedelta(minutes=1))
            kpi = kpis(facts_in(conn, scope, span, zone).facts)
            found[str(scope)] = {name: percent(getattr(kpi, name)) for name in KPIS}
    assert found["line:B"]["oee"] == percent_text(20.9 / 60)
    assert found["site"]["oee"] != found["line:B"]["oee"]
    return found


@pytest.mark.parametrize("language", ["en", "zh"])
def test_json_and_explanation(
    stands: Site, wanted: dict[str, dict[str, str]], language: str
) -> None:
    client = stands.client("vera")
    line = client.get(f"/live/oee?scope=line:B&window=shift&lang={language}").json
    site = client.get(f"/live/overview?lang={language}").json
    assert line is not None
    assert site is not None
    assert {k: line["nodes"][k]["text"] for k in KPIS} == wanted["line:B"]
    assert {k: site["nodes"][k]["text"] for k in KPIS} == wanted["site"]
    assert site["nodes"]["line-B"]["text"] == percent(20.9 / 60, 0)
    for scope in (SITE, Scope("line", "B")):
        for kpi in KPIS:
            address = f"{link(kpi, scope, 'shift')}&lang={language}"
            page = client.get(address, follow_redirects=True)
            shown = VALUE.search(page.text)
            assert shown is not None
            assert shown[1] == wanted[str(scope)][kpi]
            data = page.request.full_path.replace("/explain?", "/explain/data.json?")
            told = client.get(data).json
            assert told is not None
            assert told["text"] == wanted[str(scope)][kpi]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_wall_and_browser(
    stands: Site,
    wanted: dict[str, dict[str, str]],
    address: str,
    web_browser: Browser,
    language: str,
) -> None:
    context = web_browser.new_context(viewport={"width": 1920, "height": 1080})
    page = context.new_page()
    page.goto(f"{address}/login")
    page.fill("input[name=name]", "vera")
    page.fill("input[name=password]", PASSWORD)
    page.press("input[name=password]", "Enter")
    page.wait_for_selector("#board")
    for path, scope in (
        (f"/?kiosk=1&lang={language}", "site"),
        (f"/?lang={language}", "site"),
        (f"/oee?scope=line:B&window=shift&lang={language}", "line:B"),
        (f"/oee?scope=line:B&window=shift&kiosk=1&lang={language}", "line:B"),
    ):
        page.goto(address + path)
        for kpi in KPIS:
            assert _shown(page, kpi) == wanted[scope][kpi] + "%", (path, kpi)
    page.goto(f"{address}/oee?scope=line:B&window=shift&lang={language}")
    assert _shown(page, "oee") == wanted["line:B"]["oee"] + "%"
    page.click("a.why [data-live=oee]")
    page.wait_for_selector(".explain-value")
    assert page.inner_text(".explain-value") == wanted["line:B"]["oee"] + "%"
    context.close()


def _shown(page: Page, kpi: str) -> str:
    text = eventually(page, "(id) => document.querySelector(`[data-live=${id}]`)?.textContent", kpi)
    return str(text)


def test_the_mail(stands: Site, wanted: dict[str, dict[str, str]]) -> None:
    """As it would go over the wire, to the recipients of both languages."""
    Rounds(stands.database, Pace()).go()
    told: dict[str, set[str]] = {}
    with stands.database.connection() as conn:
        plant = load(conn).plant
        claimed = []
        while (mail := outbox.claim(conn, 60.0)) is not None:
            claimed.append(mail)
    assert plant.mail is not None
    sender = Sender(stands.database, threading.Event(), Pace())
    for mail in claimed:
        body = sender.written(plant, plant.mail, mail).get_body(("plain",))
        assert body is not None
        for value in OEE_IN_MAIL.findall(body.get_content()):
            told.setdefault(mail.language, set()).add(value)
    assert told == {"en": {wanted["line:B"]["oee"]}, "zh": {wanted["line:B"]["oee"]}}


@pytest.mark.parametrize("ratio", [0.4645, 0.46450000001, 0.9985, 0.0005, 1.0])
def test_a_tie_is_rounded_once(ratio: float) -> None:
    assert texts("en", ZONE).quantity(ratio, "ratio") == f"{percent(ratio)} %"
    assert texts("zh", ZONE).quantity(ratio, "ratio") == f"{percent(ratio)} %"
