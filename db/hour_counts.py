"""What a machine made in one hour, as the hour-by-hour board and its order have it.

Corrections that are still being worked in are counted already. Never changes anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from db.connect import Connection
from db.statements import statements

SQL = statements("hour_counts.sql")
HOUR = timedelta(hours=1)
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


def hour_counts(conn: Connection, machine_id: int, at: datetime, zone: tzinfo) -> HourCounts | None:
    """Of the clock's hour that `at` lies in, in `zone`; None where nothing is known of `at`."""
    t0, t1 = hour_at(at, zone)
    asked = {"machine_id": machine_id, "at": at, "t0": t0, "t1": t1}
    row = conn.execute(SQL["hour"], asked).fetchone()
    return None if row is None else HourCounts(t0, t1, *row)


def hour_at(at: datetime, zone: tzinfo) -> tuple[datetime, datetime]:
    """The clock's hour around a moment, UTC."""
    local = at.astimezone(zone).replace(minute=0, second=0, microsecond=0)
    t0 = local.astimezone(UTC)
    return t0, t0 + HOUR
