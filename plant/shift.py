"""Shifts, teams, holidays, maintenance and one-off changes, as the plant file describes them.

Only the shape of what a user writes; what it comes to on a certain day says `plant.roster`.
"""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache
from typing import Literal

from pydantic import Field, field_validator

from plant.part import WEEKDAYS, Code, Label, Part, TimeOfDay, Weekday

FREE = "-"
"""A day off in a rotation."""
LONGEST_CYCLE = 366
_STEP = re.compile(r"([A-Za-z0-9][A-Za-z0-9_.-]{0,63}|-)(?:\*([1-9]\d{0,2}))?")


class Team(Part):
    code: Code
    name: Label


class Break(Part):
    start: TimeOfDay = Field(examples=["10:00"])
    end: TimeOfDay = Field(examples=["10:20"])


class Shift(Part):
    code: Code
    name: Label
    start: TimeOfDay = Field(examples=["06:00"])
    end: TimeOfDay = Field(examples=["14:00"])
    """At or before the start: the shift ends on the next day."""
    days: tuple[Weekday, ...] = Field(default=WEEKDAYS, min_length=1)
    """The days on which it starts; the production day is the day of its start."""
    breaks: tuple[Break, ...] = ()
    team: Code | None = None
    """Who always works it; with a rotation, the rotation says it."""


class Rotation(Part):
    """Which team works which shift on which day of a cycle that repeats for ever."""

    anchor: date = Field(examples=["2026-01-05"])
    """A first day of the cycle, past or future."""
    teams: dict[Code, str] = Field(
        min_length=1, examples=[{"red": "early*2 late*2 night*2 -*2", "blue": "-*2 early*2 late*4"}]
    )
    """By team, one shift code a day from the anchor on; `-` is a day off, `*3` three days so."""

    @field_validator("teams")
    @classmethod
    def _readable(cls, value: dict[str, str]) -> dict[str, str]:
        for pattern in value.values():
            if not 0 < len(cycle(pattern)) <= LONGEST_CYCLE:
                raise ValueError(
                    'shift codes and - for a day off, such as "early*2 late*2 -*3" '
                    f"(at most {LONGEST_CYCLE} days), are expected"
                )
        return value

    def on(self, day: date) -> dict[str, tuple[str, ...]]:
        """The shifts of a day, with their teams."""
        found: dict[str, tuple[str, ...]] = {}
        for team, pattern in self.teams.items():
            days = cycle(pattern)
            shift = days[(day - self.anchor).days % len(days)]
            if shift != FREE:
                found[shift] = (*found.get(shift, ()), team)
        return found


@lru_cache(maxsize=256)
def cycle(pattern: str) -> tuple[str, ...]:
    """One shift code a day; nothing where the pattern can't be read."""
    days: list[str] = []
    for step in pattern.split():
        found = _STEP.fullmatch(step)
        if found is None:
            return ()
        days.extend([found[1]] * int(found[2] or 1))
    return tuple(days)


class Calendar(Part):
    code: Code
    valid_from: date | None = Field(default=None, examples=["2026-11-02"])
    """The production day since which it holds as it stands here; none: since it is applied."""
    rotation: Rotation | None = None
    shifts: tuple[Shift, ...]


class Holiday(Part):
    day: date = Field(examples=["2026-10-01"])
    name: Label
    calendars: tuple[Code, ...] = ()
    """Empty: every calendar."""


class Maintenance(Part):
    """A planned stop within shifts: once (`day`), or every week or so (`days`)."""

    code: Code
    name: Label
    lines: tuple[str, ...] = Field(default=(), examples=[["A"]])
    machines: tuple[str, ...] = Field(default=(), examples=[["A0*"]])
    """Patterns of codes. Neither lines nor machines: the whole site."""
    start: TimeOfDay = Field(examples=["06:00"])
    end: TimeOfDay = Field(examples=["10:00"])
    """At or before the start: on the next day."""
    day: date | None = Field(default=None, examples=["2026-12-05"])
    days: tuple[Weekday, ...] = Field(default=(), examples=[["sat"]])
    every_weeks: int = Field(default=1, ge=1, le=52)
    """Counted from the week of `first`."""
    first: date | None = Field(default=None, examples=["2026-12-05"])
    last: date | None = Field(default=None, examples=["2026-12-06"])
    """The last day on which it begins; of one that happens once, the day on which it ends."""


class Change(Part):
    """One shift of one day, other than planned. The nearest wins: machine, line, calendar."""

    day: date = Field(examples=["2026-12-05"])
    kind: Literal["add", "cancel", "alter"]
    shift: Code
    calendars: tuple[Code, ...] = ()
    """Empty: every calendar that knows the shift."""
    lines: tuple[str, ...] = Field(default=(), examples=[["A"]])
    machines: tuple[str, ...] = Field(default=(), examples=[["A0*"]])
    """Patterns of codes. Neither lines nor machines: whoever works by the calendar."""
    start: TimeOfDay | None = Field(default=None, examples=["06:00"])
    end: TimeOfDay | None = Field(default=None, examples=["16:00"])
    breaks: tuple[Break, ...] | None = None
    team: Code | None = None
    """What is not given stays as it is planned."""
