"""The page of figures: its rows are the facts', its address says it all, files have its rows."""

from __future__ import annotations

import csv
import io
import re
from datetime import date, timedelta

import pytest

from dashboards.doubts import LONG
from dashboards.explain.asked import Odd
from dashboards.kpis.choice import PERIODS, ROWS, SHOWS, choice
from dashboards.kpis.table import SUMS, waterfall
from dashboards.texts import texts
from db.master import load
from plant.kpi import Facts
from plant.model import Plant
from plant.periods import Days, Span
from tests.web_site import NOW, Site

DAY = timedelta(days=1)
TODAY = date(2026, 3, 2)


def plant_of(site: Site) -> Plant:
    with site.database.connection() as conn:
        return load(conn).plant


@pytest.mark.parametrize(
    ("named", "first", "last"),
    [
        ("today", date(2026, 3, 2), date(2026, 3, 3)),
        ("yesterday", date(2026, 3, 1), date(2026, 3, 2)),
        ("week", date(2026, 3, 2), date(2026, 3, 9)),
        ("last_week", date(2026, 2, 23), date(2026, 3, 2)),
        ("month", date(2026, 3, 1), date(2026, 4, 1)),
        ("last_month", date(2026, 2, 1), date(2026, 3, 1)),
    ],
)
def test_named_periods_are_production_days(busy: Site, named: str, first: date, last: date) -> None:
    assert choice({"period": named}, plant_of(busy), TODAY).period == Days(first, last)


def test_an_address_comes_back_as_the_same_choice(busy: Site) -> None:
    plant = plant_of(busy)
    for query in (
        {"scope": "line:A", "rows": "shift", "show": "losses", "kpi": "nee", "period": "week"},
        {"scope": "machine:B01", "rows": "order", "show": "pieces", "days": "2026-03-01"},
        {"rows": "hour", "t0": "2026-03-02T01:00:00Z", "t1": "2026-03-02T05:00:00Z"},
    ):  # fmt: skip
        found = choice(query, plant, TODAY)
        tail = found.address("/kpis").partition("?")[2]
        again = dict(pair.split("=", 1) for pair in tail.split("&"))
        assert choice(again, plant, TODAY) == found
    with pytest.raises(Odd):
        choice({"kpi": "nonsense"}, plant, TODAY)
    assert isinstance(choice({"from": "2026-03-01", "to": "2026-03-01"}, plant, TODAY).period, Days)
    span = {"t0": "2026-03-02T01:00:00Z", "t1": "2026-03-02T05:00:00Z"}
    assert isinstance(choice(span, plant, TODAY).period, Span)


def test_every_choice_makes_a_page_in_both_languages(busy: Site) -> None:
    client = busy.client("vera")
    for rows in ROWS:
        answer = client.get(f"/kpis?rows={rows}&lang=zh")
        assert answer.status_code == 200, rows
        assert "75.0" in answer.text
    for show in SHOWS:
        assert client.get(f"/kpis?show={show}&rows=machine&lang=en").status_code == 200
    for named in PERIODS:
        page = client.get(f"/kpis?period={named}&from=2026-03-01&to=2026-03-02&rows=day").text
        assert "not over yet" in page or named in ("yesterday", "last_week", "last_month")


def test_the_csv_has_exactly_the_rows_of_the_page(busy: Site) -> None:
    client = busy.client("vera")
    query = "rows=line&show=oee&period=today"
    page = client.get(f"/kpis?{query}").text
    rows = list(
        csv.reader(io.StringIO(client.get(f"/kpis/data.csv?{query}").text.lstrip("\ufeff")))
    )
    names = re.findall(r'<td role="cell" class="name">([^<]+)</td>', page)
    assert [row[0] for row in rows[1:]] == names
    assert len(names) == len(plant_of(busy).lines) + 1
    oee = rows[0].index("oee")
    assert {float(row[oee]) for row in rows[1:]} == {0.75}
    told = client.get(f"/kpis/data.json?{query}").json
    assert told is not None
    assert [row["oee"] for row in told["rows"]] == [float(row[oee]) for row in rows[1:]]


def test_figures_lead_to_their_explanation_which_says_the_same(busy: Site) -> None:
    client = busy.client("vera")
    page = client.get("/kpis?rows=machine&period=today&scope=line:A").text
    found = re.findall(r'<td [^>]*class="n"><a class="why" href="([^"]+)">([^<]+)</a>', page)
    assert len(found) == 6 * 6
    for href, text in found[:8]:
        explained = client.get(href.replace("&amp;", "&")).text
        assert f'class="explain-value">{text}<' in explained, href


def test_late_data_is_told_of_the_machines_that_it_is_of(busy: Site) -> None:
    with busy.database.connection() as conn:
        conn.execute(
            "insert into derive_dirty (machine_id, t0, t1) select id, %(at)s, %(at)s"
            " from machine where code = 'B01'",
            {"at": NOW - timedelta(hours=1)},
        )
    client, late = busy.client("vera"), LONG["late"]
    scopes = {"line:A": False, "machine:A01": False, "line:B": True, "site": True}
    for scope, is_late in scopes.items():
        page = client.get(f"/kpis?period=today&scope={scope}")
        assert (page.status_code, late in page.text) == (200, is_late), scope


def test_too_many_rows_are_refused_in_words(busy: Site) -> None:
    client = busy.client("vera")
    answer = client.get("/kpis?rows=hour&days=2026-01-01..2026-03-31")
    assert answer.status_code == 400
    assert "1,100 rows" in answer.text
    assert client.get("/kpis/data.csv?kpi=x").status_code == 400


def test_a_wall_screen_has_no_figures(busy: Site) -> None:
    assert busy.device("overview").get("/kpis").status_code == 403
    assert busy.client().get("/kpis").status_code == 302


def test_the_waterfall_falls_from_sum_to_sum() -> None:
    facts = Facts(
        not_scheduled_s=6000, planned_stop_s=600, setup_s=300, running_s=3000, down_s=600,
        minor_down_s=60, idle_s=120, starved_s=60, blocked_s=60, unknown_s=60, good=200, scrap=20,
        start_up_scrap=5, ideal_s=2200, ideal_good_s=2000, ideal_start_up_s=50,
    )  # fmt: skip
    steps = waterfall(facts, texts("en"))
    assert [step.minutes for n, step in enumerate(steps) if n in SUMS] == [
        "180.0", "70.0", "50.0", "36.7", "33.3",
    ]  # fmt: skip
    for n, step in enumerate(steps):
        if n not in SUMS:
            assert step.left + step.width == pytest.approx(_edge(steps[n - 1]), abs=0.01)


def _edge(before: object) -> float:
    left, width, is_sum = (getattr(before, name) for name in ("left", "width", "is_sum"))
    return float(left + width if is_sum else left)
