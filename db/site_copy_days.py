"""Moves rows from one database to another: a table as a whole, or the days of it that differ.

A day, or a whole table, is taken over in one transaction of the target.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg import sql

from db.connect import Connection
from db.statements import statements

SQL = statements("site_copy.sql")
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Store:
    """Where the rows of a relation lie: names as SQL writes them, columns with commas between."""

    source: str
    target: str
    columns: str


def copy_days(
    source: Connection, target: Connection, store: Store, before: datetime | None = None
) -> int:
    """Take over the days (UTC) that differ, of the rows older than `before`; how many did."""
    theirs = _days(target, store.target, store.columns, None)
    ours = _days(source, store.source, store.columns, before)
    stale = [day for day in sorted(theirs.keys() | ours.keys()) if ours.get(day) != theirs.get(day)]
    for day in stale:
        _copy_day(source, target, store, day, before)
    return len(stale)


def copy_whole(source: Connection, target: Connection, store: Store) -> None:
    """Take over every row into a table that is empty."""
    with target.transaction():
        _pipe(source, target, store, _query("read", store.source, columns=sql.SQL(store.columns)))


def _days(
    conn: Connection, store: str, columns: str, before: datetime | None
) -> dict[datetime, tuple[int, int]]:
    query = _query("days", store, columns=sql.SQL(columns))
    found = conn.execute(query, {"before": before}).fetchall()
    return {day: (int(count), int(digest)) for day, count, digest in found}


def _copy_day(
    source: Connection, target: Connection, store: Store, day: datetime, before: datetime | None
) -> None:
    end = day + DAY if before is None else min(day + DAY, max(before, day))
    bounds = {"t0": sql.Literal(day), "t1": sql.Literal(end)}
    reading = _query("read_day", store.source, columns=sql.SQL(store.columns), **bounds)
    clearing = {"t0": sql.Literal(day), "t1": sql.Literal(day + DAY)}
    with target.transaction():
        target.execute(_query("clear_day", store.target, **clearing))
        _pipe(source, target, store, reading)


def _pipe(source: Connection, target: Connection, store: Store, reading: sql.Composed) -> None:
    writing = _query("write", store.target, columns=sql.SQL(store.columns))
    with (
        source.cursor() as reader,
        target.cursor() as writer,
        reader.copy(reading) as rows,
        writer.copy(writing) as into,
    ):
        for block in rows:
            into.write(block)


def _query(name: str, store: str, **parts: sql.Composable) -> sql.Composed:
    # The names come from the server's own catalogue, quoted by it.
    return sql.SQL(SQL[name]).format(store=sql.SQL(store), **parts)
