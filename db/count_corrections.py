"""Corrections of counts: a negative or positive number of pieces at a time, with a reason.

A correction is a fact beside the readings, appended and never rewritten; derivation adds it to the
minute it is for. One that is withdrawn is undone by its opposite. A counter that fell is no
correction: that is a restart. What people enter is held against what was counted (`put_right`);
`correct` takes down what is known to be right.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal

from db import horizon
from db.connect import Connection, Database
from db.derive import touch
from db.hour_counts import KINDS, HourCounts, hour_counts
from db.statements import statements
from plant.hourly import Cut

SQL = statements("count_corrections.sql")

Why = Literal["nothing", "no_reason", "future", "too_old", "unheard", "negative", "withdrawn"]
WORDS: Mapping[Why, str] = {
    "nothing": "The correction changes no count. Say how many pieces are added or taken away.",
    "no_reason": "The correction gives no reason. Say why the count was wrong.",
    "future": "The correction is for {at}, which is still to come.",
    "too_old": "The correction is for {at}; counts are kept since {since} only.",
    "unheard": "Nothing is known of the machine at {at}, so there is no count to put right.",
    "negative": "From {t0} to {t1} {have:g} {kind} were counted; {taken:g} can't be taken away.",
    "withdrawn": "That correction was withdrawn already.",
}


@dataclass(frozen=True, slots=True)
class Correction:
    """Pieces to be added (negative: taken away) at a machine's time."""

    machine_id: int
    at: datetime
    reason: str
    actor: str
    good: float = 0.0
    scrap: float = 0.0
    rework: float = 0.0


@dataclass(frozen=True, slots=True)
class Noted:
    """A correction as it is listed; `withdrawn_by`: it no longer counts."""

    id: int
    machine: str
    at: datetime
    good: float
    scrap: float
    rework: float
    reason: str
    actor: str
    recorded_at: datetime
    withdrawn_by: str | None
    withdrawn_at: datetime | None


@dataclass(frozen=True, slots=True)
class PutRight:
    """A correction that was taken down: its id and what its hour held before."""

    id: int
    before: HourCounts | None
    """None: it was known already, and nothing has changed."""


class CorrectionRefused(ValueError):
    """The correction can't be applied.

    `why`: nothing, no_reason, future, too_old (it is to be kept; `since`), unheard (nothing is
    known of the machine then), negative (`kind`, `have`, `taken`, `t0`, `t1`: a count would fall
    below zero), withdrawn (it counts no more).
    """

    def __init__(self, why: Why, **details: object) -> None:
        super().__init__(WORDS[why].format(**details))
        self.why = why
        self.details: Mapping[str, object] = details


def correct(
    conn: Connection,
    correction: Correction,
    now: datetime,
    *,
    key: str | None = None,
    supersedes: int | None = None,
) -> int:
    """Record a correction within the caller's transaction; its id.

    Raises CorrectionRefused when it says nothing, gives no reason, lies in the future, or before
    the horizon of counts; the caller keeps the last kind, see `put_aside`.
    """
    _check(conn, correction, now)
    values = {**asdict(correction), "reason": correction.reason.strip(), "now": now}
    row = conn.execute(SQL["add"], {**values, "key": key, "supersedes": supersedes}).fetchone()
    assert row is not None
    touch(conn, correction.machine_id, correction.at, correction.at)
    conn.execute(SQL["notify"])
    return int(row[0])


def put_right(
    conn: Connection,
    correction: Correction,
    now: datetime,
    cut: Cut,
    *,
    key: str | None = None,
    supersedes: int | None = None,
) -> PutRight:
    """The same, held against what the machine made in that hour of its board.

    The same `key` again changes nothing. Raises CorrectionRefused also where nothing is known of
    the machine then, and where a count of that hour would fall below zero.
    """
    conn.execute(SQL["alone"], {"machine_id": correction.machine_id})
    row = conn.execute(SQL["known"], {"key": key}).fetchone()
    if row is not None:
        return PutRight(int(row[0]), None)
    found = hour_counts(conn, correction.machine_id, correction.at, cut)
    before = hold(conn, correction, found, now)
    return PutRight(correct(conn, correction, now, key=key, supersedes=supersedes), before)


def hold(
    conn: Connection, correction: Correction, found: HourCounts | None, now: datetime
) -> HourCounts:
    """The counts of its hour, `found`, where they allow it; None: nothing is known of the hour.

    Raises CorrectionRefused.
    """
    _check(conn, correction, now)
    if found is None:
        raise CorrectionRefused("unheard", at=correction.at)
    _hold_against(correction, found)
    return found


def withdraw(conn: Connection, noted_id: int, actor: str, now: datetime, cut: Cut) -> int:
    """Undo a correction by its opposite; the id of that. Raises CorrectionRefused."""
    row = conn.execute(SQL["standing"], {"id": noted_id}).fetchone()
    if row is None:
        raise CorrectionRefused("withdrawn")
    machine_id, at, good, scrap, rework, reason = row
    conn.execute(SQL["alone"], {"machine_id": machine_id})
    if conn.execute(SQL["standing"], {"id": noted_id}).fetchone() is None:
        raise CorrectionRefused("withdrawn")
    opposite = Correction(machine_id, at, reason, actor, -good, -scrap, -rework)
    return put_right(conn, opposite, now, cut, supersedes=noted_id).id


def correct_or_keep(database: Database, correction: Correction, now: datetime, cut: Cut) -> int:
    """`put_right` in a transaction of its own; what is too old is put aside before it raises."""
    try:
        with database.connection() as conn:
            return put_right(conn, correction, now, cut).id
    except CorrectionRefused as refused:
        if refused.why == "too_old":
            with database.connection() as conn:
                put_aside(conn, correction, str(refused), now)
        raise


def put_aside(conn: Connection, correction: Correction, why: str, now: datetime) -> None:
    """Keep a refused correction where refused messages are kept; commit it."""
    values = {name: str(value) for name, value in asdict(correction).items()}
    horizon.put_aside(conn, why, json.dumps(values), now)


def corrections(
    conn: Connection, machine_id: int, t0: datetime, t1: datetime
) -> list[tuple[Correction, datetime]]:
    """The corrections of a machine in [t0, t1) by their time, each with when it was recorded."""
    rows = conn.execute(SQL["newest"], {"machine_id": machine_id, "t0": t0, "t1": t1})
    return [
        (Correction(machine_id, at, reason, actor, good, scrap, rework), recorded_at)
        for at, good, scrap, rework, reason, actor, recorded_at in rows
    ]


def listed(conn: Connection, *, before: int | None, count: int) -> list[Noted]:
    """The newest corrections, newest first; `before`: an id, to page on."""
    values = {"before": before, "count": count}
    return [Noted(*row) for row in conn.execute(SQL["listed"], values)]


def _check(conn: Connection, correction: Correction, now: datetime) -> None:
    if not (correction.good or correction.scrap or correction.rework):
        raise CorrectionRefused("nothing")
    if not correction.reason.strip():
        raise CorrectionRefused("no_reason")
    if correction.at > now:
        raise CorrectionRefused("future", at=correction.at)
    since = horizon.counts_since(conn, now)
    if correction.at < since:
        raise CorrectionRefused("too_old", at=correction.at, since=since)


def _hold_against(correction: Correction, found: HourCounts) -> None:
    for kind in KINDS:
        delta, have = getattr(correction, kind), getattr(found, kind)
        if delta < 0 and have + delta < 0:
            raise CorrectionRefused(
                "negative", kind=kind, have=have, taken=-delta, t0=found.t0, t1=found.t1
            )
