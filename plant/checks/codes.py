"""Codes: each one once, and whatever is named is there."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from plant.draft import Draft, Section
from plant.fault import Fault, nearest, written

LISTS = ("calendars", "recipients")
"""Keys that hold several codes."""


def duplicate_faults(draft: Draft) -> Iterator[Fault]:
    """Codes that occur twice in a section, and machines that are called like a line."""
    sections: tuple[Section[Any], ...] = (
        draft.areas,
        draft.lines,
        draft.machines,
        *draft.shifts,
        draft.teams,
        draft.maintenance,
        draft.products,
        draft.reasons,
        draft.state_maps,
        draft.sources,
        draft.alerts,
        draft.recipients,
    )
    for section in sections:
        yield from _twice(section)
    for key, code in draft.machines.codes:
        if code in draft.lines.known:
            yield Fault(
                key,
                written(code),
                "a code that no line has; products name their cycles by line or machine",
                f'code = "{code}01"',
            )


def _twice(section: Section[Any]) -> Iterator[Fault]:
    first: dict[str, str] = {}
    for key, code in section.codes:
        if code in first:
            yield Fault(
                key,
                written(code),
                f"a code of its own; {first[code]} is the same",
                f'{key.rpartition(".")[2]} = "{code}_2"',
            )
        first.setdefault(code, key)


def reference_faults(draft: Draft) -> Iterator[Fault]:
    """Codes that name nothing."""
    calendars = draft.calendars.known
    if draft.site_calendar is not None:
        yield from unknown("site.calendar", draft.site_calendar, "a calendar", calendars)
    for key, line in draft.lines.entries:
        yield from unknown(f"{key}.area", line.area, "an area", draft.areas.known)
        if line.calendar is not None:
            yield from unknown(f"{key}.calendar", line.calendar, "a calendar", calendars)
        elif draft.site_calendar is None:
            yield Fault(
                f"{key}.calendar",
                "",
                "this key; it is missing, and the site names no calendar either",
                f'calendar = "{min(calendars, default="three_shift")}"',
            )
    for key, machine in draft.machines.entries:
        yield from unknown(f"{key}.line", machine.line, "a line", draft.lines.known)
        if machine.calendar is not None:
            yield from unknown(f"{key}.calendar", machine.calendar, "a calendar", calendars)
    for key, holiday in draft.holidays.entries:
        for code in holiday.calendars:
            yield from unknown(f"{key}.calendars", code, "a calendar", calendars)
    yield from _product_faults(draft)


def unknown(key: str, code: str, what: str, known: Collection[str]) -> Iterator[Fault]:
    """A fault if the code is not among the known ones."""
    if code not in known:
        field = key.rpartition(".")[2]
        example = f'"{min(known, default="A01")}"'
        if field in LISTS:
            example = f"[{example}]"
        yield Fault(
            key,
            written(code),
            f"the code of {what}; {nearest(code, known)}",
            f"{field} = {example}",
        )


def _product_faults(draft: Draft) -> Iterator[Fault]:
    makers = draft.lines.known | draft.machines.known
    for key, product in draft.products.entries:
        for code, seconds in product.ideal_cycle_s.items():
            if code not in makers:
                yield Fault(
                    f"{key}.ideal_cycle_s.{code}",
                    written(seconds),
                    f"the code of a line or a machine; {nearest(code, makers)}",
                    f"ideal_cycle_s = {{ {min(makers, default='A')} = {seconds} }}",
                )
