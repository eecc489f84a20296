"""A figure explains itself: the page's number is the board's, its parts add up, doubts are said."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from dashboards import oee, overview
from dashboards.board import Frame, Scene
from dashboards.explain.asked import Odd, asked
from dashboards.why import link
from db.clock import load_clock
from db.kpi_facts import SITE, Scope
from db.master import load
from plant.kpi_table import FIGURES
from plant.model import Language
from plant.periods import Days, Span
from tests.dashboards.conftest import START
from tests.web_site import Site

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
VALUE = re.compile(r'class="explain-value">([^<]+)<small>([^<]*)')


def frame(site: Site, board: str, language: Language = "en", **params: str) -> Frame:
    made = {"oee": oee.BOARD, "overview": overview.BOARD}[board].frame
    with site.database.connection() as conn:
        now = load_clock(conn).now()
        return made(conn, Scene(load(conn).plant, now, language, params))


def value(site: Site, address: str, language: Language = "en") -> tuple[str, str]:
    answer = site.client("vera").get(f"{address}&lang={language}", follow_redirects=True)
    assert answer.status_code == 200, answer.text
    found = VALUE.search(answer.text)
    assert found, answer.text
    return found[1], found[2]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page_shows_the_boards_own_digits(busy: Site, language: Language) -> None:
    of_line = frame(busy, "oee", language, scope="line:B").nodes
    of_all = frame(busy, "overview", language).nodes
    for kpi in ("oee", "availability", "performance", "quality"):
        for scope, nodes in ((Scope("line", "B"), of_line), (SITE, of_all)):
            shown = value(busy, link(kpi, scope, "shift"), language)
            assert shown == (nodes[kpi]["text"], nodes[kpi]["unit"]), (kpi, scope)
    good = value(busy, link("good", Scope("line", "B"), "shift"), language)
    assert good[0] == of_line["fact-good"]["text"]


def test_a_moving_window_leads_to_a_lasting_address(busy: Site) -> None:
    answer = busy.client("vera").get(link("oee", Scope("machine", "A01"), "24h"))
    assert answer.status_code == 302
    query = parse_qs(urlsplit(answer.location).query)
    assert query["kpi"] == ["oee"]
    assert query["t1"][0].startswith("2026-03-02T08:30:00")


def test_every_figure_is_explained_for_every_scope_and_view(busy: Site) -> None:
    client = busy.client("vera")
    span, day = Span(START - HOUR, START), Days(START.date(), START.date() + timedelta(days=1))
    for figure in FIGURES:
        assert client.get(link(figure.code, Scope("line", "A"), span)).status_code == 200
    for scope in (SITE, Scope("area", "MACH"), Scope("order", "WO-1"), Scope("operation", "W/1")):
        for period in (span, day):
            if scope.kind == "area":
                scope = Scope("area", _area(busy))
            for view in ("intervals", "counts", "readings", "messages"):
                answer = client.get(link("nee", scope, period, view=view))
                assert answer.status_code == 200, (scope, view)


def _area(site: Site) -> str:
    with site.database.connection() as conn:
        row = conn.execute("select code from area limit 1").fetchone()
    assert row is not None
    return str(row[0])


def test_the_parts_add_up_to_the_whole(busy: Site) -> None:
    span = Span(START - 2 * HOUR, START)
    page = busy.client("vera").get(link("good", Scope("line", "A"), span)).text
    tables = page.split("<table ")[1:3]
    sums = [
        sum(int(n.replace(",", "")) for n in re.findall(r'strong">([\d,]+) pcs', table))
        for table in tables
    ]
    # six machines, four pieces a minute, two hours
    assert sums == [6 * 4 * 120] * 2
    assert VALUE.findall(page)[0][0] == "2,880"
    assert page.count("scope=machine:A0") >= 6, "each machine leads on to its own"


def test_programs_get_the_same(busy: Site) -> None:
    address = link("oee", Scope("line", "A"), Span(START - 2 * HOUR, START))
    found = busy.client("vera").get(address.replace("?", "/data.json?")).json
    assert found is not None
    assert found["text"] == value(busy, address)[0] == "75.0"
    assert found["value"] == found["sums"]["PRI × GQ"] / found["sums"]["PBT"]


@pytest.mark.parametrize(
    "query",
    ["kpi=nonsense&t0=2026-03-02T00:00:00Z&t1=2026-03-02T01:00:00Z", "kpi=oee", "kpi=oee&t0=x&t1=y",
     "kpi=oee&t0=2026-03-02T00:00:00Z&t1=2026-03-02T00:00:00Z",
     "kpi=oee&days=2026-03-02..2026-03-01",
     "kpi=oee&scope=line:nowhere&days=2026-03-02",
     "kpi=oee&t0=2020-03-02T00:00:00Z&t1=2026-03-02T00:00:00Z",
     "kpi=good&scope=order:none&window=order"],
)  # fmt: skip
def test_an_odd_address_is_told_so(busy: Site, query: str) -> None:
    answer = busy.client("vera").get(f"/explain?{query}&lang=zh")
    assert answer.status_code == 400
    assert "无法说明" in answer.text
    if "window" not in query:
        assert busy.client("vera").get(f"/explain/data.json?{query}").status_code == 400


def test_screens_and_strangers_see_no_raw_data(busy: Site) -> None:
    address = link("oee", SITE, Span(START - HOUR, START))
    assert busy.client().get(address).status_code == 302
    assert busy.device("overview").get(address).status_code == 403


def test_what_is_not_final_is_said_in_words(busy: Site) -> None:
    nodes = frame(busy, "oee", scope="line:A").nodes
    assert nodes["oee-mark"]["text"] == "so far"
    assert nodes["oee-mark"]["tone"] == "muted"
    with busy.database.connection() as conn:
        conn.execute(
            "update machine_1m set unknown_s = 6, running_s = 48 where ts >= %s", [START - HOUR]
        )
        conn.execute(
            "insert into derive_dirty (machine_id, t0, t1) select id, %s, %s from machine"
            " where code = 'A01'",
            [START - HOUR, START - HOUR],
        )
    in_words: dict[Language, str] = {"en": "late", "zh": "迟到"}
    for language, words in in_words.items():
        for board in ("oee", "overview"):
            mark = frame(busy, board, language, scope="line:A").nodes["oee-mark"]
            assert mark["tone"] == "warning"
            assert "4.0 %" in str(mark["text"])
            assert words in str(mark["text" if board == "oee" else "title"])
    page = busy.client("vera").get(link("oee", SITE, "shift"), follow_redirects=True).text
    assert "being worked in" in page
    assert "not over yet" in page


def test_dropped_readings_are_told(busy: Site) -> None:
    with busy.database.connection() as conn:
        conn.execute("insert into retention_floor values ('reading', %s)", [START])
    page = busy.client("vera").get(link("oee", SITE, Span(START - HOUR, START))).text
    assert "Raw readings before 2026-03-02 16:30 were dropped" in page


def test_an_address_is_read_as_it_is_written(busy: Site) -> None:
    with busy.database.connection() as conn:
        plant = load(conn).plant
    for period in (
        Span(START - HOUR, START),
        Days(START.date(), START.date() + timedelta(days=3)),
        Days(START.date(), START.date() + timedelta(days=1), "early"),
    ):
        query = parse_qs(urlsplit(link("oee", Scope("line", "A"), period)).query)
        found = asked({name: values[0] for name, values in query.items()}, plant)
        assert (found.period, found.scope) == (period, Scope("line", "A"))
    with pytest.raises(Odd):
        asked({"kpi": "oee"}, plant)
