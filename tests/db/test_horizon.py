"""What is older than its horizon is refused with the reason and kept; what is younger counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from db import horizon, order_events, retention
from db.connect import Connection, Database, Server
from db.count_corrections import Correction, CorrectionRefused, correct_or_keep
from db.master import apply, apply_or_keep
from db.rollups import advance
from plant.check import PlantFaults, read
from plant.horizon import Horizon
from plant.hourly import Cut
from plant.orders import Operation
from tests.db.policies import drop_after

if TYPE_CHECKING:
    from tests.db.conftest import MakePlant

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
CUT = Cut("shift", ZoneInfo("Asia/Shanghai"))
SAMPLE = (Path(__file__).parents[2] / "plant.toml").read_text(encoding="utf-8")
SHORT = f"{SAMPLE}\n[horizon]\ncounts_days = 200\n"


def kept(conn: Connection) -> list[tuple[Any, ...]]:
    return conn.execute("select reason, address, detail from quarantine order by id").fetchall()


def version(at: datetime) -> Operation:
    return Operation(
        order="W",
        operation="10",
        revision=str(at),
        at=at,
        status="running",
        planned=1.0,
        machine="M0",
        started_at=at,
    )


@pytest.mark.parametrize("days", [730, 200])
def test_an_order_message_counts_up_to_the_horizon(
    any_database: Database, make_plant: MakePlant, days: int
) -> None:
    with any_database.connection() as conn:
        plant = make_plant(conn)
        horizon.save(conn, days * DAY)
        told = [version(NOW - days * DAY), version(NOW - days * DAY - timedelta(seconds=1))]
        codes = {"M0": plant.machines[0]}
        taken = order_events.append(conn, plant.source, told, machines=codes, products={}, now=NOW)
        assert taken == 1
        assert conn.execute("select at from order_event").fetchall() == [(told[0].at,)]
        assert conn.execute("select machine_id, t0 from derive_dirty").fetchall() == [
            (plant.machines[0], told[0].at)
        ]
        ((reason, address, detail),) = kept(conn)
        assert (reason, address) == ("too_old", "W 10")
        assert str(told[1].at) in detail


def test_a_correction_counts_up_to_the_horizon(database: Database, make_plant: MakePlant) -> None:
    with database.connection() as conn:
        machine = make_plant(conn).machines[0]
        horizon.save(conn, 200 * DAY)
        conn.execute(
            "insert into machine_1m"
            " values (%s, %s, 0, 0, 0, 0, 0, 0, 60, 0, 0, 0, 0, 0, 4, 0, 0, 45, 45)",
            [NOW - 200 * DAY, machine],
        )
    correct_or_keep(database, Correction(machine, NOW - 200 * DAY, "why", "ann", good=1), NOW, CUT)
    old = Correction(machine, NOW - 200.1 * DAY, "why", "ann", good=1)
    with pytest.raises(CorrectionRefused, match="are kept since"):
        correct_or_keep(database, old, NOW, CUT)
    with pytest.raises(CorrectionRefused, match="changes no count"):
        correct_or_keep(database, Correction(machine, NOW, "why", "ann"), NOW, CUT)
    with database.connection() as conn:
        assert [reason for reason, _, _ in kept(conn)] == ["too_old"]
        assert conn.execute("select at from count_correction").fetchall() == [(NOW - 200 * DAY,)]


@pytest.mark.parametrize(
    ("days", "edit"),
    [
        (199, '[[holidays]]\nday = {}\nname = "Fair"\n'),
        (202, '[[holidays]]\nday = {}\nname = "Fair"\n'),
    ],
)
def test_a_calendar_counts_up_to_the_horizon(database: Database, days: int, edit: str) -> None:
    with database.connection() as conn:
        apply(conn, read(SHORT), SHORT, NOW)
    assert horizon_of(database) == 200 * DAY
    text = SHORT + edit.format((NOW - days * DAY).date())
    if days < 200:
        assert apply_or_keep(database, read(text), text, NOW)
        return
    with pytest.raises(PlantFaults, match=r"holidays\[\d+\]\.day"):
        apply_or_keep(database, read(text), text, NOW)
    with database.connection() as conn:
        ((reason, _, detail),) = kept(conn)
        assert reason == "too_old"
        assert str((NOW - days * DAY).date()) in detail


@pytest.mark.community
def test_policies_follow_the_same_file_too(any_database: Database) -> None:
    """A database may have got policies apart from its plant: by a migration, or by a copy."""
    with any_database.connection() as conn:
        apply(conn, read(SHORT), SHORT, NOW)
        if any_database.server is Server.COMMUNITY:
            minutes = {"relation": "machine_1m", "after": 730 * DAY}
            conn.execute(horizon.SQL["move_policy"], minutes)
        assert not apply(conn, read(SHORT), SHORT, NOW)
        if any_database.server is Server.COMMUNITY:
            raw = horizon.RAW[Server.COMMUNITY] + horizon.BEFORE
            assert drop_after(conn) == {
                "reading": raw,
                "reading_text": raw,
                "machine_1m": 200 * DAY,
                "tag_1m": 200 * DAY,
            }


def horizon_of(database: Database) -> timedelta:
    with database.connection() as conn:
        return horizon.counts_horizon(conn)


@pytest.mark.community
def test_readings_are_taken_from_where_raw_ones_live(any_database: Database) -> None:
    """The limit of ingest is the floor that retention sets, to the microsecond."""
    with any_database.connection() as conn:
        conn.execute("insert into reading values (%s, 1, 5, 0)", [NOW - 120 * DAY])
        retention.keep(conn, NOW)
    more = True
    while more:
        with any_database.session() as session:
            more = advance(session, NOW).more
    with any_database.connection() as conn:
        retention.keep(conn, NOW)
        floor = conn.execute("select ts from retention_floor where relation = 'reading'").fetchone()
        assert floor == (horizon.raw_limit(conn)(NOW),)


def test_a_longer_horizon_brings_no_readings_back(any_database: Database) -> None:
    """What was dropped stays so: from there on minutes are derived from what is stored."""
    with any_database.connection() as conn:
        horizon.save(conn, 730 * DAY, 7 * DAY)
        dropped = horizon.raw_limit(conn)(NOW)
        conn.execute("insert into retention_floor values ('reading', %s)", [dropped])
        horizon.save(conn, 730 * DAY, 30 * DAY)
        limit = horizon.raw_limit(conn)
    assert limit(NOW) == limit(NOW + 23 * DAY) == dropped
    assert limit(NOW + 24 * DAY) == dropped + DAY


def test_minutes_live_as_long_as_the_plant_file_says(any_database: Database) -> None:
    with any_database.connection() as conn:
        horizon.save(conn, 200 * DAY)
        assert horizon.counts_since(conn, NOW) == NOW - 200 * DAY
        conn.execute("insert into retention_floor values ('machine_1m', %s)", [NOW - 100 * DAY])
        assert horizon.counts_since(conn, NOW) == NOW - 100 * DAY


@pytest.mark.parametrize("days", [99, 3651, 1.5, "two years"])
def test_a_horizon_that_cannot_be_is_a_fault(days: object) -> None:
    value = f'"{days}"' if isinstance(days, str) else days
    with pytest.raises(PlantFaults) as found:
        read(f"{SAMPLE}\n[horizon]\ncounts_days = {value}\n")
    assert [fault.key for fault in found.value.faults] == ["horizon.counts_days"]


def test_two_years_unless_the_file_says_otherwise() -> None:
    assert read(SAMPLE).horizon == Horizon()
    assert Horizon().counts == 730 * DAY
