"""What is known of the shifts of a plant over the years: the versions of what the file says.

A book is kept beside the shifts computed from it, and `plant.book_edit` turns its page. Never
computes a shift: that is `plant.roster`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time
from fnmatch import fnmatchcase
from hashlib import sha1
from zoneinfo import ZoneInfo

from pydantic import Field

from plant.part import Part
from plant.shift import Calendar, Change, Holiday, Maintenance
from plant.wall import instant


class Edition(Part):
    """A version of a calendar: since a production day, since a moment, or since ever."""

    calendar: Calendar
    zone: str
    day: date | None = None
    since: datetime | None = None

    @property
    def tz(self) -> ZoneInfo:
        """The zone of its times of day."""
        return ZoneInfo(self.zone)

    def begins(self) -> datetime | None:
        """About when it begins: the night before its first shift; none: since ever."""
        return instant(self.day, time(0), self.tz) if self.day else self.since


class Upkeep(Part):
    """A maintenance as it stood in the file from a moment until another."""

    maintenance: Maintenance
    zone: str
    since: datetime | None = None
    until: datetime | None = None


class Assignment(Part):
    """Where a machine stood and by what it worked, since a moment; none: since ever."""

    line: str
    calendar: str
    scopes: tuple[str, ...] = ()
    """Which maintenance and changes of lines and machines concern it, as `scope_of` names them."""
    since: datetime | None = None

    @property
    def code(self) -> str:
        """Of the calendar with the changes of these scopes; without any, the calendar's own."""
        return effective_code(self.calendar, self.scopes)


class Book(Part):
    calendars: Mapping[str, tuple[Edition, ...]] = Field(default_factory=dict)
    """By calendar, the oldest first."""
    holidays: tuple[Holiday, ...] = ()
    upkeep: tuple[Upkeep, ...] = ()
    changes: tuple[Change, ...] = ()
    machines: Mapping[str, tuple[Assignment, ...]] = Field(default_factory=dict)
    """By machine, the oldest first."""

    def effective(self) -> dict[str, tuple[str, tuple[str, ...]]]:
        """Every calendar that someone works by, and every plain one: code to (calendar, scopes)."""
        plain = {code: (code, ()) for code in self.calendars}
        used = {
            found.code: (found.calendar, found.scopes)
            for assignments in self.machines.values()
            for found in assignments
        }
        return {**used, **plain}

    def scopes(self, machine: str, line: str, calendar: str) -> tuple[str, ...]:
        """The scopes that concern a machine beyond its calendar, sorted."""
        entries: list[Maintenance | Change] = [*self.changes]
        entries.extend(upkeep.maintenance for upkeep in self.upkeep)
        concerned = {
            scope_of(entry)
            for entry in entries
            if concerns(entry, machine, line) and names_calendar(entry, calendar)
        }
        return tuple(sorted(concerned - {""}))


def scope_of(entry: Maintenance | Change) -> str:
    """The lines and machines that an entry names, as text; empty: it names none."""
    if not entry.lines and not entry.machines:
        return ""
    return f"lines={','.join(entry.lines)} machines={','.join(entry.machines)}"


def concerns(entry: Maintenance | Change, machine: str, line: str) -> bool:
    """Whether an entry with lines or machines names this one."""
    return any(fnmatchcase(machine, p) for p in entry.machines) or any(
        fnmatchcase(line, p) for p in entry.lines
    )


def names_calendar(entry: Maintenance | Change, calendar: str) -> bool:
    """Whether an entry holds for a calendar."""
    named = entry.calendars if isinstance(entry, Change) else ()
    return not named or calendar in named


def effective_code(calendar: str, scopes: tuple[str, ...]) -> str:
    """The code of a calendar together with the changes of some scopes."""
    if not scopes:
        return calendar
    return f"{calendar}~{sha1('|'.join(scopes).encode(), usedforsecurity=False).hexdigest()[:8]}"
