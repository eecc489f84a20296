"""What operators say of stops: a reason, a cut, that two are one, a comment; that it was wrong.

Each word is a fact, appended and never rewritten; of words that overlap the last one counts, and
one that was withdrawn no longer does. Derivation applies them. Never changes what a machine said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from db import horizon
from db.connect import Connection
from db.derive import touch
from db.statements import statements
from plant.model import Label

SQL = statements("stop_edits.sql")
LONGEST_MERGED = timedelta(hours=24)
MOST_HISTORY = 100

Neighbour = Literal["before", "after"]
Kind = Literal["assign", "split", "merge", "comment"]
Why = Literal["conflict", "gone", "too_old", "outside", "alone", "too_long", "reason", "withdrawn"]


@dataclass(frozen=True, slots=True)
class Author:
    """Who says it, and when in plant time."""

    actor: str
    now: datetime
    key: str
    """The sender's own mark of this word: sent twice, it counts once."""
    seen: int | None = None
    """The newest word on the stop that the sender has seen (0: none); None: overrule others."""


@dataclass(frozen=True, slots=True)
class Said:
    """One word of the history of a stop; `withdrawn_by`: it no longer counts."""

    id: int
    kind: Kind
    t0: datetime
    t1: datetime
    is_open: bool
    reason: str | None
    reason_name: Label | None
    comment: str | None
    actor: str
    at: datetime
    withdrawn_by: str | None
    withdrawn_at: datetime | None


class EditRefused(ValueError):
    """The word can't count; `why`:

    conflict (somebody else spoke since; `details`: actor, kind), gone (there is no such stop any
    more), too_old (minutes are kept since `since` only), outside (a cut not within the stop), alone
    (no neighbour), too_long (merged, it would be longer than a day), reason (no such reason any
    more), withdrawn (it counts no more).
    """

    def __init__(self, why: Why, **details: object) -> None:
        super().__init__(why)
        self.why = why
        self.details: Mapping[str, object] = details


@dataclass(frozen=True, slots=True)
class _Stop:
    machine_id: int
    t0: datetime
    t1: datetime | None
    upto: datetime


def assign(
    conn: Connection,
    author: Author,
    machine_id: int,
    t0: datetime,
    reason_id: int,
    comment: str = "",
) -> int:
    """Give the stop that began at `t0` a reason; one that goes on has it to its end. The word's id.

    Like its siblings: within the caller's transaction, the same `key` again changes nothing; raises
    EditRefused.
    """
    if known := _begun(conn, author, machine_id):
        return known
    stop = _stop(conn, author, machine_id, t0)
    if conn.execute(SQL["reason"], {"reason_id": reason_id}).fetchone() is None:
        raise EditRefused("reason")
    word = {"reason_id": reason_id, "comment": comment or None, "is_open": stop.t1 is None}
    return _add(conn, author, "assign", machine_id, stop.t0, stop.upto, **word)


def split(conn: Connection, author: Author, machine_id: int, t0: datetime, at: datetime) -> int:
    """Cut the stop in two at `at`; each part can have a reason of its own."""
    if known := _begun(conn, author, machine_id):
        return known
    stop = _stop(conn, author, machine_id, t0)
    if not stop.t0 < at < stop.upto:
        raise EditRefused("outside", t0=stop.t0, t1=stop.upto)
    return _add(conn, author, "split", machine_id, at, at)


def merge(
    conn: Connection,
    author: Author,
    machine_id: int,
    t0: datetime,
    neighbour: Neighbour,
) -> int:
    """Have the stop and its neighbour count as one; what ran between them stays running."""
    if known := _begun(conn, author, machine_id):
        return known
    stop = _stop(conn, author, machine_id, t0)
    other = _neighbour(conn, stop, neighbour)
    first, last = sorted((stop, other), key=lambda one: one.t0)
    if last.upto - first.t0 > LONGEST_MERGED:
        raise EditRefused("too_long")
    return _add(conn, author, "merge", machine_id, first.t0, last.upto)


def comment(conn: Connection, author: Author, machine_id: int, t0: datetime, text: str) -> int:
    """Say something about the stop."""
    if known := _begun(conn, author, machine_id):
        return known
    stop = _stop(conn, author, machine_id, t0)
    return _add(conn, author, "comment", machine_id, stop.t0, stop.upto, comment=text)


def withdraw(conn: Connection, author: Author, machine_id: int, edit_id: int) -> int:
    """Have a word no longer count."""
    if known := _begun(conn, author, machine_id):
        return known
    row = conn.execute(SQL["edit"], {"id": edit_id}).fetchone()
    if row is None or row[0] != machine_id:
        raise EditRefused("withdrawn")
    _, t0, t1, is_open = row
    # A cut is a moment: it is withdrawn as one, and what it cut is derived again.
    upto = max(t1, t0 + timedelta(microseconds=1))
    return _add(conn, author, "withdraw", machine_id, t0, upto, is_open=is_open, supersedes=edit_id)


def history(conn: Connection, machine_id: int, t0: datetime, t1: datetime) -> list[Said]:
    """What was said of [t0, t1), the newest first; at most `MOST_HISTORY`."""
    values = {"machine_id": machine_id, "t0": t0, "t1": t1, "count": MOST_HISTORY}
    return [_said(row) for row in conn.execute(SQL["history"], values)]


def _said(row: tuple[Any, ...]) -> Said:
    edit_id, kind, t0, t1, is_open, reason, name, comment, *who = row
    label = None if name is None else Label.model_validate(name)
    return Said(edit_id, kind, t0, t1, is_open, reason, label, comment, *who)


def _begun(conn: Connection, author: Author, machine_id: int) -> int | None:
    """The word with this key, if it was taken down already; others wait until we are done."""
    conn.execute(SQL["alone"], {"machine_id": machine_id})
    row = conn.execute(SQL["known"], {"key": author.key}).fetchone()
    return None if row is None else int(row[0])


def _stop(conn: Connection, author: Author, machine_id: int, t0: datetime) -> _Stop:
    seen = 2**62 if author.seen is None else author.seen
    row = conn.execute(SQL["stop"], {"machine_id": machine_id, "t0": t0, "seen": seen}).fetchone()
    if row is None:
        raise EditRefused("gone")
    begin, end, upto, actor, kind = row
    if actor is not None:
        raise EditRefused("conflict", actor=actor, kind=kind)
    return _Stop(machine_id, begin, end, upto)


def _neighbour(conn: Connection, stop: _Stop, neighbour: Neighbour) -> _Stop:
    rows = conn.execute(SQL["beside"], {"machine_id": stop.machine_id, "t0": stop.t0}).fetchall()
    for t0, t1 in rows:
        if (t0 < stop.t0) == (neighbour == "before"):
            upto = t1 or _stop(conn, Author("", stop.upto, ""), stop.machine_id, t0).upto
            return _Stop(stop.machine_id, t0, t1, upto)
    raise EditRefused("alone")


def _add(
    conn: Connection,
    author: Author,
    kind: str,
    machine_id: int,
    t0: datetime,
    t1: datetime,
    **word: object,
) -> int:
    """Take down a word and have what it touches derived again."""
    since = horizon.counts_since(conn, author.now)
    if t0 < since:
        raise EditRefused("too_old", since=since)
    values: dict[str, object] = {
        "machine_id": machine_id,
        "kind": kind,
        "t0": t0,
        "t1": t1,
        "actor": author.actor,
        "at": author.now,
        "key": author.key,
        "is_open": False,
        "reason_id": None,
        "comment": None,
        "supersedes": None,
    }
    row = conn.execute(SQL["add"], values | word).fetchone()
    assert row is not None
    if kind != "comment":
        touch_said(conn, machine_id, t0, t1)
    conn.execute(SQL["notify"])
    return int(row[0])


def touch_said(conn: Connection, machine_id: int, t0: datetime, t1: datetime) -> None:
    """Have all that the machine said in [t0, t1) derived again: what was said of it has changed."""
    reach = conn.execute(SQL["reach"], {"machine_id": machine_id, "t0": t0, "t1": t1}).fetchone()
    begin, end = (t0, t1) if reach is None or reach[0] is None else reach
    touch(conn, machine_id, begin, end)
