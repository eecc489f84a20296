"""Reasons of stops by minutes and by count: of any place, over any shift, day, week or month."""

from __future__ import annotations

import csv
import io
import re

import pytest
from flask.testing import FlaskClient

from dashboards.why import link
from db.clock import Clock, save_clock
from db.kpi_facts import Kind, Scope
from plant.periods import DAY, Days
from tests.dashboards.test_stops_board import ABORTED, HOUR, RUNNING, at, happen, ranks, rows, shown
from tests.web_site import NOW, Site

TODAY = at(0).date()
CHANGE = -60.0
"""Minutes: two o'clock, when the late shift begins."""
OVER_THE_CHANGE = (
    ("A01", CHANGE - 120, RUNNING),
    ("A01", CHANGE - 15, ABORTED),
    ("A01", CHANGE + 10, RUNNING),
    ("D01", CHANGE - 120, RUNNING),
    ("D01", CHANGE + 20, ABORTED),
    ("D01", CHANGE + 50, RUNNING),
)
VALUE = re.compile(r'class="explain-value">([^<]+)<')


@pytest.fixture
def stopped(site: Site) -> Site:
    """A01 stands from a quarter before the shifts change to ten minutes after, and then as ever."""
    with site.database.connection() as conn:
        save_clock(conn, Clock(NOW, NOW, 1e-9))
        happen(conn, *OVER_THE_CHANGE, *HOUR)
    return site


def told(client: FlaskClient, query: str) -> dict[str, tuple[float, int]]:
    """Minutes and stops by reason; the CSV says the same."""
    found = client.get(f"/kpis/data.json?show=reasons&lang=en&{query}").json
    assert found is not None
    text = client.get(f"/kpis/data.csv?show=reasons&lang=en&{query}").text.lstrip("\ufeff")
    read = list(csv.DictReader(io.StringIO(text)))
    assert [row["reason"] for row in read] == [row["name"] for row in found["rows"]]
    return {row["name"]: (row["minutes"], row["stops"]) for row in found["rows"]}


@pytest.mark.parametrize(
    ("scope", "shift", "minutes", "stops"),
    [
        ("machine:A01", "early", 15, 1),
        ("machine:A01", "late", 10 + 20, 2),
        ("machine:A01", "", 15 + 10 + 20, 2),
        ("line:A", "late", 10 + 20, 2),
        ("area:machining", "late", 10 + 20, 2),
        ("area:assembly", "late", 30, 1),
        ("site", "", 15 + 10 + 20 + 30, 3),
    ],
)
def test_a_shift_has_its_part_of_a_stop(
    stopped: Site, scope: str, shift: str, minutes: int, stops: int
) -> None:
    """And it is what the figure of unexplained stops says."""
    client = stopped.client("vera")
    for period in ("today", "week", "month"):
        found = told(client, f"scope={scope}&period={period}&shift={shift}")
        assert found["Not explained"] == (minutes, stops)
    kind, _, code = scope.partition(":")
    kinds: dict[str, Kind] = {"machine": "machine", "line": "line", "area": "area", "site": "site"}
    days = Days(TODAY, TODAY + DAY, shift or None)
    page = client.get(link("unexplained_s", Scope(kinds[kind], code), days)).text
    shown_there = VALUE.search(page)
    assert shown_there is not None
    assert float(shown_there[1]) == minutes


def test_what_is_over_is_as_it_was(stopped: Site) -> None:
    client = stopped.client("vera")
    assert told(client, "scope=site&period=yesterday") == {"All": (0.0, 0)}
    moments = "t0=2026-03-02T07:10:00Z&t1=2026-03-02T07:20:00Z"
    assert told(client, f"scope=machine:A01&{moments}")["Not explained"] == (10.0, 1)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page_ranks_by_minutes_and_by_count(stopped: Site, language: str) -> None:
    query = f"show=reasons&scope=line:A&period=today&shift=late&lang={language}"
    page = stopped.client("vera").get(f"/kpis?{query}")
    assert page.status_code == 200
    assert page.text.count('class="kpis-bars"') == 2
    assert '<option value="late" selected>' in page.text
    assert "shift=late" in page.text, "its data are of that shift, too"


def test_an_order_has_none(stopped: Site) -> None:
    client = stopped.client("vera")
    assert client.get("/kpis?show=reasons&scope=order:WO-1").status_code == 400


def test_the_board_is_of_an_area_too(stopped: Site) -> None:
    machining, assembly = (
        shown(stopped, scope=f"area:{code}") for code in ("machining", "assembly")
    )
    assert {row[0] for row in rows(machining)} == {"A01", "A02"}
    assert {row[0] for row in rows(assembly)} == {"D01"}
    assert ranks(assembly) == [("Not explained", "30")]
    assert assembly.nodes["unexplained-n"]["text"] == "30"
