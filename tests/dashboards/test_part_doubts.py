"""A machine that was silent for long in a plant that hardly was: every figure of it says so."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta
from typing import Any

import pytest

from dashboards import hours, oee, overview
from dashboards.board import Board, Frame, Scene
from dashboards.doubts import LONG
from dashboards.texts import texts
from dashboards.why import link
from db.kpi_facts import SITE
from db.master import load
from plant.model import Language
from tests.dashboards.conftest import START
from tests.web_site import Site

SILENT = """
update machine_1m set unknown_s = 24, running_s = 30, ideal_s = 25, ideal_good_s = 25
where machine_id = (select id from machine where code = 'A02')
"""
LATE = """
insert into derive_dirty (machine_id, t0, t1) select id, %(at)s, %(at)s from machine
where code = 'B01'
"""


@pytest.fixture
def silent(busy: Site) -> Site:
    """Of 24 machines A02 was not heard for 40 % of its time: 1.7 % of the plant's, 6.7 % of A's."""
    with busy.database.connection() as conn:
        conn.execute(SILENT)
    return busy


def shown(site: Site, board: Board, language: Language = "en", **params: str) -> Frame:
    with site.database.connection() as conn:
        return board.frame(conn, Scene(load(conn).plant, START, language, params))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_wall_marks_its_tile_and_its_line(silent: Site, language: Language) -> None:
    found = shown(silent, overview.BOARD, language)
    why = texts(language).text(LONG["unknown"])
    for node in ("tile-A02-value", "line-A"):
        assert (found.nodes[node]["unit"], found.nodes[node]["title"]) == ("% ~", why)
    for node in ("tile-A01-value", "line-B"):
        assert (found.nodes[node]["unit"], found.nodes[node]["title"]) == ("%", "")
    assert why not in str(found.nodes["oee-mark"]["title"])
    lines: Any = found.charts["lines"]
    labels = [note["text"] for note in lines["layout"]["annotations"]]
    assert [label.endswith(" ~") for label in labels] == [True, False, False, False]


def test_late_data_marks_what_it_is_of(busy: Site) -> None:
    with busy.database.connection() as conn:
        conn.execute(LATE, {"at": START - timedelta(hours=1)})
    nodes = shown(busy, overview.BOARD).nodes
    marked = {node for node, one in nodes.items() if one.get("unit") == "% ~"}
    assert marked == {"line-B", "tile-B01-value"}
    assert nodes["line-B"]["title"] == LONG["late"]


def test_an_hour_whose_late_data_is_worked_in_says_so(busy: Site) -> None:
    with busy.database.connection() as conn:
        conn.execute(LATE, {"at": START - timedelta(hours=1)})
    nodes = shown(busy, hours.BOARD, scope="line:B").nodes
    said = [nodes[f"hour-{n}-doubt"]["title"] for n in range(3)]
    assert said == ["", LONG["late"], ""], "half past three"
    assert not shown(busy, hours.BOARD, scope="line:A").nodes["hour-1-doubt"]["title"]


def test_hours_are_hatched(silent: Site) -> None:
    for code, shape in (("A02", "x"), ("A01", "")):
        figure: Any = shown(silent, oee.BOARD, scope=f"machine:{code}").charts["hours"]
        assert set(figure["data"][0]["marker"]["pattern"]["shape"]) == {shape}


def test_rows_of_figures_say_so(silent: Site) -> None:
    client, query = silent.client("vera"), "rows=machine&show=oee&period=today"
    told = client.get(f"/kpis/data.json?{query}").json
    assert told is not None
    marked = {row["name"][:3] for row in told["rows"] if "unknown" in row["provisional"]}
    assert marked == {"A02"}
    assert all("open" in row["provisional"] for row in told["rows"])
    text = client.get(f"/kpis/data.csv?{query}").text.lstrip("\ufeff")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert {row["provisional"] for row in rows} == {"open", "unknown open"}
    page = client.get(f"/kpis?{query}&lang=en").text
    marks = re.findall(r'class="name">(\w+)[^<]* <span class="doubt"[^>]*title="([^"]+)">~<', page)
    assert set(marks) == {("A02", LONG["unknown"])}


def test_parts_of_an_explanation_say_so(silent: Site) -> None:
    page = silent.client("vera").get(f"{link('oee', SITE, 'shift')}&lang=en", follow_redirects=True)
    rows = re.findall(r'<tr role="row">(.*?)</tr>', page.text, re.DOTALL)
    marked = [row for row in rows if 'class="doubt"' in row]
    names = [re.sub("<[^>]+>", " ", row).split()[0] for row in marked]
    assert names[:2] == ["Line", "A02"]
    assert all(LONG["unknown"] in row for row in marked)
