"""What the business systems said of orders: facts appended, the newest version projected.

Both in one transaction, which also marks what must be derived anew: which operation ran on a
machine decides its ideal cycle. Never rewrites a fact.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg.types.json import Jsonb
from pydantic import TypeAdapter

from db.connect import Connection
from db.derive import touch, touch_reported
from db.derive_window import FOREVER
from db.horizon import counts_since, put_aside
from db.statements import statements
from plant.orders import Operation

SQL = statements("order_events.sql")
Mark = str | int | float
"""What a system calls its versions by: a time, or a number that rises."""
_OPERATION: TypeAdapter[Operation] = TypeAdapter(Operation)


@dataclass(frozen=True, slots=True)
class _Run:
    """Where and when an operation ran; an open end reaches to now."""

    machine_id: int | None
    product_id: int | None
    started_at: datetime | None
    ended_at: datetime | None


def append(
    conn: Connection,
    source_id: int,
    operations: Sequence[Operation],
    *,
    machines: Mapping[str, int],
    products: Mapping[str, int],
    now: datetime,
) -> int:
    """Keep new versions within the caller's transaction; how many were new.

    `machines`, `products`: code → id. A code that the plant does not know is kept in the fact and
    stands for none in the projection. `now`: plant time. A version of before the horizon of counts
    is refused: kept where refused messages are, with the reason.
    """
    new = _new_facts(conn, source_id, operations, machines, products, now)
    for row in new:
        touch_reported(conn, row)
        _project(conn, row, now)
    if new:
        conn.execute(SQL["notify"])
    return len(new)


def _new_facts(
    conn: Connection,
    source_id: int,
    operations: Sequence[Operation],
    machines: Mapping[str, int],
    products: Mapping[str, int],
    now: datetime,
) -> list[dict[str, object]]:
    """The rows that nobody had said before.

    Every writer takes its locks in one order, or two of them wait for each other: all facts by
    their key, and only then the operations that they are projected on, by theirs.
    """
    since = counts_since(conn, now)
    ordered = sorted(operations, key=lambda o: (o.order, o.operation, o.at))
    for operation in ordered:
        if operation.at < since:
            _refuse(conn, source_id, operation, since, now)
    ordered = [operation for operation in ordered if operation.at >= since]
    rows = [_row(source_id, operation, machines, products) | {"now": now} for operation in ordered]
    return [row for row in rows if conn.execute(SQL["append"], row).fetchone() is not None]


def mark(conn: Connection, source_id: int, asked: str) -> Mark | None:
    """From where the next poll asks; none where nothing or something else was asked before.

    `asked`: where the mark comes from and what it is, see `save_mark`.
    """
    row = conn.execute(SQL["mark"], {"source_id": source_id, "asked": asked}).fetchone()
    return None if row is None or not isinstance(row[0], (str, int, float)) else row[0]


def save_mark(conn: Connection, source_id: int, asked: str, mark: Mark) -> None:
    """Keep it within the caller's transaction, after what comes before it."""
    row = {"source_id": source_id, "asked": asked, "mark": Jsonb(mark)}
    conn.execute(SQL["save_mark"], row)


def _refuse(
    conn: Connection, source_id: int, operation: Operation, since: datetime, now: datetime
) -> None:
    detail = f"This version is of {operation.at}; what is older than {since} can't be derived again"
    body = _OPERATION.dump_json(operation).decode()
    address = f"{operation.order} {operation.operation}"
    put_aside(conn, detail, body, now, source_id=source_id, address=address)


def _row(
    source_id: int, operation: Operation, machines: Mapping[str, int], products: Mapping[str, int]
) -> dict[str, object]:
    return {
        "source_id": source_id,
        "order_code": operation.order,
        "operation": operation.operation,
        "revision": operation.revision,
        "at": operation.at,
        "machine_id": machines.get(operation.machine or ""),
        "product_id": products.get(operation.product or ""),
        "status": operation.status,
        "planned": operation.planned,
        "good": operation.good,
        "scrap": operation.scrap,
        "planned_start": operation.planned_start,
        "due": operation.due,
        "started_at": operation.started_at,
        "ended_at": operation.ended_at,
        "priority": operation.priority,
        "parent": operation.parent,
        "step": operation.step,
        "body": Jsonb(_OPERATION.dump_python(operation, mode="json")),
    }


def _project(conn: Connection, row: Mapping[str, object], now: datetime) -> None:
    found = conn.execute(SQL["present"], row).fetchone()
    before = None if found is None else _Run(*found[1:])
    projected = conn.execute(SQL["project"], row).rowcount
    if row["status"] == "done":
        conn.execute(SQL["note_done"], row)
    if projected == 0:
        return  # an older version that came late: it changes no more than that
    names = ("machine_id", "product_id", "started_at", "ended_at")
    after = _Run(**{name: row[name] for name in names})  # type: ignore[arg-type]
    for machine_id, t0, t1 in _touched(before, after, now):
        touch(conn, machine_id, t0, t1)


def _touched(
    before: _Run | None, after: _Run, now: datetime
) -> Iterator[tuple[int, datetime, datetime]]:
    """(machine, from, to) whose minutes another operation or product may belong to now."""
    old = None if before is None else _stretch(before, now)
    new = _stretch(after, now)
    if before == after:
        return
    if old and new and before and _same_work(before, after):
        yield from _difference(old, new)
        return
    yield from (stretch for stretch in (old, new) if stretch is not None)


def _same_work(before: _Run, after: _Run) -> bool:
    return (before.machine_id, before.product_id) == (after.machine_id, after.product_id)


def _stretch(run: _Run, now: datetime) -> tuple[int, datetime, datetime] | None:
    if run.machine_id is None or run.started_at is None:
        return None
    # An end that lies ahead needs no note of its own: it is derived when it comes.
    end = run.ended_at or now
    return run.machine_id, run.started_at, max(run.started_at, end if end <= now else FOREVER)


def _difference(
    old: tuple[int, datetime, datetime], new: tuple[int, datetime, datetime]
) -> Iterator[tuple[int, datetime, datetime]]:
    """Where one of them ran and the other did not."""
    machine_id = old[0]
    for a, b in ((old[1], new[1]), (old[2], new[2])):
        if a != b:
            yield machine_id, min(a, b), max(a, b)
