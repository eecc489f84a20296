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
from db.kpi_runs import operation_facts
from db.machine_pace import Paces, paces
from db.statements import joined, statements
from plant.calendar import Window
from plant.kpi import Facts
from plant.model import Label
from plant.orders import ENDED, Observed, Operation
from plant.orders_gap import Astray
from plant.orders_pace import no_pace
from plant.orders_plan import Made, Whole, wholes
from plant.orders_queue import Case

SQL = statements("order_board.sql")
AHEAD = timedelta(days=21)
"""How far planned work is looked ahead, for the ETA."""
PLANNED_WITHIN = timedelta(hours=24)
DONE_WITHIN = timedelta(hours=8)
_NOTHING_KNOWN = no_pace()
Work = Mapping[str, tuple[Window, ...]]
"""By machine."""
_Works = tuple[int, datetime | None, datetime | None]
"""A calendar, since when, until when; None: since or for ever."""


@dataclass(frozen=True, slots=True)
class OrderRow:
    """One operation with all that its progress is computed from, and what it is called."""

    row_id: int
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
    # A plan for any moment reads all that ever was: one is made for this one.
    values = {"now": now, "line": line, "count": count, **span}
    found = conn.execute(SQL["shown"], values, prepare=False)
    return _rows(conn, [row[0] for row in found], now)


def open_cases(conn: Connection, now: datetime) -> list[Case]:
    """Every operation that is open and has begun, may begin or is planned to begin within a day."""
    span = {"now": now, "until": now + PLANNED_WITHIN}
    found = conn.execute(joined(SQL, "opened", "open"), span)
    return [row.case for row in _rows(conn, [row[0] for row in found], now)]


def queued(
    conn: Connection, now: datetime, *, line: str | None, count: int
) -> tuple[list[OrderRow], list[Case]]:
    """(the same, what else is open that they may have to wait for): a part of all that is open is
    forecast as all of it would be."""
    rows = orders(conn, now, line=line, count=count)
    is_all = line is None and len(rows) < count
    return rows, [] if is_all else _beside(conn, rows, now)


def _beside(conn: Connection, rows: Sequence[OrderRow], now: datetime) -> list[Case]:
    """What else is open at their machines, and of their orders."""
    span = {"now": now, "until": now + PLANNED_WITHIN, "ids": [row.row_id for row in rows]}
    found = conn.execute(joined(SQL, "opened", "beside"), span)
    return [row.case for row in _rows(conn, [row[0] for row in found], now)]


def made(
    conn: Connection, now: datetime, *, line: str | None, since: datetime, counted_since: datetime
) -> list[Made]:
    """What became of the orders that have an operation, of the line, due since `since`; all their
    operations. Counted, and with the planned work, those due since `counted_since`; of the others
    as the business system reports."""
    rows = conn.execute(SQL["made"], {"now": now, "line": line, "since": since}).fetchall()
    found = [(_operation(row[1:]), row) for row in rows]
    late = [(one, row[0]) for one, row in found if one.due is not None and one.due >= counted_since]
    work = _work(conn, [one for one, _ in late], now)
    counted = operation_facts(conn, [row_id for _, row_id in late], now, now=True)
    return [
        Made(
            one,
            max(one.good, counted.get(row[0], Facts()).good),
            work.get(one.machine or "", ()),
            line=row[18],
        )
        for one, row in found
    ]


def whole_orders(conn: Connection, rows: Sequence[OrderRow], now: datetime) -> dict[str, Whole]:
    """The orders of these rows as one thing each, whatever else of them is shown; by code."""
    codes = sorted({row.operation.order for row in rows})
    ids = [row[0] for row in conn.execute(SQL["of_orders"], {"orders": codes})]
    counted = operation_facts(conn, ids, now, now=True)
    found = conn.execute(SQL["operations"], {"ids": ids, "now": now}).fetchall()
    return wholes(
        Made(one, max(one.good, counted.get(row[0], Facts()).good), (), row[21])
        for row in found
        for one in [_operation(row[1:])]
    )


def astray(conn: Connection, rows: Sequence[OrderRow], now: datetime) -> list[Astray]:
    """Of each row, what may explain that its counts differ."""
    ids = [row.row_id for row in rows]
    goods = [row.case.observed.facts.good for row in rows]
    found = conn.execute(SQL["astray"], {"ids": ids, "counted": goods, "now": now})
    by_id = {row_id: Astray(*pieces) for row_id, *pieces in found}
    return [by_id.get(row_id, Astray()) for row_id in ids]


def _rows(conn: Connection, ids: Sequence[int], now: datetime) -> list[OrderRow]:
    if not ids:
        return []
    rows = conn.execute(SQL["operations"], {"ids": list(ids), "now": now}).fetchall()
    work = _work(conn, [_operation(row[1:]) for row in rows], now)
    known = paces(conn, now)
    counted = operation_facts(conn, ids, now, now=True)
    return [_row(row, counted.get(row[0], Facts()), work, known) for row in rows]


def _work(conn: Connection, operations: Sequence[Operation], now: datetime) -> Work:
    """Planned work of each machine since the earliest start of any of the operations, by whatever
    calendars it works when; machines that work alike share it."""
    starts = [at for o in operations for at in (o.planned_start, o.started_at) if at is not None]
    span = {"since": min([now, *starts]), "until": now + AHEAD}
    works: dict[str, tuple[_Works, ...]] = defaultdict(tuple)
    machines = {"machines": list({o.machine for o in operations})}
    for machine, *by in conn.execute(SQL["calendars"], machines | span):
        works[machine] += (tuple(by),)
    windows: dict[int, list[Window]] = defaultdict(list)
    for calendar_id, t0, t1 in conn.execute(SQL["work"], span):
        windows[calendar_id].append((t0, t1))
    alike = {found: _windows(found, windows) for found in set(works.values())}
    return {machine: alike[found] for machine, found in works.items()}


def _windows(
    works: Sequence[_Works], of_calendars: Mapping[int, Sequence[Window]]
) -> tuple[Window, ...]:
    """Cut where the calendar changes, and nowhere else: the same, as time goes on."""
    return tuple(
        (max(t0, since or t0), min(t1, until or t1))
        for calendar_id, since, until in works
        for t0, t1 in of_calendars.get(calendar_id, ())
        if (since is None or t1 > since) and (until is None or t0 < until)
    )


def _row(row: tuple[Any, ...], facts: Facts, work: Work, known: Paces) -> OrderRow:
    operation = _operation(row[1:])
    product, line, first_done_at, cycle_s, target_oee = row[18:23]
    case = Case(
        operation=operation,
        observed=Observed(facts, cycle_s, target_oee),
        work=work.get(operation.machine or "", ()),
        pace=known.get(operation.machine or "", _NOTHING_KNOWN),
    )
    is_open = operation.status not in ENDED
    return OrderRow(
        row_id=row[0],
        case=case,
        product=Label.model_validate(product) if product else None,
        line=line,
        is_reopened=is_open and first_done_at is not None and first_done_at < operation.at,
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
        planned_start=row[10],
        due=row[11],
        started_at=row[12],
        ended_at=row[13],
        priority=row[14],
        parent=row[15],
        step=row[16],
    )
