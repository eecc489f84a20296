"""What a machine made in one hour of its shift, as the hour-by-hour board and its order have it.

Corrections that are still being worked in are counted already. Never changes anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from db import hourly
from db.connect import Connection
from db.statements import statements
from plant.calendar import Window
from plant.hourly import HOUR, Cut, hours

SQL = statements("hour_counts.sql")
KINDS = ("good", "scrap", "rework")


@dataclass(frozen=True, slots=True)
class HourCounts:
    """Pieces of [t0, t1) in one shift and of one order; `order` is None where none ran."""

    t0: datetime
    t1: datetime
    order: str | None
    good: float
    scrap: float
    rework: float


def hour_counts(conn: Connection, machine_id: int, at: datetime, cut: Cut) -> HourCounts | None:
    """Of the board's hour that `at` lies in; None where nothing is known of `at`."""
    t0, t1 = _hour(conn, machine_id, at, cut)
    asked = {"machine_id": machine_id, "at": at, "t0": t0, "t1": t1}
    row = conn.execute(SQL["hour"], asked).fetchone()
    return None if row is None else HourCounts(t0, t1, *row)


def _hour(conn: Connection, machine_id: int, at: datetime, cut: Cut) -> Window:
    """A row of the machine's board; outside of its shifts, which has no rows, the clock's hour."""
    row = conn.execute(SQL["machine"], {"machine_id": machine_id}).fetchone()
    shift = hourly.shifts(conn, row[0], at).here if row else None
    if shift is None or shift.t1 <= at:
        return clock_hour(at, cut.zone)
    rows = hours(shift.t0, shift.t1, cut.rows, cut.zone)
    return next((t0, t1) for t0, t1 in rows if at < t1)


def clock_hour(at: datetime, zone: ZoneInfo) -> Window:
    """The full hour of the wall clock around a moment, UTC."""
    local = at.astimezone(zone).replace(minute=0, second=0, microsecond=0)
    t0 = local.astimezone(UTC)
    return t0, t0 + HOUR
