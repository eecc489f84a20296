"""When a planned maintenance happens: its windows on the clock of the world."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from zoneinfo import ZoneInfo

from plant.book import Upkeep
from plant.part import WEEKDAYS
from plant.shift import Maintenance
from plant.wall import DAY, Window, clipped, instant


def windows(upkeep: Upkeep, t0: datetime, t1: datetime) -> tuple[Window, ...]:
    """The windows that meet [t0, t1), cut where the maintenance began or ceased to be planned."""
    found = tuple(w for w in _all(upkeep, t0, t1) if w[0] < w[1] and w[0] < t1 and w[1] > t0)
    if not found:
        return ()
    begin, end = upkeep.since or found[0][0], upkeep.until or found[-1][1]
    return clipped(found, begin, end)


def _all(upkeep: Upkeep, t0: datetime, t1: datetime) -> Iterator[Window]:
    planned, zone = upkeep.maintenance, _zone(upkeep)
    if planned.day is not None:
        yield _window(upkeep, planned.day, planned.last or planned.day)
        return
    day, last = t0.astimezone(zone).date() - DAY, t1.astimezone(zone).date()
    while day <= last:
        if _falls_on(planned, day):
            yield _window(upkeep, day, day)
        day += DAY


def _falls_on(planned: Maintenance, day: date) -> bool:
    if WEEKDAYS[day.weekday()] not in planned.days or (planned.last and day > planned.last):
        return False
    if planned.first is None:
        return True
    return day >= planned.first and (_week(day) - _week(planned.first)) % planned.every_weeks == 0


def _week(day: date) -> int:
    """Weeks since the Monday of year 1."""
    return (day.toordinal() - 1) // 7


def _window(upkeep: Upkeep, first: date, last: date) -> Window:
    planned, zone = upkeep.maintenance, _zone(upkeep)
    on = last + DAY if first == last and planned.end <= planned.start else last
    return instant(first, planned.start, zone), instant(on, planned.end, zone)


def _zone(upkeep: Upkeep) -> ZoneInfo:
    return ZoneInfo(upkeep.zone)
