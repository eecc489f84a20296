"""Stops that neighbours explain: in sums, lists and figures, while nothing of it is stored."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from db import stood
from db.connect import Connection, Database
from db.derive import derive
from db.kpi_facts import SITE, Scope, facts_in
from db.line_flow import inferring, line_flows, waits
from db.master import load
from db.stood import Measures
from db.stop_edits import Author, assign, merge, split
from db.stops import Lost, Stop, listed, lost, lost_in, stop, unexplained
from plant.kpi import kpis, losses
from plant.kpi_table import of_group
from plant.line_flow import Flow, told_by
from plant.line_state import Cause
from plant.model import Plant
from plant.periods import Span
from tests.db.test_line_flow import PLANT, at, change, put, say

NOW = at(48)
JAM = Cause("A01", "down", "jam")
WITHOUT = PLANT.replace("infer_flow = true\n", "", 1)
SINCE_THAT_DAY = 'name = "Line A"', 'name = "Line A"\nflow_valid_from = "2026-03-04"'
# A02 is idle from 5 on, five minutes before A01 jams, and until a minute after that.
PARTLY = {
    "A01": [(0, 1), (10, 4), (20, 1)],
    "A02": [(0, 1), (5, 3), (21, 1)],
    "A03": [(0, 1)],
}


def told(database: Database, said: dict[str, list[tuple[int, int]]], text: str = PLANT) -> None:
    put(database, text)
    for machine, states in said.items():
        say(database, machine, states, NOW)


def sums(conn: Connection, t0: float = 0, t1: float = 48) -> list[tuple[object, ...]]:
    """(machine, element, whether nobody knows why, minutes, stops), of what has no reason."""
    found = lost(conn, at(t0), at(t1), waits(conn, load(conn).plant, at(t0), at(t1)))
    return sorted(_sum(one) for one in found if one.reason is None)


def _sum(one: Lost) -> tuple[str, str, bool, float, int]:
    return one.machine, one.element, one.is_unexplained, one.seconds / 60, one.stops


def shown(conn: Connection, t0: float = 0, t1: float = 48) -> list[Stop]:
    """The board's list; what it says was lost is what the sums alone say."""
    told = waits(conn, load(conn).plant, at(t0), at(t1))
    found = listed(conn, SITE, at(t0), at(t1), 50, told)
    assert found.lost == lost(conn, at(t0), at(t1), told)
    return found.stops


def figure(conn: Connection, scope: Scope = SITE) -> float:
    """Minutes unexplained."""
    measures = Measures(conn, load(conn).plant, scope, Span(at(0), at(48)), of_group("stops"))
    found = measures.whole().stood
    assert found is not None
    return found.unexplained_s / 60


def test_what_neighbours_explain_is_not_unexplained(database: Database) -> None:
    """The rest of the stop is, however short: the stop is no minor one."""
    told(database, PARTLY)
    with database.connection() as conn:
        assert sums(conn) == [
            ("A02", "idle", True, 5.0, 0),
            ("A02", "starved", False, 11.0, 1),
        ]
        assert figure(conn) == figure(conn, Scope("machine", "A02")) == 5.0
        (found,) = [one for one in shown(conn) if one.machine == "A02"]
        sheet = stop(conn, load(conn).plant, "A02", at(5))
    assert (found.element, found.is_unexplained, found.is_told) == ("starved", False, True)
    assert (found.unexplained_s, found.seconds) == (300, 960)
    assert told_by(found.waits) == [("starved", JAM, 660.0)]
    assert sheet == found


def test_a_line_that_does_not_infer_takes_machines_at_their_word(database: Database) -> None:
    told(database, PARTLY, WITHOUT)
    with database.connection() as conn:
        assert sums(conn) == [("A02", "idle", True, 16.0, 1)]
        assert figure(conn) == 16.0
        assert [(one.element, one.waits) for one in shown(conn) if one.machine == "A02"] == [
            ("idle", ())
        ]


def test_a_stop_counts_once_for_what_took_most_of_it(database: Database) -> None:
    """Of the time asked for: of seven minutes nobody explains five; of all sixteen, A01 most."""
    told(database, PARTLY)
    with database.connection() as conn:
        assert sums(conn, 0, 12) == [
            ("A02", "idle", True, 5.0, 1),
            ("A02", "starved", False, 2.0, 0),
        ]
        (found,) = [one for one in shown(conn, 0, 12) if one.machine == "A02"]
        plant = load(conn).plant
        windows = [(at(0), at(12)), (at(12), at(30)), (at(30), at(40))]
        by_window = lost_in(
            conn, windows, waits(conn, plant, at(0), at(40)), Scope("machine", "A02")
        )
        assert [one[-1] for one in sums(conn, 0, 15)] == [0, 1], "of equal parts, what is explained"
    assert (found.element, found.is_unexplained, found.is_told) == ("idle", True, False)
    counts = [{one.element: one.stops for one in window} for window in by_window]
    assert counts == [{"idle": 1, "starved": 0}, {"starved": 1}, {}]


def test_the_machines_own_figures_are_the_same_with_it_and_without(database: Database) -> None:
    """Idle, starved and blocked are all waiting; a minor stop is one by its length."""
    told(database, PARTLY | {"A03": [(0, 1), (12, 3), (14, 1)]})
    found = []
    for text, lines in ((PLANT, ["A"]), (WITHOUT, [])):
        change(database, text.replace(*SINCE_THAT_DAY, 1), NOW)
        with database.connection() as conn:
            plant = load(conn).plant
            assert inferring(conn, plant, at(0), NOW) == lines
            facts = facts_in(conn, SITE, Span(at(0), at(48)), plant.site.zone).facts
            minor = sum(
                one.stops
                for one in lost(conn, at(0), at(48), waits(conn, plant, at(0), at(48)))
                if one.is_minor
            )
            reliability = Measures(
                conn, plant, SITE, Span(at(0), at(48)), of_group("reliability")
            ).whole()
        found.append((facts, kpis(facts), losses(facts), minor, reliability.failures))
    assert found[0] == found[1]
    facts, _, _, minor, failures = found[0]
    assert (facts.idle_s, facts.starved_s, minor, failures) == (18 * 60, 0, 1, 1)


def test_a_minor_stop_goes_to_what_explains_it_too(database: Database) -> None:
    told(database, {"A01": [(0, 1), (10, 4), (14, 1)], "A02": [(0, 1), (10, 3), (14, 1)]})
    with database.connection() as conn:
        assert sums(conn) == [("A02", "starved", False, 4.0, 1)]
        (found,) = [one for one in shown(conn) if one.machine == "A02"]
    assert (found.is_minor, found.is_told) == (True, True)


def test_blocked_by_what_stands_behind(database: Database) -> None:
    told(database, {"A01": [(0, 1), (12, 3), (30, 1)], "A02": [(0, 1), (10, 4), (29, 1)]})
    with database.connection() as conn:
        assert sums(conn) == [("A01", "blocked", False, 18.0, 1)]
        (found,) = [one for one in shown(conn) if one.machine == "A01"]
        assert told_by(found.waits) == [("blocked", Cause("A02", "down", "jam"), 1080.0)]
        assert figure(conn) == 0.0


def test_a_neighbours_late_data_tells_more_at_the_next_read(database: Database) -> None:
    """And takes back what it told: nothing of it is stored."""
    told(database, PARTLY | {"A01": [(0, 1)]})
    with database.connection() as conn:
        assert sums(conn) == [("A02", "idle", True, 16.0, 1)]
        stored = conn.execute("select * from stop_span order by 1, 2").fetchall()
        minutes = conn.execute("select * from machine_1m order by 1, 2").fetchall()
    say(database, "A01", [(10, 4), (20, 1)], NOW)
    with database.connection() as conn:
        assert figure(conn) == 5.0
        of_others = "where machine_id <> (select id from machine where code = 'A01') order by 1, 2"
        assert conn.execute(f"select * from stop_span {of_others}").fetchall() == stored
        assert len(minutes) == conn.execute("select from machine_1m").rowcount
    say(database, "A01", [(12, 1), (18, 4)], NOW)
    with database.connection() as conn:
        assert figure(conn) == 5.0 + 5.0, "it ran from 12 to 18, felt for a minute longer"


def test_an_operators_reason_wins(database: Database) -> None:
    told(database, PARTLY)
    with database.connection() as conn:
        master = load(conn)
        author = Author("olga", NOW, "1")
        assign(conn, author, master.machines["A02"], at(5), master.reasons["jam"])
    say(database, "A02", [(47, 1)], NOW)
    with database.connection() as conn:
        assert sums(conn) == []
        (found,) = [one for one in shown(conn) if one.machine == "A02"]
        assert (found.element, found.reason, found.waits) == ("idle", "jam", ())
        assert figure(conn) == 0.0


def test_each_part_of_a_cut_stop_has_its_own(database: Database) -> None:
    """Though neighbours explain one stretch that reaches over the cut."""
    told(database, PARTLY)
    with database.connection() as conn:
        master = load(conn)
        split(conn, Author("olga", NOW, "1"), master.machines["A02"], at(5), at(12))
    say(database, "A02", [(47, 1)], NOW)
    with database.connection() as conn:
        found = {one.t0: one for one in shown(conn) if one.machine == "A02"}
        first, second = found[at(5)], found[at(12)]
    assert (first.is_unexplained, first.unexplained_s) == (True, 300)
    assert [told.seconds for told in told_by(first.waits)] == [120]
    assert (second.is_told, second.unexplained_s) == (True, 0)
    assert [told.seconds for told in told_by(second.waits)] == [540]


def test_of_a_merged_stop_what_ran_between_is_neither(database: Database) -> None:
    """Nine minutes of A01's jam, and a stop of two that nobody explains; one stop of eleven."""
    said = PARTLY | {"A02": [(0, 1), (10, 3), (13, 1), (14, 3), (20, 1), (25, 3), (27, 1)]}
    told(database, said)
    with database.connection() as conn:
        master = load(conn)
        for key in ("1", "2"):
            merge(conn, Author("olga", NOW, key), master.machines["A02"], at(10), "after")
            while derive(conn, NOW).more:
                pass
    with database.connection() as conn:
        assert sums(conn) == [
            ("A02", "idle", True, 2.0, 0),
            ("A02", "starved", False, 9.0, 1),
        ]
        assert figure(conn) == 2.0
        plant = load(conn).plant
        told_ = waits(conn, plant, at(0), NOW)
        rows = unexplained(conn, at(0), NOW, plant.site.zone, told_)
        (found,) = [one for one in shown(conn) if one.machine == "A02"]
        assert stop(conn, plant, "A02", at(10)) == found
    assert [(one.t0, one.t1) for one in rows] == [(at(25), at(27))]
    assert (found.seconds, found.unexplained_s, found.is_told) == (660, 120, True)


def test_a_breakdown_that_is_merged_with_waiting_stays_one(database: Database) -> None:
    """A02 waits for A01 from 10 on, runs a minute, and breaks down itself; both are merged."""
    said = {
        "A01": [(0, 1), (9, 4), (40, 1)],
        "A02": [(0, 1), (10, 3), (14, 1), (15, 2)],
        "A03": [(0, 1)],
    }
    told(database, said)
    with database.connection() as conn:
        merge(conn, Author("olga", NOW, "1"), load(conn).machines["A02"], at(10), "after")
        while derive(conn, NOW).more:
            pass
    with database.connection() as conn:
        assert sums(conn) == [
            ("A02", "down", True, 33.0, 1),
            ("A02", "starved", False, 4.0, 0),
        ]
        (found,) = [one for one in shown(conn) if one.machine == "A02"]
        sheet = stop(conn, load(conn).plant, "A02", at(10))
    waited = [(one.t0, one.t1) for one in found.waits]
    assert (found.t1, found.upto, found.seconds) == (None, NOW, 37 * 60)
    assert (found.element, found.unexplained_s) == ("down", 33 * 60)
    assert sheet == found
    assert waited == [(at(10), at(14))]


def test_only_lines_that_infer_are_read(database: Database) -> None:
    told(database, PARTLY)
    with database.connection() as conn:
        plant = load(conn).plant
        assert inferring(conn, plant, at(0), NOW) == ["A"]
        assert inferring(conn, plant, at(0), NOW, ["A03"]) == ["A"]
        assert inferring(conn, plant, at(0), NOW, ["Z99"]) == []
    change(database, WITHOUT, at(25))
    with database.connection() as conn:
        plant = load(conn).plant
        assert inferring(conn, plant, at(0), NOW) == ["A"], "until minute 25"
        assert inferring(conn, plant, at(25), NOW) == []
        assert sums(conn) == [("A02", "idle", True, 5.0, 0), ("A02", "starved", False, 11.0, 1)]


def test_a_machine_is_explained_by_the_line_on_which_it_stood(database: Database) -> None:
    told(database, PARTLY)
    with database.connection() as conn:
        conn.execute(
            "insert into machine_line select m.id, %s, l.id from machine m, line l"
            " where m.code = 'A02' and l.code = 'B'",
            [at(15)],
        )
        assert sums(conn) == [("A02", "idle", True, 11.0, 1), ("A02", "starved", False, 5.0, 0)]
        lines = {
            key.group: done.stood.unexplained_s / 60
            for key, done in Measures(
                conn, load(conn).plant, SITE, Span(at(0), at(48)), of_group("stops")
            ).of(by="line")
            if done.stood
        }
        assert lines == {"A": 5.0, "B": 6.0}
        assert figure(conn, Scope("machine", "A02")) == 11.0


def test_a_stop_of_before_the_window_is_told_within_it(database: Database) -> None:
    """Its sheet tells all of it."""
    told(database, PARTLY)
    with database.connection() as conn:
        (found,) = [one for one in shown(conn, 15) if one.machine == "A02"]
        whole = stop(conn, load(conn).plant, "A02", at(5))
    assert (found.t0, found.unexplained_s, found.is_told) == (at(5), 0, True)
    assert whole is not None
    assert (whole.unexplained_s, whole.waits[0].t0) == (300, at(10))
    with database.connection() as conn:
        assert stop(conn, load(conn).plant, "A02", at(6)) is None


def test_lines_are_read_once_for_a_table_and_its_sum(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    told(database, PARTLY)
    asked = []

    def noting(
        conn: Connection, plant: Plant, t0: datetime, t1: datetime, lines: list[str]
    ) -> dict[str, Flow]:
        asked.append(t1 - t0)
        return line_flows(conn, plant, t0, t1, lines)

    monkeypatch.setattr(stood, "line_flows", noting)
    with database.connection() as conn:
        span = Span(at(0), at(48))
        measures = Measures(conn, load(conn).plant, SITE, span, of_group("stops"))
        parts, whole = measures.of(per="quarter"), measures.whole()
        Measures(conn, load(conn).plant, SITE, span, of_group("oee")).whole()
    assert asked == [timedelta(minutes=48)]
    sums = [done.stood.unexplained_s for _, done in parts if done.stood]
    assert whole.stood is not None
    assert sum(sums) == whole.stood.unexplained_s == 300
