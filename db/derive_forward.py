"""The ordinary second of derivation: machines that did nothing but count are moved on.

The rows are those that the whole derivation would write; whatever is not plain is left to it.
Takes the notes of new facts from `derive_dirty`. Never takes a lock, and never looks at a clock.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from db import rollups
from db.connect import Connection
from db.derive_window import Dirty
from db.statements import statements

MINUTE = timedelta(minutes=1)
TAKE = 5000
"""Notes taken at once."""

SQL = statements("derive_forward.sql")


@dataclass(frozen=True, slots=True)
class Share:
    """Which machines: those whose id, divided by `of`, leaves one of `groups`."""

    of: int
    groups: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Forwarded:
    """Which machines were moved, and which are left to be derived for what is dirty of them."""

    moved: frozenset[int]
    left: frozenset[int]
    dirty: list[Dirty]


def forward(conn: Connection, share: Share, now: datetime, rested: datetime) -> Forwarded:
    """Move on what is plain in the minute of `now`, up to `now`.

    That is tried with machines of which new facts are noted, and with those whose end lies at
    `rested` or before. What is of the minute before goes to its end first.
    """
    minute = now.replace(second=0, microsecond=0)
    before = minute - MINUTE
    if not _is_turn(conn, share, before, minute):
        return _within(conn, share, minute, now, rested)
    first = _within(conn, share, before, minute, minute)
    second = _within(conn, share, minute, now, rested, but=first.left)
    left = first.left | second.left
    moved = (first.moved | second.moved) - left
    return Forwarded(moved, left, [*first.dirty, *second.dirty])


def _is_turn(conn: Connection, share: Share, t0: datetime, t1: datetime) -> bool:
    span = {"of": share.of, "groups": list(share.groups), "t0": t0, "t1": t1}
    return conn.execute(SQL["is_turn"], span, prepare=True).fetchone() == (True,)


def _within(
    conn: Connection,
    share: Share,
    minute: datetime,
    now: datetime,
    rested: datetime,
    but: Iterable[int] = (),
) -> Forwarded:
    """The same where `now` lies in that minute or is its end; `but`: left as they are."""
    values = {
        "of": share.of,
        "groups": list(share.groups),
        "but": list(but),
        "minute": minute,
        "now": now,
        "rested": rested,
        "limit": TAKE,
    }
    rows = conn.execute(SQL["forward"], values, prepare=True).fetchall()
    moved = frozenset(machine_id for machine_id, is_moved, _, _ in rows if is_moved)
    if moved:
        rollups.note_minutes(conn, (minute, minute))
    left = frozenset(machine_id for machine_id, is_moved, _, _ in rows if not is_moved)
    return Forwarded(moved, left, [Dirty(one, t0, t1) for one, _, t0, t1 in rows if t0 is not None])
