"""Corrections that people enter: held against the hour, once, withdrawn by their opposite."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from db.connect import Connection, Database
from db.count_corrections import (
    Correction,
    CorrectionRefused,
    listed,
    put_right,
    withdraw,
)
from db.derive import derive, touch
from db.hour_counts import clock_hour, hour_counts
from db.order_events import append
from plant.hour_board import Rows
from plant.hourly import Cut
from plant.orders import Operation
from tests.db.conftest import MakePlant, TinyPlant

T0 = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
CUT = Cut("shift", ZoneInfo("Asia/Shanghai"))
NOW = T0 + timedelta(minutes=90)
Tell = Callable[[int, float], None]


def at(minute: float) -> datetime:
    return T0 + timedelta(minutes=minute)


@pytest.fixture
def running(database: Database, make_plant: MakePlant) -> TinyPlant:
    """A machine that made 9 pieces in its first hour and 5 in the second, derived to `NOW`."""
    with database.connection() as conn:
        plant = make_plant(conn)
        machine = plant.machines[0]
        for role, minute, value in (
            ("state", 0, 1), ("good", 1, 0), ("good", 3, 9), ("good", 70, 14),
        ):  # fmt: skip
            tag = plant.tags[machine][role]
            conn.execute("insert into reading values (%s, %s, %s, 0)", [at(minute), tag, value])
        conn.execute(
            "insert into source_status (source_id, connected, since, last_heard)"
            " values (%s, true, %s, %s)",
            [plant.source, T0, NOW],
        )
        conn.execute(
            "insert into derive_dirty (machine_id, t0, t1) values (%s, %s, %s)", [machine, T0, NOW]
        )
        derive(conn, NOW)
    return plant


def good(conn: Connection, plant: TinyPlant, minute: float) -> float:
    found = hour_counts(conn, plant.machines[0], at(minute), CUT)
    assert found is not None
    return found.good


def wrong(plant: TinyPlant, minute: float, pieces: float) -> Correction:
    return Correction(plant.machines[0], at(minute), "counted twice", "mario", good=pieces)


def test_a_count_never_falls_below_zero(database: Database, running: TinyPlant) -> None:
    """Also not by two corrections of which derivation knows neither yet."""
    with database.connection() as conn:
        assert put_right(conn, wrong(running, 3, -5), NOW, CUT).before is not None
        assert good(conn, running, 3) == 4
        with pytest.raises(CorrectionRefused, match="4 good") as refused:
            put_right(conn, wrong(running, 20, -5), NOW, CUT)
        assert (refused.value.why, refused.value.details["have"]) == ("negative", 4)
        derive(conn, NOW)
        assert good(conn, running, 3) == 4
        assert good(conn, running, 70) == 5, "another hour"
        put_right(conn, wrong(running, 20, -4), NOW, CUT)
        derive(conn, NOW)
        assert good(conn, running, 3) == 0


def test_a_correction_of_one_order_leaves_the_next_one_s_count(
    database: Database, running: TinyPlant
) -> None:
    """Also while it is still being worked in: both orders ran in that hour."""
    with database.connection() as conn:
        two_orders(conn, running)
        assert (good(conn, running, 3), good(conn, running, 40)) == (9, 3)
        put_right(conn, wrong(running, 3, -8), NOW, CUT)
        assert (good(conn, running, 3), good(conn, running, 40)) == (1, 3)
        put_right(conn, wrong(running, 40, -3), NOW, CUT)
        put_right(conn, wrong(running, 3, 12), NOW, CUT)
        with pytest.raises(CorrectionRefused, match="0 good"):
            put_right(conn, wrong(running, 40, -1), NOW, CUT)
        assert (good(conn, running, 3), good(conn, running, 40)) == (13, 0)
        derive(conn, NOW)
        assert (good(conn, running, 3), good(conn, running, 40)) == (13, 0)


def two_orders(conn: Connection, plant: TinyPlant) -> None:
    """One until half past with the nine pieces, then another, of which three come in the hour."""
    machine = plant.machines[0]
    for minute, value in ((31, 9), (40, 12)):
        tag = plant.tags[machine]["good"]
        conn.execute("insert into reading values (%s, %s, %s, 0)", [at(minute), tag, value])
    operations = [
        Operation(
            order=order,
            operation="10",
            revision="1",
            at=at(0),
            status="running" if end is None else "done",
            planned=20.0,
            machine="M0",
            started_at=at(begin),
            ended_at=end,
        )
        for order, begin, end in (("W1", 0, at(30)), ("W2", 30, None))
    ]
    append(conn, plant.source, operations, machines={"M0": machine}, products={}, now=NOW)
    touch(conn, machine, T0, NOW)
    derive(conn, NOW)


def test_sent_twice_it_counts_once(database: Database, running: TinyPlant) -> None:
    with database.connection() as conn:
        first = put_right(conn, wrong(running, 3, -5), NOW, CUT, key="mario 1")
        again = put_right(conn, wrong(running, 3, -5), NOW, CUT, key="mario 1")
        assert (again.id, again.before) == (first.id, None)
        assert good(conn, running, 3) == 4


def test_withdrawn_it_counts_no_more(database: Database, running: TinyPlant) -> None:
    with database.connection() as conn:
        taken = put_right(conn, wrong(running, 3, -5), NOW, CUT).id
        added = put_right(conn, wrong(running, 3, 2), NOW, CUT).id
        derive(conn, NOW)
        withdraw(conn, taken, "anna", NOW, CUT)
        derive(conn, NOW)
        assert good(conn, running, 3) == 11
        with pytest.raises(CorrectionRefused, match="withdrawn already"):
            withdraw(conn, taken, "anna", NOW, CUT)
        found = listed(conn, before=None, count=9)
        assert [(n.id, n.good, n.withdrawn_by) for n in found] == [
            (added, 2, None), (taken, -5, "anna"),
        ]  # fmt: skip
        assert listed(conn, before=added, count=9) == found[1:]


def test_a_withdrawal_is_held_against_the_count_too(database: Database, running: TinyPlant) -> None:
    with database.connection() as conn:
        added = put_right(conn, wrong(running, 3, 2), NOW, CUT).id
        put_right(conn, wrong(running, 3, -10), NOW, CUT)
        with pytest.raises(CorrectionRefused) as refused:
            withdraw(conn, added, "anna", NOW, CUT)
        assert refused.value.why == "negative"


@pytest.mark.parametrize(
    ("rows", "hour"), [("shift", ("10:30", "11:30", 5.0)), ("clock", ("10:00", "11:00", 9.0))]
)
def test_an_hour_is_a_row_of_the_board(
    database: Database, running: TinyPlant, rows: Rows, hour: tuple[str, str, float]
) -> None:
    """Of a shift from half past: what its row shows can be taken away at any minute of it."""
    cut = Cut(rows, CUT.zone)
    with database.connection() as conn:
        conn.execute(
            "insert into shift_instance (calendar_id, code, name, day, t0, t1)"
            " values (%s, 'E', %s, %s, %s, %s)",
            [running.calendar, '{"en": "Early", "zh": "早班"}', T0.date(), at(-30), at(450)],
        )
        touch(conn, running.machines[0], T0, NOW)
        derive(conn, NOW)
        found = hour_counts(conn, running.machines[0], at(40), cut)
        assert found is not None
        assert (f"{found.t0:%H:%M}", f"{found.t1:%H:%M}", found.good) == hour
        put_right(conn, wrong(running, 40, -hour[-1]), NOW, cut)
        with pytest.raises(CorrectionRefused, match="0 good"):
            put_right(conn, wrong(running, 40, -1), NOW, cut)


def test_where_nothing_is_known_there_is_nothing_to_put_right(
    database: Database, running: TinyPlant
) -> None:
    with database.connection() as conn, pytest.raises(CorrectionRefused) as refused:
        put_right(conn, wrong(running, -30, 5), NOW, CUT)
    assert refused.value.why == "unheard"


@pytest.mark.parametrize(
    ("zone", "moment", "begin"),
    [
        ("Asia/Kolkata", "2026-03-02T10:15+00:00", "2026-03-02T09:30+00:00"),
        ("Europe/Berlin", "2026-10-25T00:59+00:00", "2026-10-25T00:00+00:00"),  # 02:59 summer
        ("Europe/Berlin", "2026-10-25T01:10+00:00", "2026-10-25T01:00+00:00"),  # 02:10 winter
    ],
)
def test_an_hour_is_the_plants_own(zone: str, moment: str, begin: str) -> None:
    t0, t1 = clock_hour(datetime.fromisoformat(moment), ZoneInfo(zone))
    assert t0 == datetime.fromisoformat(begin)
    assert t1 - t0 == timedelta(hours=1)
