"""Facts by scope and period: the one place that boards, mails, alarms and the API take sums from.

Sums only, never a ratio: those are plant/kpi.py's. Times are UTC. A sum is rounded to a
microsecond (a millionth of a piece), so that it is the same from minutes, quarters and hours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from db.connect import Connection
from db.statements import joined, statements
from plant.kpi import Facts
from plant.kpi_table import Measured
from plant.periods import (
    BY_DAY,
    HOUR,
    QUARTER,
    Days,
    Grain,
    Period,
    Slot,
    Span,
    ranges,
    slots,
    span_of,
    whole_hours,
)

SQL = statements("kpi_facts.sql")
Kind = Literal["site", "area", "line", "machine", "product", "order", "operation"]
KINDS: tuple[Kind, ...] = ("site", "area", "line", "machine", "product", "order", "operation")
DIGITS = 6


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose facts: of the whole site, or of one area, line, machine, product, order, operation
    ("WO-1/10")."""

    kind: Kind = "site"
    code: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.code}" if self.code else self.kind


SITE = Scope()


@dataclass(frozen=True, slots=True)
class Key:
    """What a sum belongs to; `group` is a code ("" of the site, of no order, of no product)."""

    group: str
    slot: Slot
    shift: str = ""
    """Of parts of a shift each; "" outside of every shift."""


Sum = tuple[Key, Measured]


def facts_of(
    conn: Connection,
    scope: Scope,
    period: Period,
    zone: ZoneInfo,
    *,
    by: Kind = "site",
    per: Grain | None = None,
    failures: bool = False,
) -> list[Sum]:
    """Sums in order of time, then of code; groups and parts without any fact are missing.

    `zone` is the site's. `failures` are counted only when asked for: that reads intervals.
    Raises TooFine where the period has too many parts.
    """
    return facts_by(conn, scope, period, zone, [by], per=per, failures=failures)[by]


def facts_by(
    conn: Connection,
    scope: Scope,
    period: Period,
    zone: ZoneInfo,
    by: Sequence[Kind],
    *,
    per: Grain | None = None,
    failures: bool = False,
) -> Mapping[Kind, list[Sum]]:
    """The same in several ways, read once."""
    parts = slots(period, per, zone)
    values = {
        **asked(conn, scope, period, zone, parts),
        **slot_values(parts, per, period),
        "by": list(by),
        "failures": failures,
    }
    found: dict[Kind, list[Sum]] = {kind: [] for kind in by}
    for kind, *row in conn.execute(joined(SQL, "parts", "chosen", "facts"), values):
        found[kind].append(_read(row, parts, counted=failures))
    return found


def facts_in(
    conn: Connection, scope: Scope, period: Period, zone: ZoneInfo, *, failures: bool = False
) -> Measured:
    """The one sum of a scope and period; all zero where there are no facts."""
    found = facts_of(conn, scope, period, zone, failures=failures)
    return found[0][1] if found else Measured(failures=0 if failures else None)


def asked(
    conn: Connection,
    scope: Scope,
    period: Period,
    zone: ZoneInfo,
    parts: Sequence[Slot],
) -> dict[str, object]:
    """Which rows of which relation, as parameters of `chosen`; no bucket holds a moment at which a
    machine came to another line, or an ideal cycle to another version."""
    span = span_of(period, zone)
    bounds = {"t0": span.t0, "t1": span.t1}
    eras = [row[0] for row in conn.execute(SQL["eras"], bounds)]
    whose = {"scope": scope.kind, "code": scope.code}
    is_place = scope.kind in ("machine", "line", "area")
    return {
        **_stretches(span, period, parts, zone, eras),
        **whose,
        **bounds,
        "eras": eras,
        "machines": ids_of(conn, "members", whose) if is_place else None,
        "zone": zone.key,
    }


def ids_of(conn: Connection, name: str, values: Mapping[str, object]) -> list[int]:
    """Ids of machines."""
    return [row[0] for row in conn.execute(SQL[name], values)]


def _stretches(
    span: Span,
    period: Period,
    parts: Sequence[Slot],
    zone: ZoneInfo,
    eras: Sequence[datetime],
) -> dict[str, object]:
    cuts = list(eras)
    if isinstance(period, Span):
        cuts += [slot.t0 for slot in parts]
    hourly = whole_hours(span, zone) and not _has_quarters(parts)
    hours, rest = ranges(span, cuts, HOUR) if hourly else ([], [span])
    quarters: list[Span] = []
    minutes: list[Span] = []
    for one in rest:
        whole, fine = ranges(one, [c for c in cuts if one.t0 < c < one.t1], QUARTER)
        quarters += whole
        minutes += fine
    return {
        **_arrays("hour", hours),
        **_arrays("quarter", quarters),
        **_arrays("minute", minutes),
    }


def _has_quarters(parts: Sequence[Slot]) -> bool:
    return any(slot.first is None and slot.t1 - slot.t0 < HOUR for slot in parts[:2])


def _arrays(name: str, spans: Sequence[Span]) -> dict[str, object]:
    starts, ends = [s.t0 for s in spans], [s.t1 for s in spans]
    return {
        f"{name}_t0": starts,
        f"{name}_t1": ends,
        f"{name}_from": min(starts, default=None),
        f"{name}_to": max(ends, default=None),
    }


def slot_values(parts: Sequence[Slot], per: Grain | None, period: Period) -> dict[str, object]:
    """Where the parts begin and end, as parameters of a query."""
    by_day = per in BY_DAY if per else isinstance(period, Days)
    return {
        "by_day": by_day,
        "by_shift": per == "shift",
        "count": len(parts),
        "days": _edges([slot.first for slot in parts], parts[-1].last if parts else None),
        "moments": _edges([slot.t0 for slot in parts], parts[-1].t1 if parts else None),
        "first": period.first if isinstance(period, Days) else None,
        "last": period.last if isinstance(period, Days) else None,
        "shift": period.shift if isinstance(period, Days) else None,
    }


def _edges(starts: Sequence[Any], end: date | datetime | None) -> list[Any]:
    return [] if end is None else [*starts, end]


def _read(row: Sequence[Any], parts: Sequence[Slot], *, counted: bool) -> Sum:
    group, slot, shift, *sums, failures = row
    size = len(fields(Facts))
    order_s, order_pieces, inspected, first_pass = (round(v, DIGITS) for v in sums[size:])
    measured = Measured(
        facts=facts_row(sums[:size]),
        order_s=order_s,
        order_pieces=order_pieces,
        inspected=inspected,
        first_pass=first_pass,
        failures=failures if counted else None,
    )
    return Key(group, parts[slot - 1], shift), measured


def facts_row(sums: Sequence[float]) -> Facts:
    """The sums of `Facts`, rounded."""
    return Facts(*(round(value, DIGITS) for value in sums))
