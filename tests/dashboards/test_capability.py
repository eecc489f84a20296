"""The page of process capability: rows of readings, in both languages, that lead to them."""

from __future__ import annotations

import csv
import io
import random
import re
from datetime import datetime, timedelta

import pytest

from dashboards.kpis.capability import COLUMNS
from db import capability, master
from plant.check import read
from tests.dashboards.conftest import START
from tests.web_site import NOW, ROOT, Site

QUERY = "show=capability&period=today&scope=line:A&rows=machine"
SAMPLE = (ROOT / "plant.toml").read_text(encoding="utf-8")


def heat(site: Site, machine: str, mean: float, spread: float) -> None:
    """A reading every half minute of the last four hours."""
    chance = random.Random(machine)
    for n in range(480):
        say(site, machine, START - (n + 1) * timedelta(seconds=30), chance.gauss(mean, spread))


def say(site: Site, machine: str, at: datetime, value: float) -> None:
    with site.database.connection() as conn:
        conn.execute(
            "insert into reading select %s, id, %s, 0 from tag where code = %s",
            [at, value, f"{machine}.temperature"],
        )


@pytest.fixture
def warm(busy: Site) -> Site:
    """Limits are 35 to 60 °C: a machine that is capable, one barely, one not, one that stands."""
    heat(busy, "A01", 47.5, 2.0)
    heat(busy, "A02", 47.5, 3.6)
    heat(busy, "A03", 57.0, 2.0)
    for n in range(3):
        say(busy, "A04", START - timedelta(minutes=n + 1), 50.0)
    return busy


def told(site: Site, query: str = QUERY) -> list[dict[str, object]]:
    answer = site.client("vera").get(f"/kpis/data.json?{query}")
    assert answer.status_code == 200, answer.text
    assert answer.json is not None
    return [row for row in answer.json["rows"] if row["tag"] == "temperature"]


def test_the_rows_are_the_readings_and_the_colour_is_the_field_s(warm: Site) -> None:
    rows = {str(row["name"])[:3]: row for row in told(warm)}
    assert list(rows) == ["A01", "A02", "A03", "A04", "A05", "A06", "Lin"]
    cpk = {name: row["cpk"] for name, row in rows.items()}
    assert isinstance(cpk["A01"], float)
    assert isinstance(cpk["A02"], float)
    assert isinstance(cpk["A03"], float)
    assert cpk["A03"] < 1 < cpk["A02"] < 1.33 < cpk["A01"]
    assert [rows[name]["n"] for name in ("A01", "A04", "A05", "Lin")] == [480, 3, 0, 1443]
    assert cpk["A04"] is cpk["A05"] is None
    page = warm.client("vera").get(f"/kpis?{QUERY}").text
    tones = re.findall(r'<summary class="why(?: toned)?"( data-tone="\w+")?', page)
    heats = tones[1::2]  # a machine's vibration first
    assert heats[:5] == ["", ' data-tone="warning"', ' data-tone="critical"', "", ""]
    assert "no value: all readings are alike" in page
    assert "no value: fewer than two readings" in page


def test_the_page_speaks_both_languages(warm: Site) -> None:
    client = warm.client("vera")
    for language, words in (
        ("en", ("Process capability", "Spindle temperature", "not capable", "are estimates")),
        ("zh", ("过程能力", "主轴温度", "能力不足", "为估计值")),
    ):
        page = client.get(f"/kpis?{QUERY}&lang={language}").text
        assert [word for word in words if word not in page] == []
    for rows in ("area", "line", "product", "order", "hour", "shift", "day", "week", "month"):
        answer = client.get(f"/kpis?show=capability&period=week&rows={rows}&lang=zh")
        assert answer.status_code == 200, rows
        assert "主轴温度" in answer.text, rows


def test_the_csv_has_the_rows_of_the_data(warm: Site) -> None:
    text = warm.client("vera").get(f"/kpis/data.csv?{QUERY}").text.lstrip("\ufeff")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert list(rows[0]) == ["machine", *COLUMNS[1:]]
    heats = [row for row in rows if row["tag"] == "temperature"]
    assert [float(row["mean"]) for row in heats if row["mean"]] == [
        row["mean"] for row in told(warm) if row["mean"] is not None
    ]


def test_a_figure_leads_to_its_readings(warm: Site) -> None:
    client = warm.client("vera")
    page = client.get(f"/kpis?{QUERY}").text
    found = re.findall(r'href="(/explain[^"]+tag=temperature#evidence)"', page)
    assert len(found) == 7
    shown = client.get(found[3].replace("&amp;", "&")).text
    assert shown.count("A04.temperature") == 3
    assert "A04.vibration" not in shown
    hours = client.get("/kpis?show=capability&rows=hour&period=today&scope=machine:A01").text
    assert "Cpk = min(USL − x̄, x̄ − LSL) / 3s = min(60 − " in hours


def test_a_product_s_own_limits_are_rows_of_their_own(warm: Site) -> None:
    with warm.database.connection() as conn:
        conn.execute(
            "insert into operation (source_id, order_code, operation, revision, at, machine_id,"
            " product_id, status, planned, good, scrap, started_at) select source.id, 'WO-1', '10',"
            " '1', %(at)s, machine.id, product.id, 'running', 9, 0, 0, %(at)s"
            " from source, machine, product"
            " where source.kind = 'rest' and machine.code = 'A01' and product.code = 'H160'",
            {"at": START - timedelta(hours=1)},
        )
    rows = [row for row in told(warm) if str(row["name"]).startswith("A01")]
    assert [(row["upper"], row["n"]) for row in rows] == [(55.0, 120), (60.0, 360)]
    order = told(warm, "show=capability&period=today&scope=order:WO-1&rows=product")
    assert {(row["upper"], row["n"]) for row in order} == {(55.0, 120)}


def test_a_late_reading_counts_at_the_next_look(warm: Site) -> None:
    say(warm, "A01", START - timedelta(hours=2, seconds=7), 70.0)
    row = told(warm)[0]
    assert (row["n"], row["outside_share"]) == (481, 1 / 481)


def test_too_many_readings_and_dropped_ones_are_told_in_words(
    warm: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = warm.client("vera")
    with warm.database.connection() as conn:
        floor = START - timedelta(hours=1)
        conn.execute("insert into retention_floor values ('reading', %s)", [floor])
    assert told(warm)[0]["n"] == 120
    assert "No value before 2026-03-02 15:30" in client.get(f"/kpis?{QUERY}&lang=en").text
    monkeypatch.setattr(capability, "MOST_READINGS", 100)
    answer = client.get(f"/kpis?{QUERY}&lang=en")
    assert (answer.status_code, "3 million" in answer.text) == (400, True)
    assert client.get(f"/kpis/data.json?{QUERY}").status_code == 400


def test_a_plant_without_limits_says_where_they_stand(busy: Site) -> None:
    text = re.sub(r"^spec(_of)? = .*$", "", SAMPLE, flags=re.MULTILINE)
    with busy.database.connection() as conn:
        master.apply(conn, read(text), text, NOW)
    page = busy.client("vera").get(f"/kpis?{QUERY}&lang=en").text
    assert "No process value has specification limits yet" in page


def test_a_wall_screen_and_a_stranger_have_none(busy: Site) -> None:
    wall, stranger = busy.device("overview"), busy.client()
    for path in ("/kpis", "/kpis/data.json", "/kpis/data.csv"):
        assert wall.get(f"{path}?{QUERY}").status_code == 403
        assert stranger.get(f"{path}?{QUERY}").status_code in (302, 401)
