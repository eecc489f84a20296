"""Facts by the hour of a shift, whatever its edges; versions that never follow the same one."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest

from db import hourly_notes
from db.connect import Connection, Database
from db.hourly_notes import Entry, Overtaken, Place
from db.kpi_facts import Scope
from db.kpi_runs import runs_of
from db.rollups import advance
from plant.periods import Slot
from tests.db.conftest import MakePlant

T0 = datetime(2026, 3, 2, 5, 37, tzinfo=UTC)
"""A shift may start at any minute."""
T1 = T0 + timedelta(minutes=150)
HOURS = ((T0, T0 + timedelta(minutes=60)), (T0 + timedelta(minutes=60), T1))
SLOTS = [Slot(*hour) for hour in HOURS]
M0, UTC_ZONE = Scope("machine", "M0"), ZoneInfo("UTC")
MINUTES = """
insert into machine_1m (ts, machine_id, operation_id, product_id, shift_id, not_scheduled_s,
    planned_stop_s, setup_s, running_s, down_s, idle_s, starved_s, blocked_s, unknown_s,
    good, scrap, rework, ideal_s, ideal_good_s)
select t, %(machine)s, 0, %(product)s, 0, 0, 0, 0, 60, 0, 0, 0, 0, 0, 1, 0, 0, 50, 50
from generate_series(%(t0)s::timestamptz, %(t1)s - interval '1 minute', interval '1 minute') t
"""
PLACE = Place(machine="M0")


def settle(database: Database, now: datetime) -> None:
    more = True
    while more:
        with database.session() as conn:
            more = advance(conn, now).more


def fill(conn: Connection, machine: int, product: int, t0: datetime, t1: datetime) -> None:
    conn.execute("update product set name = jsonb_build_object('en', code, 'zh', code)")
    conn.execute(MINUTES, {"machine": machine, "product": product, "t0": t0, "t1": t1})


@pytest.mark.parametrize("settled", [False, True])
def test_every_minute_belongs_to_one_hour(
    any_database: Database, make_plant: MakePlant, settled: bool
) -> None:
    """Quarters where they are whole, minutes at the edges; nothing twice, nothing of outside."""
    with any_database.connection() as conn:
        plant = make_plant(conn)
        spare = timedelta(minutes=40)
        fill(conn, plant.machines[0], plant.products[0], T0 - spare, T1 + spare)
    if settled:
        settle(any_database, T1 + timedelta(days=2))
    with any_database.connection() as conn:
        found = runs_of(conn, M0, SLOTS, UTC_ZONE)
    assert [(p.part, p.facts.good, p.facts.running_s) for p in found] == [
        (0, 60, 3600),
        (1, 90, 5400),
    ]


def test_products_and_cycles_of_an_hour_come_apart_in_order(
    database: Database, make_plant: MakePlant
) -> None:
    with database.connection() as conn:
        plant = make_plant(conn)
        machine, (first, second) = plant.machines[0], plant.products
        change = T0 + timedelta(minutes=23)
        fill(conn, machine, second, T0, change)
        fill(conn, machine, first, change, T1)
        conn.execute(
            "insert into ideal_cycle values (%s, %s, '-infinity', 50), (%s, %s, '-infinity', 40)",
            [machine, first, machine, second],
        )
        found = runs_of(conn, M0, SLOTS[:1], UTC_ZONE)
    assert [(p.cycle_s, p.facts.good) for p in found] == [(40, 23), (50, 37)]


def test_a_line_counts_machines_while_they_stood_on_it(
    database: Database, make_plant: MakePlant
) -> None:
    with database.connection() as conn:
        plant = make_plant(conn, machines=2)
        for machine in plant.machines:
            fill(conn, machine, plant.products[0], T0, T1)
        conn.execute(
            "insert into line (code, area_id, name, target_oee, position)"
            " select 'K', area_id, '{}', 0.75, 2 from line"
        )
        conn.execute(
            "insert into machine_line select m.id, '-infinity', m.line_id from machine m"
            " on conflict do nothing"
        )
        moved = T0 + timedelta(minutes=60)
        conn.execute(
            "insert into machine_line select %s, %s, id from line where code = 'K'",
            [plant.machines[1], moved],
        )
        found = runs_of(conn, Scope("line", "L"), SLOTS, UTC_ZONE)
    assert [(p.part, p.machine) for p in found] == [(0, "M0"), (0, "M1"), (1, "M0")]


def entry(based_on: int | None, key: UUID | None = None, remark: str = "words") -> Entry:
    return Entry(HOURS[0], remark, "", "olga", T1, based_on, key or uuid4())


def test_versions_follow_each_other(database: Database, make_plant: MakePlant) -> None:
    key = uuid4()
    with database.connection() as conn:
        make_plant(conn)
        first = hourly_notes.write(conn, PLACE, entry(None, key))
        assert hourly_notes.write(conn, PLACE, entry(None, key)) == first
        signed = hourly_notes.sign(conn, PLACE, entry(first, remark="not these"))
        with pytest.raises(Overtaken) as told:
            hourly_notes.write(conn, PLACE, entry(first))
        found = hourly_notes.versions(conn, PLACE, T0, T1)
        assert hourly_notes.versions(conn, Place(line="L"), T0, T1) == []
    assert told.value.newest is not None
    assert told.value.newest.id == signed
    assert [(one.remark, one.is_signed) for one in found] == [("words", False), ("words", True)]


def test_of_many_who_write_at_once_one_wins_and_the_others_are_told(
    database: Database, make_plant: MakePlant
) -> None:
    with database.connection() as conn:
        make_plant(conn)
    start, said = threading.Barrier(4), []

    def write() -> None:
        start.wait()
        try:
            with database.connection() as conn:
                hourly_notes.write(conn, PLACE, entry(None))
            said.append("won")
        except Overtaken:
            said.append("told")

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said) == ["told", "told", "told", "won"]
