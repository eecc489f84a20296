"""What an address asks to have explained. Pure; whatever is odd is refused with a reason.

kpi     code of a figure (plant/kpi_table.py)
scope   site, area:…, line:…, machine:…, product:…, order:…, operation:…/…
t0, t1  moments; or days=2026-03-02..2026-03-08 (production days, both inclusive), shift=early;
        or window=shift|today|24h|7d|order, which moves: the page sends on to its t0 and t1
view    intervals, counts, readings, process, messages; page: 0, 1, …
tag     of process values those of one name
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal

from dashboards.texts import msgid
from db.kpi_facts import KINDS, Scope
from plant.kpi_table import Figure, figure_of
from plant.model import Plant
from plant.periods import DAY, Days, Period, Span

View = Literal["intervals", "counts", "readings", "process", "messages"]
VIEWS: Mapping[View, str] = {
    "intervals": msgid("Intervals"),
    "counts": msgid("Counts"),
    "readings": msgid("Raw readings"),
    "process": msgid("Process values"),
    "messages": msgid("Messages"),
}
LONGEST = timedelta(days=732)
MOST_PAGES = 2000


class Odd(ValueError):
    """An address that names nothing that can be explained; its text is a message id."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A figure of a scope and period."""

    figure: Figure
    scope: Scope
    period: Period
    view: View
    page: int
    tag: str | None = None
    """Process values of this name alone."""


def asked(query: Mapping[str, str], plant: Plant) -> Asked:
    """What an address asks for. Raises Odd."""
    figure = figure_of(query.get("kpi", "oee"))
    if figure is None:
        raise Odd(msgid("There is no figure of that name."))
    tag = query.get("tag", "")[:80] or None
    return Asked(figure, scope(query, plant), period(query), _view(query), _page(query), tag)


def scope(query: Mapping[str, str], plant: Plant) -> Scope:
    """Whose figure. Raises Odd where the plant has no such place."""
    kind, _, code = query.get("scope", "site").partition(":")
    known = {
        "area": {one.code for one in plant.areas},
        "line": {one.code for one in plant.lines},
        "machine": {one.code for one in plant.machines},
    }
    if kind not in KINDS or (kind in known and code not in known[kind]):
        raise Odd(msgid("The plant has no such line, machine or area."))
    return Scope(kind, "" if kind == "site" else code[:80])


def period(query: Mapping[str, str]) -> Period:
    """Which period. Raises Odd."""
    try:
        found = _days(query) if query.get("days") else _span(query)
    except (ValueError, KeyError, OverflowError) as error:
        raise Odd(msgid("The address doesn't say from when to when.")) from error
    is_long = isinstance(found, Span) and found.t1 - found.t0 > LONGEST
    if is_long or (isinstance(found, Days) and found.last - found.first > LONGEST):
        raise Odd(msgid("The period is longer than two years."))
    return found


def _span(query: Mapping[str, str]) -> Span:
    t0, t1 = (_moment(query[name]) for name in ("t0", "t1"))
    if not t0 < t1:
        raise ValueError(query["t1"])
    return Span(t0, t1)


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text.replace(" ", "+"))
    if found.tzinfo is None:
        raise ValueError(text)
    # Sums are of whole minutes: those that begin within.
    whole = found.astimezone(UTC).replace(second=0, microsecond=0)
    return whole if whole == found else whole + timedelta(minutes=1)


def _days(query: Mapping[str, str]) -> Days:
    first, _, last = query["days"].partition("..")
    begin, end = date.fromisoformat(first), date.fromisoformat(last or first) + DAY
    if not begin < end:
        raise ValueError(last)
    return Days(begin, end, query.get("shift") or None)


def _view(query: Mapping[str, str]) -> View:
    return next((view for view in VIEWS if view == query.get("view")), "intervals")


def _page(query: Mapping[str, str]) -> int:
    text = query.get("page", "0")
    return min(int(text), MOST_PAGES) if text.isdecimal() and len(text) < 6 else 0
