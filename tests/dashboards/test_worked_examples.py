"""Published examples through the whole chain: readings in by the store, boards and pages out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from dashboards import web
from dashboards.passwords import hash_password
from dashboards.web import make_server
from dashboards.why import link
from db import master, rollups, users
from db.clock import Clock, save_clock
from db.connect import Connection, Database
from db.derive import derive
from db.kpi_facts import Scope
from db.readings import batch_of, store
from plant.check import read
from plant.periods import DAY, Days
from tests.web_site import PASSWORD, Site

PLANT = """
[site]
code = "S"
name = "Works"
time_zone = "Europe/Berlin"
[[areas]]
code = "X"
name = "Area"
[[lines]]
code = "A"
area = "X"
name = "Line"
calendar = "day"
[[machines]]
code = "A01"
line = "A"
name = "Machine"
[[calendars]]
code = "day"
[[calendars.shifts]]
code = "D"
name = "Day"
start = "06:00"
end = "14:00"
breaks = [{{ start = "10:00", end = "{break_end}" }}]
[[products]]
code = "P"
name = "Product"
ideal_cycle_s = {{ A = {cycle_s} }}
[[state_maps]]
name = "m"
values = {{ "1" = "running", "2" = "down", "3" = "idle" }}
[[sources]]
name = "o"
kind = "opcua"
url = "opc.tcp://127.0.0.1:1/"
security = "none"
stale_after_s = 86400.0
[[tags]]
name = "state"
machines = ["*"]
source = "o"
role = "state"
address = "ns=2;s={{machine}}.State"
state_map = "m"
[[tags]]
name = "good"
machines = ["*"]
source = "o"
role = "good"
address = "ns=2;s={{machine}}.Good"
[[tags]]
name = "scrap"
machines = ["*"]
source = "o"
role = "scrap"
address = "ns=2;s={{machine}}.Scrap"
"""
BEGIN = datetime(2026, 3, 2, 5, 0, tzinfo=UTC)
"""06:00 in Berlin."""
END = BEGIN + timedelta(hours=8)
LATER = END + timedelta(minutes=10)
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Example:
    """A shift of 480 minutes, in minutes and pieces, and the published results in percent."""

    source: str
    breaks: int
    down: int
    cycle_s: float
    pieces: int
    rejects: int
    availability: str
    performance: str
    quality: str
    oee: str


VORNE = Example(
    "Vorne Industries, Fast Guide to OEE; oee.com, OEE calculation",
    60, 47, 1.0, 19_271, 423, "88.8", "86.1", "97.8", "74.8",
)  # fmt: skip
WIKIPEDIA = Example(
    # There 390 / 450 is cut to 86.6 %, and the product of the cut ratios is 73.6 %.
    "Wikipedia, Overall equipment effectiveness: 60 min of 450 lost, 40 parts an hour, 242 made",
    30, 60, 90.0, 242, 21, "86.7", "93.1", "91.3", "73.7",
)  # fmt: skip
EXAMPLES = (VORNE, WIKIPEDIA)


@pytest.fixture
def works(database: Database) -> Iterator[Site]:
    """An empty works with its web server."""
    app = make_server(database.url)
    with database.connection() as conn:
        users.create(
            conn, name="vera", password_hash=hash_password(PASSWORD), role="viewer",
            language="en", now=BEGIN,
        )  # fmt: skip
    yield Site(app, database, database.url)
    web.close(app)


def produce(site: Site, example: Example) -> None:
    """The shift as the machine tells it: states, and running totals that restart at noon."""
    rest = f"{10 + example.breaks // 60}:{example.breaks % 60:02}"
    text = PLANT.format(break_end=rest, cycle_s=example.cycle_s)
    with site.database.connection() as conn:
        save_clock(conn, Clock(datetime.now(UTC), LATER, 1e-9))
        master.apply(conn, read(text), text, BEGIN - timedelta(days=1))
        tags = dict(conn.execute("select role, id from tag").fetchall())
        row = conn.execute("select id from machine").fetchone()
        assert row is not None
        machine = dict.fromkeys(tags.values(), row[0])
        _order(conn, row[0])
        conn.execute(
            "insert into source_status (source_id, connected, since, last_heard)"
            " select id, true, %s, %s from source", [BEGIN, LATER],
        )  # fmt: skip
        store(conn, batch_of(_readings(example, tags)), machine)
    for _ in range(50):
        with site.database.connection() as conn:
            more = derive(conn, LATER).more
        if not more:
            break
    with site.database.session() as conn:
        while rollups.advance(conn, LATER).more:
            pass


def _order(conn: Connection, machine: int) -> None:
    conn.execute(
        "insert into operation (source_id, order_code, operation, revision, at, machine_id,"
        " product_id, status, planned, good, scrap, started_at)"
        " select source.id, 'WO-1', '10', '1', %s, %s, product.id, 'running', 99999, 0, 0, %s"
        " from source, product", [BEGIN, machine, BEGIN],
    )  # fmt: skip


def _readings(example: Example, tags: dict[str, int]) -> list[tuple[int, int, float, int]]:
    rows: list[tuple[datetime, str, float]] = [
        (BEGIN, "state", 1),
        (BEGIN + 60 * MINUTE, "state", 2),
        (BEGIN + (60 + example.down) * MINUTE, "state", 1),
        (BEGIN + 240 * MINUTE, "state", 3),  # the break
        (BEGIN + (240 + example.breaks) * MINUTE, "state", 1),
        (END, "state", 3),
    ]
    for role, made in (("good", example.pieces - example.rejects), ("scrap", example.rejects)):
        noon = made // 3
        for at, value in (
            (BEGIN, 500), (BEGIN + 200 * MINUTE, 500 + noon), (BEGIN + 350 * MINUTE, 0),
            (END - MINUTE, made - noon),
        ):  # fmt: skip
            rows.append((at, role, value))
    return [(round(at.timestamp() * 1e6), tags[role], value, 0) for at, role, value in rows]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e.source.split(",")[0])
def test_a_published_example_from_readings_to_the_boards(works: Site, example: Example) -> None:
    produce(works, example)
    client = works.client("vera")
    board = client.get("/live/oee?scope=machine:A01&window=today&lang=en").json
    assert board is not None
    kpis = ("availability", "performance", "quality", "oee")
    wanted = {name: getattr(example, name) for name in kpis}
    assert {name: board["nodes"][name]["text"] for name in kpis} == wanted
    assert board["nodes"]["fact-good"]["text"] == f"{example.pieces - example.rejects:,}"
    day = Days(BEGIN.date(), BEGIN.date() + DAY, "D")
    for name, value in wanted.items():
        page = client.get(link(name, Scope("line", "A"), day)).text
        shown = re.search(r'class="explain-value">([^<]+)<small>%', page)
        assert shown is not None
        assert shown[1] == value, name
    told = client.get(link("oee", Scope("order", "WO-1"), day).replace("?", "/data.json?")).json
    assert told is not None
    planned_s = (480 - example.breaks) * 60
    assert told["sums"]["PBT"] == planned_s
    assert told["sums"]["PRI × GQ"] == example.cycle_s * (example.pieces - example.rejects)
    assert told["value"] == told["sums"]["PRI × GQ"] / planned_s


def test_vornes_numbers_in_full(works: Site) -> None:
    """18,848 / 25,200 = 74.79 %, and where the rest of the shift went."""
    produce(works, VORNE)
    client = works.client("vera")
    day = Days(BEGIN.date(), BEGIN.date() + DAY, "D")
    found = {}
    for code in ("oee", "teep", "breakdowns_s", "reduced_speed_s", "defects_s", "mtbf", "mttr"):
        told = client.get(link(code, Scope("machine", "A01"), day).replace("?", "/data.json?")).json
        assert told is not None
        found[code] = told["value"]
    assert found["oee"] == 18_848 / 25_200
    assert found["teep"] == pytest.approx(18_848 / 28_800)
    assert found["breakdowns_s"] == 47 * 60
    assert found["reduced_speed_s"] == 373 * 60 - 19_271
    assert found["defects_s"] == 423
    assert (found["mtbf"], found["mttr"]) == (373 * 60, 47 * 60), "one failure"
    page = client.get(link("oee", Scope("machine", "A01"), day)).text
    assert "18,848.0 s" in page
    assert "25,200.0 s" in page
    assert "74.7937 %" in page
    counts = client.get(link("good", Scope("machine", "A01"), day, view="counts")).text
    assert "began again at zero" in counts
