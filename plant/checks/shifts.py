"""Shifts of a calendar never overlap; breaks lie within their shift and never overlap.

Looks at the wall clock of an ordinary week: what is apart there is apart in every week.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import time

from plant.calendar import length_min, minutes_into
from plant.draft import Draft, Section
from plant.fault import Fault
from plant.model import WEEKDAYS, Shift, Weekday

WEEK_MIN = 7 * 1440


def shift_faults(draft: Draft) -> Iterator[Fault]:
    """Overlaps, and breaks outside their shift."""
    for section in draft.shifts:
        yield from _overlaps(section)
        for key, shift in section.entries:
            yield from _break_faults(key, shift)


def _overlaps(section: Section[Shift]) -> Iterator[Fault]:
    seen: list[tuple[str, Shift]] = []
    for key, shift in section.entries:
        for other_key, other in seen:
            if day := _common_day(shift, other):
                yield Fault(
                    key,
                    _span(shift.start, shift.end),
                    f"a shift apart from {other_key} ({_span(other.start, other.end)}); "
                    f"on {day} they overlap",
                    f'start = "{other.end:%H:%M}"',
                )
        seen.append((key, shift))


def _common_day(a: Shift, b: Shift) -> Weekday | None:
    """A day on which a starts and overlaps b; none where they are always apart."""
    for day in a.days:
        start = _minute(day, a)
        for other in b.days:
            apart = (_minute(other, b) - start) % WEEK_MIN
            if apart < length_min(a) or WEEK_MIN - apart < length_min(b):
                return day
    return None


def _minute(day: Weekday, shift: Shift) -> int:
    return WEEKDAYS.index(day) * 1440 + shift.start.hour * 60 + shift.start.minute


def _break_faults(key: str, shift: Shift) -> Iterator[Fault]:
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
