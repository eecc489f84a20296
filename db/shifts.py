"""The shifts of the plant's calendars as rows, for two years back and some weeks ahead.

Computed by plant/roster.py from the book of versions, which is kept beside them. Rows change only
where the book changed; a shift keeps its identity while its code and production day stay. What is
derived of the machines concerned is touched. Never decides which version holds: plant/book_edit.py
does.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from psycopg.types.json import Jsonb

from db.connect import Connection
from db.derive import touch
from db.shift_rows import add, replace_within
from db.statements import statements
from db.workplaces import assign, keep_present
from plant.book import Book
from plant.book_edit import first_book, turned
from plant.instance import ShiftInstance
from plant.model import Plant
from plant.roster import roster
from plant.wall import Window, joined

SQL = statements("shifts.sql")
AHEAD = timedelta(days=60)
GAP = timedelta(days=3)


def load_book(conn: Connection) -> Book | None:
    """The versions of the calendars as far as they are known; none before the first plant."""
    row = conn.execute(SQL["book"]).fetchone()
    return Book.model_validate(row[0]) if row else None


def extend(conn: Connection, plant: Plant, now: datetime) -> int:
    """Append shifts up to `now` + 60 days; a calendar without any begins two years ago.

    Returns how many were added. Call it once a day or oftener: a machine that is to change its
    line or calendar does so then, for whoever asks for the present one.
    """
    book = load_book(conn) or first_book(plant)
    keep_present(conn, now)
    return sum(
        _append(conn, book, *found, plant.horizon.counts, now) for found in _calendars(conn, book)
    )


def turn(conn: Connection, plant: Plant, before: Plant | None, now: datetime) -> None:
    """Make the calendars what the plant file says, from when it says so.

    `before`: the plant that was in force, for a database that has no book yet. Raises PlantFaults
    where something new would hold since longer than the horizon ago.
    """
    old = load_book(conn) or (first_book(before) if before else None)
    book = turned(old, plant, now) if old else first_book(plant)
    conn.execute(SQL["add_book"], {"now": now, "body": Jsonb(book.model_dump(mode="json"))})
    conn.execute(SQL["add_calendars"], {"codes": list(book.effective())})
    if old is not None and old != book:
        begin = now - plant.horizon.counts
        for calendar_id, code, end in _calendars(conn, book):
            if end is not None:
                _change(conn, calendar_id, *_differing(old, book, code, (begin, end), now), now)
    extend(conn, plant, now)
    assign(conn, book, now)


def _calendars(conn: Connection, book: Book) -> list[tuple[int, str, datetime | None]]:
    return [
        (int(i), str(code), end)
        for i, code, end in conn.execute(SQL["calendars"])
        if code in book.effective()
    ]


def _append(
    conn: Connection,
    book: Book,
    calendar_id: int,
    code: str,
    end: datetime | None,
    behind: timedelta,
    now: datetime,
) -> int:
    t0 = end or now - behind
    calendar, scopes = book.effective()[code]
    new = [i for i in roster(book, calendar, scopes, t0, now + AHEAD) if i.t0 >= t0]
    add(conn, calendar_id, new)
    return len(new)


def _differing(
    old: Book, book: Book, code: str, kept: Window, now: datetime
) -> tuple[list[ShiftInstance], list[Window]]:
    """The shifts now wanted where the book changed, and the stretches that are concerned."""
    calendar, scopes = book.effective()[code]
    t0, t1 = kept[0], max(now + AHEAD, kept[1])
    after = roster(book, calendar, scopes, t0, t1)
    if code not in old.effective():  # rows of long ago, which no one has kept since
        return list(after), [(t0, t1)]
    before = roster(old, calendar, scopes, t0, t1)
    changed = joined([(i.t0, i.t1) for i in {*before} ^ {*after}])
    return [i for i in after if _meets(i, changed)], changed


def _meets(instance: ShiftInstance, windows: Sequence[Window]) -> bool:
    at = bisect_right(windows, instance.t0, key=lambda w: w[1])
    return at < len(windows) and windows[at][0] < instance.t1


def _change(
    conn: Connection,
    calendar_id: int,
    wanted: Sequence[ShiftInstance],
    changed: Sequence[Window],
    now: datetime,
) -> None:
    if not changed:
        return
    replace_within(conn, calendar_id, wanted, changed)
    for t0, t1 in _near(changed):
        if t0 < now:
            at = {"calendar_id": calendar_id, "t0": t0, "t1": t1}
            for machine_id, begin, end in conn.execute(SQL["machines_by"], at).fetchall():
                touch(conn, machine_id, begin, end)


def _near(windows: Sequence[Window]) -> Iterable[Window]:
    """Stretches that are less than a few days apart as one: fewer ranges to derive."""
    return ((t0, t1 - GAP) for t0, t1 in joined([(t0, t1 + GAP) for t0, t1 in windows]))
