"""A stop that goes on for weeks is on every board of each of its days."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

from db import boards
from db.connect import Database
from db.evidence import Question, element_sums
from db.kpi_facts import Scope
from db.statements import joined, statements
from db.stops import listed, lost, unexplained
from plant.periods import Span
from tests.db.test_line_flow import at, put, say

DAY = 24 * 60
HOUR = timedelta(hours=1)
ZONE = ZoneInfo("Europe/Berlin")


def test_the_hours_of_its_twelfth_day_are_lost_to_it(database: Database) -> None:
    put(database)
    say(database, "A01", [(0, 1), (10, 2)], at(12 * DAY))
    t0 = at(11 * DAY + 60)
    t1 = t0 + HOUR
    with database.connection() as conn:
        (stop,) = listed(conn, ["A01"], t0, t1, 10, []).stops
        assert (stop.t0, stop.is_unexplained) == (at(10), True)
        assert sum(one.seconds for one in lost(conn, t0, t1, [], ["A01"])) == 3600
        assert [(u.t0, u.t1) for u in unexplained(conn, t0, t1, ZONE, [], ["A01"])] == [(t0, t1)]
        (said,) = boards.intervals(conn, t0, t1, ["A01"])
        assert (said.state, said.begun, said.t0, said.t1) == ("down", at(10), t0, t1)
        question = Question(Scope("machine", "A01"), Span(t0, t1), ZONE)
        assert element_sums(conn, question)["down"] == 3600


def test_where_it_began_is_looked_up_within_the_query(database: Database) -> None:
    """A function that the server calls for each machine would hide the index from its planner."""
    t0, t1 = at(0), at(60)
    none: dict[str, list[object]] = {"waiting": [], "starved": [], "blocked": []}
    values = {
        "t0": t0,
        "t1": t1,
        "machines": ["A01"],
        "at": None,
        "a": [t0],
        "b": [t1],
        "count": 10,
        **none,
    }
    halts = joined(statements("stops.sql"), "halts", "taken", "summed", "sums")
    asked = (halts, statements("boards.sql")["intervals"], statements("line_flow.sql")["said"])
    with database.connection() as conn:
        for statement in asked:
            explained = f"explain (costs off) {statement.rstrip(';')}"
            plan = conn.execute(explained, values).fetchall()
            found = "\n".join(line for (line,) in plan)
            assert "_pkey" in found
            assert "Scan on stop_since" not in found
            assert "Scan on interval_since" not in found
