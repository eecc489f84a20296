"""What the hour-by-hour board reads: a machine's shifts and orders, facts and stops by hour.

Gives facts and never a ratio or a target: those are plant/'s. Times are UTC; `now` is plant time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from db.connect import Connection
from db.statements import statements
from plant.calendar import Window
from plant.instance import Slice
from plant.kpi import Facts
from plant.model import Element, Label

SQL = statements("hourly.sql")
QUARTER = timedelta(minutes=15)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_Piece = tuple[int, datetime, datetime]


@dataclass(frozen=True, slots=True)
class Shift:
    """One shift of a machine; `day` is its production day."""

    code: str
    name: Label
    day: date
    t0: datetime
    t1: datetime


@dataclass(frozen=True, slots=True)
class Shifts:
    """The shift asked for with its neighbours; None: there is none within two months."""

    before: Shift | None
    here: Shift | None
    after: Shift | None


@dataclass(frozen=True, slots=True)
class Part:
    """Facts of one machine, order and ideal cycle in the hour with this number."""

    hour: int
    machine: str
    begun: datetime
    product: Label | None
    order: str | None
    cycle_s: float | None
    facts: Facts


@dataclass(frozen=True, slots=True)
class Stopped:
    """Seconds within planned work that a machine stood for one reason in an hour."""

    hour: int
    machine: str
    state: Element
    reason: Label | None
    seconds: float


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
    found = [Shift(code, Label.model_validate(name), *rest) for code, name, *rest in rows]
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


def parts(
    conn: Connection, hours: Sequence[Window], *, line: str = "", machine: str = ""
) -> list[Part]:
    """Facts by hour (its number), machine and order, of a line or of one machine.

    Within an hour in the order of time.
    """
    if not hours:
        return []
    quarters, minutes = _cut(hours)
    values = {
        **_arrays("quarter", quarters),
        **_arrays("minute", minutes),
        "t0": hours[0][0],
        "t1": hours[-1][1],
        "line": line,
        "machine": machine,
    }
    return [
        Part(row[0], row[1], row[2], _label(row[3]), row[4], row[5], Facts(*row[6:]))
        for row in conn.execute(SQL["parts"], values)
    ]


def stops(conn: Connection, hours: Sequence[Window], machines: Sequence[str]) -> list[Stopped]:
    """By hour, the longest first."""
    if not hours:
        return []
    values = {
        "n": list(range(len(hours))),
        "a": [t0 for t0, _ in hours],
        "b": [t1 for _, t1 in hours],
        "t0": hours[0][0],
        "t1": hours[-1][1],
        "machines": list(machines),
    }
    return [
        Stopped(hour, machine, state, _label(reason), seconds)
        for hour, machine, state, reason, seconds in conn.execute(SQL["stops"], values)
    ]


def operations(
    conn: Connection, machine: str, day: Window, shift: datetime, now: datetime
) -> list[Operation]:
    """What was open on a machine in `day` or is due in it, by start; ideal cycles as of now.

    `shift`: the start of a shift of that day, for what was made before it.
    """
    values = {"machine": machine, "t0": day[0], "t1": day[1], "shift": shift, "now": now}
    return [
        Operation(row[0], _label(row[1]), *row[2:]) for row in conn.execute(SQL["plans"], values)
    ]


def _cut(hours: Sequence[Window]) -> tuple[list[_Piece], list[_Piece]]:
    """The hours' whole quarters, and the minutes at their edges."""
    quarters: list[_Piece] = []
    minutes: list[_Piece] = []
    for n, (t0, t1) in enumerate(hours):
        first = min(t0 + (EPOCH - t0) % QUARTER, t1)
        last = max(first, t1 - (t1 - EPOCH) % QUARTER)
        quarters += [(n, first, last)] if first < last else []
        minutes += [(n, a, b) for a, b in ((t0, first), (last, t1)) if a < b]
    return quarters, minutes


def _arrays(name: str, cut: Sequence[_Piece]) -> dict[str, list[Any]]:
    return {
        f"{name}_n": [n for n, _, _ in cut],
        f"{name}_t0": [t0 for _, t0, _ in cut],
        f"{name}_t1": [t1 for _, _, t1 in cut],
    }


def _label(value: Any) -> Label | None:
    return None if value is None else Label.model_validate(value)
