"""When an operation will be done: many ways in which it may go on, drawn from what was seen.

Through the planned work ahead, after what its machine does before and the steps before it. A way is
made of blocks of two hours drawn from the machine's own last days (block bootstrap), and of a pace
drawn for each order. Same facts, same draws: the seed follows from the operation. Pure; never asks
for the time. docs/orders.md says why, and what it was held against.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from zlib import crc32

import numpy as np

from plant.calendar import Window
from plant.orders_pace import (
    QUARTER_S,
    STEPS_A_BLOCK,
    Floats,
    Level,
    Pace,
    Rhythm,
    own_level,
    rhythm,
)

WAYS = 500
LOW, HIGH = 0.10, 0.90
"""The range that is shown."""
SHOWN = [round(share * (WAYS - 1)) for share in (LOW, 0.5, HIGH)]
"""Which of the ways, in their order, are its ends and its middle."""
LONGEST_BREAK_S, MOST_BREAKS = 7200.0, 30
"""A gap in planned work that is longer is the end of a shift; so many breaks are looked at."""
SLOWEST = 0.2
"""No drawn pace is below this share of the mean one."""


@dataclass(frozen=True, slots=True)
class Queued:
    """An operation that is not done, in the order in which its machine will take it.

    `remaining`: good pieces; `cycle_s`: ideal cycle, None where unknown; `expected`: output a
    second of planned busy time as it should be, in the unit of the output; `output`, `running_s`,
    `setup_s`: what it made and used up to now; `not_before`: when it may begin, at the earliest;
    `after`: keys of the operations of the step before it; `lag_s`: where the steps overlap, it
    begins so long after them and ends no earlier than they do; None: it begins when they are done.
    Output: ideal seconds of good pieces, or good pieces without an ideal cycle.
    """

    key: str
    remaining: float
    product: str | None = None
    cycle_s: float | None = None
    expected: float | None = None
    output: float = 0.0
    running_s: float = 0.0
    setup_s: float = 0.0
    not_before: datetime | None = None
    due: datetime | None = None
    has_begun: bool = False
    after: tuple[str, ...] = ()
    lag_s: float | None = None


@dataclass(frozen=True, slots=True)
class Forecast:
    """When an operation will be done. None: not within the calendar ahead.

    `late`: probability that it is done after its due date; None without one.
    """

    low: datetime | None
    middle: datetime | None
    high: datetime | None
    late: float | None


@dataclass(frozen=True, slots=True, eq=False)
class Ways:
    """An operation in each way, seconds from now; shape (WAYS,). Beyond the calendar: infinite."""

    begun_s: Floats
    done_s: Floats
    free_s: Floats
    """Planned work of its machine until it is done."""
    forecast: Forecast

    begun_middle_s: float
    done_middle_s: float
    """As likely earlier as later."""

    def follows_s(self, lag_s: float | None) -> float:
        """Until the next step may begin, as likely earlier as later; `lag_s`: see `Queued`."""
        return self.done_middle_s if lag_s is None else self.begun_middle_s + lag_s


def _middle(seconds: Floats) -> float:
    return float(np.partition(seconds, SHOWN[1])[SHOWN[1]])


@lru_cache(maxsize=2048)
def ways(
    one: Queued, pace: Pace, clock: Clock, before: Ways | None, after: tuple[Ways, ...]
) -> Ways | None:
    """How an operation may go on; None without any idea of its rate.

    `before`: what its machine does until then; `after`: the step before it, as far as one knows.
    The answer is kept for the same facts and the same objects: boards ask every second.
    """
    rng = np.random.default_rng(crc32(one.key.encode()))
    begin = _begin(one, clock, before, after)
    drawn = _done(rng, one, begin, pace, clock)
    if drawn is None:
        return None
    free_s, done_s = clock.through_breaks(rng, begin, drawn)
    for step in after if one.lag_s is not None else ():
        done_s = np.maximum(done_s, _in_step(done_s, step.done_s))
        free_s = np.maximum(free_s, clock.worked_s(done_s))
    begun_s, forecast = clock.passed_s(begin), _forecast(done_s, clock, one.due)
    return Ways(begun_s, done_s, free_s, forecast, _middle(begun_s), _middle(done_s))


def _begin(one: Queued, clock: Clock, before: Ways | None, after: tuple[Ways, ...]) -> Floats:
    """Planned work until it may begin: its machine, its plan, the step before it."""
    begin = np.zeros(WAYS) if before is None else before.free_s
    if one.not_before is not None:
        begin = np.maximum(begin, clock.worked_s(np.array([clock.passed(one.not_before)])))
    for step in after:
        if one.lag_s is None:
            begin = np.maximum(begin, clock.worked_s(step.done_s))
        else:
            may = clock.worked_s(step.begun_s + one.lag_s)
            begin = np.maximum(begin, _in_step(begin, may))
    return begin


def _in_step(own: Floats, other: Floats) -> Floats:
    """The draws of the other, its earliest where the own one is the earliest, and so on: what holds
    up one of two steps that overlap holds up the other, too."""
    coupled = np.empty(WAYS)
    coupled[np.argsort(own, kind="stable")] = np.sort(other)
    return coupled


@lru_cache(maxsize=1024)
def clock(work: tuple[Window, ...], now: datetime, breaks_worked: float) -> Clock:
    """The same for the same, so that what was drawn by it is found again."""
    return Clock(work, now, breaks_worked)


class Clock:
    """Seconds of planned work from now on ↔ seconds of all time; infinite beyond the calendar."""

    def __init__(self, work: Sequence[Window], now: datetime, breaks_worked: float) -> None:
        ahead = [(max(t0, now), t1) for t0, t1 in work if t1 > now]
        self.now = now
        self._start = np.array([(t0 - now).total_seconds() for t0, _ in ahead])
        lengths = np.array([(t1 - t0).total_seconds() for t0, t1 in ahead])
        self._end = np.cumsum(lengths)
        self._begin = self._end - lengths
        self._breaks_worked = breaks_worked
        self.whole_s = float(self._end[-1]) if len(ahead) else 0.0

    def passed(self, at: datetime) -> float:
        """Seconds of all time until then."""
        return (at - self.now).total_seconds()

    def worked_s(self, passed_s: Floats) -> Floats:
        """Planned work until so much time has passed."""
        if not len(self._end):
            return np.where(np.isinf(passed_s), np.inf, 0.0)
        place = np.maximum(np.searchsorted(self._start, passed_s, side="right") - 1, 0)
        inside = np.maximum(passed_s - self._start[place], 0.0)
        worked = np.minimum(self._begin[place] + inside, self._end[place])
        return np.where(np.isinf(passed_s), np.inf, worked)

    def through_breaks(
        self, rng: np.random.Generator, begin_s: Floats, worked_s: Floats
    ) -> tuple[Floats, Floats]:
        """(planned work, all time) until so much is worked, if some of the breaks since the begin
        are worked through."""
        inside = np.zeros(len(worked_s))
        if self._breaks_worked > 0:
            for at, length in self._breaks():
                through = (begin_s <= at) & (worked_s > at)
                through &= rng.random(len(worked_s)) < self._breaks_worked
                inside = np.where(through, np.minimum(worked_s - at, length) % length, inside)
                worked_s = np.where(through, np.maximum(at, worked_s - length), worked_s)
        return worked_s, self.passed_s(worked_s) + inside

    def _breaks(self) -> list[tuple[float, float]]:
        """(planned work before it, length) of the next gaps that are short enough for breaks."""
        gaps = self._start[1:] - self._start[:-1] - (self._end - self._begin)[:-1]
        found = np.flatnonzero((gaps > 0) & (gaps <= LONGEST_BREAK_S))[:MOST_BREAKS]
        return [(float(self._end[i]), float(gaps[i])) for i in found]

    def passed_s(self, worked_s: Floats) -> Floats:
        """All time until so much planned work has passed."""
        if not len(self._end):
            return np.where(worked_s <= 0, 0.0, np.inf)
        place = np.minimum(np.searchsorted(self._end, worked_s), len(self._end) - 1)
        passed = self._start[place] + worked_s - self._begin[place]
        return np.where(worked_s <= 0, 0.0, np.where(worked_s > self.whole_s, np.inf, passed))


def _forecast(done_s: Floats, clock: Clock, due: datetime | None) -> Forecast:
    low, middle, high = (
        clock.now + timedelta(seconds=float(seconds)) if np.isfinite(seconds) else None
        for seconds in np.partition(done_s, SHOWN)[SHOWN]
    )
    late = None
    if due is not None:
        late = float(np.mean(done_s > (due - clock.now).total_seconds()))
    return Forecast(low, middle, high, late)


def _done(
    rng: np.random.Generator, one: Queued, begin: Floats, pace: Pace, clock: Clock
) -> Floats | None:
    """Planned work until it is done, in each way; `begin`: until it may begin."""
    if one.remaining <= 0:
        return begin
    seen = rhythm(pace, one.product, has_cycle=one.cycle_s is not None, expected=one.expected)
    if seen is None:
        return None
    need = one.remaining * (one.cycle_s or 1.0)
    level = own_level(seen.between, one.output, one.running_s)
    pace_of_way = _levels(rng, level, seen.doubt)
    begin = begin + _setup(rng, one, seen)
    return begin + _times(rng, seen, need / pace_of_way, clock.whole_s)


def _setup(rng: np.random.Generator, one: Queued, seen: Rhythm) -> Floats:
    """What is left of the change-over; none once pieces came."""
    if one.output > 0:
        return np.zeros(WAYS)
    return np.maximum(0.0, rng.choice(seen.setups_s, WAYS) - one.setup_s)


def _levels(rng: np.random.Generator, level: Level, doubt: float) -> Floats:
    drawn = rng.normal(level.mean, level.spread, WAYS) * rng.normal(1.0, doubt, WAYS)
    return np.maximum(drawn, SLOWEST * level.mean)


def _times(rng: np.random.Generator, seen: Rhythm, need_s: Floats, limit_s: float) -> Floats:
    """Seconds of planned work until the yields drawn add up to `need_s`; shape (WAYS,)."""
    times = np.full(WAYS, np.inf)
    left, passed = need_s.copy(), 0.0
    steps = int(need_s.max() / max(seen.yields.mean(), 1e-6) / QUARTER_S * 1.2) + 8
    while passed <= limit_s and np.isinf(times).any():
        steps = min(steps, 400) // STEPS_A_BLOCK * STEPS_A_BLOCK + STEPS_A_BLOCK
        made = np.cumsum(_drawn(rng, seen.yields, steps), axis=1) * QUARTER_S
        crossed = _crossing(made, left) * QUARTER_S + passed
        times = np.where(np.isinf(times), crossed, times)
        left -= made[:, -1]
        passed += steps * QUARTER_S
    return times


def _drawn(rng: np.random.Generator, yields: Floats, steps: int) -> Floats:
    """Blocks of consecutive yields, the end joined to the beginning; shape (WAYS, steps)."""
    starts = rng.integers(0, len(yields), (WAYS, steps // STEPS_A_BLOCK))
    places = (starts[:, :, None] + np.arange(STEPS_A_BLOCK)).reshape(WAYS, steps)
    return np.asarray(yields[places % len(yields)])


def _crossing(made: Floats, need: Floats) -> Floats:
    """Steps until each row of sums reaches its need, with a part of the last one; else infinite."""
    place = np.argmax(made >= need[:, None], axis=1)
    rows = np.arange(len(made))
    before = np.where(place > 0, made[rows, place - 1], 0.0)
    gained = np.maximum(made[rows, place] - before, 1e-9)
    found = place + np.clip((need - before) / gained, 0.0, 1.0)
    return np.asarray(np.where(made[:, -1] >= need, found, np.inf))
