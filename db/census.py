"""What a database holds, in figures that two databases can be compared by. Never changes a row.

A table is counted, and the hashes of its rows are summed: equal figures mean equal rows, in
whatever order they lie. Rollups are counted and their columns summed: servers add fractions in
different order, so their sums agree to the ninth digit and not to the last.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final

from psycopg import sql

from db.connect import Connection
from db.statements import statements

SQL = statements("census.sql")
ROLLUPS: Final = ("tag_1m", "tag_1h", "machine_15m", "machine_1h")
TOLERANCE = 1e-9
"""Relative; between sums of the same fractions added in another order."""

Figures = tuple[int | float, ...]
"""The number of rows first; then the sum of their hashes, or the sum of each column."""


def tables(conn: Connection) -> list[str]:
    """The tables of the site, by name; partitions and what extensions bring are part of others."""
    return [name for (name,) in conn.execute(SQL["tables"]).fetchall()]


def census(conn: Connection) -> dict[str, Figures]:
    """The figures of every table and rollup."""
    found = {name: rows(conn, name) for name in tables(conn)}
    return found | {name: sums(conn, name) for name in ROLLUPS}


def rows(
    conn: Connection, table: str, span: tuple[datetime, datetime] | None = None
) -> tuple[int, int]:
    """(number of rows, sum of their hashes); of those with `ts` in a half-open span, if given."""
    name = "rows" if span is None else "rows_of_span"
    bounds = {} if span is None else {"t0": span[0], "t1": span[1]}
    query = sql.SQL(SQL[name]).format(table=sql.Identifier(table))
    row = conn.execute(query, bounds).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])


def sums(conn: Connection, rollup: str, before: datetime | None = None) -> Figures:
    """(number of rows, sum of each numeric column) of a rollup, of those older than `before`."""
    columns = [name for (name,) in conn.execute(SQL["numeric_columns"], {"relation": rollup})]
    query = sql.SQL(SQL["sums"]).format(
        rollup=sql.Identifier(rollup),
        sums=sql.SQL(", ").join(
            sql.SQL("coalesce(sum({}), 0)").format(sql.Identifier(name)) for name in columns
        ),
    )
    row = conn.execute(query, {"before": before}).fetchone()
    assert row is not None
    return tuple(int(value) if isinstance(value, Decimal | int) else value for value in row)


def differences(expected: Mapping[str, Figures], found: Mapping[str, Figures]) -> list[str]:
    """A sentence a relation that differs; empty where nothing does."""
    return [
        f"{name}: {_difference(expected.get(name), found.get(name))}"
        for name in sorted(expected.keys() | found.keys())
        if not alike(expected.get(name), found.get(name))
    ]


def alike(one: Figures | None, other: Figures | None) -> bool:
    """Whether two relations' figures agree."""
    if one is None or other is None:
        return one is other
    pairs = list(zip(one, other, strict=True))
    return all(
        a == b if isinstance(a, int) and isinstance(b, int) else _near(a, b) for a, b in pairs
    )


def _near(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=TOLERANCE)


def _difference(expected: Figures | None, found: Figures | None) -> str:
    if expected is None or found is None:
        return "it is missing" if found is None else "it should not be there"
    if expected[0] != found[0]:
        return f"{expected[0]} rows expected, {found[0]} found"
    return f"{found[0]} rows as expected, but of other values"
