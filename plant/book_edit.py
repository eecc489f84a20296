"""What a newly applied plant file does to the book: which version begins when.

What is not dated holds from the moment of applying; what says `valid_from` holds since then, and a
holiday, a change or a one-off maintenance on its own day, past or not. What is gone from the file
ends now, and what of it is past stays. Never computes a shift but to find where two versions part.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import TypeVar
from zoneinfo import ZoneInfo

from plant.book import Assignment, Book, Edition, Upkeep
from plant.fault import Fault, PlantFaults
from plant.model import Plant
from plant.roster import roster
from plant.shift import Calendar, Change, Holiday, Maintenance
from plant.wall import DAY, local_day

HORIZON = timedelta(days=730)
"""How far back a `valid_from` or a dated entry corrects what is derived."""
SOON = timedelta(days=60)
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
    return book.model_copy(update={"machines": _assigned(book, plant)})


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
    return turned.model_copy(update={"machines": _reassigned(turned, plant, now)})


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


def _assigned(book: Book, plant: Plant) -> dict[str, tuple[Assignment, ...]]:
    return {
        machine.code: (_assignment(book, machine.code, machine.line, plant.calendar_of(machine)),)
        for machine in plant.machines
    }


def _assignment(
    book: Book, machine: str, line: str, calendar: str, since: datetime | None = None
) -> Assignment:
    scopes = book.scopes(machine, line, calendar)
    return Assignment(line=line, calendar=calendar, scopes=scopes, since=since)


def _reassigned(book: Book, plant: Plant, now: datetime) -> Mapping[str, tuple[Assignment, ...]]:
    """Machines where the file puts them; those that are gone from it stay where they were."""
    found = dict(book.machines)
    lines = {line.code: line for line in plant.lines}
    for machine in plant.machines:
        calendar = plant.calendar_of(machine)
        known = tuple(_rescoped(book, machine.code, found.get(machine.code, ()), now))
        if not known:
            found[machine.code] = (_assignment(book, machine.code, machine.line, calendar),)
            continue
        day = machine.valid_from or lines[machine.line].valid_from
        since = _since(book, calendar, day, plant) if day else now
        found[machine.code] = _moved(book, machine.code, known, (machine.line, calendar), since)
    return found


def _moved(
    book: Book,
    machine: str,
    known: tuple[Assignment, ...],
    place: tuple[str, str],
    since: datetime,
) -> tuple[Assignment, ...]:
    last = known[-1]
    if (last.line, last.calendar) == place:
        return known
    kept = [a for a in known if a.since is None or a.since < since]
    if kept and (kept[-1].line, kept[-1].calendar) == place:
        return tuple(kept)
    return (*kept, _assignment(book, machine, *place, since))


def _since(book: Book, calendar: str, day: date, plant: Plant) -> datetime:
    """The start of the calendar's first shift from a production day on, or that midnight."""
    midnight = local_day(day, plant.site.zone)[0]
    near = roster(book, calendar, (), midnight, midnight + 2 * DAY)
    return next((i.t0 for i in near if i.day >= day), midnight)


def _rescoped(
    book: Book, machine: str, known: Sequence[Assignment], now: datetime
) -> Iterable[Assignment]:
    """The assignments, each with the scopes that concern it now from where that matters."""
    spans = pairwise([*known, None])
    for found, following in spans:
        assert found is not None
        yield found
        scopes = book.scopes(machine, found.line, found.calendar)
        if scopes == found.scopes:
            continue
        until = following.since if following else None
        at = _parting(book, found, scopes, now, until)
        if at is not None:
            yield found.model_copy(update={"scopes": scopes, "since": at})


def _parting(
    book: Book,
    found: Assignment,
    scopes: tuple[str, ...],
    now: datetime,
    until: datetime | None,
) -> datetime | None:
    """The start of the first shift that is another with these scopes; of the next one, if none."""
    t0 = max(now - HORIZON, found.since or now - HORIZON)
    t1 = until or now + SOON
    before = roster(book, found.calendar, found.scopes, t0, t1)
    after = roster(book, found.calendar, scopes, t0, t1)
    differing = min((i.t0 for i in {*before} ^ {*after}), default=None)
    following = next((i.t0 for i in after if i.t0 >= now), now) if until is None else None
    return min((t for t in (differing, following) if t is not None), default=None)


def _too_old(book: Book, plant: Plant, now: datetime) -> Iterable[Fault]:
    oldest = (now - HORIZON).astimezone(plant.site.zone).date()
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
    stated.extend(_moves(book, plant))
    for key, day in stated:
        if day is not None and day < oldest:
            yield too_old(key, day, oldest)


def _moves(book: Book, plant: Plant) -> Iterable[tuple[str, date | None]]:
    """Machines that are to stand or work elsewhere, and since which day."""
    lines = {line.code: (n, line) for n, line in enumerate(plant.lines)}
    for n, machine in enumerate(plant.machines):
        known = book.machines.get(machine.code, ())
        place = machine.line, plant.calendar_of(machine)
        if known and (known[-1].line, known[-1].calendar) != place:
            at, line = lines[machine.line]
            by_line = machine.valid_from is None
            yield (
                f"lines[{at}].valid_from" if by_line else f"machines[{n}].valid_from",
                line.valid_from if by_line else machine.valid_from,
            )


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
