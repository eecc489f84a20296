"""Operations that may become late: as the business system reports them, with what was counted.

Never judges: that is `plant.orders`.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from db.connect import Connection
from db.statements import statements
from plant.calendar import Window
from plant.kpi import Facts
from plant.orders import Observed, Operation

_SQL = statements("alarm_orders.sql")
AHEAD = timedelta(days=21)
"""How far planned work is looked ahead."""


@dataclass(frozen=True, slots=True)
class OpenOperation:
    """One operation that is due, with all that its risk is computed from."""

    operation: Operation
    observed: Observed
    work: tuple[Window, ...]
    """Planned work of its machine from now on."""


def open_operations(conn: Connection, now: datetime) -> list[OpenOperation]:
    """Every operation with a due date that is neither done nor cancelled."""
    rows = conn.execute(_SQL["open"], {"now": now}).fetchall()
    work = _work(conn, now) if rows else {}
    return [_opened(row, work) for row in rows]


def _work(conn: Connection, now: datetime) -> dict[int, tuple[Window, ...]]:
    windows: dict[int, list[Window]] = defaultdict(list)
    for calendar_id, t0, t1 in conn.execute(_SQL["work"], {"now": now, "until": now + AHEAD}):
        windows[calendar_id].append((t0, t1))
    return {calendar_id: tuple(found) for calendar_id, found in windows.items()}


def _opened(row: tuple[Any, ...], work: dict[int, tuple[Window, ...]]) -> OpenOperation:
    _, order, operation, revision, at, status, planned, good, scrap, machine, product = row[:11]
    planned_start, due, started_at, ended_at, calendar_id, counted, rates, expected = row[11:]
    return OpenOperation(
        operation=Operation(
            order=order,
            operation=operation,
            revision=revision,
            at=at,
            status=status,
            planned=planned,
            good=good,
            scrap=scrap,
            machine=machine,
            product=product,
            planned_start=planned_start,
            due=due,
            started_at=started_at,
            ended_at=ended_at,
        ),
        observed=Observed(
            facts=Facts(good=counted or 0.0), rates=tuple(rates or ()), expected_rate=expected
        ),
        work=work.get(calendar_id, ()),
    )
