"""Periods of figures, and how they are cut: hours, shifts, production days, weeks, months.

Pure. Everything is half-open. Local hours and days come from quarters of an hour of UTC, never from
its hours: zones lie half and three quarters of an hour apart, and clocks are set by half an hour
too. A production day is that of the shifts that start on it; time outside of every shift belongs to
its local day.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

Grain = Literal["quarter", "hour", "shift", "day", "week", "month"]
GRAINS: tuple[Grain, ...] = ("quarter", "hour", "shift", "day", "week", "month")
BY_DAY: frozenset[Grain] = frozenset({"shift", "day", "week", "month"})
"""Cut at production days; the others at moments."""
QUARTER = timedelta(minutes=15)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
LONGEST_SHIFT = timedelta(hours=26)
"""A shift belongs to the day of its start, and may reach so far into what follows that day."""
MOST_SLOTS = 1100
_ORIGIN = datetime(1970, 1, 1, tzinfo=UTC)


class TooFine(ValueError):
    """The period has more than 1,100 parts of that length; ask for longer parts."""


@dataclass(frozen=True, slots=True)
class Span:
    """All that lies in [t0, t1)."""

    t0: datetime
    t1: datetime


@dataclass(frozen=True, slots=True)
class Days:
    """Production days [first, last), of them one shift or all that belongs to them."""

    first: date
    last: date
    shift: str | None = None

    def span(self, zone: ZoneInfo) -> Span:
        """All moments that may belong to them."""
        return Span(midnight(self.first, zone), midnight(self.last, zone) + LONGEST_SHIFT)


Period = Span | Days


@dataclass(frozen=True, slots=True)
class Slot:
    """One part of a period: moments [t0, t1), or production days [first, last)."""

    t0: datetime
    t1: datetime
    first: date | None = None
    last: date | None = None


def span_of(period: Period, zone: ZoneInfo) -> Span:
    """The stretch in which all facts of a period lie."""
    return period if isinstance(period, Span) else period.span(zone)


def slots(period: Period, per: Grain | None, zone: ZoneInfo) -> list[Slot]:
    """The parts of a period in order; without `per` the whole. Raises TooFine."""
    found: list[Slot] = []
    for slot in _slots(period, per, zone):
        found.append(slot)
        if len(found) > MOST_SLOTS:
            raise TooFine(TooFine.__doc__)
    return found


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The beginning of a local day, UTC."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def hour_start(at: datetime, zone: ZoneInfo) -> datetime:
    """The beginning of the local hour of a moment, UTC; cut where the clock is set."""
    here = quarter_start(at)
    while not _begins_hour(here, zone):
        here -= QUARTER
    return here


def quarter_start(at: datetime) -> datetime:
    """The beginning of the quarter of an hour of a moment."""
    return at - (at - _ORIGIN) % QUARTER


def _slots(period: Period, per: Grain | None, zone: ZoneInfo) -> Iterator[Slot]:
    if per is None:
        whole = span_of(period, zone)
        first, last = (period.first, period.last) if isinstance(period, Days) else (None, None)
        yield Slot(whole.t0, whole.t1, first, last)
    elif per in BY_DAY:
        yield from _days(period, per, zone)
    else:
        yield from _moments(span_of(period, zone), per, zone)


def _moments(span: Span, per: Grain, zone: ZoneInfo) -> Iterator[Slot]:
    begin = quarter_start(span.t0) if per == "quarter" else hour_start(span.t0, zone)
    while begin < span.t1:
        end = begin + QUARTER
        while per == "hour" and not _begins_hour(end, zone):
            end += QUARTER
        yield Slot(begin, end)
        begin = end


def _begins_hour(at: datetime, zone: ZoneInfo) -> bool:
    local, before = at.astimezone(zone), (at - QUARTER).astimezone(zone)
    return local.minute == 0 or local.utcoffset() != before.utcoffset()


def _days(period: Period, per: Grain, zone: ZoneInfo) -> Iterator[Slot]:
    first, last = _dates(period, zone)
    begin = first
    while begin < last:
        end = _next(begin, per)
        cut0, cut1 = (begin, end) if isinstance(period, Span) else (begin, min(end, last))
        yield Slot(midnight(cut0, zone), midnight(cut1, zone), cut0, cut1)
        begin = end


def _dates(period: Period, zone: ZoneInfo) -> tuple[date, date]:
    if isinstance(period, Days):
        return period.first, period.last
    # What lies early in the stretch may belong to a shift that began the day before.
    first = (period.t0.astimezone(zone) - DAY).date()
    last = (period.t1 - timedelta(microseconds=1)).astimezone(zone).date() + DAY
    return first, last


def _next(day: date, per: Grain) -> date:
    """Where the next part begins: a Monday, the first of a month, the next day."""
    if per == "week":
        return day + timedelta(days=7 - day.weekday())
    if per == "month":
        return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
    return day + DAY


def whole_hours(span: Span, zone: ZoneInfo) -> bool:
    """Whether all local hours of a stretch are hours of UTC."""
    offsets = {_offset(at, zone) for at in (span.t0, span.t1, *_months(span))}
    return all(offset % HOUR == timedelta(0) for offset in offsets)


def _offset(at: datetime, zone: ZoneInfo) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta(0)


def _months(span: Span) -> Iterator[datetime]:
    at = span.t0
    while at < span.t1:
        yield at
        at += timedelta(days=28)


def ranges(
    span: Span, cuts: Sequence[datetime], bucket: timedelta
) -> tuple[list[Span], list[Span]]:
    """(whole buckets of a stretch, the rest of it): no bucket holds a cut within itself."""
    fine: list[Span] = []
    for cut in sorted({span.t0, span.t1, *cuts}):
        begin = cut - (cut - _ORIGIN) % bucket
        if begin != cut and span.t0 < begin + bucket and begin < span.t1:
            piece = Span(max(begin, span.t0), min(begin + bucket, span.t1))
            if not fine or fine[-1] != piece:
                fine.append(piece)
    return _without(span, fine), fine


def _without(span: Span, taken: Sequence[Span]) -> list[Span]:
    left, at = [], span.t0
    for one in taken:
        if at < one.t0:
            left.append(Span(at, one.t0))
        at = max(at, one.t1)
    return [*left, Span(at, span.t1)] if at < span.t1 else left
