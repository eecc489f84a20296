"""Shifts and breaks on the clock of the world: half-open stretches of UTC, never overlapping.

Reads a calendar's shifts and holidays and a time zone; never asks for the time itself.

Choices where clocks change: a wall time that does not exist means the moment of the jump, one that
exists twice means the first; so a shift over such a night is shorter or longer, and neighbours
still touch. A break keeps its length. No shift starts on a holiday; one that started the evening
before is worked to its end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Literal
from zoneinfo import ZoneInfo

from plant.model import WEEKDAYS, Break, Calendar, Label, Plant, Shift

SliceKind = Literal["work", "break"]
Window = tuple[datetime, datetime]
"""A stretch of time, half-open, UTC."""

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of a shift: work or break."""

    t0: datetime
    t1: datetime
    kind: SliceKind


@dataclass(frozen=True, slots=True)
class ShiftInstance:
    """One shift of one day. `day` is the production day: the local day on which it starts."""

    calendar: str
    code: str
    name: Label
    day: date
    t0: datetime
    t1: datetime
    breaks: tuple[Window, ...]

    def slices(self) -> tuple[Slice, ...]:
        """Work and breaks in order; together exactly [t0, t1)."""
        return tuple(_sliced(self.t0, self.t1, self.breaks))


def shift_instances(
    plant: Plant, calendar: str, t0: datetime, t1: datetime
) -> tuple[ShiftInstance, ...]:
    """Every shift of the calendar that overlaps [t0, t1), whole, in order.

    Raises KeyError where the plant has no such calendar.
    """
    found = {c.code: c for c in plant.calendars}[calendar]
    closed = _holidays(plant, calendar)
    zone = plant.site.zone
    first = t0.astimezone(zone).date() - 2 * DAY
    days = (t1.astimezone(zone).date() - first).days + 1
    instances = (
        instance
        for offset in range(days + 1)
        if (day := first + offset * DAY) not in closed
        for instance in _of_day(found, day, zone)
    )
    return tuple(sorted((i for i in instances if i.t0 < t1 and i.t1 > t0), key=lambda i: i.t0))


def slice_at(instances: Sequence[ShiftInstance], moment: datetime) -> Slice | None:
    """The slice that holds this moment; none where it is not scheduled."""
    for instance in instances:
        if instance.t0 <= moment < instance.t1:
            return next(s for s in instance.slices() if s.t0 <= moment < s.t1)
    return None


def work_windows(instances: Sequence[ShiftInstance]) -> tuple[Window, ...]:
    """The stretches of planned work, in order."""
    return tuple((s.t0, s.t1) for i in instances for s in i.slices() if s.kind == "work")


def work_s(windows: Sequence[Window], t0: datetime, t1: datetime) -> float:
    """Seconds of planned work between two moments; 0 where t1 is not after t0."""
    return sum(max(0.0, (min(end, t1) - max(start, t0)).total_seconds()) for start, end in windows)


def after_work(windows: Sequence[Window], start: datetime, seconds: float) -> datetime | None:
    """The moment when so many seconds of planned work have passed since `start`.

    None where the windows end before that. `windows` are in order.
    """
    left = seconds
    for t0, t1 in windows:
        begin = max(t0, start)
        if t1 <= begin:
            continue
        if (room := (t1 - begin).total_seconds()) >= left:
            return begin + timedelta(seconds=left)
        left -= room
    return None


def local_day(day: date, zone: ZoneInfo) -> Window:
    """The 23, 24 or 25 hours of a local calendar day."""
    return instant(day, time(0), zone), instant(day + DAY, time(0), zone)


@lru_cache(maxsize=65_536)
def instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    """A local wall time as UTC, never going back while the wall time goes on."""
    early = datetime.combine(day, at, zone)
    moment = early.astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == early.replace(tzinfo=None):
        return moment
    return _jump(early.replace(fold=1).astimezone(UTC), moment, zone)


def _jump(low: datetime, high: datetime, zone: ZoneInfo) -> datetime:
    """The second in (low, high] at which the zone's offset changes."""
    before = low.astimezone(zone).utcoffset()
    while high - low > SECOND:
        middle = low + (high - low) // 2
        middle = middle.replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high


def _holidays(plant: Plant, calendar: str) -> frozenset[date]:
    return frozenset(h.day for h in plant.holidays if not h.calendars or calendar in h.calendars)


def _of_day(calendar: Calendar, day: date, zone: ZoneInfo) -> Iterator[ShiftInstance]:
    for shift in calendar.shifts:
        if WEEKDAYS[day.weekday()] not in shift.days:
            continue
        t0 = instant(day, shift.start, zone)
        t1 = instant(_end_day(shift, day), shift.end, zone)
        if t1 > t0:
            breaks = tuple(_breaks(shift, day, t0, t1, zone))
            yield ShiftInstance(calendar.code, shift.code, shift.name, day, t0, t1, breaks)


def _end_day(shift: Shift, day: date) -> date:
    return day if shift.end > shift.start else day + DAY


def _breaks(
    shift: Shift, day: date, t0: datetime, t1: datetime, zone: ZoneInfo
) -> Iterator[Window]:
    end = t0
    for pause in sorted(shift.breaks, key=lambda b: minutes_into(shift, b.start)):
        start = max(end, instant(_break_day(shift, pause, day), pause.start, zone))
        end = min(t1, start + timedelta(minutes=length_min(pause)))
        if end > start:
            yield start, end


def _break_day(shift: Shift, pause: Break, day: date) -> date:
    return day if pause.start >= shift.start else day + DAY


def minutes_into(shift: Shift, at: time) -> int:
    """Minutes from a shift's start to the next such time of day, on the wall clock."""
    return (_minute(at) - _minute(shift.start)) % 1440


def length_min(stretch: Shift | Break) -> int:
    """Minutes from start to end on the wall clock; 1,440 where both are the same."""
    return (_minute(stretch.end) - _minute(stretch.start)) % 1440 or 1440


def _minute(at: time) -> int:
    return at.hour * 60 + at.minute


def _sliced(t0: datetime, t1: datetime, breaks: Sequence[Window]) -> Iterator[Slice]:
    edges = [t0, *(edge for pause in breaks for edge in pause), t1]
    for index, (start, end) in enumerate(pairwise(edges)):
        if end > start:
            yield Slice(start, end, "break" if index % 2 else "work")
