"""Published examples through the whole chain: readings in by the store, boards and pages out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient

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
[state_maps.values]
1 = "running"
2 = "down"
3 = "idle"
4 = "setup"
5 = "starved"
6 = "blocked"
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
Said = tuple[datetime, str, float, int]
"""When, role of the tag, value, quality."""


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
    tell(site, text, {"A01": _readings(example)})


def tell(site: Site, text: str, said: Mapping[str, Sequence[Said]]) -> None:
    """What machines say in a works, through the store; derived and rolled up."""
    with site.database.connection() as conn:
        save_clock(conn, Clock(datetime.now(UTC), LATER, 1e-9))
        master.apply(conn, read(text), text, BEGIN - timedelta(days=1))
        ids = master.load(conn)
        conn.execute(
            "insert into source_status (source_id, connected, since, last_heard)"
            " select id, true, %s, %s from source", [BEGIN, LATER],
        )  # fmt: skip
        rows = []
        for machine, readings in said.items():
            _order(conn, ids.machines[machine])
            for at, role, value, quality in readings:
                tag = ids.tags[f"{machine}.{role}"]
                rows.append((round(at.timestamp() * 1e6), tag, float(value), quality))
        machine_of = {i: ids.machines[code.partition(".")[0]] for code, i in ids.tags.items()}
        store(conn, batch_of(rows), machine_of)
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
        " select source.id, 'WO-1', (10 * %s)::text, '1', %s, %s, product.id, 'running', 99999, 0,"
        " 0, %s from source, product", [machine, BEGIN, machine, BEGIN],
    )  # fmt: skip


def _readings(example: Example) -> list[Said]:
    rows: list[Said] = [
        (BEGIN, "state", 1, 0),
        (BEGIN + 60 * MINUTE, "state", 2, 0),
        (BEGIN + (60 + example.down) * MINUTE, "state", 1, 0),
        (BEGIN + 240 * MINUTE, "state", 3, 0),  # the break
        (BEGIN + (240 + example.breaks) * MINUTE, "state", 1, 0),
        (END, "state", 3, 0),
    ]
    for role, made in (("good", example.pieces - example.rejects), ("scrap", example.rejects)):
        noon = made // 3
        for at, value in (
            (BEGIN, 500), (BEGIN + 200 * MINUTE, 500 + noon), (BEGIN + 350 * MINUTE, 0),
            (END - MINUTE, made - noon),
        ):  # fmt: skip
            rows.append((at, role, value, 0))
    return rows


def minutes(*said: tuple[float, str, float]) -> list[Said]:
    """So many minutes after the start."""
    return [(BEGIN + at * MINUTE, role, value, 0) for at, role, value in said]


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


@pytest.mark.parametrize(
    ("values", "good", "remark"),
    [
        ((10_000, 9_998, 10_003), "3", "set back by 2"),
        ((65_530, 5, 6), "12", "rolled over"),
        ((400, 5, 6), "6", "began again at zero"),
    ],
)
def test_what_a_total_did_that_fell_is_said(
    works: Site, values: tuple[float, ...], good: str, remark: str
) -> None:
    said: list[Said] = [(BEGIN, "state", 1, 0)]
    said += [(BEGIN + n * MINUTE, "good", value, 0) for n, value in enumerate(values, start=1)]
    tell(works, PLANT.format(break_end="10:30", cycle_s=60), {"A01": said})
    day = Days(BEGIN.date(), BEGIN.date() + DAY, "D")
    page = works.client("vera").get(link("good", Scope("machine", "A01"), day, view="counts")).text
    found = re.search(r'class="explain-value">([^<]+)<', page)
    assert found is not None
    assert found[1] == good
    remarks = ("set back by 2", "rolled over", "began again at zero")
    assert [one for one in remarks if one in page] == [remark]


MORE = """
[[machines]]
code = "{code}"
line = "A"
name = "Machine {code}"
calendar = "{calendar}"
"""
SHIFT = """
[[calendars]]
code = "{code}"
[[calendars.shifts]]
code = "D"
name = "Day"
start = "06:00"
end = "{end}"
"""
ALL_DAY = Days(BEGIN.date(), BEGIN.date() + DAY)


def value(client: FlaskClient, code: str, scope: Scope) -> float | None:
    """A figure of the day as programs get it."""
    address = link(code, scope, ALL_DAY).replace("?", "/data.json?")
    told = client.get(address).json
    assert told is not None
    found: float | None = told["value"]
    return found


def test_two_machines_are_summed_and_not_averaged(works: Site) -> None:
    """docs/kpi.md, after ISO 22400-2: OEE is Σ PRI × GQ / Σ PBT.

    (planned 100 min, run 90, ideal 1 min, made 80, good 80) and (300, 150, 1, 150, 135): 53.75 %,
    where the mean of 80 % and 45 % would be 62.5 %.
    """
    text = PLANT.format(break_end="10:00", cycle_s=60.0)
    text = text.replace('breaks = [{ start = "10:00", end = "10:00" }]\n', "")
    text = text.replace('name = "Machine"\n', 'name = "Machine"\ncalendar = "short"\n', 1)
    text += MORE.format(code="A02", calendar="long")
    text += SHIFT.format(code="short", end="07:40") + SHIFT.format(code="long", end="11:00")
    first = minutes((0, "state", 1), (90, "state", 2), (100, "state", 3), (0, "good", 0),
                    (89, "good", 80), (0, "scrap", 7), (89, "scrap", 7))  # fmt: skip
    second = minutes((0, "state", 1), (150, "state", 2), (300, "state", 3), (0, "good", 9),
                     (149, "good", 144), (0, "scrap", 0), (149, "scrap", 15))  # fmt: skip
    client = works.client("vera")
    tell(works, text, {"A01": first, "A02": second})
    a01, a02 = (Scope("machine", code) for code in ("A01", "A02"))
    line = Scope("line", "A")
    assert [value(client, "planned_busy", one) for one in (a01, a02)] == [6000, 18_000]
    assert [value(client, "oee", one) for one in (a01, a02)] == [0.8, 0.45]
    assert value(client, "oee", line) == (80 + 135) / (100 + 300) == 0.5375
    assert value(client, "availability", line) == (90 + 150) / 400
    board = client.get("/live/oee?scope=line:A&window=today&lang=en").json
    assert board is not None
    assert board["nodes"]["oee"]["text"] == "53.8"
    query = f"scope=line:A&rows=machine&show=oee&days={BEGIN.date()}"
    told = client.get(f"/kpis/data.json?{query}").json
    assert told is not None
    assert [row["oee"] for row in told["rows"]] == [0.8, 0.45, 0.5375]


def test_setup_lowers_availability_but_not_nee(works: Site) -> None:
    """ISO 22400-2: NEE = AUPT / PBT × E × Q. PBT 420 min, of it 320 running, 30 setup, 50 down,
    20 idle; 256 pieces of a minute, 16 rejects."""
    states = minutes(
        (0, "state", 4), (30, "state", 1), (130, "state", 2), (180, "state", 1),
        (240, "state", 3), (300, "state", 1), (460, "state", 3), (0, "good", 0),
        (459, "good", 240), (0, "scrap", 0), (459, "scrap", 16),
    )  # fmt: skip
    client = works.client("vera")
    tell(works, PLANT.format(break_end="11:00", cycle_s=60.0), {"A01": states})
    machine = Scope("machine", "A01")
    wanted = {
        "planned_busy": 420 * 60,
        "availability": 320 / 420,
        "performance": 256 / 320,
        "quality": 240 / 256,
        "oee": 240 / 420,
        "nee": (350 / 420) * (240 / 320),
        "utilization": 320 / 400,
        "allocation": 400 / 420,
        "technical_efficiency": 320 / 370,
        "setup_ratio": 30 / 350,
        "scrap_ratio": 16 / 256,
        "setup_s": 30 * 60,
        "breakdowns_s": 50 * 60,
        "minor_stops_s": 20 * 60,
        "reduced_speed_s": (320 - 256) * 60,
        "defects_s": 16 * 60,
        "valuable": 240 * 60,
    }
    assert {code: value(client, code, machine) for code in wanted} == pytest.approx(wanted)
    page = client.get(link("nee", machine, ALL_DAY)).text
    assert "62.5000 %" in page


def test_a_lines_stops_by_the_machine_that_caused_them(works: Site) -> None:
    """The worked example of docs/kpi.md, Lines: M1 → M2 → M3, M2 is the constraint, one hour."""
    text = PLANT.format(break_end="10:00", cycle_s=60.0)
    text = text.replace('breaks = [{ start = "10:00", end = "10:00" }]\n', "")
    text = text.replace('end = "14:00"', 'end = "07:00"')
    text = text.replace('calendar = "day"\n', 'calendar = "day"\nconstraint = "A02"\n', 1)
    text += "".join(MORE.format(code=code, calendar="day") for code in ("A02", "A03"))
    m1 = minutes((0, "state", 1), (10, "state", 2), (16, "state", 1), (60, "state", 3))
    m2 = minutes((0, "state", 1), (11, "state", 5), (16, "state", 1), (20, "state", 2),
                 (26, "state", 1), (36, "state", 6), (40, "state", 1), (47, "state", 1),
                 (60, "state", 3))  # fmt: skip
    silence: Said = (BEGIN + 45 * MINUTE, "state", 1, 2)  # of bad quality: nobody knows
    m3 = minutes((0, "state", 1), (35, "state", 4), (40, "state", 1), (60, "state", 3))
    client = works.client("vera")
    tell(works, text, {"A01": m1, "A02": [*m2, silence], "A03": m3})
    line = Scope("line", "A")
    assert value(client, "line_down_s", line) == 15 * 60
    assert value(client, "line_down", line) == 0.25
    assert value(client, "line_unknown_s", line) == 2 * 60
    each = {
        code: value(client, "line_down_s", Scope("machine", code)) for code in ("A01", "A02", "A03")
    }
    assert each == {"A01": 5 * 60, "A02": 6 * 60, "A03": 4 * 60}
    downs = [value(client, code, line) for code in ("breakdowns_s", "minor_stops_s", "setup_s")]
    assert sum(s or 0.0 for s in downs) == 26 * 60, "the machines' stops sum up to more"
    board = client.get("/live/oee?scope=line:A&window=today&lang=en").json
    assert board is not None
    nodes = board["nodes"]
    assert nodes["line-down"]["text"] == "15 min, 25 % of the planned time. Constraint: A02"
    shown = [
        (nodes[f"cause-{n}-machine"]["text"], nodes[f"cause-{n}-value"]["text"]) for n in range(3)
    ]
    assert shown == [("A02", "6 · 1×"), ("A01", "5 · 1×"), ("A03", "4 · 1×")]
