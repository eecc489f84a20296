"""Derivation: facts to state intervals and minute facts, for the ranges that new facts touched.

`derive` is called again and again; whoever writes facts records what they touch, `touch` does it
for everything but readings. The result is a pure function of facts, calendar and master data:
`rebuild` of any range gives the same rows. Never writes facts, and never looks at a clock.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import LiteralString

from db import rollups
from db.connect import Connection
from db.derive_forward import Share, forward
from db.derive_statement import FROM_KEPT, FROM_RAW
from db.derive_window import FOREVER, Dirty, Window, portion
from db.statements import statements

log = logging.getLogger(__name__)

DERIVE_KEY = 7_228_020
GROUP_KEY = 7_228_021
GROUPS = 16
"""Machines are derived in groups (by their ids), each by one process at a time: while one is
rebuilt, the live path goes on with the others and comes back to it at the next call."""
BUDGET = timedelta(hours=150)
"""Machine time worked on in one call: about six hours of twenty-four machines."""
TAIL_STEP = timedelta(hours=6)
"""How far every machine's tail moves in one call at most."""
REBUILD_STEP = timedelta(hours=300)
"""Machine time derived anew in one transaction: about half a second."""
MINUTE = timedelta(minutes=1)
LONGEST_STEP = timedelta(hours=24)

SQL = statements("derive.sql")


@dataclass(frozen=True, slots=True)
class Derived:
    """What one call did: windows derived, minute rows changed, whether dirty ranges are left."""

    windows: int
    minutes: int
    more: bool


NOTHING = Derived(0, 0, False)


def touch(conn: Connection, machine_id: int, t0: datetime, t1: datetime | None = None) -> None:
    """Say that what is derived of a machine changes from `t0` to `t1` (None: from then on)."""
    conn.execute(SQL["touch"], {"machine_id": machine_id, "t0": t0, "t1": t1 or FOREVER})


def touch_source(
    conn: Connection, source_id: int, t0: datetime, t1: datetime | None = None
) -> None:
    """The same for every machine whose state the source tells: a gap was found, say."""
    conn.execute(SQL["touch_source"], {"source_id": source_id, "t0": t0, "t1": t1 or FOREVER})


def touch_reported(conn: Connection, event: Mapping[str, object]) -> None:
    """The same for machines whose pieces a business system counts: one version of an operation
    (`source_id`, `order_code`, `operation`, `revision`) came, the difference to the next changed.
    """
    conn.execute(SQL["touch_reported"], event)


def derive(
    conn: Connection,
    now: datetime,
    *,
    budget: timedelta = BUDGET,
    rest: timedelta = timedelta(0),
) -> Derived:
    """Derive what new facts touched, the newest first, and every machine's tail up to `now`.

    `rest`: the tail of a machine of which nothing new was told stays where it is for so long.
    Returns at once where another process does the work.
    """
    with conn.transaction():
        return _derive_due(conn, now, budget, rest)


def rebuild(conn: Connection, t0: datetime, t1: datetime) -> int:
    """Derive [t0, t1) of every machine anew, as far as it is derived; the minute rows that changed.

    None change where derivation and facts agree. Waits for a derivation that runs.
    """
    return sum(rebuild_group(conn, group, t0, t1) for group in range(GROUPS))


def rebuild_group(conn: Connection, group: int, t0: datetime, t1: datetime) -> int:
    """The same for the machines of one group, in short transactions where `conn` is in none."""
    row = conn.execute(SQL["extent"], {"groups": GROUPS, "group": group}).fetchone()
    assert row is not None
    machines, first, last = row
    if not machines:
        return 0
    at, t1 = max(t0, first), min(t1, last)
    step = max(MINUTE, min(REBUILD_STEP / machines, LONGEST_STEP))
    changed = 0
    while at < t1:
        changed += _rebuild_step(conn, group, at, min(at + step, t1))
        at += step
    return changed


def _rebuild_step(conn: Connection, group: int, t0: datetime, t1: datetime) -> int:
    with conn.transaction():
        conn.execute(SQL["hold"], {"key": GROUP_KEY, "group": group})
        conn.execute(SQL["plans"])
        bounds = {"of": GROUPS, "group": group, "t0": t0, "t1": t1}
        rows = conn.execute(SQL["all_windows"], bounds).fetchall()
        return _derive(conn, [Window(*row) for row in rows])


def _derive_due(conn: Connection, now: datetime, budget: timedelta, rest: timedelta) -> Derived:
    row = conn.execute(SQL["try_alone"], {"key": DERIVE_KEY}).fetchone()
    assert row is not None
    alone, oldest = row
    if not alone:
        return NOTHING
    groups = _free_groups(conn)
    # After a long stand-still the tails catch up in steps.
    at = now if oldest is None else min(now, oldest + TAIL_STEP)
    conn.execute(SQL["plans"])
    ahead = forward(conn, Share(GROUPS, tuple(groups)), at, at - rest)
    todo, kept = portion(ahead.dirty, at, budget)
    _settle(conn, todo, kept, at)
    windows = _windows(conn, ahead.left, todo, at) if ahead.left else []
    minutes = _derive(conn, windows)
    if windows or ahead.moved:
        conn.execute(SQL["notify"])
    more = at < now or len(groups) < GROUPS or any(item.t0 < now for item in kept)
    return Derived(len(ahead.moved) + len(windows), len(ahead.moved) + minutes, more)


def _free_groups(conn: Connection) -> list[int]:
    """Those that are not being rebuilt, held until the transaction ends."""
    row = conn.execute(SQL["free_groups"], {"key": GROUP_KEY, "groups": GROUPS}).fetchone()
    assert row is not None
    return list(row[0])


def _settle(conn: Connection, todo: Sequence[Dirty], kept: Sequence[Dirty], now: datetime) -> None:
    """Forget the notes that were not taken but tell of no more than what is derived now, and note
    again what waits. Before facts are read: what comes meanwhile keeps its note."""
    if todo:
        conn.execute(SQL["forget"], {**_columns(todo), "now": now}, prepare=True)
    if kept:
        conn.execute(SQL["put_back"], _columns(kept))


def _windows(
    conn: Connection, machines: Iterable[int], todo: Sequence[Dirty], now: datetime
) -> list[Window]:
    values = {**_columns(todo), "machines": list(machines), "now": now}
    rows = conn.execute(SQL["windows"], values, prepare=True).fetchall()
    return [Window(*row) for row in rows]


def _columns(dirty: Sequence[Dirty]) -> dict[str, list[int] | list[datetime]]:
    return {
        "machine_id": [item.machine_id for item in dirty],
        "t0": [item.t0 for item in dirty],
        "t1": [item.t1 for item in dirty],
    }


def _derive(conn: Connection, windows: Sequence[Window]) -> int:
    """Minute rows that changed. The kept ones first: the others join what they leave."""
    changed = 0
    for statement, kept in ((FROM_KEPT, True), (FROM_RAW, False)):
        chosen = [window for window in windows if window.kept is kept]
        if chosen:
            changed += _written(conn, statement, chosen)
    return changed


def _written(conn: Connection, statement: LiteralString, windows: Sequence[Window]) -> int:
    columns = {
        "machine_id": [window.machine_id for window in windows],
        "w0": [window.t0 for window in windows],
        "w1": [window.t1 for window in windows],
        "upto": [window.upto for window in windows],
        "first": min(window.t0 for window in windows),
        "last": max(window.t1 for window in windows),
    }
    changed = conn.execute(statement, columns, prepare=True).fetchall()
    if changed:
        rollups.note_minutes(conn, *((first, last) for first, last, _ in changed))
    return sum(count for _, _, count in changed)
