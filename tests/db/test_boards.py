"""What boards read of a moment holds at that moment, before anything else has kept up with it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from db import alarm_facts, boards
from db.connect import Connection, Database
from db.master import apply
from db.order_board import made, open_cases
from plant.check import read
from plant.orders import progress
from plant.orders_plan import Share, adherence
from tests.db.test_shifts import LATER, NOW, PLANT

CHANGE = datetime(2026, 3, 10, 5, 0, tzinfo=UTC)
"""Six in the morning in Berlin: from then on line A works by the long shift."""
EVENING = CHANGE + timedelta(hours=13)
"""After the long shift, and within the late one."""
ZONE = ZoneInfo("Europe/Berlin")
HOUR = timedelta(hours=1)


@pytest.fixture
def announced(database: Database) -> Database:
    """A change of line A's calendar was announced, and its moment passes unseen by ingest."""
    to = PLANT.replace(
        'name = "Line A"', 'name = "Line A"\ncalendar = "long"\nvalid_from = 2026-03-10'
    )
    with database.connection() as conn:
        apply(conn, read(PLANT), PLANT, NOW)
        apply(conn, read(to), to, LATER)
    return database


def test_boards_go_by_the_calendar_in_force(announced: Database) -> None:
    with announced.connection() as conn:
        assert {m.calendar for m in boards.machines_now(conn, EVENING)} == {None}
        assert {m.calendar for m in boards.machines_now(conn, CHANGE - 10 * HOUR)} == {"work"}
        assert [s.code for s in boards.shifts(conn, EVENING)] == ["long", "long"]
        assert boards.present(conn, EVENING, ZONE).shift_begun is None
        assert boards.begins(conn, EVENING) == boards.Begins({}, {})
        noon = boards.begins(conn, CHANGE + 9 * HOUR)
        assert noon == boards.Begins({"A01": CHANGE, "A02": CHANGE}, {"A": CHANGE})
        assert alarm_facts.lines(conn, ["A"], EVENING, ZONE) == {}


def test_a_window_over_a_change_has_both_calendars(announced: Database) -> None:
    """The late shift of the day before, then the long one."""
    with announced.connection() as conn:
        found = boards.slices(conn, CHANGE - 12 * HOUR, EVENING, ["A01"])
    assert [(one.t0, one.t1) for one in found] == [
        (CHANGE - 16 * HOUR, CHANGE - 8 * HOUR),
        (CHANGE, CHANGE + 12 * HOUR),
    ]


def _ordered(conn: Connection, start: datetime) -> None:
    conn.execute(
        """insert into operation (source_id, order_code, operation, revision, at, machine_id,
                                  product_id, status, planned, good, scrap, planned_start, due,
                                  started_at)
        select source.id, 'WO', '10', 'r', %(at)s, machine.id, product.id, 'running', 100, 50, 0,
               %(at)s, %(due)s, %(at)s
        from source, machine, product where machine.code = 'A01'""",
        {"at": start, "due": EVENING},
    )


def test_an_order_has_the_work_of_the_calendar_that_is_to_come(announced: Database) -> None:
    """Asked in the late shift of the day before: what is left of it, then the long one."""
    now = CHANGE - 10 * HOUR
    with announced.connection() as conn:
        _ordered(conn, now - HOUR)
        (case,) = open_cases(conn, now)
        (later,) = open_cases(conn, now + timedelta(seconds=1))
    assert case.work == later.work
    # The shift that works at the earliest start begins before it
    assert case.work[:2] == ((CHANGE - 16 * HOUR, CHANGE - 8 * HOUR), (CHANGE, CHANGE + 12 * HOUR))
    assert {t1 - t0 for t0, t1 in case.work[1:]} == {12 * HOUR}


def test_an_order_is_measured_by_the_calendar_that_held_while_it_ran(announced: Database) -> None:
    """Since the last two hours of the late shift of the day before, until the long one's end: 14
    hours, of which 7 have passed at eleven."""
    now = CHANGE + 5 * HOUR
    with announced.connection() as conn:
        _ordered(conn, CHANGE - 10 * HOUR)
        (case,) = open_cases(conn, now)
        (one,) = made(conn, now, line=None, since=CHANGE, counted_since=CHANGE)
    assert progress(case.operation, case.observed, case.work, now).expected_share == 0.5
    assert one.work == case.work
    assert adherence([one], CHANGE, now) == Share(50, 50)


def test_a_stop_over_a_change_has_the_work_of_both_calendars(announced: Database) -> None:
    """Down since the late shift of the day before: its last two hours, the long shift's first."""
    began, now = CHANGE - 10 * HOUR, CHANGE + HOUR
    with announced.connection() as conn:
        conn.execute(
            """insert into state_interval (machine_id, t0, t1, state, is_open)
            select id, t0, t1, state::element, t1 = %(now)s
            from machine, (values
                (%(began)s::timestamptz - interval '1 hour', %(began)s, 'running'),
                (%(began)s, %(now)s::timestamptz, 'down')) said (t0, t1, state)
            where code = 'A01'""",
            {"began": began, "now": now},
        )
        found = alarm_facts.machines(conn, ["A01"])["A01"]
    assert (found.down_since, found.down_s) == (began, 3 * 3600)
