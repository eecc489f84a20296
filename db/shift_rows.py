"""Shifts of a calendar as rows, with their slices: added, or put in place of others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from psycopg.types.json import Jsonb

from db.connect import Connection
from db.statements import statements
from plant.instance import ShiftInstance
from plant.wall import Window

SQL = statements("shift_rows.sql")


def add(conn: Connection, calendar_id: int, instances: Sequence[ShiftInstance]) -> None:
    """Insert shifts with their slices."""
    if not instances:
        return
    at = {"calendar_id": calendar_id, "rows": Jsonb([_row(i) for i in instances])}
    ids = {t0: shift_id for shift_id, t0 in conn.execute(SQL["add_shifts"], at)}
    _add_slices(conn, calendar_id, [(ids[i.t0], i) for i in instances])


def replace_within(
    conn: Connection, calendar_id: int, wanted: Sequence[ShiftInstance], windows: Sequence[Window]
) -> None:
    """Have these shifts, and no other, meet the stretches; one of the same code and day is kept."""
    at = {
        "calendar_id": calendar_id,
        "t0": [t0 for t0, _ in windows],
        "t1": [t1 for _, t1 in windows],
    }
    stored: dict[tuple[str, date], list[int]] = {}
    for shift_id, code, day in conn.execute(SQL["around"], at):
        stored.setdefault((code, day), []).append(shift_id)
    known = [(ids.pop(0), i) for i in wanted if (ids := stored.get((i.code, i.day)))]
    kept = {i for _, i in known}
    gone = [shift_id for ids in stored.values() for shift_id in ids]
    conn.execute(SQL["forget"], {"ids": gone})
    conn.execute(SQL["forget_slices"], {"ids": [shift_id for shift_id, _ in known]})
    rows = [{"id": shift_id, **_row(i)} for shift_id, i in known]
    conn.execute(SQL["change"], {"rows": Jsonb(rows)})
    _add_slices(conn, calendar_id, known)
    add(conn, calendar_id, [i for i in wanted if i not in kept])


def _row(instance: ShiftInstance) -> dict[str, object]:
    return {
        "code": instance.code,
        "name": instance.name.model_dump(),
        "day": instance.day.isoformat(),
        "t0": instance.t0.isoformat(),
        "t1": instance.t1.isoformat(),
        "teams": list(instance.teams),
    }


def _add_slices(
    conn: Connection, calendar_id: int, shifts: Iterable[tuple[int, ShiftInstance]]
) -> None:
    rows = [
        {"t0": s.t0.isoformat(), "t1": s.t1.isoformat(), "kind": s.kind, "shift_id": shift_id}
        for shift_id, instance in shifts
        for s in instance.slices()
    ]
    conn.execute(SQL["add_slices"], {"calendar_id": calendar_id, "rows": Jsonb(rows)})
