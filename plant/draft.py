"""A plant file that may be faulty: what of it can be understood, entry by entry.

So that faults between parts are found beside faults of form. A broken optional value is left out;
an entry that is broken beyond that is left out, but its code is still known to those that name it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from plant.model import (
    Area,
    Calendar,
    Change,
    Holiday,
    Line,
    Machine,
    Maintenance,
    Product,
    Reason,
    Recipient,
    Rule,
    Shift,
    Source,
    StateMap,
    TagPattern,
    Team,
)
from plant.schema import Loc, clean

T = TypeVar("T")
ATTEMPTS = 50


@dataclass(frozen=True, slots=True)
class Section(Generic[T]):
    """A list of entries: those understood, with their place, and the codes of all."""

    name: str
    entries: tuple[tuple[str, T], ...]
    """(key such as `lines[2]`, entry)"""
    codes: tuple[tuple[str, str], ...]
    """(key such as `lines[2].code`, code), broken entries included."""

    @property
    def known(self) -> frozenset[str]:
        """Every code that is there."""
        return frozenset(code for _, code in self.codes)


@dataclass(frozen=True, slots=True)
class Draft:
    """The sections of a file as far as they can be understood."""

    areas: Section[Area]
    lines: Section[Line]
    machines: Section[Machine]
    calendars: Section[Calendar]
    shifts: tuple[Section[Shift], ...]
    """One for each calendar."""
    teams: Section[Team]
    holidays: Section[Holiday]
    maintenance: Section[Maintenance]
    changes: Section[Change]
    products: Section[Product]
    reasons: Section[Reason]
    state_maps: Section[StateMap]
    sources: Section[Source]
    tags: Section[TagPattern]
    alerts: Section[Rule]
    recipients: Section[Recipient]
    fallback: str | None
    """What `mail.fallback` names, if it is a text."""
    site_calendar: str | None
    """Of the lines that name none."""


ADAPTERS: Mapping[str, TypeAdapter[object]] = {
    "areas": TypeAdapter(Area),
    "lines": TypeAdapter(Line),
    "machines": TypeAdapter(Machine),
    "calendars": TypeAdapter(Calendar),
    "teams": TypeAdapter(Team),
    "holidays": TypeAdapter(Holiday),
    "maintenance": TypeAdapter(Maintenance),
    "changes": TypeAdapter(Change),
    "products": TypeAdapter(Product),
    "reasons": TypeAdapter(Reason),
    "state_maps": TypeAdapter(StateMap),
    "sources": TypeAdapter(Source),
    "tags": TypeAdapter(TagPattern),
    "alerts": TypeAdapter(Rule),
    "recipients": TypeAdapter(Recipient),
}
SHIFT: TypeAdapter[object] = TypeAdapter(Shift)


def draft(data: Mapping[str, object]) -> Draft:
    """What can be understood of a parsed file. Never raises for what a file may hold."""
    sections = {name: _section(name, data.get(name), adapter) for name, adapter in ADAPTERS.items()}
    calendars = [entry for _, entry in _entries("", data.get("calendars"))]
    shifts = tuple(
        _section(f"calendars[{index}].shifts", calendar.get("shifts"), SHIFT)
        for index, calendar in enumerate(calendars)
        if isinstance(calendar, Mapping)
    )
    site, mail = data.get("site"), data.get("mail")
    named = {"fallback": _text(mail, "fallback"), "site_calendar": _text(site, "calendar")}
    # Each section is what its adapter made; one dictionary of them all is a type of none.
    return Draft(**sections, shifts=shifts, **named)  # type: ignore[arg-type]


def _text(table: object, key: str) -> str | None:
    found = table.get(key) if isinstance(table, Mapping) else None
    return found if isinstance(found, str) else None


def _section(name: str, raw: object, adapter: TypeAdapter[object]) -> Section[object]:
    entries = list(_entries(name, raw))
    understood = ((key, _understood(entry, adapter)) for key, entry in entries)
    return Section(
        name,
        tuple((key, entry) for key, entry in understood if entry is not None),
        tuple(found for key, entry in entries for found in _code(key, entry)),
    )


def _entries(name: str, raw: object) -> Iterator[tuple[str, object]]:
    for index, entry in enumerate(raw if isinstance(raw, list) else ()):
        yield f"{name}[{index}]", entry


def _code(key: str, entry: object) -> Iterator[tuple[str, str]]:
    for field in ("code", "name"):
        if isinstance(entry, Mapping) and field in entry:
            if isinstance(entry[field], str):
                yield f"{key}.{field}", entry[field]
            return


def _understood(entry: object, adapter: TypeAdapter[object]) -> object | None:
    """The entry without its broken optional values; none where it can't do without them."""
    rest = deepcopy(entry)
    for _ in range(ATTEMPTS):
        try:
            return adapter.validate_python(rest)
        except ValidationError as error:
            details = error.errors(include_url=False, include_context=False)[0]
            path = clean(details["loc"], rest)
            if not _removed(rest, path[:-1] if details["type"] == "missing" else path):
                return None
    return None


def _removed(rest: object, path: Loc) -> bool:
    """Take out what stands at the path; whether something stood there."""
    if not path:
        return False
    here = rest
    for step in path[:-1]:
        if not isinstance(here, dict | list):
            return False
        here = here[step]  # type: ignore[index]
    try:
        del here[path[-1]]  # type: ignore[attr-defined]
    except (LookupError, TypeError):
        return False
    return True
