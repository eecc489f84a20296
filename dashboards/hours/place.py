"""Whose hour-by-hour board it is, and which shift: what an address asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from dashboards.oee.scope import Scope
from db import hourly
from db.connect import Connection
from db.hourly import Shift
from db.hourly_notes import Place
from db.line_ends import workers
from plant.calendar import Window
from plant.hourly import hours
from plant.model import Plant

YEARS = range(2000, 2200)


def counters_of(
    conn: Connection, scope: Scope, hours: Sequence[Window], plant: Plant
) -> tuple[str, ...]:
    """The machine whose pieces count in each hour: the one that was a line's last, of those that
    worked as most of it did, when the hour began; "" where nobody stood there."""
    found = _workers(conn, scope, [t0 for t0, _ in hours], plant)
    return tuple(machines[-1] if machines else "" for machines in found)


def keeper_of(conn: Connection, scope: Scope, at: datetime, plant: Plant) -> str:
    """The machine whose shifts are shown: the first of those with the commonest calendar then."""
    return next(iter(_workers(conn, scope, [at], plant)[0]), "")


def _workers(
    conn: Connection, scope: Scope, moments: Sequence[datetime], plant: Plant
) -> list[list[str]]:
    if scope.machine:
        return [[scope.machine.code]] * len(moments)
    line = scope.line.code
    return [found.get(line, []) for found in workers(conn, plant, moments, [line])]


def place_of(scope: Scope) -> Place:
    """Where notes of this scope stand."""
    return Place(machine=scope.machine.code) if scope.machine else Place(line=scope.line.code)


def moment_of(params: Mapping[str, str], now: datetime) -> datetime:
    """The moment whose shift an address asks for; now where it names none."""
    try:
        asked = datetime.fromisoformat(params.get("at", ""))
    except ValueError:
        return now
    return asked.astimezone(UTC) if asked.tzinfo and asked.year in YEARS else now


def hours_at(conn: Connection, scope: Scope, at: datetime, plant: Plant) -> tuple[Window, ...]:
    """The hours of the shift that is on at a moment, or was the last one before it."""
    here = hourly.shifts(conn, keeper_of(conn, scope, at, plant), at).here
    return hours_of(here, plant)


def hours_of(shift: Shift | None, plant: Plant) -> tuple[Window, ...]:
    """The hours of a shift; none of none."""
    return (
        () if shift is None else hours(shift.t0, shift.t1, plant.hour_board.rows, plant.site.zone)
    )
