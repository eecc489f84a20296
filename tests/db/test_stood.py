"""Line downtime and unexplained minutes as figures: by place and part of time; what has none."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from db.connect import Connection, Database
from db.kpi_facts import SITE, Kind, Scope
from db.line_flow import line_flows, waits
from db.master import load
from db.stood import Measures
from db.stop_edits import Author, assign
from db.stops import lost
from plant.belonging import Belongs, Parts, belonging
from plant.kpi_table import Stood, of_group
from plant.line_flow import by_cause
from plant.periods import DAY, Days, Grain, Span, slots
from tests.db.test_line_flow import at, put, say

FIGURES = of_group("stops")
HOUR = Span(at(0), at(60))
TODAY = Days(at(0).date(), at(0).date() + DAY)
MINUTE = 60.0
# A01 jams from 10 to 20 and is silent on why from 40 to 47; A03, the last and so the constraint, is
# starved from 12 to 22 by A01 and down on its own from 45 on, until its break at 50.
SAID = {
    "A01": [(-60, 1), (10, 4), (20, 1), (40, 2), (47, 1)],
    "A02": [(-60, 1), (11, 3), (21, 1)],
    "A03": [(-60, 1), (12, 3), (22, 1), (45, 2)],
}
PLANNED = 60.0 - 10.0


@pytest.fixture
def told(database: Database) -> Database:
    put(database)
    for machine, states in SAID.items():
        say(database, machine, states, at(70))
    return database


def stood(
    conn: Connection, scope: Scope, by: Kind = "site", per: Grain | None = None
) -> dict[tuple[str, datetime], tuple[float | None, ...]]:
    """By group and begin: minutes unexplained, line down, line's planned time."""
    found = {}
    plant = load(conn).plant
    for key, measured in Measures(conn, plant, scope, HOUR, FIGURES).of(by=by, per=per):
        assert measured.stood is not None
        one = measured.stood
        sums = (one.unexplained_s, one.line_down_s, one.line_planned_s)
        found[key.group, key.slot.t0] = tuple(None if s is None else s / MINUTE for s in sums)
    return found


def test_of_places(told: Database) -> None:
    """A02 and A03 say only that they are idle, and A01 explains it; what is down is unexplained."""
    with told.connection() as conn:
        by_machine = stood(conn, SITE, "machine")
        lines = stood(conn, SITE, "line")
        whole = stood(conn, SITE)
        flow = line_flows(conn, load(conn).plant, at(0), at(60), ["A"])["A"]
        area = stood(conn, Scope("area", "hall"), "area")
    assert {machine: sums for (machine, _), sums in by_machine.items()} == {
        "A01": (7.0, 10.0, None),
        "A02": (0.0, 0.0, None),
        "A03": (5.0, 15.0 - 10.0, None),
    }
    causes = {one.cause.machine: one.seconds / MINUTE for one in by_cause(flow.stops)}
    assert causes == {"A01": 10.0, "A03": 5.0}
    assert lines["A", at(0)] == (12.0, 15.0, PLANNED)
    assert lines["A", at(0)][1:] == (flow.down_s / MINUTE, flow.planned_s / MINUTE)
    assert whole["", at(0)] == area["hall", at(0)] == lines["A", at(0)]


def test_of_one_machine_it_is_what_it_caused(told: Database) -> None:
    with told.connection() as conn:
        plant = load(conn).plant
        a01 = Measures(conn, plant, Scope("machine", "A01"), HOUR, FIGURES).whole()
        a02 = Measures(conn, plant, Scope("machine", "A02"), HOUR, FIGURES).whole()
    assert a01.stood == Stood(7 * MINUTE, 10 * MINUTE, 0.0, None)
    assert a02.stood == Stood(0.0, 0.0, 0.0, None)


@pytest.mark.parametrize("per", ["quarter", "hour", "shift", "day", "week", "month"])
def test_the_parts_of_time_add_up(told: Database, per: Grain) -> None:
    with told.connection() as conn:
        parts = stood(conn, Scope("line", "A"), per=per)
        plant = load(conn).plant
        days = Measures(conn, plant, SITE, TODAY, FIGURES).of(per="shift")
        whole = Measures(conn, plant, SITE, TODAY, FIGURES).whole()
    sums = tuple(sum(part[n] or 0.0 for part in parts.values()) for n in range(3))
    assert sums == (12.0, 15.0, PLANNED)
    if per == "quarter":
        assert parts[("", at(0))] == (0.0, 3.0, 15.0)
    early = {key.shift: m.stood for key, m in days}
    assert early["early"] == whole.stood
    assert whole.stood is not None
    assert whole.stood.line_planned_s == (60 + 60 + 10) * MINUTE - 10 * MINUTE


def test_it_is_what_the_boards_rank(told: Database) -> None:
    with told.connection() as conn:
        plant = load(conn).plant
        ranked = lost(conn, at(0), at(60), waits(conn, plant, at(0), at(60)))
        found = Measures(conn, plant, SITE, HOUR, FIGURES).whole().stood
    assert found is not None
    assert found.unexplained_s == sum(one.seconds for one in ranked if one.is_unexplained)


def test_a_reason_takes_it_away_at_once(told: Database) -> None:
    with told.connection() as conn:
        master = load(conn)
        author = Author("olga", at(70), "k1")
        assign(conn, author, master.machines["A01"], at(40), master.reasons["jam"])
    say(told, "A01", [(69, 1)], at(71))
    with told.connection() as conn:
        assert stood(conn, Scope("machine", "A01"))["", at(0)] == (0.0, 10.0, None)


def test_products_and_orders_have_none(told: Database) -> None:
    with told.connection() as conn:
        plant = load(conn).plant
        asked: list[tuple[Scope, Kind]] = [
            (Scope("product", "P"), "site"),
            (SITE, "product"),
            (SITE, "order"),
        ]
        for scope, by in asked:
            for _, measured in Measures(conn, plant, scope, HOUR, FIGURES).of(by=by):
                assert measured.stood is None
                assert {figure.of(measured) for figure in FIGURES} == {None}


def test_a_machine_on_another_line_counts_there(told: Database) -> None:
    with told.connection() as conn:
        conn.execute(
            "insert into machine_line select m.id, %s, l.id from machine m, line l"
            " where m.code = 'A01' and l.code = 'B'",
            [at(43)],
        )
        lines = stood(conn, SITE, "line")
    assert lines["A", at(0)][0] == 3.0 + 5.0
    assert lines["B", at(0)][0] == 4.0


ZONE = ZoneInfo("Europe/Berlin")
NIGHT = datetime(2026, 3, 28, 21, 0, tzinfo=UTC)
"""22:00 in Berlin; the clocks go forward before the night shift ends at 06:00, 04:00 UTC."""
MORNING = datetime(2026, 3, 29, 4, 0, tzinfo=UTC)


def test_a_stretch_belongs_to_the_day_of_its_shift() -> None:
    shift = Belongs(NIGHT, MORNING, "night", date(2026, 3, 28))
    hour = timedelta(hours=1)
    found = list(belonging(NIGHT - hour, MORNING + hour, [shift], ZONE))
    assert [(one.shift, one.day.day, (one.t1 - one.t0) / hour) for one in found] == [
        ("", 28, 1.0), ("night", 28, 7.0), ("", 29, 1.0),
    ]  # fmt: skip
    bare = list(belonging(NIGHT, MORNING, [], ZONE))
    assert [(one.day.day, (one.t1 - one.t0) / hour) for one in bare] == [(28, 2.0), (29, 5.0)]
    day = Days(date(2026, 3, 28), date(2026, 3, 29))
    for shifts, hours in (("night", 7.0), (None, 8.0), ("early", 0.0)):
        period = Days(day.first, day.last, shifts)
        parts = Parts(slots(period, None, ZONE), period)
        assert sum(s for one in found for _, s in parts.of(one)) == hours * 3600
