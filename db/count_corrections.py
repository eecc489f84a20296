"""Corrections of counts: a negative or positive number of pieces at a time, with a reason.

A correction is a fact beside the readings, appended and never rewritten; derivation adds it to the
minute it is for. A counter that fell is no correction: that is a restart.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from db.connect import Connection
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
    """The correction can't be applied; the text says why."""


def correct(conn: Connection, correction: Correction, now: datetime) -> int:
    """Record a correction within the caller's transaction; its id.

    Raises CorrectionRefused when it says nothing, gives no reason or lies in the future. One from
    before the minutes that are kept is put aside (quarantine) with the reason: see `put_aside`.
    """
    if fault := _fault(conn, correction, now):
        raise CorrectionRefused(fault)
    row = conn.execute(SQL["add"], {**_values(correction), "now": now}).fetchone()
    assert row is not None
    touch(conn, correction.machine_id, correction.at, correction.at)
    conn.execute(SQL["notify"])
    return int(row[0])


def put_aside(conn: Connection, correction: Correction, why: str, now: datetime) -> None:
    """Keep a refused correction where refused messages are kept; commit it."""
    values = {name: str(value) for name, value in _values(correction).items()}
    conn.execute(SQL["refuse"], {"now": now, "detail": why, "payload": json.dumps(values)})


def corrections(
    conn: Connection, machine_id: int, t0: datetime, t1: datetime
) -> list[tuple[Correction, datetime]]:
    """The corrections of a machine in [t0, t1) by their time, each with when it was recorded."""
    rows = conn.execute(SQL["newest"], {"machine_id": machine_id, "t0": t0, "t1": t1})
    return [
        (Correction(machine_id, at, reason, actor, good, scrap, rework), recorded_at)
        for at, good, scrap, rework, reason, actor, recorded_at in rows
    ]


def _fault(conn: Connection, correction: Correction, now: datetime) -> str | None:
    if not (correction.good or correction.scrap or correction.rework):
        return "The correction changes no count. Say how many pieces are added or taken away."
    if not correction.reason.strip():
        return "The correction gives no reason. Say why the count was wrong."
    if correction.at > now:
        return f"The correction is for {correction.at}, which is still to come."
    row = conn.execute(SQL["horizon"]).fetchone()
    if row is not None and row[0] is not None and correction.at < row[0]:
        return f"The correction is for {correction.at}; counts are kept since {row[0]} only."
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
