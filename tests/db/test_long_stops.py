"""A stop that goes on for weeks is on every board of each of its days."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import LiteralString
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
A01 = Scope("machine", "A01")
PAST: tuple[tuple[LiteralString, int, LiteralString, LiteralString], ...] = (
    ("state_interval", 0, "state", "'running'"),
    ("state_interval", 5, "state", "'idle'"),
    ("stop_span", 5, "element, is_minor, between_s", "'idle', false, 0"),
)
PAGES = 100
"""Of what a query may read; a day of the past and more took 500."""


def test_the_hours_of_its_twelfth_day_are_lost_to_it(database: Database) -> None:
    put(database)
    say(database, "A01", [(0, 1), (10, 2)], at(12 * DAY))
    t0 = at(11 * DAY + 60)
    t1 = t0 + HOUR
    with database.connection() as conn:
        (stop,) = listed(conn, A01, t0, t1, 10, []).stops
        assert (stop.t0, stop.is_unexplained) == (at(10), True)
        assert sum(one.seconds for one in lost(conn, t0, t1, [], A01)) == 3600
        assert [(u.t0, u.t1) for u in unexplained(conn, t0, t1, ZONE, [], A01)] == [(t0, t1)]
        (said,) = boards.intervals(conn, t0, t1, ["A01"])
        assert (said.state, said.t0, said.t1) == ("down", t0, t1)
        question = Question(A01, Span(t0, t1), ZONE)
        assert element_sums(conn, question)["down"] == 3600


def statements_of(t0: datetime, t1: datetime) -> Iterator[tuple[LiteralString, dict[str, object]]]:
    """What boards ask of A01 in [t0, t1)."""
    values: dict[str, object] = {"t0": t0, "t1": t1, "machines": ["A01"], "count": 10}
    values |= {"kind": "machine", "whose": "A01"}
    none: dict[str, object] = dict.fromkeys(("at", "first", "last", "shift"))
    none |= {"waiting": [], "starved": [], "blocked": []}
    halts = joined(statements("stops.sql"), "halts", "taken", "summed", "sums")
    yield halts.rstrip(";"), values | none | {"a": [t0], "b": [t1]}
    yield statements("boards.sql")["intervals"], values
    yield statements("line_flow.sql")["said"], values
    evidence = joined(statements("evidence.sql"), "shared", "said", "everything", "cut", "sums")
    yield evidence, Question(A01, Span(t0, t1), ZONE).values()


def test_where_it_began_is_looked_up_within_the_query(database: Database) -> None:
    """A function that the server calls for each machine would hide the index from its planner."""
    with database.connection() as conn:
        for statement, values in statements_of(at(0), at(60)):
            plan = conn.execute(f"explain (costs off) {statement}", values).fetchall()
            found = "\n".join(line for (line,) in plan)
            assert "_pkey" in found
            assert "Scan on stop_since" not in found
            assert "Scan on interval_since" not in found


def test_what_was_before_the_window_is_not_read(database: Database) -> None:
    """A year of stretches every ten minutes, and an hour that is asked for."""
    put(database)
    say(database, "A01", [(0, 1), (10, 2), (20, 1), (30, 3), (50, 1)], at(60))
    with database.connection() as conn:
        for relation, minutes, columns, said in PAST:
            conn.execute(
                f"insert into {relation} (machine_id, t0, t1, {columns})"
                f" select m.id, t, t + interval '5 minutes', {said}"
                " from machine m, generate_series(%(t0)s::timestamptz, %(t1)s, '10 minutes') t"
                " where m.code = 'A01'",
                {"t0": at(minutes - 365 * DAY), "t1": at(minutes - 10)},
            )
    with database.session() as session:
        session.execute("vacuum analyze state_interval, stop_span")
    with database.connection() as conn:
        for statement, values in statements_of(at(0), at(60)):
            explained = f"explain (analyze, buffers, format json) {statement}"
            row = conn.execute(explained, values).fetchone()
            assert row is not None
            read = row[0][0]["Plan"]
            assert read["Shared Hit Blocks"] + read["Shared Read Blocks"] < PAGES
