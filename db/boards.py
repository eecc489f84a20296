"""What the overview and the OEE board read: states now, additive facts, stops; all from rollups.

Gives facts and never a ratio: those are plant/kpi.py's. Every time is UTC; `now` is plant time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

from db.connect import Connection
from db.statements import statements
from plant.model import Element, Label

SQL = statements("boards.sql")
MOST_INTERVALS = 4000


@dataclass(frozen=True, slots=True)
class MachineNow:
    """What a machine said last, and how far that is known."""

    machine: str
    line: str
    state: Element | None
    since: datetime | None
    upto: datetime | None
    stale_from: datetime | None
    """Its source is silent since then."""
    reason: Label | None
    calendar: Literal["work", "break", "maintenance"] | None
    """None: outside every shift."""


@dataclass(frozen=True, slots=True)
class ShiftSpan:
    """One shift as the calendar has it."""

    code: str
    name: Label
    t0: datetime
    t1: datetime
    teams: tuple[str, ...] = ()
    """Codes; empty: nobody in particular."""


@dataclass(frozen=True, slots=True)
class Begins:
    """When the present shift began, by code; what is outside of every shift is missing."""

    machines: Mapping[str, datetime]
    lines: Mapping[str, datetime]


class Interval(NamedTuple):
    """A stretch in which a machine said the same."""

    machine: str
    t0: datetime
    t1: datetime
    state: Element
    reason: Label | None


@dataclass(frozen=True, slots=True)
class Slice:
    """What a machine's calendar says of a stretch."""

    machine: str
    t0: datetime
    t1: datetime
    kind: Literal["work", "break", "maintenance"]


def machines_now(conn: Connection, now: datetime) -> list[MachineNow]:
    """Every machine in the plant file's order."""
    rows = conn.execute(SQL["machines_now"], {"now": now})
    return [
        MachineNow(code, line, state, since, upto, stale_from, _label(reason), calendar)
        for code, line, state, since, upto, stale_from, reason, calendar in rows
    ]


def shifts(conn: Connection, now: datetime) -> list[ShiftSpan]:
    """The newest shift that has begun and the one before it; the newest may be over.

    Of the calendar that most of the machines work by.
    """
    rows = conn.execute(SQL["shifts"], {"now": now})
    return [
        ShiftSpan(code, Label.model_validate(name), t0, t1, tuple(teams))
        for code, name, t0, t1, teams in rows
    ]


class Present(NamedTuple):
    """The shift and the production day of a moment."""

    shift_begun: datetime | None
    """Outside of every shift there is none."""
    day: date
    day_begun: datetime


def present(
    conn: Connection, now: datetime, zone: ZoneInfo, machines: Sequence[str] | None = None
) -> Present:
    """By the calendar that most of these machines, or of all, work by.

    A production day begins at midnight, or where the last shift of the day before ends.
    """
    values = {"now": now, "zone": zone.key, "machines": _list(machines)}
    row = conn.execute(SQL["present"], values).fetchone()
    assert row is not None
    return Present(*row)


def line_teams(conn: Connection, now: datetime) -> dict[str, tuple[str, ...]]:
    """The codes of the teams that are on now, by line; lines without any are missing."""
    return {line: tuple(teams) for line, teams in conn.execute(SQL["line_teams"], {"now": now})}


def begins(conn: Connection, now: datetime) -> Begins:
    """When the present shift of each machine and line began."""
    rows = conn.execute(SQL["begins"], {"now": now}).fetchall()
    return Begins(
        {machine: own for machine, _, own, _ in rows if own is not None},
        {line: common for _, line, _, common in rows if common is not None},
    )


class Fastest(NamedTuple):
    """How fast a machine makes the products that it made in a stretch."""

    cycle_s: float | None
    """Running seconds a piece in the fastest twentieth of the quarters of an hour that it mostly
    ran in; of several products their mean, weighed by pieces. None without any."""
    performance: float | None
    """Of the product with the highest."""


def fastest(conn: Connection, machine: str, since: datetime, t0: datetime, t1: datetime) -> Fastest:
    """Of what was made in [t0, t1), by the quarters since `since`."""
    values = {"machine": machine, "since": since, "t0": t0, "t1": t1}
    row = conn.execute(SQL["best_cycle"], values).fetchone()
    return Fastest(None, None) if row is None else Fastest(*row)


def intervals(
    conn: Connection, t0: datetime, t1: datetime, machines: Sequence[str]
) -> list[Interval]:
    """What the machines said, cut to the window, in order; at most `MOST_INTERVALS`."""
    values = {"t0": t0, "t1": t1, "machines": list(machines), "count": MOST_INTERVALS}
    rows = conn.execute(SQL["intervals"], values)
    return [
        Interval(machine, at, until, state, _label(reason))
        for machine, at, until, state, reason in rows
    ]


def slices(conn: Connection, t0: datetime, t1: datetime, machines: Sequence[str]) -> list[Slice]:
    """The calendars of the machines in the window, in order."""
    rows = conn.execute(SQL["slices"], {"t0": t0, "t1": t1, "machines": list(machines)})
    return [Slice(*row) for row in rows]


def _label(value: Any) -> Label | None:
    return None if value is None else Label.model_validate(value)


def _list(machines: Sequence[str] | None) -> list[str] | None:
    return None if machines is None else list(machines)
