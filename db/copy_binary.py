"""Rows as the body of `copy … from stdin (format binary)`, packed with numpy. No database.

https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from psycopg.abc import Buffer

Column = npt.NDArray[np.generic]
Int64s = npt.NDArray[np.int64]

HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TAIL = b"\xff\xff"
_EPOCH_US = 946_684_800_000_000
"""PostgreSQL counts microseconds from 2000-01-01."""


def timestamps(us: Int64s) -> Int64s:
    """A column of timestamptz, of microseconds since 1970."""
    return us - _EPOCH_US


def packed(*columns: Column) -> Iterator[Buffer]:
    """Columns of one length and of the types of the table's, in parts; a NaN is null.

    At most one column has NaNs: rows with one are shorter, and come after the others.
    """
    null = np.zeros(len(columns[0]), dtype=bool)
    for column in columns:
        if column.dtype.kind == "f":
            null |= np.isnan(column)
    yield HEAD
    if null.any():
        yield _rows([column[~null] for column in columns])
        yield _rows([column[null] for column in columns])
    else:
        yield _rows(columns)
    yield TAIL


def _rows(columns: Sequence[Column]) -> Buffer:
    """As they lie in memory: a batch is large, and a copy of it takes its time."""
    fields: list[tuple[str, Any]] = [("n", ">i2")]
    values = [None if _is_null(column) else column for column in columns]
    for n, column in enumerate(values):
        fields.append((f"length{n}", ">i4"))
        if column is not None:
            fields.append((f"value{n}", column.dtype.newbyteorder(">")))
    rows = np.empty(len(columns[0]), dtype=fields)
    rows["n"] = len(columns)
    for n, column in enumerate(values):
        rows[f"length{n}"] = -1 if column is None else column.dtype.itemsize
        if column is not None:
            rows[f"value{n}"] = column
    return rows.view(np.uint8).data


def _is_null(column: Column) -> bool:
    return column.dtype.kind == "f" and bool(np.isnan(column).all())
