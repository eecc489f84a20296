"""Shifts of a calendar never overlap; breaks lie within their shift and never overlap.

Looks at the wall clock of ordinary weeks: what is apart there is apart in every week.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import time, timedelta
from math import lcm

from plant.calendar import length_min, minutes_into
from plant.draft import Draft, Section
from plant.fault import Fault
from plant.model import WEEKDAYS, Rotation, Shift, Weekday
from plant.shift import LONGEST_CYCLE, cycle

DAY_MIN = 1440
LONGEST_PATTERN = 7 * LONGEST_CYCLE
Starts = tuple[frozenset[int], int]


def shift_faults(draft: Draft) -> Iterator[Fault]:
    """Overlaps, and breaks outside their shift."""
    calendars = {f"{key}.shifts": calendar for key, calendar in draft.calendars.entries}
    for section in draft.shifts:
        calendar = calendars.get(section.name)
        yield from _overlaps(section, calendar.rotation if calendar else None)
        for key, shift in section.entries:
            yield from break_faults(key, shift)


def _overlaps(section: Section[Shift], rotation: Rotation | None) -> Iterator[Fault]:
    seen: list[tuple[str, Shift, Starts]] = []
    for key, shift in section.entries:
        starts = _starts(shift, rotation)
        for other_key, other, other_starts in seen:
            if day := _common_day(shift, starts, other, other_starts):
                yield Fault(
                    key,
                    _span(shift.start, shift.end),
                    f"a shift apart from {other_key} ({_span(other.start, other.end)}); "
                    f"on {day} they overlap",
                    f'start = "{other.end:%H:%M}"',
                )
        seen.append((key, shift, starts))


def _starts(shift: Shift, rotation: Rotation | None) -> Starts:
    """The days of the pattern on which a shift starts; and how many days it has: whole weeks."""
    weekly = {WEEKDAYS.index(day) for day in shift.days}
    if rotation is None:
        return frozenset(weekly), 7
    length = lcm(7, *(len(cycle(pattern)) for pattern in rotation.teams.values()))
    if length > LONGEST_PATTERN:  # patterns of different lengths: a fault of its own
        return frozenset(weekly), 7
    monday = rotation.anchor - timedelta(days=rotation.anchor.weekday())
    on = ((n, monday + timedelta(days=n)) for n in range(length))
    return frozenset(
        n for n, day in on if n % 7 in weekly and shift.code in rotation.on(day)
    ), length


def _common_day(a: Shift, a_starts: Starts, b: Shift, b_starts: Starts) -> Weekday | None:
    """A day on which a starts and overlaps b; none where they are always apart."""
    for day in sorted(a_starts[0]):
        for apart in (-1, 0, 1):
            if (day + apart) % b_starts[1] in b_starts[0]:
                start = apart * DAY_MIN + _minute(b) - _minute(a)
                if -length_min(b) < start < length_min(a):
                    return WEEKDAYS[day % 7]
    return None


def _minute(shift: Shift) -> int:
    return shift.start.hour * 60 + shift.start.minute


def break_faults(key: str, shift: Shift) -> Iterator[Fault]:
    """Breaks outside a shift, and those that overlap."""
    taken: list[tuple[int, int]] = []
    for index, pause in enumerate(shift.breaks):
        at = f"{key}.breaks[{index}]"
        start = minutes_into(shift, pause.start)
        end = start + length_min(pause)
        if end > length_min(shift):
            yield Fault(
                at,
                _span(pause.start, pause.end),
                f"a break within its shift, {_span(shift.start, shift.end)}",
                _break_example(shift),
            )
        elif any(start < other_end and end > other_start for other_start, other_end in taken):
            yield Fault(
                at,
                _span(pause.start, pause.end),
                "a break that overlaps no other one of its shift",
                _break_example(shift),
            )
        taken.append((start, end))


def _break_example(shift: Shift) -> str:
    middle = (shift.start.hour * 60 + shift.start.minute + length_min(shift) // 2) % 1440
    end = min(middle + 15, 1439)
    return (
        f'{{ start = "{time(middle // 60, middle % 60):%H:%M}", '
        f'end = "{time(end // 60, end % 60):%H:%M}" }}'
    )


def _span(start: time, end: time) -> str:
    return f"{start:%H:%M}–{end:%H:%M}"
