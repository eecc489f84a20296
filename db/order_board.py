"""What the orders board shows: operations as the business system and the machines report them.

Never judges: progress, ETA and risk are `plant.orders`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from db.connect import Connection
from db.statements import statements
from plant.calendar import Window
from plant.kpi import Facts
from plant.model import Label
from plant.orders import Observed, Operation

SQL = statements("order_board.sql")
AHEAD = timedelta(days=21)
"""How far planned work is looked ahead, for the ETA."""
PLANNED_WITHIN = timedelta(hours=24)
DONE_WITHIN = timedelta(hours=8)


@dataclass(frozen=True, slots=True)
class OrderRow:
    """One operation with all that its progress is computed from."""

    operation: Operation
    product: Label | None
    line: str
    observed: Observed
    work: tuple[Window, ...]
    """Planned work of its machine, from its start to some weeks ahead."""


def orders(conn: Connection, now: datetime, *, line: str | None, count: int) -> list[OrderRow]:
    """Running and held operations by due date, then the next planned, then those just done."""
    span = {"until": now + PLANNED_WITHIN, "since": now - DONE_WITHIN}
    rows = conn.execute(
        SQL["operations"], {"now": now, "line": line, "count": count, **span}
    ).fetchall()
    work = _work(conn, rows, now)
    return [_row(row, work) for row in rows]


def _work(
    conn: Connection, rows: Sequence[tuple[Any, ...]], now: datetime
) -> dict[int, tuple[Window, ...]]:
    """Planned work of each calendar since the earliest start of any of the operations."""
    starts = [at for row in rows for at in (row[11], row[13]) if at is not None]
    windows: dict[int, list[Window]] = defaultdict(list)
    span = {"since": min([now, *starts]), "until": now + AHEAD}
    for calendar_id, t0, t1 in conn.execute(SQL["work"], span) if rows else ():
        windows[calendar_id].append((t0, t1))
    return {calendar_id: tuple(found) for calendar_id, found in windows.items()}


def _row(row: tuple[Any, ...], work: dict[int, tuple[Window, ...]]) -> OrderRow:
    line, calendar_id, expected, good, scrap, running_s, busy_s, rates = row[15:]
    other_s = (busy_s or 0.0) - (running_s or 0.0)
    return OrderRow(
        operation=_operation(row),
        product=Label.model_validate(row[10]) if row[10] else None,
        line=line,
        observed=Observed(
            facts=Facts(
                good=good or 0.0, scrap=scrap or 0.0, running_s=running_s or 0.0, idle_s=other_s
            ),
            rates=tuple(rates or ()),
            expected_rate=expected,
        ),
        work=work.get(calendar_id, ()),
    )


def _operation(row: tuple[Any, ...]) -> Operation:
    return Operation(
        order=row[0],
        operation=row[1],
        revision=row[2],
        at=row[3],
        status=row[4],
        planned=row[5],
        good=row[6],
        scrap=row[7],
        machine=row[8],
        product=row[9],
        planned_start=row[11],
        due=row[12],
        started_at=row[13],
        ended_at=row[14],
    )
