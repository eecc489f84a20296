"""Attempts to log in, shared by every web process, so that guessing stays slow.

An attempt is noted before it is judged: many at once can't slip past the count.
Times are the wall clock's, not the plant's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from db.connect import Connection
from db.statements import statements

SQL = statements("logins.sql")
KEPT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Failures:
    """Failed attempts within the window, this one included."""

    by_address: int
    by_name: int


def note(conn: Connection, *, at: datetime, address: str, name: str, window: timedelta) -> Failures:
    """Note an attempt as failed until proven otherwise. Commit before judging it."""
    key = {"at": at, "address": address, "name": name}
    conn.execute(SQL["note"], key)
    row = conn.execute(SQL["failures"], {**key, "since": at - window}).fetchone()
    assert row is not None
    return Failures(*row)


def succeeded(conn: Connection, *, at: datetime, address: str, name: str) -> None:
    """The attempt noted at `at` was a good one; forgets attempts older than a day."""
    conn.execute(SQL["succeeded"], {"at": at, "address": address, "name": name})
    conn.execute(SQL["forget"], {"before": at - KEPT})
