"""Corrections of counts: a negative or positive number of pieces at a time, with a reason.

A correction is a fact beside the readings, appended and never rewritten; derivation adds it to the
minute it is for. A counter that fell is no correction: that is a restart.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from db import horizon
from db.connect import Connection, Database
from db.derive import touch
from db.statements import statements

SQL = statements("count_corrections.sql")


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


class CorrectionRefused(ValueError):
    """The correction can't be applied; the text says why. `is_too_old`: it is to be kept."""

    def __init__(self, why: str, *, is_too_old: bool = False) -> None:
        super().__init__(why)
        self.is_too_old = is_too_old


def correct(conn: Connection, correction: Correction, now: datetime) -> int:
    """Record a correction within the caller's transaction; its id.

    Raises CorrectionRefused when it says nothing, gives no reason, lies in the future, or before
    the horizon of counts; the caller keeps the last kind, see `put_aside`.
    """
    if fault := _fault(correction, now):
        raise CorrectionRefused(fault)
    since = horizon.counts_since(conn, now)
    if correction.at < since:
        why = f"The correction is for {correction.at}; counts are kept since {since} only."
        raise CorrectionRefused(why, is_too_old=True)
    row = conn.execute(SQL["add"], {**_values(correction), "now": now}).fetchone()
    assert row is not None
    touch(conn, correction.machine_id, correction.at, correction.at)
    conn.execute(SQL["notify"])
    return int(row[0])


def correct_or_keep(database: Database, correction: Correction, now: datetime) -> int:
    """The same in a transaction of its own; one that is too old is put aside before it raises."""
    try:
        with database.connection() as conn:
            return correct(conn, correction, now)
    except CorrectionRefused as refused:
        if refused.is_too_old:
            with database.connection() as conn:
                put_aside(conn, correction, str(refused), now)
        raise


def put_aside(conn: Connection, correction: Correction, why: str, now: datetime) -> None:
    """Keep a refused correction where refused messages are kept; commit it."""
    values = {name: str(value) for name, value in _values(correction).items()}
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


def _fault(correction: Correction, now: datetime) -> str | None:
    if not (correction.good or correction.scrap or correction.rework):
        return "The correction changes no count. Say how many pieces are added or taken away."
    if not correction.reason.strip():
        return "The correction gives no reason. Say why the count was wrong."
    if correction.at > now:
        return f"The correction is for {correction.at}, which is still to come."
    return None


def _values(correction: Correction) -> dict[str, object]:
    return {
        "machine_id": correction.machine_id,
        "at": correction.at,
        "good": correction.good,
        "scrap": correction.scrap,
        "rework": correction.rework,
        "reason": correction.reason.strip(),
        "actor": correction.actor,
    }
