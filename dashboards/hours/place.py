"""Whose hour-by-hour board it is, and which shift: what an address asks for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from dashboards.oee.scope import Scope
from db import hourly
from db.connect import Connection
from db.hourly import Shift
from db.hourly_notes import Place
from plant.calendar import Window
from plant.hourly import hours
from plant.line_end import usual
from plant.model import Machine, Plant

YEARS = range(2000, 2200)


def counter_of(scope: Scope, plant: Plant) -> Machine:
    """The machine whose pieces count: a line's last one of those that work as most of it do."""
    return usual(scope.machines, plant)[-1]


def keeper_of(scope: Scope, plant: Plant) -> Machine:
    """The machine whose shifts are shown: the first of those with the commonest calendar."""
    return usual(scope.machines, plant)[0]


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
    here = hourly.shifts(conn, keeper_of(scope, plant).code, at).here
    return hours_of(here, plant)


def hours_of(shift: Shift | None, plant: Plant) -> tuple[Window, ...]:
    """The hours of a shift; none of none."""
    return (
        () if shift is None else hours(shift.t0, shift.t1, plant.hour_board.rows, plant.site.zone)
    )
