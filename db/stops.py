"""Stops as boards show them: lists, one with its neighbours, sums by reason, unexplained minutes.

What machines said with what people said applied; only what took planned work. Every time is UTC.
Never changes anything: that is db/stop_edits.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

from db.connect import Connection
from db.statements import joined, statements
from plant.calendar import Window
from plant.model import Element, Label

SQL = statements("stops.sql")
USUAL_WITHIN = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Stop:
    """One stop, merged ones once; `t1` None: it goes on."""

    machine: str
    machine_id: int
    t0: datetime
    t1: datetime | None
    element: Element
    """What it is by its reason, else what the machine said."""
    reason: str | None
    reason_name: Label | None
    said_by: Literal["machine", "operator"] | None
    """Who gave the reason."""
    is_minor: bool
    is_unexplained: bool
    """Down or idle for longer than a minor stop, in planned work, and nobody knows why."""
    seconds: float
    """Stopped, as far as it is derived; without what ran between merged parts."""
    lost_s: float
    """Of planned work."""
    edits: int
    edit_id: int
    """The newest word on it; 0: none."""
    comment: str | None


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


@dataclass(frozen=True, slots=True)
class Beside:
    """A neighbour of a stop, and the seconds between them."""

    where: Literal["before", "after"]
    t0: datetime
    t1: datetime | None
    apart_s: float


def stops(
    conn: Connection, machines: Sequence[str], t0: datetime, t1: datetime, count: int
) -> list[Stop]:
    """Stops that reach into [t0, t1): those without a reason first, then the newest first."""
    values = {"machines": list(machines), "t0": t0, "t1": t1, "at": None, "count": count}
    return [_stop(row) for row in conn.execute(SQL["stops"], values)]


def stop(conn: Connection, machine: str, t0: datetime) -> Stop | None:
    """The stop of a machine that began then."""
    span = {"t0": t0, "t1": t0 + timedelta(microseconds=1), "at": t0, "count": 1}
    row = conn.execute(SQL["stops"], {"machines": [machine], **span}).fetchone()
    return None if row is None else _stop(row)


def beside(conn: Connection, one: Stop) -> list[Beside]:
    """The stops before and after it, as far as there are any."""
    upto = one.t1 or one.t0 + timedelta(seconds=one.seconds)
    values = {"machine_id": one.machine_id, "t0": one.t0, "t1": upto}
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
    conn: Connection, windows: Sequence[Window], machines: Sequence[str] | None = None
) -> list[list[Lost]]:
    """Planned work lost in each of the windows, by machine and reason, the most first.

    Windows are half-open, in order; None: of all machines.
    """
    found: list[list[Lost]] = [[] for _ in windows]
    if not windows:
        return found
    values = {
        "a": [t0 for t0, _ in windows],
        "b": [t1 for _, t1 in windows],
        "t0": windows[0][0],
        "t1": windows[-1][1],
        "machines": None if machines is None else list(machines),
    }
    for n, machine, reason, name, *rest in conn.execute(joined(SQL, "halts", "sums"), values):
        found[n].append(Lost(machine, reason, _label(name), *rest))
    return found


def lost(
    conn: Connection, t0: datetime, t1: datetime, machines: Sequence[str] | None = None
) -> list[Lost]:
    """The same of [t0, t1)."""
    return lost_in(conn, [(t0, t1)], machines)[0]


class Unexplained(NamedTuple):
    """A stretch of planned work that a machine lost to a stop which nobody explained."""

    machine: str
    line: str
    area: str
    t0: datetime
    t1: datetime
    share: float
    """So much of it was stopped: less than 1 of merged stops."""
    shift: str
    day: date


def unexplained(
    conn: Connection,
    t0: datetime,
    t1: datetime,
    zone: ZoneInfo,
    machines: Sequence[str] | None = None,
) -> list[Unexplained]:
    """In order of time; the line and the area are those of that time."""
    values: dict[str, object] = {"t0": t0, "t1": t1, "zone": zone.key}
    values["machines"] = None if machines is None else list(machines)
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


def unexplained_s(
    conn: Connection, t0: datetime, t1: datetime, machines: Sequence[str] | None = None
) -> Mapping[str, float]:
    """Unexplained seconds of planned work by machine code; machines without any are missing."""
    found: dict[str, float] = {}
    for one in lost(conn, t0, t1, machines):
        if one.is_unexplained:
            found[one.machine] = found.get(one.machine, 0.0) + one.seconds
    return found


def _stop(row: tuple[Any, ...]) -> Stop:
    machine, machine_id, t0, t1, element, reason, name, *rest = row
    return Stop(machine, machine_id, t0, t1, element, reason, _label(name), *rest)


def _label(value: Any) -> Label | None:
    return None if value is None else Label.model_validate(value)
