"""Versions of an operation: the newest is projected and that it was done is kept, in any order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from db.connect import Database
from db.order_events import append
from plant.orders import Operation, Status

T = datetime(2026, 3, 4, 6, tzinfo=UTC)
LIFE: tuple[tuple[int, Status], ...] = ((0, "released"), (1, "done"), (2, "running"))


@pytest.mark.parametrize("arrivals", list(permutations(LIFE)))
def test_a_re_opened_operation_is_known_whatever_comes_first(
    database: Database, arrivals: tuple[tuple[int, Status], ...]
) -> None:
    with database.connection() as conn:
        row = conn.execute(
            "insert into source (name, kind, stale_after_s) values ('mes', 'rest', 60) returning id"
        ).fetchone()
        assert row
        for hour, status in arrivals:
            operation = Operation(
                order="WO-1",
                operation="10",
                revision=str(hour),
                at=T + timedelta(hours=hour),
                status=status,
                planned=100,
                priority=hour,
                parent="WO-0",
            )
            append(conn, row[0], [operation], machines={}, products={}, now=T)
        found = conn.execute("select status, priority, parent, first_done_at from operation")
        assert found.fetchall() == [("running", 2, "WO-0", T + timedelta(hours=1))]
