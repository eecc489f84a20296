"""Stops that neighbours explain, on every page that shows stops; in both languages."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient

from dashboards import hours, oee, overview, stops
from dashboards.board import Board, Frame, Scene
from dashboards.why import link, moment
from db.clock import Clock, save_clock
from db.kpi_facts import Scope
from db.master import load
from plant.model import Language
from tests.dashboards.test_stops_board import (
    RUNNING,
    at,
    derive_all,
    happen,
    ranks,
    rows,
    say,
    stop_id,
)
from tests.web_site import NOW, Site

IDLE, JAM = 4, 1101
# Line A infers. A02 jams from 10 to 30; A03 is idle five minutes before that, too; A01 from 12 on.
JAMMED = (("A02", 0, RUNNING), ("A02", 10, JAM), ("A02", 30, RUNNING))
IDLED = (
    ("A01", 0, RUNNING), ("A01", 12, IDLE), ("A01", 30, RUNNING),
    ("A03", 0, RUNNING), ("A03", 5, IDLE), ("A03", 31, RUNNING),
)  # fmt: skip
UNEXPLAINED_S = 5 * 60.0


@pytest.fixture
def told(site: Site) -> Site:
    with site.database.connection() as conn:
        save_clock(conn, Clock(NOW, NOW, 1e-9))
        happen(conn, *JAMMED, *IDLED)
    return site


def shown(
    site: Site, board: Board = stops.BOARD, language: Language = "en", **params: str
) -> Frame:
    with site.database.connection() as conn:
        derive_all(conn, NOW)
        return board.frame(conn, Scene(load(conn).plant, NOW, language, params))


def values(found: Frame, prefix: str) -> dict[object, object]:
    """Names and values of a board's bars."""
    return {
        found.nodes[f"{prefix}-{n}-name"]["text"]: found.nodes[f"{prefix}-{n}-value"]["text"]
        for n in range(12)
        if not found.nodes.get(f"{prefix}-{n}", {"hidden": True})["hidden"]
    }


@pytest.mark.parametrize(
    ("language", "why", "rest", "words"),
    [
        ("en", "by A02: Jam (inferred)", "5:00 not explained", ["Blocked", "Down", "Starved"]),
        ("zh", "因 A02：卡料（推断）", "5:00 原因未明", ["堵料", "停机", "缺料等待"]),
    ],
)
def test_the_list_says_who_made_it_wait(
    told: Site, language: Language, why: str, rest: str, words: list[str]
) -> None:
    found = shown(told, language=language)
    assert [(row[0], row[2]) for row in rows(found) if row[0] != "A02"] == [
        ("A01", why),
        ("A03", f"{why} · {rest}"),
    ]
    assert [found.nodes[f"stop-{n}-state-word"]["text"] for n in range(3)] == words
    assert {found.nodes[f"stop-{n}"]["tone"] for n in range(3)} == {"normal"}
    assert found.nodes["stop-0-reason"]["title"]
    assert found.nodes["stop-1-reason"]["title"] == "", "the jam is what the machine says"
    assert found.nodes["unexplained-n"]["text"] == "5"
    assert (found.nodes["stops-n"]["text"], found.nodes["minor-n"]["text"]) == ("3", "0")


def test_what_is_mostly_unexplained_says_which_part_is_not(site: Site) -> None:
    with site.database.connection() as conn:
        happen(conn, *JAMMED, ("A03", 0, RUNNING), ("A03", 5, IDLE), ("A03", 58, RUNNING))
    found = shown(site)
    assert rows(found)[0] == (
        "A03", "15:05–15:58", "No reason given · 21 min Starved by A02: Jam (inferred)",
    )  # fmt: skip
    assert found.nodes["stop-0"]["tone"] == "warning"
    assert found.nodes["unexplained-n"]["text"] == "32"


def test_reasons_are_ranked_with_what_neighbours_explain(told: Site) -> None:
    """The rest of A03's stop has minutes, and no stop of its own."""
    assert ranks(shown(told)) == [
        ("Starved", "21"), ("Jam", "20"), ("Blocked", "18"), ("Not explained", "5.0"),
    ]  # fmt: skip
    by_count = ranks(shown(told, by="count"))
    assert by_count == [("Blocked", "1"), ("Jam", "1"), ("Starved", "1")]


def test_the_timelines_show_it(told: Site) -> None:
    """Hatched as what machines call starved or blocked."""
    strips = shown(told).charts["strip"], shown(told, oee.BOARD, scope="line:A").charts["timeline"]
    for strip in strips:
        assert isinstance(strip, dict)
        lanes = {
            bool(kind["marker"].get("pattern")): kind["y"]
            for kind in strip["data"]
            if kind["marker"]["color"] == "$warning"
        }
        assert lanes == {True: ["A01", "A03"], False: ["A03"]}


def sheet(client: FlaskClient, machine: str, minute: float, language: str) -> str:
    text = client.get(f"/stops/one?stop={stop_id(machine, minute)}&lang={language}").text
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))


def test_its_sheet_tells_every_part(told: Site) -> None:
    client = told.client("vera")
    shown(told)
    said = sheet(client, "A03", 5, "en")
    assert "Starved by A02: Jam (inferred) · 5:00 not explained" in said
    assert "The machine says only that it is idle." in said
    assert "21 min Starved by A02: Jam (inferred) 5:00 not explained" in said
    assert "21 分 缺料等待 因 A02：卡料（推断） 5:00 原因未明" in sheet(client, "A03", 5, "zh")
    assert "not explained" not in sheet(client, "A01", 12, "en")
    assert "inferred" not in sheet(client, "A02", 10, "en")


EXPLAINED = re.compile(r'class="explain-value">([^<]+)<')


def test_the_figure_is_the_same_everywhere(told: Site) -> None:
    client = told.client("vera")
    shown(told)
    asked = f"t0={moment(at(0))}&t1={moment(NOW)}"
    page = client.get(f"/explain?kpi=unexplained_s&scope=line:A&{asked}&lang=en").text
    value = EXPLAINED.search(page)
    assert value is not None
    assert value[1] == "5.0"
    data = client.get(f"/explain/data.json?kpi=unexplained_s&scope=line:A&{asked}").json
    table = client.get(f"/kpis/data.json?show=stops&scope=line:A&rows=machine&{asked}").json
    assert data is not None
    assert table is not None
    by_machine = {row["name"][:3]: row["unexplained_s"] for row in table["rows"][:-1]}
    assert table["rows"][-1]["unexplained_s"] == data["value"] == UNEXPLAINED_S
    assert {code: s for code, s in by_machine.items() if s} == {"A03": UNEXPLAINED_S}
    board = client.get("/live/stops?scope=line:A&lang=en").json
    assert board is not None
    assert board["nodes"]["unexplained-n"]["text"] == "5"
    badge = f"{link('unexplained_s', Scope('line', 'A'), 'shift')}&lang=en"
    assert value[0] in client.get(badge, follow_redirects=True).text


def test_the_intervals_behind_it_tell_what_is_left(told: Site) -> None:
    client = told.client("vera")
    shown(told)
    asked = f"t0={moment(at(0))}&t1={moment(NOW)}&lang=en"
    page = client.get(f"/explain?kpi=unexplained_s&scope=machine:A03&{asked}").text
    table = page.partition('id="evidence"')[2]
    found = [
        re.findall(r">([^<]*)</td>", row) for row in re.findall(r"<tr role.*?</tr>", table, re.S)
    ]
    idle = [(cells[3], cells[6]) for cells in found if cells and cells[4] == "Idle"]
    assert idle == [("21 min", "Starved by A02: Jam (inferred)"), ("300.0 s", "–")]


def test_the_other_boards_rank_the_same(told: Site) -> None:
    wall = values(shown(told, overview.BOARD), "stop")
    board = shown(told, oee.BOARD, scope="line:A", window="shift")
    machine = shown(told, oee.BOARD, scope="machine:A03", window="shift")
    sheet = shown(told, hours.BOARD, scope="machine:A03")
    assert wall == {"Starved": "21", "Jam": "20", "Blocked": "18", "Idle": "5"}
    assert values(board, "reason") == {
        "Starved": "21 · 1×", "Jam": "20 · 1×", "Blocked": "18 · 1×", "Idle": "5",
    }  # fmt: skip
    assert values(machine, "reason") == {"Starved": "21 · 1×", "Idle": "5"}
    why = "by A02: Jam (inferred) · 5:00 not explained"
    assert machine.nodes["last-0-reason"]["text"] == why
    assert machine.nodes["last-0-state"]["text"] == "Starved"
    hour = next(n for n in range(8) if sheet.nodes[f"hour-{n}-why"]["text"])
    assert "Starved\N{NO-BREAK SPACE}21" in str(sheet.nodes[f"hour-{hour}-why"]["text"])


def test_an_operators_reason_wins_at_once(told: Site) -> None:
    before = shown(told).nodes
    word = {"kind": "assign", "reason": "sensor_fault", "seen": "0", "stop": stop_id("A03", 5)}
    assert say(told.client("olga"), told, word)[0] == 200
    found = shown(told)
    assert ("A03", "15:05–15:31", "Sensor fault") in rows(found)
    assert found.nodes["unexplained-n"]["text"] == "0"
    assert dict(ranks(found))["Sensor fault"] == "26"
    assert before["stop-2-stamp"] != found.nodes["stop-2-stamp"], "its sheet is read again"


def test_late_data_of_a_neighbour_changes_it_at_the_next_read(site: Site) -> None:
    with site.database.connection() as conn:
        save_clock(conn, Clock(NOW, NOW, 1e-9))
        happen(conn, ("A02", 0, RUNNING), *IDLED)
    found = shown(site)
    assert [row[2] for row in rows(found)] == ["No reason given"] * 2
    assert found.nodes["unexplained-n"]["text"] == "44"
    with site.database.connection() as conn:
        happen(conn, *JAMMED[1:])
    later = shown(site)
    assert later.nodes["unexplained-n"]["text"] == "5"
    assert later.nodes["stop-0-stamp"] != found.nodes["stop-0-stamp"]
