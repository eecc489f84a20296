"""Stops as boards show them: lists, one with its neighbours, sums by reason, unexplained minutes.

What machines said with what people said applied, and what neighbours explain where both say no more
than idle (`waits`, of db/line_flow.py); only what took planned work. Of a line or an area: of its
machines while they stood there. Every time is UTC. Never changes anything: that is
db/stop_edits.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, timedelta
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

from db import line_flow
from db.connect import Connection
from db.kpi_facts import SITE, Scope
from db.statements import joined, statements
from plant.calendar import Window
from plant.line_flow import Wait, by_machine, within
from plant.line_state import FAR
from plant.model import Element, Label, Plant
from plant.periods import Days, Period, span_of

SQL = statements("stops.sql")
USUAL_WITHIN = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Stop:
    """One stop, merged ones once; `t1` None: it goes on."""

    machine: str
    machine_id: int
    t0: datetime
    t1: datetime | None
    upto: datetime
    """Where it ends, or as far as it is derived."""
    element: Element
    """What it is by its reason, else what the machine said; of several, or where neighbours explain
    a part of it, what took most of its planned work."""
    reason: str | None
    reason_name: Label | None
    said_by: Literal["machine", "operator"] | None
    """Who gave the reason."""
    is_minor: bool
    is_unexplained: bool
    """Down or idle for longer than a minor stop, in planned work, and nobody knows why."""
    unexplained_s: float
    """Planned work of which nobody knows why; less than the whole where neighbours explain some."""
    seconds: float
    """Stopped, as far as it is derived; without what ran between merged parts."""
    edits: int
    edit_id: int
    """The newest word on it; 0: none."""
    comment: str | None
    waits: tuple[Wait, ...] = ()
    """What neighbours explain of it."""

    @property
    def is_told(self) -> bool:
        """Whether most of it is explained by neighbours alone."""
        return bool(self.waits) and self.element in ("starved", "blocked")


@dataclass(frozen=True, slots=True)
class Lost:
    """Planned work lost to one reason on one machine."""

    machine: str
    reason: str | None
    reason_name: Label | None
    element: Element
    is_unexplained: bool
    is_minor: bool
    seconds: float
    stops: int
    """Each counts once, for what took most of it: none where that was something else."""


@dataclass(frozen=True, slots=True)
class Beside:
    """A neighbour of a stop, and the seconds between them."""

    where: Literal["before", "after"]
    t0: datetime
    t1: datetime | None
    apart_s: float


class Listed(NamedTuple):
    """The stops of a stretch and what they took."""

    stops: list[Stop]
    """In the order that was asked for."""
    lost: list[Lost]
    """By machine and reason, the most first."""


def listed(
    conn: Connection,
    scope: Scope,
    t0: datetime,
    t1: datetime,
    count: int,
    waits: Sequence[Wait],
    *,
    first: Literal["unexplained", "newest"] = "unexplained",
) -> Listed:
    """The first so many stops that took planned work in [t0, t1), and the sums of all of them.

    Those without a reason come before the others, then the newest; or just the newest.
    """
    values = _values([(t0, t1)], scope, waits) | {"count": count, "asks": first == "unexplained"}
    query = joined(SQL, "halts", "taken", "summed", "newest", "shown", "board")
    rows = conn.execute(query, values).fetchall()
    size = len(fields(Lost)) + 1
    lost = [_lost(row[1:size]) for row in rows if row[0] is not None]
    return Listed(_told((_stop(row[size:]) for row in rows if row[0] is None), waits), lost)


def stop(conn: Connection, plant: Plant, machine: str, t0: datetime) -> Stop | None:
    """The stop of a machine that began then, with what neighbours explain of all of it."""
    found = _one(conn, machine, t0, ())
    if found is None or found.reason is not None:
        return found
    return _one(conn, machine, t0, line_flow.waits(conn, plant, t0, found.upto, [machine]))


def _one(conn: Connection, machine: str, t0: datetime, waits: Sequence[Wait]) -> Stop | None:
    values = _values([(t0, FAR)], Scope("machine", machine), waits) | {"at": t0}
    rows = conn.execute(joined(SQL, "halts", "taken", "one", "shown", "stop"), values)
    return next(iter(_told((_stop(row) for row in rows), waits)), None)


def beside(conn: Connection, one: Stop) -> list[Beside]:
    """The stops before and after it, as far as there are any."""
    values = {"machine_id": one.machine_id, "t0": one.t0, "t1": one.upto}
    return [Beside(*row) for row in conn.execute(SQL["beside"], values)]


def said(conn: Connection, one: Stop) -> tuple[Element, Label | None]:
    """State and reason as the machine itself told them when it stopped."""
    row = conn.execute(SQL["said"], {"machine_id": one.machine_id, "t0": one.t0}).fetchone()
    return (one.element, None) if row is None else (row[0], _label(row[1]))


def usual_reasons(conn: Connection, machine_id: int, now: datetime, count: int) -> list[str]:
    """Codes of the reasons that the machine's stops had most in the last 90 days."""
    values = {"machine_id": machine_id, "since": now - USUAL_WITHIN}
    return [code for (code,) in conn.execute(SQL["usual"], values).fetchmany(count)]


def lost_in(
    conn: Connection,
    windows: Sequence[Window],
    waits: Sequence[Wait],
    scope: Scope = SITE,
) -> list[list[Lost]]:
    """Planned work lost in each of the windows, by machine and reason, the most first.

    Windows are half-open, in order.
    """
    found: list[list[Lost]] = [[] for _ in windows]
    if windows:
        query = joined(SQL, "halts", "taken", "summed", "sums")
        for n, *row in conn.execute(query, _values(windows, scope, waits)):
            found[n].append(_lost(row))
    return found


def lost(
    conn: Connection,
    t0: datetime,
    t1: datetime,
    waits: Sequence[Wait],
    scope: Scope = SITE,
) -> list[Lost]:
    """The same of [t0, t1)."""
    return lost_in(conn, [(t0, t1)], waits, scope)[0]


def lost_of(
    conn: Connection, scope: Scope, period: Period, zone: ZoneInfo, waits: Sequence[Wait]
) -> list[Lost]:
    """The same of a period: moments, or production days with all that belongs to their shifts."""
    span = span_of(period, zone)
    values = _values([(span.t0, span.t1)], scope, waits)
    if isinstance(period, Days):
        values |= {"first": period.first, "last": period.last, "shift": period.shift}
    rows = conn.execute(joined(SQL, "halts", "taken", "summed", "sums"), values)
    return [_lost(row[1:]) for row in rows]


class Unexplained(NamedTuple):
    """A stretch of planned work that a machine lost to a stop which nobody explained."""

    machine: str
    line: str
    area: str
    t0: datetime
    t1: datetime
    shift: str
    day: date


def unexplained(
    conn: Connection,
    t0: datetime,
    t1: datetime,
    zone: ZoneInfo,
    waits: Sequence[Wait],
    scope: Scope = SITE,
) -> list[Unexplained]:
    """In order of time; the line and the area are those of that time."""
    values = _values([(t0, t1)], scope, waits) | {"zone": zone.key}
    rows = conn.execute(joined(SQL, "halts", "unexplained"), values)
    return [Unexplained(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class StopSum:
    """Planned work lost for one reason, without planned stops; of all machines together."""

    state: Element
    reason: Label | None
    seconds: float
    stops: int


def by_reason(found: Iterable[Lost], count: int) -> list[StopSum]:
    """The longest sums first; at most `count`."""
    sums: dict[tuple[Element, str | None], StopSum] = {}
    for one in found:
        if one.element == "planned_stop":
            continue
        key = (one.element, one.reason)
        so_far = sums.get(key, StopSum(one.element, one.reason_name, 0.0, 0))
        sums[key] = replace(
            so_far, seconds=so_far.seconds + one.seconds, stops=so_far.stops + one.stops
        )
    return sorted(sums.values(), key=lambda one: -one.seconds)[:count]


def _values(windows: Sequence[Window], scope: Scope, waits: Sequence[Wait]) -> dict[str, object]:
    return {
        "a": [t0 for t0, _ in windows],
        "b": [t1 for _, t1 in windows],
        "t0": windows[0][0],
        "t1": windows[-1][1],
        "at": None,
        "first": None,
        "last": None,
        "shift": None,
        "kind": scope.kind,
        "whose": scope.code,
        **_waiting(waits),
    }


def _waiting(waits: Sequence[Wait]) -> dict[str, list[str]]:
    """What neighbours explain, as one set of ranges a machine and element: many waits are passed
    sooner so than as arrays of moments."""
    of = by_machine(waits)
    return {
        "waiting": list(of),
        "starved": [_ranges(some, "starved") for some in of.values()],
        "blocked": [_ranges(some, "blocked") for some in of.values()],
    }


def _ranges(waits: Iterable[Wait], element: Element) -> str:
    return f"{{{','.join(f'[{one.t0},{one.t1})' for one in waits if one.element == element)}}}"


def _told(found: Iterable[Stop], waits: Sequence[Wait]) -> list[Stop]:
    """With what neighbours explain of each."""
    of = by_machine(waits)
    return [_with(one, of.get(one.machine, ())) for one in found]


def _with(one: Stop, waits: Sequence[Wait]) -> Stop:
    found = tuple(within(waits, one.t0, one.t1 or FAR))
    return replace(one, waits=found) if found else one


def _stop(row: Sequence[Any]) -> Stop:
    machine, machine_id, t0, t1, upto, element, reason, name, *rest = row
    return Stop(machine, machine_id, t0, t1, upto, element, reason, _label(name), *rest)


def _lost(row: Sequence[Any]) -> Lost:
    machine, reason, name, *rest = row
    return Lost(machine, reason, _label(name), *rest)


def _label(value: Any) -> Label | None:
    return None if value is None else Label.model_validate(value)
