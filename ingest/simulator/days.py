"""The production days of a plant and the schedule of its machines, in milliseconds since 1970.

Built on `plant.calendar`. Never knows what a machine does in its shift.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from plant.book_edit import first_book
from plant.calendar import instant
from plant.model import Plant
from plant.roster import roster

Ms = npt.NDArray[np.int64]
Spans = npt.NDArray[np.int64]
"""Half-open stretches of time: shape (n, 2), ms since 1970, in order."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY_MS = 86_400_000


def to_ms(at: datetime) -> int:
    """UTC as milliseconds since 1970, rounded down."""
    return (at - _EPOCH) // timedelta(milliseconds=1)


def from_ms(ms: int) -> datetime:
    """Milliseconds since 1970 as UTC."""
    return _EPOCH + timedelta(milliseconds=ms)


def spans(pairs: Sequence[tuple[int, int]]) -> Spans:
    """Stretches as an array, also where there are none."""
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


class Days:
    """When production days begin, and when work and breaks are planned for a machine."""

    def __init__(self, plant: Plant) -> None:
        self._plant = plant
        self._book = first_book(plant)
        shifts = [shift for calendar in plant.calendars for shift in calendar.shifts]
        self._start = shifts[0].start if shifts else time(0)
        self.start_ms = lru_cache(maxsize=4096)(self._start_ms)
        self._planned = lru_cache(maxsize=4096)(self._planned_by)

    def of(self, ms: int) -> int:
        """The production day (ordinal of its local date) that holds this moment."""
        day = from_ms(ms).astimezone(self._plant.site.zone).date().toordinal()
        return day if ms >= self.start_ms(day) else day - 1

    def _start_ms(self, day: int) -> int:
        return to_ms(instant(date.fromordinal(day), self._start, self._plant.site.zone))

    def slices(self, machine: str, day: int) -> tuple[Spans, Spans]:
        """(work, breaks) of a machine that touch the production day and the one after it.

        A planned maintenance is a break to whoever works there.
        """
        works_by = self._book.machines[machine][0]
        return self._planned(works_by.calendar, works_by.scopes, day)

    def _planned_by(self, calendar: str, scopes: tuple[str, ...], day: int) -> tuple[Spans, Spans]:
        t0, t1 = from_ms(self.start_ms(day)), from_ms(self.start_ms(day + 2))
        found = [
            (slice_.kind, to_ms(slice_.t0), to_ms(slice_.t1))
            for instance in roster(self._book, calendar, scopes, t0, t1)
            for slice_ in instance.slices()
        ]
        work = spans([(a, b) for kind, a, b in found if kind == "work"])
        return work, spans([(a, b) for kind, a, b in found if kind != "work"])
