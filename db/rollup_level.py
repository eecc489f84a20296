"""The levels of rollups, and the arithmetic of their buckets. No database."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

Name = Literal["tag_1m", "tag_1h", "machine_15m", "machine_1h"]
Range = tuple[datetime, datetime]
"""Half-open."""

LONGEST = timedelta(days=60)
"""Of a step over a range in which there is nothing."""
_ORIGIN = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Level:
    """One rollup relation."""

    name: Name
    bucket: timedelta
    lag: timedelta
    """How far the watermark stays behind: what is younger changes all the time."""
    step: timedelta
    """The longest range refreshed in one transaction."""
    source: str
    """The relation whose horizon bounds what may be computed again."""
    above: Name | None
    """The level made from this one."""

    def down(self, at: datetime) -> datetime:
        """The start of the bucket of a moment."""
        return at - (at - _ORIGIN) % self.bucket

    def up(self, at: datetime) -> datetime:
        """The end of the bucket that a half-open range up to `at` needs."""
        return self.down(at + self.bucket - timedelta(microseconds=1))

    def target(self, now: datetime) -> datetime:
        """Where the watermark should be."""
        return self.down(now - self.lag)


_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

LEVELS: tuple[Level, ...] = (
    Level("tag_1m", _MINUTE, 2 * _MINUTE, _HOUR, "reading", "tag_1h"),
    Level("tag_1h", _HOUR, 10 * _MINUTE, _DAY, "tag_1m", None),
    Level("machine_15m", 15 * _MINUTE, 5 * _MINUTE, _DAY, "machine_1m", "machine_1h"),
    Level("machine_1h", _HOUR, 20 * _MINUTE, 7 * _DAY, "machine_15m", None),
)


def newest(level: Level, ranges: Iterable[Range], span: timedelta) -> tuple[Range, list[Range]]:
    """(the newest `span` of the ranges, widened to buckets; what is left of them)."""
    rest = merged((level.down(t0), level.up(t1)) for t0, t1 in ranges)
    t0, t1 = rest.pop()
    begin = max(t0, level.down(t1 - span))
    if begin > t0:
        rest.append((t0, begin))
    return (begin, t1), rest


def next_span(level: Level, span: timedelta, rows: int) -> timedelta:
    """The length of the next step: longer and longer where there is nothing."""
    return level.step if rows else min(2 * span, LONGEST)


def merged(ranges: Iterable[Range]) -> list[Range]:
    """Overlapping and touching ranges as one, oldest first."""
    result: list[Range] = []
    for t0, t1 in sorted(ranges):
        if result and t0 <= result[-1][1]:
            result[-1] = (result[-1][0], max(t1, result[-1][1]))
        else:
            result.append((t0, t1))
    return result
