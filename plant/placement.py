"""Where machines stand and by which calendar they work, over the years: assignments of a book.

A machine that moves keeps what was. One that changes or maintenance of its own begin to concern has
a calendar with them from the first shift that differs on. Never edits a calendar.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise

from plant.book import Assignment, Book
from plant.model import Plant
from plant.roster import roster
from plant.wall import DAY, Window, local_day

SOON = timedelta(days=60)
Partings = dict[tuple[object, ...], datetime | None]
"""What was found for machines that work alike: of many, each difference is sought once."""


def assigned(book: Book, plant: Plant) -> dict[str, tuple[Assignment, ...]]:
    """Where the file puts every machine, since ever."""
    return {
        machine.code: (_assignment(book, machine.code, machine.line, plant.calendar_of(machine)),)
        for machine in plant.machines
    }


def _assignment(
    book: Book, machine: str, line: str, calendar: str, since: datetime | None = None
) -> Assignment:
    scopes = book.scopes(machine, line, calendar)
    return Assignment(line=line, calendar=calendar, scopes=scopes, since=since)


def reassigned(book: Book, plant: Plant, now: datetime) -> Mapping[str, tuple[Assignment, ...]]:
    """Machines where the file puts them; those that are gone from it stay where they were."""
    found = dict(book.machines)
    span = now - plant.horizon.counts, now
    lines = {line.code: line for line in plant.lines}
    partings: Partings = {}
    for machine in plant.machines:
        calendar = plant.calendar_of(machine)
        before = found.get(machine.code, ())
        known = tuple(_rescoped(book, machine.code, before, span, partings))
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
    book: Book, machine: str, known: Sequence[Assignment], span: Window, partings: Partings
) -> Iterable[Assignment]:
    """The assignments, each with the scopes that concern it now from where that matters."""
    for found, following in pairwise([*known, None]):
        assert found is not None
        scopes = book.scopes(machine, found.line, found.calendar)
        change = found.model_copy(update={"scopes": scopes})
        until = following.since if following else None
        key = found.calendar, found.scopes, scopes, found.since, until
        if change == found:
            yield found
            continue
        if key not in partings:
            partings[key] = _parting(book, found, change, span, until)
        yield from _parted(found, change, partings[key])


def _parted(found: Assignment, change: Assignment, at: datetime | None) -> Iterable[Assignment]:
    if at is None or found.since is None or found.since < at:
        yield found
    if at is not None:
        yield change.model_copy(update={"since": max(at, found.since or at)})


def _parting(
    book: Book, found: Assignment, change: Assignment, span: Window, until: datetime | None
) -> datetime | None:
    """The start of the first shift that is another after the change; of the next one, if none."""
    oldest, now = span
    t0 = max(oldest, found.since or oldest)
    t1 = until or now + SOON
    before = roster(book, found.calendar, found.scopes, t0, t1)
    after = roster(book, found.calendar, change.scopes, t0, t1)
    differing = min((i.t0 for i in {*before} ^ {*after}), default=None)
    following = next((i.t0 for i in after if i.t0 >= now), now) if until is None else None
    return min((t for t in (differing, following) if t is not None), default=None)


def moves(book: Book, plant: Plant) -> Iterable[tuple[str, date | None]]:
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
