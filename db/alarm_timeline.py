"""The course of an alarm: detected, raised, notified, acknowledged, fixed, each with its time.

All times are plant times, UTC. Never judges how long any of it may take.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from db.connect import Connection
from db.statements import statements

_SQL = statements("alarm_timeline.sql")
MOST = 1000


@dataclass(frozen=True, slots=True)
class Course:
    """One occurrence of an alarm; None: that has not happened, or nobody knows when."""

    alarm_id: int
    rule: str
    kind: str
    subject: str
    params: Mapping[str, object]
    detected: datetime | None
    """The condition holds since then: the stop began."""
    raised: datetime
    """… and held for as long as the rule says."""
    notified: datetime | None
    """A mail server accepted the first mail."""
    acknowledged: datetime | None
    actor: str | None
    """Who acknowledged it."""
    fixed: datetime | None
    """The machine did something else again; another alarm's condition was gone."""


def stops(conn: Connection, machine: str, t0: datetime, t1: datetime) -> list[Course]:
    """The stops of a machine that raised an alarm and lie, in part at least, in t0 ≤ t < t1.

    Newest first, at most `MOST`; stops that were shorter than every rule's limit are not there.
    """
    return _courses(conn, subject=f"machine:{machine}", t0=t0, t1=t1, count=MOST)


def course(conn: Connection, alarm_id: int | None) -> Course | None:
    """The last occurrence of an alarm; without one, of the stop that goes on, else of the last."""
    found = _courses(conn, alarm=alarm_id, active_first=True, count=1)
    return found[0] if found else None


def _courses(conn: Connection, **wanted: object) -> list[Course]:
    values = {"alarm": None, "subject": None, "t0": None, "t1": None, "active_first": False}
    return [_course(row) for row in conn.execute(_SQL["courses"], values | wanted)]


def _course(row: tuple[Any, ...]) -> Course:
    *of, detected, raised, notified, acknowledged, actor, fixed = row
    alarm_id, rule, kind, subject, params = of
    return Course(
        alarm_id=alarm_id,
        rule=rule,
        kind=kind,
        subject=subject,
        params=params,
        detected=detected,
        raised=raised,
        notified=notified,
        acknowledged=acknowledged,
        actor=actor,
        fixed=fixed,
    )
