"""What the alarm rules look at: one query a kind of rule, for all its subjects at once.

Never judges: a missing value comes as None, and what that means is for `alerts.rules` to say.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from db.connect import Connection
from db.kpi_facts import SITE, Scope, facts_of
from db.settling import Lates, lates
from db.statements import statements
from db.stays import codes_of, stays
from plant.kpi import Facts
from plant.periods import Span

_SQL = statements("alarm_facts.sql")


@dataclass(frozen=True, slots=True)
class TagNow:
    """The newest reading of a tag."""

    value: float | None
    ts: datetime | None
    quality: int | None
    """0 good, 1 uncertain, 2 bad."""
    is_heard: bool
    """Whether its source is connected and was heard within its time."""


@dataclass(frozen=True, slots=True)
class MachineNow:
    """What a machine does."""

    state: str
    upto: datetime
    """Known up to here."""
    down_since: datetime | None
    down_s: float
    """Working time within the present stop."""
    reason: str | None


@dataclass(frozen=True, slots=True)
class LineNow:
    """A line in its present shift."""

    machines: int
    began: datetime
    facts: Facts
    is_late: bool
    """Late data, a correction or an edit of it is being applied."""


@dataclass(frozen=True, slots=True)
class SourceNow:
    """When a source was heard last."""

    stale_after_s: float
    last_heard: datetime | None
    error: str | None


def tags(conn: Connection, codes: Collection[str], now: datetime) -> dict[str, TagNow]:
    """The newest reading of each of the tags, by code."""
    rows = conn.execute(_SQL["tags"], {"codes": list(codes), "now": now})
    return {code: TagNow(*rest) for code, *rest in rows}


def machines(conn: Connection, codes: Collection[str]) -> dict[str, MachineNow]:
    """What each of the machines does; one that never said anything is missing."""
    rows = conn.execute(_SQL["machines"], {"codes": list(codes)})
    return {code: MachineNow(*rest) for code, *rest in rows}


def lines(
    conn: Connection, codes: Collection[str], now: datetime, zone: ZoneInfo
) -> dict[str, LineNow]:
    """The facts of each line's present shift, as the boards sum them; out of shift: missing."""
    rows = conn.execute(_SQL["lines"], {"codes": list(codes), "now": now}).fetchall()
    found: dict[str, LineNow] = {}
    waiting = lates(conn, now)
    for began in {began for _, _, began in rows}:
        sums = facts_of(conn, SITE, Span(began, now), zone, by="line")
        facts = {key.group: measured.facts for key, measured in sums}
        for code, count, at in rows:
            if at == began:
                is_late = _is_late(conn, waiting, code, Span(began, now))
                found[code] = LineNow(count, began, facts.get(code, Facts()), is_late)
    return found


def _is_late(conn: Connection, waiting: Lates, line: str, span: Span) -> bool:
    if not waiting.stretches:
        return False
    return waiting.meet(codes_of(stays(conn, Scope("line", line), span)), span)


def sources(conn: Connection, names: Collection[str]) -> dict[str, SourceNow]:
    """When each of the sources was heard last, by name."""
    rows = conn.execute(_SQL["sources"], {"names": list(names)})
    return {name: SourceNow(*rest) for name, *rest in rows}
