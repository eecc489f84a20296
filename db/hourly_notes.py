"""What people write on the hour-by-hour board: versions that are appended, never changed.

A signature is a version as well: it repeats the words that it signs, so later words are unsigned.
Two versions never follow the same one: whoever comes second is told, and has lost nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from db.connect import Connection
from db.statements import statements
from plant.calendar import Window

SQL = statements("hourly.sql")


@dataclass(frozen=True, slots=True)
class Place:
    """Whose board: a line's or a machine's, by code; one of both is empty."""

    line: str = ""
    machine: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """One version of what stands beside an hour; `at` is plant time."""

    id: int
    t0: datetime
    remark: str
    countermeasure: str
    is_signed: bool
    actor: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Entry:
    """What someone wants to write. `based_on`: the newest version they have seen; none: nothing."""

    hour: Window
    remark: str
    countermeasure: str
    actor: str
    at: datetime
    based_on: int | None
    key: UUID


class Overtaken(Exception):
    """Someone else has written about this hour since; `newest` is what stands there now."""

    def __init__(self, newest: Note | None) -> None:
        super().__init__(Overtaken.__doc__)
        self.newest = newest


def versions(conn: Connection, place: Place, t0: datetime, t1: datetime) -> list[Note]:
    """Everything written about [t0, t1), oldest first."""
    values = {"line": place.line, "machine": place.machine, "t0": t0, "t1": t1}
    return [Note(*row) for row in conn.execute(SQL["notes"], values)]


def write(conn: Connection, place: Place, entry: Entry) -> int:
    """Append a version; the same key again changes nothing. Returns its id. Raises Overtaken."""
    return _append(conn, place, entry, is_signed=False)


def sign(conn: Connection, place: Place, entry: Entry) -> int:
    """Sign the words of the version it is based on; those in `entry` don't count. Raises Overtaken.

    An hour without any words may be signed, too.
    """
    return _append(conn, place, entry, is_signed=True)


def _append(conn: Connection, place: Place, entry: Entry, *, is_signed: bool) -> int:
    conn.execute(SQL["lock"], {"scope": f"{place.line}/{place.machine}"})
    known = conn.execute(SQL["by_key"], {"key": entry.key}).fetchone()
    if known is not None:
        return int(known[0])
    newest = _newest(versions(conn, place, *entry.hour))
    if (newest.id if newest else None) != entry.based_on:
        raise Overtaken(newest)
    words = (entry.remark, entry.countermeasure)
    if is_signed:
        words = (newest.remark, newest.countermeasure) if newest else ("", "")
    row = conn.execute(SQL["add"], _values(place, entry, words, is_signed)).fetchone()
    assert row is not None
    conn.execute(SQL["notify"])
    return int(row[0])


def _newest(found: Sequence[Note]) -> Note | None:
    return found[-1] if found else None


def _values(
    place: Place, entry: Entry, words: tuple[str, str], is_signed: bool
) -> dict[str, object]:
    return {
        "line": place.line,
        "machine": place.machine,
        "t0": entry.hour[0],
        "t1": entry.hour[1],
        "remark": words[0],
        "countermeasure": words[1],
        "is_signed": is_signed,
        "actor": entry.actor,
        "at": entry.at,
        "based_on": entry.based_on,
        "key": entry.key,
    }
