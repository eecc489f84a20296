"""What a newly applied plant file does to the book: which version begins when.

What is not dated holds from the moment of applying; what says `valid_from` holds since then, and a
holiday, a change or a one-off maintenance on its own day, past or not. What is gone from the file
ends now, and what of it is past stays. Never computes a shift.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import TypeVar
from zoneinfo import ZoneInfo

from plant.book import Book, Edition, Upkeep
from plant.fault import Fault, PlantFaults
from plant.model import Plant
from plant.placement import assigned, moves, reassigned
from plant.shift import Calendar, Change, Holiday, Maintenance
from plant.wall import local_day

Entry = TypeVar("Entry", Holiday, Change, Maintenance)


def first_book(plant: Plant) -> Book:
    """The book of a plant that has none: what the file says holds since ever."""
    zone = plant.site.time_zone
    calendars: dict[str, tuple[Edition, ...]] = {}
    for calendar in in_order(plant.calendars):
        before = calendars.get(calendar.code, ())
        day = calendar.valid_from if before else None
        calendars[calendar.code] = (*before, Edition(calendar=calendar, zone=zone, day=day))
    book = Book(
        calendars=calendars,
        holidays=plant.holidays,
        upkeep=tuple(Upkeep(maintenance=m, zone=zone) for m in plant.maintenance),
        changes=plant.changes,
    )
    return book.model_copy(update={"machines": assigned(book, plant)})


def turned(book: Book, plant: Plant, now: datetime) -> Book:
    """The book after the plant file was applied at `now`; the same where nothing changed.

    Raises PlantFaults where something new would hold since longer than the horizon ago.
    """
    faults = list(_too_old(book, plant, now))
    if faults:
        raise PlantFaults(faults)
    today = now.astimezone(plant.site.zone).date()
    zone = plant.site.time_zone
    turned = Book(
        calendars=_editions(book, plant, now),
        holidays=_dated(book.holidays, plant.holidays, today),
        upkeep=_upkeep(book.upkeep, plant.maintenance, zone, now),
        changes=_changes(book.changes, plant.changes, today),
        machines=book.machines,
    )
    return turned.model_copy(update={"machines": reassigned(turned, plant, now)})


def in_order(calendars: Iterable[Calendar]) -> list[Calendar]:
    """Versions of calendars, the oldest first; the one without a date before those with one."""
    return sorted(calendars, key=lambda c: c.valid_from or date.min)


def _editions(book: Book, plant: Plant, now: datetime) -> dict[str, tuple[Edition, ...]]:
    given: dict[str, list[Calendar]] = {code: [] for code in book.calendars}
    for calendar in in_order(plant.calendars):
        given.setdefault(calendar.code, []).append(calendar)
    return {
        code: _edited(book.calendars.get(code, ()), versions, plant, now, code)
        for code, versions in given.items()
    }


def _edited(
    known: tuple[Edition, ...], given: Sequence[Calendar], plant: Plant, now: datetime, code: str
) -> tuple[Edition, ...]:
    zone, found = plant.site.time_zone, list(known)
    today = now.astimezone(plant.site.zone).date()
    dated = [c for c in given if c.valid_from is not None]
    if not any(c.valid_from and c.valid_from <= today for c in dated):
        undated = next((c for c in given if c.valid_from is None), None)
        present = undated or (None if dated and known else Calendar(code=code, shifts=()))
        if present is not None:
            found = _since_now(found, Edition(calendar=present, zone=zone, since=now), now)
    for calendar in dated:
        found = _since_day(found, Edition(calendar=calendar, zone=zone, day=calendar.valid_from))
    last = dated[-1].valid_from if dated else None
    return tuple(e for e in found if e.day is None or e.day <= today or e.day <= (last or today))


def _since_now(found: list[Edition], edition: Edition, now: datetime) -> list[Edition]:
    if not found:
        return [edition.model_copy(update={"since": None})]
    past = [e for e in found if (begins := e.begins()) is None or begins <= now]
    if past and _says(past[-1]) == _says(edition):
        return past
    return [*past, edition]


def _since_day(found: list[Edition], edition: Edition) -> list[Edition]:
    """The editions with this one in its place; what began later is superseded."""
    if not found:
        return [edition.model_copy(update={"day": None})]
    if any(e.day == edition.day and _says(e) == _says(edition) for e in found):
        return found
    start = edition.begins()
    assert start is not None
    if len(found) == 1 and found[0].begins() is None and _says(found[0]) == _says(edition):
        return found
    return [*(e for e in found if (b := e.begins()) is None or b < start), edition]


def _says(edition: Edition) -> tuple[Calendar, str]:
    return edition.calendar.model_copy(update={"valid_from": None}), edition.zone


def _dated(known: Sequence[Holiday], given: Sequence[Holiday], today: date) -> tuple[Holiday, ...]:
    """The holidays of the file, and those that are past and no longer in it."""
    days = {holiday.day for holiday in given}
    gone = (h for h in known if h.day < today and h.day not in days)
    return (*gone, *given)


def _changes(known: Sequence[Change], given: Sequence[Change], today: date) -> tuple[Change, ...]:
    def key(change: Change) -> tuple[object, ...]:
        return change.day, change.shift, change.calendars, change.lines, change.machines

    there = {key(change) for change in given}
    return (*(c for c in known if c.day < today and key(c) not in there), *given)


def _upkeep(
    known: Sequence[Upkeep], given: Sequence[Maintenance], zone: str, now: datetime
) -> tuple[Upkeep, ...]:
    wanted = {m.code: m for m in given}
    found: list[Upkeep] = []
    for upkeep in known:
        same = wanted.get(upkeep.maintenance.code)
        if upkeep.until is not None or same == upkeep.maintenance:
            found.append(upkeep)
        elif same is None or same.day is None:
            found.extend(_ended(upkeep, same, now))
    open_codes = {u.maintenance.code for u in found if u.until is None}
    new = (m for code, m in wanted.items() if code not in open_codes)
    return (*found, *(_begun(m, zone, now) for m in new))


def _begun(planned: Maintenance, zone: str, now: datetime) -> Upkeep:
    """One that says its day or its first day holds from there, another one from now on."""
    since = None if planned.day or planned.first else now
    return Upkeep(maintenance=planned, zone=zone, since=since)


def _ended(upkeep: Upkeep, by: Maintenance | None, now: datetime) -> Iterable[Upkeep]:
    until = now
    if by is not None and by.first is not None:
        until = local_day(by.first, _tz(upkeep))[0]
    if upkeep.since is None or upkeep.since < until:
        yield upkeep.model_copy(update={"until": until})


def _tz(upkeep: Upkeep) -> ZoneInfo:
    return ZoneInfo(upkeep.zone)


def _too_old(book: Book, plant: Plant, now: datetime) -> Iterable[Fault]:
    oldest = (now - plant.horizon.counts).astimezone(plant.site.zone).date()
    known = [e.calendar for editions in book.calendars.values() for e in editions]
    stated: list[tuple[str, date | None]] = [
        *(
            (f"calendars[{n}].valid_from", c.valid_from)
            for n, c in enumerate(plant.calendars)
            if c not in known
        ),
        *((f"holidays[{n}].day", h.day) for n, h in _new(plant.holidays, book.holidays)),
        *((f"changes[{n}].day", c.day) for n, c in _new(plant.changes, book.changes)),
        *(
            (f"maintenance[{n}].day", m.day or m.first)
            for n, m in _new(plant.maintenance, [u.maintenance for u in book.upkeep])
        ),
    ]
    stated.extend(moves(book, plant))
    for key, day in stated:
        if day is not None and day < oldest:
            yield too_old(key, day, oldest)


def _new(given: Sequence[Entry], known: Sequence[Entry]) -> Iterable[tuple[int, Entry]]:
    return ((n, entry) for n, entry in enumerate(given) if entry not in known)


def too_old(key: str, day: date, oldest: date) -> Fault:
    """The fault of a date that lies before what can still be corrected."""
    return Fault(
        key,
        day.isoformat(),
        f"a day since {oldest}: what is older can't be derived again",
        f"{key.rpartition('.')[2]} = {oldest}",
    )
