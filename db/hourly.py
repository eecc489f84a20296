"""What the hour-by-hour board reads beside facts and stops: a machine's shifts, slices and orders.

Never sums facts (db/kpi_runs.py does) and never judges. Times are UTC; `now` is plant time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from db.connect import Connection
from db.kpi_runs import operation_facts
from db.statements import statements
from plant.calendar import Window
from plant.instance import Slice
from plant.kpi import Facts
from plant.model import Label

SQL = statements("hourly.sql")


@dataclass(frozen=True, slots=True)
class Shift:
    """One shift of a machine; `day` is its production day."""

    code: str
    name: Label
    day: date
    t0: datetime
    t1: datetime
    teams: tuple[str, ...] = ()
    """Codes; empty: nobody in particular."""


@dataclass(frozen=True, slots=True)
class Shifts:
    """The shift asked for with its neighbours; None: there is none within two months."""

    before: Shift | None
    here: Shift | None
    after: Shift | None


@dataclass(frozen=True, slots=True)
class Operation:
    """An order on a machine. `start`: when it began, else when it is planned to."""

    order: str
    product: Label | None
    cycle_s: float | None
    planned: float
    start: datetime
    due: datetime | None
    planned_start: datetime | None
    status: str
    before_day: float = 0.0
    """Good pieces counted for it before the stretch it was looked up for."""
    before_shift: float = 0.0
    """… and before the shift within it."""

    def planned_left(self, *, of_day: bool) -> float:
        """Pieces still to be made of it when the day, or the shift, began."""
        return max(0.0, self.planned - (self.before_day if of_day else self.before_shift))


def shifts(conn: Connection, machine: str, at: datetime) -> Shifts:
    """The shift that is on at a moment, else the last one before it."""
    rows = conn.execute(SQL["shifts"], {"machine": machine, "at": at})
    found = [
        Shift(code, Label.model_validate(name), day, t0, t1, tuple(teams))
        for code, name, day, t0, t1, teams in rows
    ]
    past, later = [s for s in found if s.t0 <= at], [s for s in found if s.t0 > at]
    here = past[-1] if past else None
    before = past[-2] if len(past) > 1 else None
    return Shifts(before, here, later[0] if later else None)


def production_day(conn: Connection, machine: str, day: date, at: datetime) -> Window | None:
    """From the start of its first shift to the end of its last."""
    row = conn.execute(SQL["day"], {"machine": machine, "day": day, "at": at}).fetchone()
    return None if row is None or row[0] is None else (row[0], row[1])


def slices(conn: Connection, machine: str, t0: datetime, t1: datetime) -> tuple[Slice, ...]:
    """Work, breaks and maintenance of a machine in [t0, t1), in order."""
    rows = conn.execute(SQL["slices"], {"machine": machine, "t0": t0, "t1": t1})
    return tuple(Slice(*row) for row in rows)


def operations(
    conn: Connection, machine: str, day: Window, shift: datetime, now: datetime
) -> list[Operation]:
    """What was open on a machine in `day` or is due in it, by start; ideal cycles as of now.

    `shift`: the start of a shift of that day, for what was made before it.
    """
    values = {"machine": machine, "t0": day[0], "t1": day[1], "now": now}
    rows = conn.execute(SQL["plans"], values).fetchall()
    due = [row[0] for row in rows if row[6] is not None and day[0] <= row[6] < day[1]]
    before_day, before_shift = (operation_facts(conn, due, at) for at in (day[0], shift))
    return [_operation(row, before_day, before_shift) for row in rows]


def _operation(
    row: tuple[Any, ...], before_day: Mapping[int, Facts], before_shift: Mapping[int, Facts]
) -> Operation:
    row_id, order, product, *rest = row
    made = (facts.get(row_id, Facts()).good for facts in (before_day, before_shift))
    return Operation(order, _label(product), *rest, *made)


def _label(value: Any) -> Label | None:
    return None if value is None else Label.model_validate(value)
