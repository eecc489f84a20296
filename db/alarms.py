"""Alarms and their transitions, as rows: one an alarm, one a change of its state.

A change of state and its row are written in the caller's transaction, so that neither is ever there
without the other. Never decides whether a condition holds: that is `alerts.rules`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from db.connect import Connection
from db.statements import statements
from plant import alarms
from plant.alarms import Alarm, Transition

_SQL = statements("alarms.sql")
Params = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Key:
    """What makes an alarm one alarm: a rule of the plant file, and its subject."""

    rule: str
    subject: str
    """`machine:A01`, `line:A`, `order:WO-4100`, `source:opcua` or `tag:A01.vibration`."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An alarm as the database keeps it."""

    alarm_id: int
    key: Key
    alarm: Alarm
    priority: str
    value: float | None
    limit: float | None


@dataclass(frozen=True, slots=True)
class Moved:
    """An alarm after a step, with what its texts need."""

    key: Key
    kind: str
    priority: str
    alarm: Alarm
    transition: Transition | None
    is_new: bool
    """Not a step within an occurrence: what was known of the last one is forgotten."""
    value: float | None
    limit: float | None
    params: Params = field(default_factory=dict)


def known(conn: Connection) -> dict[Key, Kept]:
    """The alarms that are not simply normal, locked until the transaction ends."""
    return {found.key: found for found in map(_kept, conn.execute(_SQL["known"]))}


def kept(conn: Connection, key: Key) -> Kept | None:
    """One alarm, locked until the transaction ends; None where it never was raised."""
    row = conn.execute(_SQL["by_key"], {"rule": key.rule, "subject": key.subject}).fetchone()
    return _kept(row) if row else None


def store(conn: Connection, moved: Iterable[Moved]) -> int:
    """Write alarms and, where one changed its state, the transition; returns the transitions."""
    transitions = 0
    for one in moved:
        alarm_id = _store(conn, one)
        if one.transition is not None:
            _record(conn, alarm_id, one.transition, actor=None)
            transitions += 1
    if transitions:
        conn.execute(_SQL["notify"])
    return transitions


def withdraw(conn: Connection, gone: Iterable[Kept], now: datetime) -> int:
    """End alarms whose rule or subject is there no longer; returns the transitions."""
    return sum(_move(conn, one, alarms.withdraw(one.alarm, now), actor=None) for one in gone)


def acknowledge(conn: Connection, alarm_id: int, actor: str, now: datetime) -> bool:
    """Take note of an alarm in the name of a user.

    Args:
        alarm_id: of `alarm.id`.
        actor: name of the user, kept with the transition.
        now: plant time.

    Returns:
        Whether that changed anything: not so where the alarm does not exist, is normal or was
        acknowledged before.
    """
    row = conn.execute(_SQL["one"], {"alarm_id": alarm_id}).fetchone()
    if row is None:
        return False
    found = _kept(row)
    return bool(_move(conn, found, alarms.acknowledge(found.alarm, now), actor=actor))


def _kept(row: tuple[Any, ...]) -> Kept:
    alarm_id, rule, subject, state, since, raised, pending, clearing, value, limit, priority = row
    alarm = Alarm(state, since, raised, pending, clearing)
    return Kept(alarm_id, Key(rule, subject), alarm, priority, value, limit)


def _store(conn: Connection, moved: Moved) -> int:
    row = conn.execute(
        _SQL["store"],
        {
            "rule": moved.key.rule,
            "subject": moved.key.subject,
            "kind": moved.kind,
            "priority": moved.priority,
            "value": moved.value,
            "limit_value": moved.limit,
            "params": json.dumps(moved.params, ensure_ascii=False),
            "raised_at": moved.alarm.raised_at,
            "is_new": moved.is_new,
            **_times(moved.alarm),
        },
    ).fetchone()
    assert row is not None
    return int(row[0])


def _move(conn: Connection, found: Kept, step: alarms.Step, *, actor: str | None) -> int:
    alarm, transition = step
    if alarm == found.alarm:
        return 0
    conn.execute(_SQL["move"], {"alarm_id": found.alarm_id, **_times(alarm)})
    if transition is None:
        return 0
    _record(conn, found.alarm_id, transition, actor)
    conn.execute(_SQL["notify"])
    return 1


def _record(conn: Connection, alarm_id: int, transition: Transition, actor: str | None) -> None:
    values = {"alarm_id": alarm_id, "at": transition.at, "cause": transition.cause, "actor": actor}
    conn.execute(_SQL["record"], values | {"old": transition.old, "new": transition.new})


def _times(alarm: Alarm) -> dict[str, object]:
    return {
        "state": alarm.state,
        "since": alarm.since,
        "pending_at": alarm.pending_at,
        "clearing_at": alarm.clearing_at,
    }
