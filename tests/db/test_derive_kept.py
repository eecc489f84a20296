"""Beyond the life of raw readings: stored states and counts stay, contexts are applied anew."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from db.connect import Connection, Database
from db.count_corrections import Correction, correct
from db.derive import derive, rebuild, touch

if TYPE_CHECKING:
    from tests.db.conftest import MakePlant, TinyPlant

T0 = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
FLOOR = T0 + timedelta(minutes=60)
NOW = T0 + timedelta(minutes=120)


def at(minutes: float) -> datetime:
    return T0 + timedelta(minutes=minutes)


def worked(conn: Connection, make_plant: MakePlant) -> TinyPlant:
    """Two hours of one machine, derived; then the readings of the first are dropped."""
    plant = make_plant(conn)
    machine = plant.machines[0]
    conn.execute(
        "insert into source_status (source_id, connected, since, last_heard)"
        " values (%s, true, %s, %s)",
        [plant.source, T0, NOW + timedelta(days=1)],
    )
    conn.execute(
        "insert into ideal_cycle values (%s, %s, '-infinity', 10)", [machine, plant.products[0]]
    )
    row = conn.execute(
        "insert into shift_instance (calendar_id, code, name, day, t0, t1)"
        " values (%s, 'A', '{}', '2026-03-02', %s, %s) returning id",
        [plant.calendar, at(-60), at(300)],
    ).fetchone()
    assert row is not None
    conn.execute(
        "insert into calendar_slice values (%s, %s, %s, 'work', %s)",
        [plant.calendar, at(-60), at(300), row[0]],
    )
    states = [(0.5, 1), (20.25, 2), (22, 1), (40, 2), (55, 1), (59, 3), (61, 1)]
    for minute, value in states:
        say(conn, plant, "state", minute, value)
    for minute in range(0, 120, 2):
        say(conn, plant, "good", minute + 0.75, minute * 2)
    operate(conn, plant, "A", plant.products[0], 10.4, 30)
    touch(conn, machine, at(0), at(119))
    derive_all(conn)
    conn.execute(
        "insert into reading_kept select distinct on (tag_id) tag_id, ts, value, null, quality"
        " from reading where ts < %s order by tag_id, ts desc",
        [FLOOR],
    )
    conn.execute("delete from reading where ts < %s", [FLOOR])
    conn.execute("insert into retention_floor values ('reading', %s)", [FLOOR])
    return plant


def say(conn: Connection, plant: TinyPlant, role: str, minute: float, value: float) -> None:
    tag = plant.tags[plant.machines[0]][role]
    conn.execute("insert into reading values (%s, %s, %s, 0)", [at(minute), tag, value])


def operate(
    conn: Connection, plant: TinyPlant, code: str, product: int, begin: float, end: float
) -> int:
    row = conn.execute(
        "insert into operation (source_id, order_code, operation, revision, at, machine_id,"
        " product_id, status, planned, good, scrap, started_at, ended_at)"
        " values (%s, %s, '10', '', %s, %s, %s, 'done', 9, 0, 0, %s, %s) returning id",
        [plant.source, code, T0, plant.machines[0], product, at(begin), at(end)],
    ).fetchone()
    assert row is not None
    touch(conn, plant.machines[0], at(begin), at(end))
    return int(row[0])


def derive_all(conn: Connection) -> None:
    while derive(conn, NOW).more:
        pass


def rows(conn: Connection) -> list[tuple[Any, ...]]:
    return conn.execute("select * from machine_1m r order by r").fetchall()


def intervals(conn: Connection) -> list[tuple[Any, ...]]:
    return conn.execute("select * from state_interval r order by r").fetchall()


def sums(conn: Connection, where: str = "true") -> tuple[Any, ...]:
    row = conn.execute(
        f"select sum(good), sum(ideal_good_s), sum(running_s) from machine_1m where {where}"
    ).fetchone()
    assert row is not None
    return row


@pytest.mark.community
def test_a_rebuild_over_the_raw_horizon_changes_nothing(
    any_database: Database, make_plant: MakePlant
) -> None:
    with any_database.connection() as conn:
        worked(conn, make_plant)
        before, states = rows(conn), intervals(conn)
        assert rebuild(conn, at(-60), NOW) == 0
        assert rows(conn) == before
        assert intervals(conn) == states


def test_an_old_order_message_moves_what_it_covers(
    any_database: Database, make_plant: MakePlant
) -> None:
    with any_database.connection() as conn:
        plant = worked(conn, make_plant)
        good, ideal_s, running_s = sums(conn)
        new = operate(conn, plant, "B", plant.products[0], 35, 50)
        derive_all(conn)
        # 36.75 and 38.75, 40.75, … 48.75: four pieces each, at 10 s
        assert sums(conn, f"operation_id = {new}") == (28, 280, 5 * 60)
        assert sums(conn) == (good, ideal_s + 280, running_s)
        conn.execute("delete from operation where id = %s", [new])
        touch(conn, plant.machines[0], at(35), at(50))
        derive_all(conn)
        assert sums(conn) == (good, ideal_s, running_s)


def test_an_old_ideal_cycle_and_calendar_are_applied_to_stored_counts(
    any_database: Database, make_plant: MakePlant
) -> None:
    with any_database.connection() as conn:
        plant = worked(conn, make_plant)
        machine = plant.machines[0]
        good, ideal_s, running_s = sums(conn)
        conn.execute("update ideal_cycle set seconds = 5")
        conn.execute("update calendar_slice set kind = 'break'")
        touch(conn, machine, at(0), at(119))
        derive_all(conn)
        assert sums(conn) == (good, ideal_s / 2, running_s)
        stopped = conn.execute("select sum(planned_stop_s), sum(minor_s) from machine_1m")
        assert stopped.fetchone() == ((1.75 + 15 + 2) * 60, 0)


def test_an_old_correction_is_applied_once(any_database: Database, make_plant: MakePlant) -> None:
    with any_database.connection() as conn:
        plant = worked(conn, make_plant)
        good, _, _ = sums(conn)
        wrong = Correction(plant.machines[0], at(12), "counted twice", "ann", good=-3)
        correct(conn, wrong, NOW)
        derive_all(conn)
        assert sums(conn)[0] == good - 3
        assert rebuild(conn, at(0), NOW) == 0
        operate(conn, plant, "C", plant.products[1], 11, 14)
        derive_all(conn)
        assert sums(conn)[0] == good - 3


def test_minor_stops_are_told_anew_where_the_threshold_changes(
    any_database: Database, make_plant: MakePlant
) -> None:
    with any_database.connection() as conn:
        plant = worked(conn, make_plant)
        before = conn.execute("select sum(minor_s) from machine_1m").fetchone()
        assert before == (105 + 120,)
        conn.execute("update machine set micro_stop_s = 110")
        touch(conn, plant.machines[0], at(0))
        derive_all(conn)
        assert conn.execute("select sum(minor_s) from machine_1m").fetchone() == (105,)
