"""What is behind a figure: intervals, counts and raw readings of a scope and period, page by page.

The same stretches as db/kpi_facts.py sums. Never sums pieces and never judges. Times are UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from db.connect import Connection
from db.kpi_facts import Scope
from db.statements import joined, statements
from plant.counts import Turn, turn_of
from plant.model import Element, Label
from plant.periods import Days, Period, midnight, span_of

SQL = statements("evidence.sql")
PAGE = 100


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked about."""

    scope: Scope
    period: Period
    zone: ZoneInfo

    def values(self, page: int = 0) -> dict[str, object]:
        """As parameters of a query; one row more than a page shows, to know of a next one."""
        span = span_of(self.period, self.zone)
        found: dict[str, object] = {
            "scope": self.scope.kind,
            "code": self.scope.code,
            "t0": span.t0,
            "t1": span.t1,
            "limit": PAGE + 1,
            "offset": PAGE * page,
        }
        return found | self._days()

    def _days(self) -> dict[str, date | datetime | str | None]:
        if not isinstance(self.period, Days):
            return dict.fromkeys(("first", "last", "shift", "day_t0", "day_t1"))
        return {
            "first": self.period.first,
            "last": self.period.last,
            "shift": self.period.shift,
            "day_t0": midnight(self.period.first, self.zone),
            "day_t1": midnight(self.period.last, self.zone),
        }


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of one machine in one time element, and what the machine said."""

    machine: str
    t0: datetime
    t1: datetime
    element: Element
    said: Element
    reason_code: str | None
    reason: Label | None
    reason_by: str | None
    """Who gave the reason: machine or operator."""

    @property
    def seconds(self) -> float:
        """How long."""
        return (self.t1 - self.t0).total_seconds()


@dataclass(frozen=True, slots=True)
class Counted:
    """One reading of a counter: `pieces` since the value before, None where it counts nothing."""

    machine: str
    tag: str
    role: str
    counter: str
    ts: datetime
    before_ts: datetime | None
    before: float | None
    value: float | None
    quality: int
    pieces: float | None
    source: str

    @property
    def turn(self) -> Turn | None:
        """What a running total did but go on."""
        if self.counter != "total" or self.before is None:
            return None
        if self.value is None or self.pieces is None:
            return None
        return turn_of(self.before, self.value, self.pieces)


@dataclass(frozen=True, slots=True)
class Raw:
    """One reading as it came."""

    machine: str
    tag: str
    role: str
    ts: datetime
    value: float | None
    text: str | None
    quality: int
    source: str


@dataclass(frozen=True, slots=True)
class Message:
    """A version of an operation, a correction of counts, or a stretch in which nobody was heard."""

    machine: str
    kind: str
    """order, correction or gap."""
    at: datetime
    noted_at: datetime
    """When it was received or recorded; of a gap, its end."""
    subject: str
    status: str | None
    good: float | None
    scrap: float | None
    source: str


@dataclass(frozen=True, slots=True)
class Floors:
    """What is older was dropped; None: nothing yet."""

    readings: datetime | None
    minutes: datetime | None


def intervals(conn: Connection, asked: Question, page: int = 0) -> tuple[list[Stretch], bool]:
    """The newest first, a page of intervals, cut by the calendar; whether more follow."""
    query = joined(SQL, "shared", "said", "intervals", "cut", "intervals_end")
    rows = conn.execute(query, asked.values(page)).fetchall()
    found = [
        Stretch(machine, t0, t1, element, said, code, _label(name), by)
        for machine, t0, t1, element, said, code, name, by, _ in rows
    ]
    return found, any(row[-1] for row in rows)


def element_sums(conn: Connection, asked: Question) -> Mapping[str, float]:
    """Seconds of each time element, from all of the intervals."""
    query = joined(SQL, "shared", "said", "everything", "cut", "sums")
    return dict(conn.execute(query, asked.values()).fetchall())


def counts(conn: Connection, asked: Question, page: int = 0) -> list[Counted]:
    """The newest first, a page of readings of counters and what they count."""
    rows = conn.execute(joined(SQL, "shared", "counts"), asked.values(page))
    return [Counted(*row) for row in rows]


def readings(conn: Connection, asked: Question, page: int = 0) -> list[Raw]:
    """The newest first, a page of raw readings of states and counters."""
    return [
        Raw(*row) for row in conn.execute(joined(SQL, "shared", "readings"), asked.values(page))
    ]


def process_values(
    conn: Connection, asked: Question, page: int = 0, *, tag: str | None = None
) -> list[Raw]:
    """The newest first, a page of readings of process values; of all, or of the tag of a name."""
    values = {**asked.values(page), "tag": tag}
    return [Raw(*row) for row in conn.execute(joined(SQL, "shared", "process_values"), values)]


def messages(conn: Connection, asked: Question, page: int = 0) -> list[Message]:
    """The newest first, a page of what did not come as a reading."""
    rows = conn.execute(joined(SQL, "shared", "messages"), asked.values(page))
    return [Message(*row) for row in rows]


def floors(conn: Connection) -> Floors:
    """From when on there are raw readings and minutes."""
    row = conn.execute(SQL["floors"]).fetchone()
    assert row is not None
    return Floors(*row)


def order_span(conn: Connection, scope: Scope, now: datetime) -> tuple[datetime, datetime] | None:
    """When an order or operation was in work, up to now; None before it began."""
    values = {"scope": scope.kind, "code": scope.code, "now": now}
    row = conn.execute(SQL["order_span"], values).fetchone()
    return None if row is None or row[0] is None else (row[0], row[1])


def _label(value: Any) -> Label | None:
    return None if value is None else Label.model_validate(value)
