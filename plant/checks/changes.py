"""One-off changes name a shift, a calendar and a team that are there, and fit their shift."""

from __future__ import annotations

from collections.abc import Iterator

from plant.checks.codes import unknown
from plant.checks.maintenance import place_faults
from plant.checks.shifts import break_faults
from plant.draft import Draft
from plant.fault import Fault, written
from plant.model import Change, Shift

GIVEN = ("start", "end", "breaks", "team")


def change_faults(draft: Draft) -> Iterator[Fault]:
    """Changes of what is not there, of nothing, or twice the same."""
    seen: dict[object, str] = {}
    for key, change in draft.changes.entries:
        yield from _reference_faults(draft, key, change)
        yield from place_faults(draft, key, change)
        yield from _content_faults(draft, key, change)
        same = change.day, change.shift, change.calendars, change.lines, change.machines
        if same in seen:
            expected = f"another shift, day or place than {seen[same]}"
            yield Fault(f"{key}.shift", written(change.shift), expected, 'lines = ["A"]')
        seen.setdefault(same, key)


def _reference_faults(draft: Draft, key: str, change: Change) -> Iterator[Fault]:
    for code in change.calendars:
        yield from unknown(f"{key}.calendars", code, "a calendar", draft.calendars.known)
    shifts = {shift.code for shift in _shifts(draft, change)}
    yield from unknown(f"{key}.shift", change.shift, "a shift of these calendars", shifts)
    if change.team is not None:
        yield from unknown(f"{key}.team", change.team, "a team", draft.teams.known)


def _content_faults(draft: Draft, key: str, change: Change) -> Iterator[Fault]:
    given = [name for name in GIVEN if getattr(change, name) is not None]
    if change.kind == "cancel" and given:
        expected = f'no such key with kind = "cancel"; "alter" changes the {given[0]}'
        yield Fault(f"{key}.{given[0]}", "", expected, 'kind = "alter"')
    if change.kind == "alter" and not given:
        expected = f"what is altered: one of {', '.join(GIVEN)}"
        yield Fault(f"{key}.start", "", expected, 'start = "06:00"')
    planned = next((s for s in _shifts(draft, change) if s.code == change.shift), None)
    if planned is not None and change.breaks is not None:
        times = {"start": change.start or planned.start, "end": change.end or planned.end}
        yield from break_faults(key, planned.model_copy(update={**times, "breaks": change.breaks}))


def _shifts(draft: Draft, change: Change) -> list[Shift]:
    """The shifts of the calendars that a change may concern."""
    codes = dict(draft.calendars.codes)
    return [
        shift
        for section in draft.shifts
        if not change.calendars
        or codes.get(f"{section.name.removesuffix('.shifts')}.code") in change.calendars
        for _, shift in section.entries
    ]
