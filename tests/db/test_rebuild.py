"""The past derived anew beside the live path: the same rows, and nobody waits for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from psycopg import errors

from db.connect import Connection, Database
from db.derive import GROUP_KEY, GROUPS, derive, touch
from db.rebuild import rebuild_parallel

if TYPE_CHECKING:
    from tests.db.conftest import MakePlant, TinyPlant

T0 = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
MACHINES = GROUPS + 4


def worked(database: Database, make_plant: MakePlant) -> TinyPlant:
    """Machines of every group, each with an hour of its own, derived."""
    with database.connection() as conn:
        plant = make_plant(conn, machines=MACHINES)
        conn.execute(
            "insert into source_status (source_id, connected, since, last_heard)"
            " values (%s, true, %s, %s)",
            [plant.source, T0, T0 + 9 * HOUR],
        )
        for number, machine in enumerate(plant.machines):
            for minute in range(number, 60, 5):
                say(conn, plant, machine, "state", minute, 1.0 + minute % 3)
                say(conn, plant, machine, "good", minute, float(minute))
            touch(conn, machine, T0, T0 + HOUR)
    derive_all(database, T0 + HOUR)
    return plant


def say(
    conn: Connection, plant: TinyPlant, machine: int, role: str, minute: float, value: float
) -> None:
    at = T0 + minute * MINUTE
    conn.execute(
        "insert into reading values (%s, %s, %s, 0)", [at, plant.tags[machine][role], value]
    )


def derive_all(database: Database, now: datetime) -> None:
    more = True
    while more:
        with database.connection() as conn:
            more = derive(conn, now).more


def rows(database: Database) -> list[list[tuple[Any, ...]]]:
    with database.connection() as conn:
        return [
            conn.execute(f"select * from {name} r order by r").fetchall()
            for name in ("machine_1m", "state_interval", "derive_tail")
        ]


@pytest.mark.several_sessions("rebuilt by several at once")
def test_several_sessions_give_the_rows_of_the_live_path(
    any_database: Database, make_plant: MakePlant
) -> None:
    worked(any_database, make_plant)
    before = rows(any_database)
    assert rebuild_parallel(any_database, T0 - HOUR, T0 + 2 * HOUR, jobs=3) == 0
    assert rows(any_database) == before
    with any_database.connection() as conn:
        conn.execute("delete from machine_1m where ts < %s", [T0 + HOUR / 2])
        conn.execute("update machine_1m set good = good + 1, running_s = 7")
    changed = rebuild_parallel(any_database, T0 - HOUR, T0 + 2 * HOUR, jobs=3)
    assert changed >= len(before[0])
    assert rows(any_database) == before


@pytest.mark.several_sessions("one holds a machine, another goes on")
def test_the_live_path_goes_on_with_the_machines_that_are_not_rebuilt(
    any_database: Database, make_plant: MakePlant
) -> None:
    plant = worked(any_database, make_plant)
    held, now = plant.machines[0] % GROUPS, T0 + HOUR + MINUTE
    with any_database.session() as rebuilding, rebuilding.transaction():
        rebuilding.execute("select pg_advisory_xact_lock(%s, %s)", [GROUP_KEY, held])
        with any_database.connection() as conn:
            for machine in plant.machines:
                say(conn, plant, machine, "good", 10.5, 10.0)  # a late one
                touch(conn, machine, T0 + 10.5 * MINUTE, T0 + 10.5 * MINUTE)
        with any_database.connection() as conn:
            assert derive(conn, now).more
        assert ends(any_database, now) == {m for m in plant.machines if m % GROUPS != held}
    derive_all(any_database, now)
    assert ends(any_database, now) == set(plant.machines)
    before = rows(any_database)
    assert rebuild_parallel(any_database, T0, now, jobs=2) == 0
    assert rows(any_database) == before


def ends(database: Database, now: datetime) -> set[int]:
    """The machines that are derived up to `now` and have nothing left to derive."""
    with database.connection() as conn:
        found = conn.execute(
            "select machine_id from derive_tail where upto = %s"
            " except select machine_id from derive_dirty",
            [now],
        ).fetchall()
    return {machine for (machine,) in found}


@pytest.mark.several_sessions("rebuilt by several at once")
def test_what_fails_in_one_session_is_told(any_database: Database, make_plant: MakePlant) -> None:
    worked(any_database, make_plant)
    with any_database.connection() as conn:
        conn.execute("update machine_1m set good = 7")
        conn.execute("alter table machine_1m add check (good = 7) not valid")
    with pytest.raises(errors.CheckViolation):
        rebuild_parallel(any_database, T0, T0 + HOUR, jobs=2)
