"""Operations as the business system and the machines report them: of the boards and of the alarms.

Never judges: progress, forecast and risk are `plant.orders_queue`, explanations `plant.orders_gap`,
what became of a plan `plant.orders_plan`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from db.connect import Connection
from db.machine_pace import Paces, paces
from db.statements import statements
from plant.calendar import Window
from plant.kpi import Facts
from plant.model import Label
from plant.orders import Observed, Operation
from plant.orders_pace import no_pace
from plant.orders_plan import Made
from plant.orders_queue import Case

SQL = statements("order_board.sql")
AHEAD = timedelta(days=21)
"""How far planned work is looked ahead, for the ETA."""
PLANNED_WITHIN = timedelta(hours=24)
DONE_WITHIN = timedelta(hours=8)
_NOTHING_KNOWN = no_pace()
Work = Mapping[int, tuple[Window, ...]]


@dataclass(frozen=True, slots=True)
class OrderRow:
    """One operation with all that its progress is computed from, and what it is called."""

    case: Case
    product: Label | None
    line: str
    is_reopened: bool
    """It was done before, and is not any more."""

    @property
    def operation(self) -> Operation:
        """As the business system reports it."""
        return self.case.operation


def orders(conn: Connection, now: datetime, *, line: str | None, count: int) -> list[OrderRow]:
    """Running and held operations by due date, then those to come, then those just over."""
    span = {"until": now + PLANNED_WITHIN, "since": now - DONE_WITHIN}
    found = conn.execute(SQL["shown"], {"now": now, "line": line, "count": count, **span})
    return _rows(conn, [row[0] for row in found], now)


def open_cases(conn: Connection, now: datetime) -> list[Case]:
    """Every operation that is open and has begun, may begin or is planned to begin within a day."""
    found = conn.execute(SQL["open"], {"now": now, "until": now + PLANNED_WITHIN})
    return [row.case for row in _rows(conn, [row[0] for row in found], now)]


def made(
    conn: Connection, now: datetime, *, line: str | None, since: datetime, counted_since: datetime
) -> list[Made]:
    """What became of the operations that were due since `since`; counted for those due since
    `counted_since`, of the older ones as the business system reports."""
    span = {"since": since, "counted_since": counted_since}
    rows = conn.execute(SQL["made"], {"now": now, "line": line, **span}).fetchall()
    work = _work(conn, [_operation(row) for row in rows], now)
    return [Made(_operation(row), row[18], work.get(row[17], ())) for row in rows]


def _rows(conn: Connection, ids: Sequence[int], now: datetime) -> list[OrderRow]:
    if not ids:
        return []
    rows = conn.execute(SQL["operations"], {"ids": list(ids), "now": now}).fetchall()
    work = _work(conn, [_operation(row) for row in rows], now)
    known = paces(conn, now)
    return [_row(row, work, known) for row in rows]


def _work(conn: Connection, operations: Sequence[Operation], now: datetime) -> Work:
    """Planned work of each calendar since the earliest start of any of the operations."""
    starts = [at for o in operations for at in (o.planned_start, o.started_at) if at is not None]
    windows: dict[int, list[Window]] = defaultdict(list)
    span = {"since": min([now, *starts]), "until": now + AHEAD}
    for calendar_id, t0, t1 in conn.execute(SQL["work"], span):
        windows[calendar_id].append((t0, t1))
    return {calendar_id: tuple(found) for calendar_id, found in windows.items()}


def _row(row: tuple[Any, ...], work: Work, known: Paces) -> OrderRow:
    operation = _operation(row)
    product, line, calendar_id, first_done_at = row[17:21]
    case = Case(
        operation=operation,
        observed=_observed(row[21:]),
        work=work.get(calendar_id, ()),
        pace=known.get(operation.machine or "", _NOTHING_KNOWN),
    )
    is_open = operation.status not in ("done", "cancelled")
    return OrderRow(
        case=case,
        product=Label.model_validate(product) if product else None,
        line=line,
        is_reopened=is_open and first_done_at is not None and first_done_at < operation.at,
    )


def _observed(row: tuple[Any, ...]) -> Observed:
    cycle_s, target_oee, *sums = row
    known = [value or 0.0 for value in sums]
    setup_s, running_s, unknown_s, other_s, good, scrap, ideal_good_s = known[:7]
    elsewhere, after_booking, outside = known[7:]
    facts = Facts(
        setup_s=setup_s,
        running_s=running_s,
        unknown_s=unknown_s,
        idle_s=other_s,
        good=good,
        scrap=scrap,
        ideal_good_s=ideal_good_s,
    )
    return Observed(facts, cycle_s, target_oee, after_booking, outside, elsewhere)


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
        planned_start=row[10],
        due=row[11],
        started_at=row[12],
        ended_at=row[13],
        priority=row[14],
        parent=row[15],
        step=row[16],
    )
