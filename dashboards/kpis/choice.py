"""What the page of figures is asked for; the address holds all of it. Pure.

scope   as for an explanation
period  today, yesterday, week, last_week, month, last_month: production days;
        days: with from and to, both inclusive; or t0 and t1 instead
shift   of production days this one alone
rows    area, line, machine, product, order; hour, shift, day, week, month
show    which columns; kpi: what the chart shows
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from types import MappingProxyType
from typing import Literal
from urllib.parse import urlencode

from dashboards.explain import asked
from dashboards.explain.asked import Odd
from dashboards.texts import msgid
from dashboards.why import written
from db.kpi_facts import Kind, Scope
from plant.kpi_table import Figure, Group, figure_of, of_group
from plant.model import Plant
from plant.periods import DAY, Days, Grain, Period

Show = Literal["oee", "losses", "ratios", "stops", "reasons", "pieces", "capability"]
Named = Literal["today", "yesterday", "week", "last_week", "month", "last_month", "days"]
Rows = Literal[
    "area", "line", "machine", "product", "order", "hour", "shift", "day", "week", "month"
]
PERIODS: Mapping[Named, str] = MappingProxyType(
    {
        "today": msgid("Today"),
        "yesterday": msgid("Yesterday"),
        "week": msgid("This week"),
        "last_week": msgid("Last week"),
        "month": msgid("This month"),
        "last_month": msgid("Last month"),
        "days": msgid("From – to"),
    }
)
ROWS: Mapping[Rows, str] = MappingProxyType(
    {
        "area": msgid("Area"),
        "line": msgid("Line"),
        "machine": msgid("Machine"),
        "product": msgid("Product"),
        "order": msgid("Order"),
        "hour": msgid("Hour"),
        "shift": msgid("Shift"),
        "day": msgid("Day"),
        "week": msgid("Week"),
        "month": msgid("Month"),
    }
)
SHOWS: Mapping[Show, str] = MappingProxyType(
    {
        "oee": msgid("OEE and its factors"),
        "losses": msgid("Losses"),
        "ratios": msgid("Ratios and reliability"),
        "stops": msgid("Lines down and unexplained"),
        "reasons": msgid("Reasons of stops"),
        "pieces": msgid("Pieces and time"),
        "capability": msgid("Process capability"),
    }
)
GROUPS: Mapping[Show, tuple[Group, ...]] = MappingProxyType(
    {
        "oee": ("oee",),
        "losses": ("losses",),
        "ratios": ("ratios", "reliability"),
        "stops": ("stops",),
        "reasons": (),
        "pieces": ("pieces", "time"),
        "capability": (),
    }
)
PLACES: Mapping[str, Kind] = MappingProxyType(
    {"area": "area", "line": "line", "machine": "machine", "product": "product", "order": "order"}
)
PARTS: Mapping[str, Grain] = MappingProxyType(
    {"hour": "hour", "shift": "shift", "day": "day", "week": "week", "month": "month"}
)


@dataclass(frozen=True, slots=True)
class Choice:
    """What is shown."""

    scope: Scope
    period: Period
    named: Named | None
    """None: from one moment to another."""
    rows: Rows
    show: Show
    kpi: Figure

    @property
    def by(self) -> Kind | None:
        """Rows that are places, products or orders."""
        return PLACES.get(self.rows)

    @property
    def per(self) -> Grain | None:
        """Rows that are parts of the period."""
        return PARTS.get(self.rows)

    @property
    def shift(self) -> str | None:
        """Of production days one shift alone."""
        return self.period.shift if isinstance(self.period, Days) else None

    @property
    def columns(self) -> tuple[Figure, ...]:
        """The figures shown; process capability and reasons are no figures of `FIGURES`."""
        return of_group(*GROUPS[self.show])

    def address(self, path: str, **other: str) -> str:
        """The address of this choice with something else in it; of the same moments for ever."""
        own = {"scope": str(self.scope), "rows": self.rows, "show": self.show}
        lasting = written(self.period)
        if self.named and self.named != "days" and "t0" not in lasting:
            lasting = {"period": self.named, **({"shift": self.shift} if self.shift else {})}
        return f"{path}?{urlencode({**own, 'kpi': self.kpi.code, **lasting, **other}, safe=':.+')}"


def choice(query: Mapping[str, str], plant: Plant, today: date) -> Choice:
    """What an address asks for, on a production day. Raises Odd."""
    named = _named(query)
    period = _period(query, named, today)
    kpi = figure_of(query.get("kpi", "oee"))
    if kpi is None:
        raise Odd(msgid("There is no figure of that name."))
    return Choice(asked.scope(query, plant), period, named, _rows(query), _show(query), kpi)


def _rows(query: Mapping[str, str]) -> Rows:
    return next((one for one in ROWS if one == query.get("rows")), "line")


def _show(query: Mapping[str, str]) -> Show:
    return next((one for one in SHOWS if one == query.get("show")), "oee")


def _named(query: Mapping[str, str]) -> Named | None:
    if query.get("t0"):
        return None
    default: Named = "days" if query.get("days") or query.get("from") else "today"
    return next((one for one in PERIODS if one == query.get("period")), default)


def _period(query: Mapping[str, str], named: Named | None, today: date) -> Period:
    if named is None:
        return asked.period(query)
    if named == "days":
        days = query.get("days") or f"{query.get('from', '')}..{query.get('to', '')}"
        return asked.period({"days": days, "shift": query.get("shift", "")})
    first, last = _dates(named, today)
    return Days(first, last, query.get("shift") or None)


def _dates(named: Named, today: date) -> tuple[date, date]:
    """Production days, half-open."""
    monday, first = today - timedelta(days=today.weekday()), today.replace(day=1)
    following = (first + timedelta(days=32)).replace(day=1)
    before = (first - DAY).replace(day=1)
    return {
        "today": (today, today + DAY),
        "yesterday": (today - DAY, today),
        "week": (monday, monday + 7 * DAY),
        "last_week": (monday - 7 * DAY, monday),
        "month": (first, following),
        "last_month": (before, first),
    }[named]
