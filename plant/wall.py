"""Wall clocks: local times of day as moments, over the nights when clocks change.

Choices: a wall time that does not exist means the moment of the jump, one that exists twice means
the first. Never asks for the time.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

Window = tuple[datetime, datetime]
"""A stretch of time, half-open, UTC."""

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)


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


def joined(windows: list[Window]) -> list[Window]:
    """Overlapping and touching stretches as one, in order."""
    result: list[Window] = []
    for t0, t1 in sorted(windows):
        if result and t0 <= result[-1][1]:
            result[-1] = (result[-1][0], max(t1, result[-1][1]))
        else:
            result.append((t0, t1))
    return result


def clipped(windows: tuple[Window, ...], t0: datetime, t1: datetime) -> tuple[Window, ...]:
    """What of the stretches lies in [t0, t1)."""
    inside = ((max(a, t0), min(b, t1)) for a, b in windows)
    return tuple((a, b) for a, b in inside if a < b)
