"""On which line a machine stood and by which calendar it worked, since when.

Touches what is derived where that changed. Never computes it: plant/book.py knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby

from psycopg.types.json import Jsonb

from db.connect import Connection
from db.derive import touch
from db.statements import statements
from plant.book import Book

SQL = statements("workplaces.sql")
EVER = datetime(1, 1, 1, tzinfo=UTC)
"""Stands for '-infinity'."""
Since = tuple[datetime, str]
"""(valid from, code of a line or calendar)"""


def assign(conn: Connection, book: Book, now: datetime) -> None:
    """Keep the book's assignments as rows, and touch what was derived by another calendar."""
    stored = _stored(conn)
    ids = {str(code): int(i) for code, i in conn.execute(SQL["machines"])}
    for machine, assignments in book.machines.items():
        wanted = _collapsed([(a.since or EVER, a.code) for a in assignments])
        if machine in ids and wanted != stored.get(machine, []):
            _write(conn, "calendars", ids[machine], wanted)
            _touch(conn, ids[machine], stored.get(machine, []), wanted, now)
        if machine in ids:
            lines = _collapsed([(a.since or EVER, a.line) for a in assignments])
            _write(conn, "lines", ids[machine], lines)
    keep_present(conn, now)


def keep_present(conn: Connection, now: datetime) -> None:
    """Let every machine point at the line and the calendar that hold at `now`."""
    conn.execute(SQL["present"], {"now": now})


def _stored(conn: Connection) -> dict[str, list[Since]]:
    found: dict[str, list[Since]] = {}
    for machine, valid_from, code in conn.execute(SQL["stored"], {"ever": EVER}):
        found.setdefault(machine, []).append((valid_from, code))
    return found


def _collapsed(versions: Sequence[Since]) -> list[Since]:
    return [next(same) for _, same in groupby(versions, key=lambda v: v[1])]


def _write(conn: Connection, kind: str, machine_id: int, versions: Sequence[Since]) -> None:
    rows = [
        {"since": "-infinity" if since == EVER else since.isoformat(), "code": code}
        for since, code in versions
    ]
    conn.execute(SQL[f"forget_{kind}"], {"machine_id": machine_id})
    conn.execute(SQL[f"add_{kind}"], {"machine_id": machine_id, "rows": Jsonb(rows)})


def _touch(
    conn: Connection,
    machine_id: int,
    before: Sequence[Since],
    after: Sequence[Since],
    now: datetime,
) -> None:
    """From where the versions part on; nothing for a machine that is new, or before its time."""
    parted = min((since for since, _ in {*before} ^ {*after}), default=now)
    if before and parted < now:
        touch(conn, machine_id, parted)
