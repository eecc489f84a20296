"""The shifts of the plant's calendars as rows, computed ahead of time by plant/calendar.py.

Never touches what lies before the present: a shift that has been worked stays as it was.

A changed calendar holds from now on. If the shift in progress is still in it (same code, same
production day), that shift goes on with its identity, and its end and breaks from now on are the
new ones; otherwise it ends now, and a new shift that covers the present begins now.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from psycopg.types.json import Jsonb

from db.connect import Connection
from db.statements import statements
from plant.calendar import ShiftInstance, shift_instances
from plant.model import Plant

SQL = statements("shifts.sql")
BEHIND = timedelta(days=400)
AHEAD = timedelta(days=60)


def extend(conn: Connection, plant: Plant, now: datetime) -> int:
    """Append shifts up to `now` + 60 days; a calendar without any begins 400 days ago.

    Returns how many were added. Call it once a day or oftener.
    """
    return sum(
        _append(conn, plant, calendar_id, code, end or now - BEHIND, now + AHEAD)
        for calendar_id, code, end in _calendars(conn)
        if code in {calendar.code for calendar in plant.calendars}
    )


def replace_ahead(conn: Connection, plant: Plant, now: datetime) -> None:
    """Make every calendar what the plant says from now on; one that has no shifts yet, whole.

    A calendar that has not changed is left alone.
    """
    known = {calendar.code for calendar in plant.calendars}
    for calendar_id, code, end in _calendars(conn):
        if end is not None:
            ahead = shift_instances(plant, code, now, now + AHEAD) if code in known else ()
            if not _is_same(conn, calendar_id, [i for i in ahead if i.t0 < end], now):
                _replace(conn, calendar_id, ahead, now)
    extend(conn, plant, now)


def _calendars(conn: Connection) -> list[tuple[int, str, datetime | None]]:
    return [(int(i), str(code), end) for i, code, end in conn.execute(SQL["calendars"])]


def _append(
    conn: Connection, plant: Plant, calendar_id: int, code: str, t0: datetime, t1: datetime
) -> int:
    new = [i for i in shift_instances(plant, code, t0, t1) if i.t0 >= t0]
    _add(conn, calendar_id, new)
    return len(new)


def _is_same(
    conn: Connection, calendar_id: int, ahead: Sequence[ShiftInstance], now: datetime
) -> bool:
    """Whether the shifts kept are, from now on, those computed."""
    kept = conn.execute(SQL["ahead"], {"calendar_id": calendar_id, "now": now}).fetchall()
    return kept == [
        (max(s.t0, now), s.t1, s.kind, i.code, i.day, i.name.model_dump())
        for i in ahead
        for s in i.slices()
        if s.t1 > now
    ]


def _replace(
    conn: Connection, calendar_id: int, ahead: Sequence[ShiftInstance], now: datetime
) -> None:
    at = {"calendar_id": calendar_id, "now": now}
    current = next((i for i in ahead if i.t0 < now), None)
    goes_on = _end_current(conn, at, current)
    conn.execute(SQL["forget_ahead"], at)
    rest = [i for i in ahead if i is not current]
    if current is not None and not goes_on:
        rest.insert(0, _from(current, now))
    _add(conn, calendar_id, rest)


def _end_current(conn: Connection, at: dict[str, object], current: ShiftInstance | None) -> bool:
    """Let the shift in progress go on as `current`, or cut it now. Whether it goes on."""
    found = conn.execute(SQL["shift_now"], at).fetchone()
    conn.execute(SQL["forget_slices_ahead"], at)
    conn.execute(SQL["cut_slice"], at)
    if found is None:
        return False
    if current is None or (current.code, current.day) != (found[1], found[2]):
        conn.execute(SQL["cut_shift"], {**at, "id": found[0]})
        return False
    name = Jsonb(current.name.model_dump())
    conn.execute(SQL["end_shift"], {"id": found[0], "t1": current.t1, "name": name})
    now = at["now"]
    assert isinstance(now, datetime)
    _add_slices(conn, at["calendar_id"], [(found[0], _from(current, now))])
    return True


def _from(instance: ShiftInstance, now: datetime) -> ShiftInstance:
    """The part of a shift that begins now."""
    breaks = tuple((max(t0, now), t1) for t0, t1 in instance.breaks if t1 > now)
    return replace(instance, t0=now, breaks=breaks)


def _add(conn: Connection, calendar_id: int, instances: Sequence[ShiftInstance]) -> None:
    rows = [
        {
            "code": i.code,
            "name": i.name.model_dump(),
            "day": i.day.isoformat(),
            "t0": i.t0.isoformat(),
            "t1": i.t1.isoformat(),
        }
        for i in instances
    ]
    at = {"calendar_id": calendar_id, "rows": Jsonb(rows)}
    ids = {t0: shift_id for shift_id, t0 in conn.execute(SQL["add_shifts"], at)}
    _add_slices(conn, calendar_id, [(ids[i.t0], i) for i in instances])


def _add_slices(
    conn: Connection, calendar_id: object, shifts: Iterable[tuple[int, ShiftInstance]]
) -> None:
    rows = [
        {"t0": s.t0.isoformat(), "t1": s.t1.isoformat(), "kind": s.kind, "shift_id": shift_id}
        for shift_id, instance in shifts
        for s in instance.slices()
    ]
    conn.execute(SQL["add_slices"], {"calendar_id": calendar_id, "rows": Jsonb(rows)})
