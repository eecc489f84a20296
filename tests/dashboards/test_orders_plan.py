"""The strip of the orders board leads to the orders that it is made of, and they add up to it."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from dashboards.board import Scene
from dashboards.orders.layout import layout
from dashboards.texts import texts
from db.clock import Clock, save_clock
from db.master import load
from plant.model import Language
from tests.dashboards.test_orders import NOW, operation, produce, shown
from tests.web_site import Site

HOUR = timedelta(hours=1)


@pytest.fixture
def planned(site: Site) -> Site:
    """WO-1 was done before it was due, WO-2 was not; WO-3 on line B is half done and due later."""
    with site.database.connection() as conn:
        save_clock(conn, Clock(NOW, NOW, 1e-9))
        done = operation(
            conn, "WO-1", "A01", planned=100, good=100, due=NOW - HOUR / 2, status="done"
        )
        conn.execute("update operation set ended_at = %s where id = %s", [NOW - HOUR, done])
        late = operation(conn, "WO-2", "A02", planned=100, good=40, due=NOW - HOUR / 3)
        ahead = operation(conn, "WO-3", "B01", planned=400, good=100, due=NOW + 2 * HOUR)
        for one in (late, ahead):
            produce(conn, one, pieces_a_minute=0.5, minutes=120)
    return site


def page(
    client: FlaskClient, kpi: str, scope: str, language: Language
) -> tuple[str, str, list[str]]:
    """The value, its words, and what each row counts as."""
    answer = client.get(f"/orders/plan?kpi={kpi}&scope={scope}&lang={language}")
    assert answer.status_code == 200
    value = re.search(r'class="explain-value">([^<]+)<', answer.text)
    words = re.search(r'class="hint">([^<]+)<', answer.text)
    assert value is not None
    assert words is not None
    return value[1], words[1], re.findall(r'class="n strong">([^<]+)<', answer.text)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("scope", ["", "line:A", "line:B"])
@pytest.mark.parametrize("kpi", ["on-time", "adherence", "actual"])
def test_orders_add_up_to_the_strip(
    planned: Site, kpi: str, scope: str, language: Language
) -> None:
    nodes = shown(planned, language, scope=scope)
    value, words, rows = page(planned.client("vera"), kpi, scope, language)
    assert value == nodes[f"orders-{kpi}"]["text"]
    assert words == nodes[f"orders-{kpi}-of"]["text"]
    parts, wholes = (sum(float(row.split(" / ")[n]) for row in rows) for n in (0, 1))
    template = texts(language).text(
        "{part} of {whole} orders, 7 days"
        if kpi == "on-time"
        else "{part} of {whole} pieces, 24 h",
        part=round(parts),
        whole=round(wholes),
    )
    assert words == template


def test_each_order_leads_to_what_was_counted(planned: Site) -> None:
    client = planned.client("vera")
    text = client.get("/orders/plan?kpi=on-time&lang=en").text
    hrefs = dict(re.findall(r'class="name"><a href="([^"]+)">([^<]+)</a>', text))
    assert sorted(hrefs.values()) == ["WO-1 / 10", "WO-2 / 10"]
    for href in hrefs:
        address = href.replace("&amp;", "&")
        assert client.get(address, follow_redirects=True).status_code == 200
    assert text.count("▼") == 1, "WO-2 was not on time"


def test_the_strip_leads_there(planned: Site) -> None:
    with planned.database.connection() as conn:
        plant = load(conn).plant
    laid_out = str(layout(Scene(plant, NOW, "en", {"scope": "line:A"})))
    for kpi in ("on-time", "adherence", "actual"):
        assert f"/orders/plan?kpi={kpi}&scope=line:A" in laid_out


def test_who_may_look_and_what_there_is(planned: Site) -> None:
    assert planned.client("vera").get("/orders/plan?kpi=nonsense").status_code == 404
    assert planned.device("orders").get("/orders/plan").status_code == 403
