"""Columns of numpy as parameters: what the server makes of them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from psycopg import adapters

from db.array_binary import ArrayDumper
from db.connect import Database

adapters.register_dumper(np.ndarray, ArrayDumper)


@pytest.mark.parametrize(
    ("kind", "name", "values"),
    [
        (np.int16, "smallint[]", [-32768, 0, 32767]),
        (np.int32, "integer[]", [-(2**31), 5]),
        (np.int64, "bigint[]", [2**62, -1]),
        (np.float64, "double precision[]", [0.1, -math.inf]),
        (np.int64, "bigint[]", []),
    ],
)
def test_a_column_is_an_array_of_its_type(
    database: Database, kind: type[np.generic], name: str, values: list[float]
) -> None:
    with database.connection() as conn:
        row = conn.execute(
            "select %(a)s, pg_typeof(%(a)s)::text", {"a": np.array(values, dtype=kind)}
        ).fetchone()
    assert row == (values, name)
