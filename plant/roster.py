"""The shifts that a book comes to: pattern, holidays, changes and maintenance, day by day.

Choices where clocks change: see `plant.wall`; so a shift over such a night is shorter or longer,
and neighbours still touch. A break keeps its length. Where shifts meet after all, by a change or
between two versions, the earlier one ends when the later one begins. Never reads a clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from plant.book import Book, Edition, names_calendar, scope_of
from plant.instance import ShiftInstance
from plant.part import WEEKDAYS
from plant.shift import Break, Change, Shift
from plant.upkeep import windows
from plant.wall import DAY, Window, clipped, instant, joined

MARGIN = 2 * DAY
"""Longer than any shift: neighbours are looked at as far as that."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A shift of a day, before it is put on the clock."""

    shift: Shift
    teams: tuple[str, ...]


def roster(
    book: Book, calendar: str, scopes: Sequence[str], t0: datetime, t1: datetime
) -> tuple[ShiftInstance, ...]:
    """Every shift of the calendar, with the changes of these scopes, that overlaps [t0, t1).

    Whole, apart from each other, in order. Raises KeyError where the book has no such calendar.
    """
    changes = _changes(book, calendar, scopes)
    found: list[ShiftInstance] = []
    editions = book.calendars[calendar]
    for edition, upto in zip(editions, [*(e.begins() for e in editions[1:]), None], strict=True):
        begin = max(t0, edition.begins() or t0) - MARGIN
        end = min(t1, upto or t1) + MARGIN
        new = sorted(_planned(book, edition, changes, begin, end), key=lambda i: i.t0)
        found = _spliced(found, new, edition)
    stops = joined(
        [
            window
            for upkeep in book.upkeep
            if scope_of(upkeep.maintenance) in ("", *scopes)
            for window in windows(upkeep, t0 - MARGIN, t1 + MARGIN)
        ]
    )
    return tuple(_stopped(i, stops) for i in _apart(found) if i.t0 < t1 and i.t1 > t0)


def _changes(book: Book, calendar: str, scopes: Sequence[str]) -> dict[date, list[Change]]:
    """By day, the farther before the nearer: calendar, line, machine."""
    found: dict[date, list[Change]] = {}
    concerned = [
        change
        for change in book.changes
        if names_calendar(change, calendar) and scope_of(change) in ("", *scopes)
    ]
    for change in sorted(concerned, key=lambda c: (bool(c.lines), bool(c.machines))):
        found.setdefault(change.day, []).append(change)
    return found


def _planned(
    book: Book, edition: Edition, changes: dict[date, list[Change]], t0: datetime, t1: datetime
) -> Iterator[ShiftInstance]:
    code, tz = edition.calendar.code, edition.tz
    closed = {h.day for h in book.holidays if not h.calendars or code in h.calendars}
    day, last = t0.astimezone(tz).date() - DAY, t1.astimezone(tz).date()
    while day <= last:
        planned = {} if day in closed else _pattern(edition, day)
        for change in changes.get(day, ()):
            _changed(planned, change, edition)
        for found in planned.values():
            yield from _on_clock(code, found, day, tz)
        day += DAY


def _pattern(edition: Edition, day: date) -> dict[str, Planned]:
    rotation = edition.calendar.rotation
    turns = rotation.on(day) if rotation else {}
    return {
        shift.code: Planned(shift, turns.get(shift.code, (shift.team,) if shift.team else ()))
        for shift in edition.calendar.shifts
        if WEEKDAYS[day.weekday()] in shift.days and (rotation is None or shift.code in turns)
    }


def _changed(planned: dict[str, Planned], change: Change, edition: Edition) -> None:
    """Apply a change to the shifts of its day; one of a shift that is not there has no effect."""
    before = planned.pop(change.shift, None)
    if before is None and change.kind == "add":
        known = {shift.code: shift for shift in edition.calendar.shifts}
        before = Planned(known[change.shift], ()) if change.shift in known else None
    if before is None or change.kind == "cancel":
        return
    given = {
        name: value
        for name in ("start", "end", "breaks")
        if (value := getattr(change, name)) is not None
    }
    teams = (change.team,) if change.team else before.teams
    planned[change.shift] = Planned(before.shift.model_copy(update=given), teams)


def _on_clock(code: str, planned: Planned, day: date, zone: ZoneInfo) -> Iterator[ShiftInstance]:
    shift = planned.shift
    t0 = instant(day, shift.start, zone)
    t1 = instant(day if shift.end > shift.start else day + DAY, shift.end, zone)
    if t1 > t0:
        breaks = tuple(_breaks(shift, day, t0, t1, zone))
        yield ShiftInstance(code, shift.code, shift.name, day, t0, t1, breaks, teams=planned.teams)


def _breaks(
    shift: Shift, day: date, t0: datetime, t1: datetime, zone: ZoneInfo
) -> Iterator[Window]:
    end = t0
    for pause in sorted(shift.breaks, key=lambda b: minutes_into(shift, b.start)):
        on = day if pause.start >= shift.start else day + DAY
        start = max(end, instant(on, pause.start, zone))
        end = max(end, min(t1, start + timedelta(minutes=length_min(pause))))
        if end > start:
            yield start, end


def _spliced(
    old: list[ShiftInstance], new: list[ShiftInstance], edition: Edition
) -> list[ShiftInstance]:
    """Shifts of the versions before, then those of an edition from where it begins."""
    if edition.day is not None:
        day = edition.day
        return [i for i in old if i.day < day] + [i for i in new if i.day >= day]
    if edition.since is None:
        return [*old, *new]
    since = edition.since
    before = [i for i in old if i.t0 < since]
    current = next((i for i in new if i.t0 < since < i.t1), None)
    if current is not None:
        before.append(_gone_on(before, current, since))
    elif before:
        before[-1] = before[-1].within(before[-1].t0, since)
    return [*before, *(i for i in new if i.t0 >= since)]


def _gone_on(before: list[ShiftInstance], current: ShiftInstance, since: datetime) -> ShiftInstance:
    """The shift in progress when the version changes; it is taken out of those before.

    It goes on where the new version has it too; else the new one covers the rest from now on.
    """
    if not before or before[-1].t1 <= since or _name(before[-1]) != _name(current):
        return current.within(since, current.t1)
    begun = before.pop()
    past = clipped(begun.breaks, begun.t0, since)
    return replace(current, t0=begun.t0, breaks=past + clipped(current.breaks, since, current.t1))


def _name(instance: ShiftInstance) -> tuple[str, date]:
    return instance.code, instance.day


def _apart(instances: Iterable[ShiftInstance]) -> Iterator[ShiftInstance]:
    ordered = sorted(instances, key=lambda i: i.t0)
    for found, following in zip(ordered, [*ordered[1:], None], strict=True):
        if following is None or following.t0 >= found.t1:
            yield found
        elif following.t0 > found.t0:
            yield found.within(found.t0, following.t0)


def _stopped(instance: ShiftInstance, stops: Sequence[Window]) -> ShiftInstance:
    near = tuple(w for w in stops if w[0] < instance.t1 and w[1] > instance.t0)
    if not near:
        return instance
    return replace(instance, maintenance=clipped(near, instance.t0, instance.t1))


def minutes_into(shift: Shift, at: time) -> int:
    """Minutes from a shift's start to the next such time of day, on the wall clock."""
    return (_minute(at) - _minute(shift.start)) % 1440


def length_min(stretch: Shift | Break) -> int:
    """Minutes from start to end on the wall clock; 1,440 where both are the same."""
    return (_minute(stretch.end) - _minute(stretch.start)) % 1440 or 1440


def _minute(at: time) -> int:
    return at.hour * 60 + at.minute
