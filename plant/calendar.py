"""The shifts of a plant file on the clock of the world, and arithmetic with planned work.

What a file alone says, as if it had held since ever; `plant.book` has the versions of the years.
Half-open stretches of UTC that never overlap. Never asks for the time itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from plant.book import Book
from plant.book_edit import first_book
from plant.instance import ShiftInstance, Slice, SliceKind
from plant.model import Plant
from plant.roster import length_min, minutes_into, roster
from plant.wall import Window, instant, local_day

__all__ = [
    "ShiftInstance",
    "Slice",
    "SliceKind",
    "Window",
    "after_work",
    "instant",
    "length_min",
    "local_day",
    "machine_shifts",
    "minutes_into",
    "shift_instances",
    "slice_at",
    "work_s",
    "work_windows",
]


def shift_instances(
    plant: Plant, calendar: str, t0: datetime, t1: datetime
) -> tuple[ShiftInstance, ...]:
    """Every shift of the calendar that overlaps [t0, t1), whole, in order.

    Without what holds for certain lines or machines only. Raises KeyError where the plant has no
    such calendar.
    """
    return roster(first_book(plant), calendar, (), t0, t1)


def machine_shifts(
    book: Book, machine: str, t0: datetime, t1: datetime
) -> tuple[ShiftInstance, ...]:
    """Every shift of a machine that overlaps [t0, t1), in order, by whatever it worked when.

    A shift in which it changed its calendar is cut there. Raises KeyError for an unknown machine.
    """
    assignments = book.machines[machine]
    found: list[ShiftInstance] = []
    for assignment, following in zip(assignments, [*assignments[1:], None], strict=True):
        since = assignment.since or t0
        until = following.since if following and following.since else t1
        if max(t0, since) >= min(t1, until):
            continue
        for instance in roster(
            book, assignment.calendar, assignment.scopes, max(t0, since), min(t1, until)
        ):
            begin = max(instance.t0, since) if assignment.since else instance.t0
            end = min(instance.t1, until) if following else instance.t1
            found.append(instance.within(begin, end))
    return tuple(found)


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
