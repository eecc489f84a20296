"""Rollups: keeps tag_1m, tag_1h, machine_15m and machine_1h equal to what they are made from.

A writer calls `note_readings` or `note_minutes` in its own transaction; one refresher calls
`advance` again and again. The rule that makes it right: a writer holds a shared lock until it
commits, and reads under it up to where changes are noted; that moves under the exclusive lock,
ahead of the watermark, and only then the rows in between are computed. On TimescaleDB Community
policies do the routine, and `advance` only refreshes what came late: below the watermark, or too
old for the policies' windows, and once more what is about to leave them: policies that were off
leave no hole. Never computes again what lies beyond the raw horizon.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg import errors

from db.connect import Connection, Server, server_of
from db.rollup_level import LEVELS, Level, Name, Range, newest, next_span
from db.statements import statements

log = logging.getLogger(__name__)

WRITERS_KEY = 7_228_010
REFRESHER_KEY = 7_228_011
LOCK_TIMEOUT = "500ms"
"""How long writers may be held up behind the watermark's move."""
BUDGET_S = 0.5
"""Work a call, about; the rest waits for the next one."""
FEW_TAGS = 20
"""Changes of up to so many are mended for them alone."""

SQL = statements("rollups.sql")
USABLE = {psycopg.pq.TransactionStatus.IDLE, psycopg.pq.TransactionStatus.INTRANS}
"""Neither lost in the middle of a command, nor waiting for a roll-back."""


@dataclass(frozen=True, slots=True)
class Advanced:
    """What one call did: steps refreshed, and whether work is left over."""

    steps: int
    more: bool


def note_readings(
    conn: Connection, ts_min: datetime, ts_max: datetime, tag_ids: Collection[int] | None = None
) -> None:
    """Say that this transaction writes readings from `ts_min` to `ts_max`, both inclusive.

    Of these tags alone; None: of many. Holds the rollup engine's shared lock until the transaction
    ends.
    """
    few = None if tag_ids is None or len(tag_ids) > FEW_TAGS else list(tag_ids)
    _note(conn, "tag_1m", [(ts_min, ts_max)], few)


def note_minutes(conn: Connection, *spans: tuple[datetime, datetime]) -> None:
    """Say that this transaction writes rows of machine_1m in these, first to last, inclusive."""
    _note(conn, "machine_15m", spans)


def advance(conn: Connection, now: datetime, *, budget_s: float = BUDGET_S) -> Advanced:
    """Bring the rollups up to `now` (plant time), late ranges included, newest first.

    In transactions of its own: `conn` must not be within one. Returns at once where another
    process does the work.
    """
    deadline = time.monotonic() + budget_s
    with _own_transactions(conn), alone(conn, REFRESHER_KEY) as is_alone:
        if not is_alone:
            return Advanced(0, False)
        if server_of(conn) is Server.COMMUNITY:
            return _refresh_late(conn, deadline)
        return _run_engine(conn, now, deadline)


@contextmanager
def alone(conn: Connection, key: int) -> Iterator[bool]:
    """Whether no other session does the work of this key; as long as this lasts, none will."""
    row = conn.execute(SQL["try_alone"], {"key": key}).fetchone()
    is_alone = row is not None and bool(row[0])
    try:
        yield is_alone
    finally:
        if is_alone and conn.info.transaction_status in USABLE:
            conn.execute(SQL["no_longer_alone"], {"key": key})


def _note(
    conn: Connection, level: Name, spans: Sequence[Range], tag_ids: list[int] | None = None
) -> None:
    conn.execute(SQL["share_lock"], {"key": WRITERS_KEY})
    _dirty(conn, level, spans, tag_ids)


def _dirty(
    conn: Connection, level: Name, spans: Sequence[Range], tag_ids: list[int] | None = None
) -> None:
    bounds = {"t0": [first for first, _ in spans], "t1": [last for _, last in spans]}
    conn.execute(SQL["note"], {"level": level, "tag_ids": tag_ids, **bounds})


@contextmanager
def _own_transactions(conn: Connection) -> Iterator[None]:
    if not _is_idle(conn):
        raise RuntimeError("rollups.advance needs a connection outside a transaction")
    before = conn.autocommit
    conn.autocommit = True
    try:
        yield
    finally:
        if _is_idle(conn):
            conn.autocommit = before


def _is_idle(conn: Connection) -> bool:
    """Neither within a transaction, nor lost in the middle of a command."""
    return conn.info.transaction_status is psycopg.pq.TransactionStatus.IDLE


def _run_engine(conn: Connection, now: datetime, deadline: float) -> Advanced:
    done, more = 0, False
    for level in LEVELS:
        # Each level gets a turn, however much the ones before it took.
        moved, behind = _move_on(conn, level, now, deadline)
        few, waiting = _mend_few(conn, level, deadline)
        mended, left = _mend(conn, level, deadline)
        done, more = done + moved + few + mended, more or behind or waiting or left
    return Advanced(done, more)


def _move_on(conn: Connection, level: Level, now: datetime, deadline: float) -> tuple[int, bool]:
    """(steps the watermark moved, whether it is still behind)."""
    target, count, span = level.target(now), 0, level.step
    try:
        at = _begin(conn, level, target)
        while at is not None and at < target:
            if count and time.monotonic() > deadline:
                return count, True
            upto = min(target, level.down(at + span))
            span = next_span(level, span, _step(conn, level, at, upto))
            at, count = upto, count + 1
    except errors.LockNotAvailable:
        log.info("%s: writers are busy, the watermark moves at the next call", level.name)
        return count, True
    return count, False


def _begin(conn: Connection, level: Level, target: datetime) -> datetime | None:
    """The watermark; at the very first the oldest bucket there is. None: nothing there yet."""
    row = conn.execute(SQL["is_begun"], {"level": level.name}).fetchone()
    if row is not None:
        return _datetime(row[0])
    if conn.execute(SQL[f"begins_{level.name}"]).fetchone() == (None,):
        return None
    with conn.transaction():
        conn.execute(SQL["lock_timeout"], {"timeout": LOCK_TIMEOUT})
        conn.execute(SQL["exclusive_lock"], {"key": WRITERS_KEY})
        # Asked again under the lock: a writer may have brought older rows meanwhile.
        row = conn.execute(SQL[f"begins_{level.name}"]).fetchone()
        assert row is not None
        begin = min(level.down(_datetime(row[0])), target)
        conn.execute(SQL["move"], {"level": level.name, "watermark": begin})
    return begin


def _step(conn: Connection, level: Level, at: datetime, upto: datetime) -> int:
    """Materialize [at, upto) and move the watermark there; how many rows.

    Under the lock nobody writes: who came before is done and seen, who comes after notes it.
    """
    with conn.transaction():
        conn.execute(SQL["lock_timeout"], {"timeout": LOCK_TIMEOUT})
        conn.execute(SQL["exclusive_lock"], {"key": WRITERS_KEY})
        conn.execute(SQL["begin_noting"], {"level": level.name, "upto": upto})
    with conn.transaction():
        rows = _refill(conn, level, at, upto)
        conn.execute(SQL["move"], {"level": level.name, "watermark": upto})
        _dirty_above(conn, level, (at, upto))
    return rows


def _mend(conn: Connection, level: Level, deadline: float) -> tuple[int, bool]:
    """(steps mended, whether dirty ranges are left)."""
    count, span = 0, level.step
    while True:
        with conn.transaction():
            ranges = _within(conn, level, _take_dirty(conn, level.name))
            if not ranges:
                return count, False
            (t0, t1), rest = newest(level, ranges, span)
            span = next_span(level, span, _refill(conn, level, t0, t1))
            _dirty_above(conn, level, (t0, t1))
            _add_dirty(conn, level.name, rest)
        count += 1
        if rest and time.monotonic() > deadline:
            return count, True


def _mend_few(conn: Connection, level: Level, deadline: float) -> tuple[int, bool]:
    """(ranges of few tags that were mended for those alone, whether some may be left)."""
    count = 0
    while True:
        with conn.transaction():
            taken = conn.execute(SQL["take_few"], {"level": level.name}).fetchall()
            for t0, t1, tag_ids in taken:
                for begin, end in _within(conn, level, [(level.down(t0), level.up(t1))]):
                    _refill(conn, level, begin, end, tag_ids)
                    _dirty_above(conn, level, (begin, end), tag_ids)
        count += len(taken)
        if not taken or time.monotonic() > deadline:
            return count, bool(taken)


def _dirty_above(
    conn: Connection, level: Level, span: Range, tag_ids: list[int] | None = None
) -> None:
    if level.above is not None:
        _dirty(conn, level.above, [span], tag_ids)


def _refill(
    conn: Connection,
    level: Level,
    t0: datetime,
    t1: datetime,
    tag_ids: list[int] | None = None,
) -> int:
    """Compute the buckets of [t0, t1) anew, of these tags or of all; how many rows went or came.

    Planned each time: a plan for any tags would do for none.
    """
    bounds = {"t0": t0, "t1": t1, "tag_ids": tag_ids}
    gone = conn.execute(SQL[f"clear_{level.name}"], bounds, prepare=False).rowcount
    return gone + conn.execute(SQL[f"fill_{level.name}"], bounds, prepare=False).rowcount


def _take_dirty(conn: Connection, name: Name) -> list[Range]:
    rows = conn.execute(SQL["take_dirty"], {"level": name}).fetchall()
    return [(_datetime(t0), _datetime(t1)) for t0, t1 in rows]


def _add_dirty(conn: Connection, name: Name, ranges: list[Range]) -> None:
    if ranges:
        bounds = {"t0": [t0 for t0, _ in ranges], "t1": [t1 for _, t1 in ranges]}
        conn.execute(SQL["add_dirty"], {"level": name, **bounds})


def _within(conn: Connection, level: Level, ranges: list[Range]) -> list[Range]:
    """What of the ranges can still be computed: not the buckets whose source was dropped."""
    if not ranges:
        return []
    row = conn.execute(SQL["floor"], {"relation": level.source}).fetchone()
    if row is None:
        return ranges
    floor = level.up(_datetime(row[0]))
    return [(max(t0, floor), t1) for t0, t1 in ranges if t1 > floor]


def _refresh_late(conn: Connection, deadline: float) -> Advanced:
    """Ranges that came late, before the policies' windows too, each up its hierarchy."""
    conn.execute(SQL["note_unsettled"])
    count, more = 0, False
    for level in LEVELS:
        # Taken away after the refresh: a crash in between only costs a second one.
        rows = conn.execute(SQL["see_dirty"], {"level": level.name}).fetchall()
        ranges = [(_datetime(t0), _datetime(t1)) for _, t0, t1 in rows]
        todo = _within(conn, level, ranges)
        while todo and not (count and time.monotonic() > deadline):
            (begin, end), todo = newest(level, todo, level.step)
            _refresh(conn, level, begin, end)
            count += 1
        with conn.transaction():
            conn.execute(SQL["drop_dirty"], {"ids": [row[0] for row in rows]})
            _add_dirty(conn, level.name, todo)
        more = more or bool(todo)
    return Advanced(count, more)


def _refresh(conn: Connection, level: Level, t0: datetime, t1: datetime) -> None:
    conn.execute(SQL[f"refresh_{level.name}"], {"t0": t0, "t1": t1})
    _dirty_above(conn, level, (t0, t1))


def _datetime(value: object) -> datetime:
    assert isinstance(value, datetime)
    return value
