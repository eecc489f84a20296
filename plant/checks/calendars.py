"""Versions of a calendar begin on different days; rotations name teams and shifts there are."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from plant.checks.codes import unknown
from plant.draft import Draft
from plant.fault import Fault, nearest, written
from plant.model import Calendar
from plant.shift import FREE, cycle


def calendar_faults(draft: Draft) -> Iterator[Fault]:
    """Versions that begin together, and rotations that name nothing."""
    yield from _version_faults(draft)
    for (key, calendar), shifts in _with_shifts(draft):
        yield from _rotation_faults(key, calendar, shifts, draft.teams.known)
    for section in draft.shifts:
        for key, shift in section.entries:
            if shift.team is not None:
                yield from unknown(f"{key}.team", shift.team, "a team", draft.teams.known)


def _version_faults(draft: Draft) -> Iterator[Fault]:
    first: dict[tuple[str, date | None], str] = {}
    for key, calendar in draft.calendars.entries:
        version = calendar.code, calendar.valid_from
        if version in first:
            other = first[version]
            yield Fault(
                f"{key}.code",
                written(calendar.code),
                f"a code of its own, or another `valid_from` than {other}: a version of it",
                f"valid_from = {(calendar.valid_from or date(2026, 11, 1)) + timedelta(days=1)}",
            )
        first.setdefault(version, key)


def _with_shifts(draft: Draft) -> Iterator[tuple[tuple[str, Calendar], frozenset[str]]]:
    known = {section.name: section.known for section in draft.shifts}
    for key, calendar in draft.calendars.entries:
        yield (key, calendar), known.get(f"{key}.shifts", frozenset())


def _rotation_faults(
    key: str, calendar: Calendar, shifts: frozenset[str], teams: frozenset[str]
) -> Iterator[Fault]:
    if calendar.rotation is None:
        return
    patterns = {team: cycle(text) for team, text in calendar.rotation.teams.items()}
    length = len(next(iter(patterns.values())))
    for team, days in patterns.items():
        at = f"{key}.rotation.teams.{team}"
        pattern = calendar.rotation.teams[team]
        if team not in teams:
            yield Fault(
                at,
                written(pattern),
                f"the code of a team; {nearest(team, teams)}",
                f"teams.{min(teams, default='red')} = {written(pattern)}",
            )
        for code in sorted({*days} - shifts - {FREE}):
            yield Fault(
                at,
                written(pattern),
                f'shifts of this calendar; "{code}" is none, {nearest(code, shifts)}',
                f'teams.{team} = "{min(shifts, default="early")}*{length}"',
            )
        if len(days) != length:
            yield Fault(
                at,
                written(pattern),
                f"a pattern of {length} days, as the first one; this one has {len(days)}",
                f'teams.{team} = "{min(shifts, default="early")}*{length}"',
            )
