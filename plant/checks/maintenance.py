"""Planned maintenance happens once or every so many weeks, and names what is there."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

from plant.draft import Draft
from plant.fault import Fault, nearest, written
from plant.model import Change, Maintenance


def maintenance_faults(draft: Draft) -> Iterator[Fault]:
    """Maintenance without a day, with days that don't go together, or of nothing."""
    for key, planned in draft.maintenance.entries:
        yield from _day_faults(key, planned)
        yield from place_faults(draft, key, planned)


def _day_faults(key: str, planned: Maintenance) -> Iterator[Fault]:
    if (planned.day is None) == (not planned.days):
        given = f"{planned.day} and {list(planned.days)}" if planned.day else ""
        expected = "either `day`, for once, or `days`, for every week"
        yield Fault(f"{key}.days", given, expected, 'days = ["sat"]')
    if planned.every_weeks > 1 and planned.first is None and planned.days:
        expected = "the day from which the weeks are counted; it is missing"
        yield Fault(f"{key}.first", "", expected, "first = 2026-01-10")
    begin = planned.day or planned.first
    if begin is not None and planned.last is not None and planned.last < begin:
        yield Fault(
            f"{key}.last", f"{planned.last}", f"a day not before {begin}", f"last = {begin}"
        )
    if planned.day is not None and planned.day == planned.last and planned.end <= planned.start:
        yield Fault(
            f"{key}.end",
            f"{planned.end:%H:%M}",
            f"a time after {planned.start:%H:%M}, or a later `last`",
            'end = "23:59"',
        )


def place_faults(draft: Draft, key: str, entry: Maintenance | Change) -> Iterator[Fault]:
    """Patterns that name no line or machine."""
    yield from _unmatched(f"{key}.lines", entry.lines, "a line", draft.lines.known)
    yield from _unmatched(f"{key}.machines", entry.machines, "a machine", draft.machines.known)


def _unmatched(
    key: str, patterns: tuple[str, ...], what: str, known: frozenset[str]
) -> Iterator[Fault]:
    for pattern in patterns:
        if not any(fnmatchcase(code, pattern) for code in known):
            yield Fault(
                key,
                written(pattern),
                f"a pattern of {what}; {nearest(pattern, known)}",
                f'{key.rpartition(".")[2]} = ["{min(known, default="A")}"]',
            )
