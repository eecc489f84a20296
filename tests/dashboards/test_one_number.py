"""One number everywhere: wall, browser, hours, orders, stops, figures, mail, and what explains it.

Plant time stands still in the shift, so that all of them are of the same period.
"""

from __future__ import annotations

import csv
import io
import re
import threading
from datetime import timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient

from alerts.mail import Sender
from alerts.pace import Pace
from alerts.round import Rounds
from alerts.texts import texts
from dashboards.format import duration_text, percent
from dashboards.texts import texts as texts_of
from dashboards.why import link, moment
from db import outbox
from db.clock import Clock, save_clock
from db.kpi_facts import SITE, Scope, facts_in
from db.line_ends import workers
from db.master import load
from plant.kpi import kpis
from plant.model import Language
from plant.percent import percent_text
from plant.periods import Span
from tests.dashboards.conftest import FACTS, FAR, START, STATES, TAILS, eventually
from tests.web_site import NOW, Site, log_in

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ZONE = ZoneInfo("Asia/Shanghai")
SHIFT = START - timedelta(hours=2.5)
"""14:00 in Shanghai."""
THIS_SHIFT = f"t0={moment(SHIFT)}&t1={moment(START)}"
KPIS = ("oee", "availability", "performance", "quality")
LOW = """
update machine_1m set running_s = 41, down_s = 12, idle_s = 7, good = 3, scrap = 1, ideal_s = 27.87,
    ideal_good_s = 20.9
where machine_id in (select id from machine where code like 'B%%')
"""
ORDER = """
insert into operation (source_id, order_code, operation, revision, at, machine_id, product_id,
    status, planned, good, scrap, planned_start, due, started_at)
select (select min(id) from source), 'WO-9', '10', '1', %(t1)s, m.id,
    (select min(product_id) from ideal_cycle where machine_id = m.id),
    'running', 900, 300, 4, %(t0)s, %(t1)s + interval '2 hours', %(t0)s
from machine m where m.code = 'B01'
"""
WORKED = """
update machine_1m f set operation_id = o.id, product_id = o.product_id
from operation o
where o.machine_id = f.machine_id and f.ts >= %(t0)s
"""
STOPPED = """
insert into stop_span (machine_id, t0, t1, element, reason_id, said_by, is_minor, between_s)
select m.id, s.t0, s.t1, 'down', s.reason_id, null, false, 0
from machine m, (values
    (%(t0)s::timestamptz, %(t0)s + interval '37 minutes', null),
    (%(t0)s + interval '1 hour', %(t0)s + interval '1 hour 8 minutes', 1)
) s (t0, t1, reason_id)
where m.code in ('B01', 'B05')
"""
WAITED = """
insert into stop_span (machine_id, t0, t1, element, reason_id, said_by, is_minor, between_s)
select m.id, s.t0, s.t1, s.element::element, r.id, s.said_by, false, 0
from (values
    ('A02', %(t0)s::timestamptz, %(t0)s + interval '31 minutes', 'down', 'jam', 'machine'),
    ('A03', %(t0)s + interval '1 minute', %(t0)s + interval '39 minutes', 'idle', null, null)
) s (machine, t0, t1, element, reason, said_by)
join machine m on m.code = s.machine
left join reason r on r.code = s.reason
"""
"""Line A infers: A02's jam explains half an hour and the minute after of what A03 is idle."""
SAID = """
with gone as (
    delete from state_interval i using stop_span s where s.machine_id = i.machine_id
    returning i.machine_id, i.t0, i.t1
), edge as (
    select machine_id, t0, 'running'::element as state from gone
    union select machine_id, t0, element from stop_span
    union select machine_id, t1, 'running' from stop_span
)
insert into state_interval (machine_id, t0, t1, state, is_open)
select e.machine_id, e.t0, lead(e.t0, 1, %(far)s) over w, e.state, lead(e.t0) over w is null
from edge e window w as (partition by e.machine_id order by e.t0)
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
        for told in (ORDER, WORKED, STOPPED, WAITED):
            conn.execute(told, {"t0": SHIFT, "t1": START})
        conn.execute(STATES, {"t0": START - timedelta(hours=4), "t1": FAR})
        conn.execute(TAILS, {"t1": FAR})
        conn.execute(SAID, {"far": FAR})
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


def node(client: FlaskClient, path: str, node_id: str) -> str:
    """What a live node of a board shows, without its unit."""
    board = client.get(path).json
    assert board is not None
    return str(board["nodes"][node_id]["text"])


def explained(client: FlaskClient, address: str, language: str) -> str:
    """The figure as the page that explains it writes it."""
    page = client.get(f"{address}&lang={language}", follow_redirects=True)
    shown = VALUE.search(page.text)
    assert shown is not None, address
    return shown[1]


def figures(client: FlaskClient, query: str, code: str) -> list[tuple[str, float | None]]:
    """A column of the table of figures, the sum last, as JSON has it; the same is in the CSV."""
    told = client.get(f"/kpis/data.json?{query}").json
    assert told is not None
    text = client.get(f"/kpis/data.csv?{query}").text.lstrip("\ufeff")
    rows = list(csv.DictReader(io.StringIO(text)))
    found = [(row["name"], row[code]) for row in told["rows"]]
    assert [row[code] for row in rows] == ["" if v is None else str(v) for _, v in found]
    return found


@pytest.mark.parametrize("language", ["en", "zh"])
def test_figures_and_hours(stands: Site, wanted: dict[str, dict[str, str]], language: str) -> None:
    """The table of figures, on its page, as CSV and JSON, and the hours of the same shift."""
    client, query = stands.client("vera"), f"lang={language}&{THIS_SHIFT}"
    for kpi in KPIS:
        for scope in (SITE, Scope("line", "B")):
            asked = f"scope={scope}&rows=line&show=oee&{query}"
            _, whole = figures(client, asked, kpi)[-1]
            assert percent(whole) == wanted[str(scope)][kpi]
            page = client.get(f"/kpis?{asked}").text
            assert f">{wanted[str(scope)][kpi]}</a>" in page.partition("<tfoot")[2]
    hours = f"/live/hours?scope=line:B&lang={language}"
    board = f"/live/oee?scope=line:B&window=shift&lang={language}"
    assert node(client, hours, "sum-oee") == wanted["line:B"]["oee"]
    assert node(client, hours, "sum-scrap") == node(client, board, "fact-scrap")
    assert node(client, hours, "sum-scrap") == explained(
        client, link("scrap", Scope("line", "B"), "shift"), language
    )
    per_hour = figures(client, f"scope=line:B&rows=hour&show=oee&{query}", "oee")
    shown = [node(client, hours, f"hour-{n}-oee") for n in range(3)]
    assert shown == [percent(oee) for _, oee in per_hour[:-1]]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_comes_off_a_line(stands: Site, language: str) -> None:
    """The wall's bars, the hours, and the good pieces of the line's last machine."""
    client = stands.client("vera")
    with stands.database.connection() as conn:
        (found,) = workers(conn, load(conn).plant, [START])
    ends = {line: machines[-1] for line, machines in found.items()}
    query = f"show=pieces&rows=hour&lang={language}&{THIS_SHIFT}"
    made = [figures(client, f"scope=machine:{end}&{query}", "good") for end in ends.values()]
    sums = [sum(good or 0.0 for _, good in hour) for hour in zip(*made, strict=True)]
    wall = client.get(f"/live/overview/full?lang={language}").json
    assert wall is not None
    assert wall["figures"]["output"]["data"][0]["y"][-3:] == sums[:-1]
    end = ends["B"]
    hours = f"/live/hours?scope=line:B&lang={language}"
    good = link("good", Scope("machine", end), "shift")
    assert node(client, hours, "sum-made") == explained(client, good, language)
    oee = f"/live/oee?scope=machine:{end}&window=shift&lang={language}"
    assert node(client, hours, "sum-made") == node(client, oee, "fact-good")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_an_orders_count(stands: Site, language: str) -> None:
    """The orders board, what explains it, and the table of figures by order."""
    client = stands.client("vera")
    orders = f"/live/orders?lang={language}"
    assert node(client, orders, "order-0-code") == "WO-9 / 10"
    counted = node(client, orders, "order-0-counted")
    assert counted == "450", "3 a minute since 14:00"
    assert counted == explained(
        client, link("good", Scope("operation", "WO-9/10"), "order"), language
    )
    query = f"show=pieces&rows=order&lang={language}&{THIS_SHIFT}"
    by_order = figures(client, query, "good")
    assert [good for name, good in by_order if name.endswith(" WO-9")] == [450]
    hours = f"/live/hours?scope=machine:B01&lang={language}"
    assert node(client, hours, "sum-made") == counted


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_stops_took(stands: Site, language: Language) -> None:
    """The wall, the OEE board, the ranking of the stops board and the hours: 2 × 8 min."""
    client = stands.client("vera")
    with stands.database.connection() as conn:
        reason = next(iter(load(conn).plant.reasons)).name.text(language)
    wall = _rows(client, f"/live/overview?lang={language}", "stop")
    oee = _rows(client, f"/live/oee?scope=line:B&window=shift&lang={language}", "reason")
    ranks = _rows(client, f"/live/stops?scope=line:B&lang={language}", "rank")
    assert wall[reason] == ranks[reason] == "16"
    assert oee[reason] == "16 · 2×"
    hours = f"/live/hours?scope=machine:B01&lang={language}"
    assert node(client, hours, "hour-1-why") == f"{reason}\N{NO-BREAK SPACE}8"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_lines_down_and_unexplained(stands: Site, language: Language) -> None:
    """Both boards, what explains them, and the table of figures; 2 × 37 min nobody explained."""
    client, query = stands.client("vera"), f"show=stops&lang={language}&{THIS_SHIFT}"
    stops = node(client, f"/live/stops?scope=line:B&lang={language}", "unexplained-n")
    asked = link("unexplained_s", Scope("line", "B"), "shift")
    assert stops == explained(client, asked, language).removesuffix(".0") == "74"
    *machines, whole = figures(client, f"{query}&scope=line:B&rows=machine", "unexplained_s")
    assert whole[1] == sum(seconds or 0.0 for _, seconds in machines) == 74 * 60
    board = node(client, f"/live/oee?scope=line:B&window=shift&lang={language}", "line-down")
    caused = _rows(client, f"/live/oee?scope=line:B&window=shift&lang={language}", "cause")
    down = explained(client, link("line_down_s", Scope("line", "B"), "shift"), language)
    share = explained(client, link("line_down", Scope("line", "B"), "shift"), language)
    assert board.startswith(duration_text(60 * float(down), language))
    assert f"{float(share):.0f} %" in board
    *machines, whole = figures(client, f"{query}&scope=line:B&rows=machine", "line_down_s")
    assert whole[1] == sum(seconds or 0.0 for _, seconds in machines) == 45 * 60
    assert float(down) == 45
    minutes = sum(int(value.partition(" ")[0]) for value in caused.values())
    assert minutes == 45


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_neighbours_explain(stands: Site, language: Language) -> None:
    """Of 38 idle minutes 31 are starved on every board, and 7 unexplained in every figure."""
    client, query = stands.client("vera"), f"show=stops&lang={language}&{THIS_SHIFT}"
    name, boards = texts_of(language).text("Starved"), "scope=line:A&window=shift"
    ranks = _rows(client, f"/live/stops?scope=line:A&lang={language}", "rank")
    assert ranks[name] == _rows(client, f"/live/overview?lang={language}", "stop")[name] == "31"
    oee = _rows(client, f"/live/oee?{boards}&lang={language}", "reason")
    assert oee[name] == "31 · 1×"
    hours = node(client, f"/live/hours?scope=machine:A03&lang={language}", "hour-0-why")
    assert f"{name}\N{NO-BREAK SPACE}31" in hours
    badge = node(client, f"/live/stops?scope=line:A&lang={language}", "unexplained-n")
    for scope in (Scope("line", "A"), Scope("machine", "A03")):
        told = explained(client, link("unexplained_s", scope, "shift"), language)
        assert badge == told.removesuffix(".0") == "7"
    for rows in ("machine", "hour", "shift"):
        asked = f"{query}&scope=line:A&rows={rows}"
        *parts, whole = figures(client, asked, "unexplained_s")
        assert whole[1] == sum(seconds or 0.0 for _, seconds in parts) == 7 * 60
    *lines, whole = figures(client, f"{query}&rows=line", "unexplained_s")
    assert whole[1] == sum(seconds or 0.0 for _, seconds in lines) == (74 + 7) * 60


def _rows(client: FlaskClient, path: str, prefix: str) -> dict[str, str]:
    """Names and values of a board's list."""
    board = client.get(path).json
    assert board is not None
    nodes, found = board["nodes"], {}
    for n in range(12):
        if not nodes.get(f"{prefix}-{n}", {"hidden": True})["hidden"]:
            found[nodes[f"{prefix}-{n}-name"]["text"]] = nodes[f"{prefix}-{n}-value"]["text"]
    return found


@pytest.mark.parametrize("language", ["en", "zh"])
def test_wall_and_browser(
    stands: Site,
    wanted: dict[str, dict[str, str]],
    address: str,
    web_browser: Browser,
    language: str,
) -> None:
    context = web_browser.new_context(viewport={"width": 1920, "height": 1080})
    log_in(context, address, "vera")
    page = context.new_page()
    for path, scope in (
        (f"/?kiosk=1&lang={language}", "site"),
        (f"/?lang={language}", "site"),
        (f"/oee?scope=line:B&window=shift&lang={language}", "line:B"),
        (f"/oee?scope=line:B&window=shift&kiosk=1&lang={language}", "line:B"),
    ):
        page.goto(address + path)
        for kpi in KPIS:
            assert _shown(page, kpi) == wanted[scope][kpi] + "%", (path, kpi)
    for kiosk in ("", "&kiosk=1"):
        page.goto(f"{address}/hours?scope=line:B&lang={language}{kiosk}")
        assert _shown(page, "sum-oee") == wanted["line:B"]["oee"] + "%"
        page.goto(f"{address}/orders?lang={language}{kiosk}")
        assert _shown(page, "order-0-counted") == "450"
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
