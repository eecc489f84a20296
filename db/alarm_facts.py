"""What the alarm rules look at: one query a kind of rule, for all its subjects at once.

Never judges: a missing value comes as None, and what that means is for `alerts.rules` to say.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from db.connect import Connection
from db.statements import statements
from plant.kpi import Facts

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


def lines(conn: Connection, codes: Collection[str], now: datetime) -> dict[str, LineNow]:
    """The facts of each line's present shift; a line out of shift is missing."""
    rows = conn.execute(_SQL["lines"], {"codes": list(codes), "now": now})
    return {
        code: LineNow(count, began, Facts(*(value or 0.0 for value in facts)))
        for code, count, began, *facts in rows
    }


def sources(conn: Connection, names: Collection[str]) -> dict[str, SourceNow]:
    """When each of the sources was heard last, by name."""
    rows = conn.execute(_SQL["sources"], {"names": list(names)})
    return {name: SourceNow(*rest) for name, *rest in rows}
