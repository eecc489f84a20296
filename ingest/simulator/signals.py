"""What each tag says over a range of time: state, running counts, process values with quality.

The one answer that history, the live servers and HistoryRead share. Never reads a clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from ingest.simulator import process
from ingest.simulator.causes import Cause
from ingest.simulator.days import DAY_MS, Ms
from ingest.simulator.plan import LONG_EPOCH_DAYS, Plan, day_in_epoch
from plant.model import Tag

GOOD, UNCERTAIN, BAD = 0, 1, 2
Raw = float | str | None


@dataclass(frozen=True, slots=True)
class Series:
    """What a tag says, in order of time: ms, raw values as sent, quality (0 good, 1, 2 bad).

    `value` is NaN where there is none; of a tag that speaks in text, `text` has the words.
    """

    ts: Ms
    value: npt.NDArray[np.float64]
    quality: npt.NDArray[np.int16]
    text: tuple[str | None, ...] | None = None

    def raw(self, place: int) -> Raw:
        """One value as it is sent; none where the quality is bad."""
        if self.text is not None:
            return self.text[place]
        value = float(self.value[place])
        return None if np.isnan(value) else value


class Signals:
    """The tags of a plan. `step_ms`: how far apart the samples of a process value are."""

    def __init__(self, plan: Plan, step_ms: int = 5000) -> None:
        self.plan = plan
        self.step_ms = step_ms
        self.tags = {tag.code: tag for tag in plan.tags}
        self._process = lru_cache(maxsize=256)(self._process_of_day)

    def between(self, tag: Tag, t0: int, t1: int) -> Series:
        """Everything that the tag says in [t0, t1)."""
        if t1 <= t0:
            return _nothing(self.speaks_text(tag))
        if tag.pattern.role == "state":
            return self._states(tag, t0, t1)
        if tag.pattern.role == "process":
            return self._samples(tag, t0, t1)
        return self._counts(tag, t0, t1)

    def latest(self, tag: Tag, at: int) -> Series:
        """The newest thing that the tag said up to and with `at`; empty where nothing in a day."""
        for reach in (60_000, 3_600_000, DAY_MS + 7_200_000):
            found = self.between(tag, at - reach, at + 1)
            if len(found.ts):
                return _only(found, len(found.ts) - 1)
        return _nothing(self.speaks_text(tag))

    def speaks_text(self, tag: Tag) -> bool:
        """Whether the tag's raw values are words."""
        if tag.pattern.role != "state":
            return False
        words = self.plan.words[tag.machine].values()
        return not all(word.raw.lstrip("-").isdigit() for word in words)

    def _states(self, tag: Tag, t0: int, t1: int) -> Series:
        told = self.plan.told(tag.machine, t0 - 1, t1)
        fresh = told.ts >= t0
        ts, codes = told.ts[fresh], told.code[fresh]
        mute = codes == Cause.NO_SIGNAL
        quality = np.where(mute, BAD, GOOD).astype(np.int16)
        words = self.plan.words[tag.machine]
        raws = [None if code == Cause.NO_SIGNAL else words[Cause(code)].raw for code in codes]
        if self.speaks_text(tag):
            return Series(ts, np.full(len(ts), np.nan), quality, tuple(raws))
        value = np.array([np.nan if raw is None else float(raw) for raw in raws], dtype=np.float64)
        return Series(ts, value, quality)

    def _counts(self, tag: Tag, t0: int, t1: int) -> Series:
        if tag.pattern.counter == "delta":
            ts = self._counted(tag, t0, t1)
            return _good(ts, np.ones(len(ts)) / tag.pattern.scale)
        parts = [self._totals(tag, a, b) for a, b in pairwise(self._cut(tag, t0, t1))]
        ts = np.concatenate([part[0] for part in parts])
        return _good(ts, np.concatenate([part[1] for part in parts]) / tag.pattern.scale)

    def _totals(self, tag: Tag, t0: int, t1: int) -> tuple[Ms, npt.NDArray[np.float64]]:
        """Running totals in a range in which the counter restarts at its start at most."""
        ts = self._counted(tag, t0, t1)
        role, epoch = tag.pattern.role, epoch_days(tag)
        base = self.plan.count_since_restart(tag.machine, role, t0, epoch)
        total = base + np.arange(1, len(ts) + 1, dtype=np.float64)
        if self._restarts(tag, t0) and not (len(ts) and ts[0] == t0):
            ts, total = np.insert(ts, 0, t0), np.insert(total, 0, 0.0)
        return ts, total % tag.pattern.modulus if tag.pattern.modulus else total

    def _counted(self, tag: Tag, t0: int, t1: int) -> Ms:
        ts, is_good = self.plan.pieces(tag.machine, t0, t1)
        role = tag.pattern.role
        return ts[is_good] if role == "good" else ts[~is_good] if role == "scrap" else ts

    def _cut(self, tag: Tag, t0: int, t1: int) -> list[int]:
        days = self.plan.days
        starts = [days.start_ms(day) for day in range(days.of(t0), days.of(t1) + 1)]
        return [t0, *(at for at in starts if t0 < at < t1 and self._restarts(tag, at)), t1]

    def _restarts(self, tag: Tag, at: int) -> bool:
        day = self.plan.days.of(at)
        if at != self.plan.days.start_ms(day):
            return False
        return day_in_epoch(tag.machine, day, epoch_days(tag)) == 0

    def _samples(self, tag: Tag, t0: int, t1: int) -> Series:
        first, last = self.plan.days.of(t0), self.plan.days.of(t1 - 1)
        parts = [self._process(tag.code, day) for day in range(first, last + 1)]
        ts = np.concatenate([part.ts for part in parts])
        chosen = np.flatnonzero((ts >= t0) & (ts < t1) & (ts % self.step_ms == 0))
        value = np.concatenate([part.value for part in parts])
        quality = np.concatenate([part.quality for part in parts])
        return Series(ts[chosen], value[chosen], quality[chosen])

    def _process_of_day(self, code: str, day: int) -> Series:
        tag = self.tags[code]
        ts, value, quality = process.of_day(self.plan, tag, day)
        return Series(ts, value / tag.pattern.scale, quality)


def epoch_days(tag: Tag) -> int:
    """How often the machine's counter restarts at zero: each day, each week, or to roll over."""
    if tag.pattern.modulus:
        return LONG_EPOCH_DAYS
    return 7 if sum(tag.machine.encode()) % 3 == 0 else 1


def _good(ts: Ms, value: npt.NDArray[np.float64]) -> Series:
    return Series(ts, value, np.zeros(len(ts), dtype=np.int16))


def _only(series: Series, place: int) -> Series:
    at = slice(place, place + 1)
    text = series.text[at] if series.text is not None else None
    return Series(series.ts[at], series.value[at], series.quality[at], text)


def _nothing(in_text: bool) -> Series:
    empty = _good(np.empty(0, dtype=np.int64), np.empty(0))
    return Series(empty.ts, empty.value, empty.quality, () if in_text else None)
