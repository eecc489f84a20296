"""What goes wrong between machines and their record: what is told then, over a range of a plan.

Outages, counts of bad quality, counters that restart or roll over, devices whose clock is off,
corrections by hand. Each kind can be switched off. Never changes what the machines do.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from ingest.simulator.causes import Cause
from ingest.simulator.chance import chance
from ingest.simulator.days import DAY_MS, Ms, Spans, spans
from ingest.simulator.fates import Run, runs_of
from ingest.simulator.plan import Plan
from ingest.simulator.signals import BAD, GOOD, Series
from ingest.simulator.stops import within
from ingest.simulator.timeline import Timeline
from plant.model import Tag

Flags = npt.NDArray[np.bool_]
START_UP = 12
"""Rejects among the first pieces of an order are start-up scrap, where a tag counts them."""
REWORKED = 0.03
BAD_SHARE = 0.002
RESTARTS_A_DAY = 1.5
OUTAGES_A_DAY = 2.0
OUTAGE_MS = (20_000, 540_000)
CLOCK_MS = 7_000
BEFORE_ROLL_OVER = 700
"""How far from its modulus a counter begins."""


@dataclass(frozen=True, slots=True)
class Kinds:
    """Which kinds of trouble there are."""

    outages: bool = True
    bad_counts: bool = True
    restarts: bool = True
    device_clocks: bool = True
    corrections: bool = True


@dataclass(frozen=True, slots=True)
class Pieces:
    """Pieces by the machine's own clock (ms, in order), and what each one is."""

    ts: Ms
    good: Flags
    rework: Flags
    start_up: Flags

    def of(self, role: str) -> Ms:
        """When what a tag of this role counts was made."""
        scrap = ~self.good & ~self.start_up
        kinds = {
            "good": self.good,
            "scrap": scrap,
            "rework": self.rework,
            "start_up_scrap": self.start_up,
        }
        return self.ts[kinds[role]] if role in kinds else self.ts


@dataclass(frozen=True, slots=True)
class Told:
    """The readings of a counter: when (ms), pieces up to then, whether it could be read."""

    ts: Ms
    total: Ms
    is_good: Flags

    @property
    def heard(self) -> Ms:
        """When a count came that could be read."""
        return self.ts[self.is_good]


@dataclass(frozen=True, slots=True)
class ByHand:
    """Good pieces added (negative: taken away) at a moment (ms)."""

    at: int
    good: int


class Trouble:
    """A plan over [t0, t1), ms, as it is told."""

    def __init__(self, plan: Plan, t0: int, t1: int, kinds: Kinds | None = None) -> None:
        self.plan, self.t0, self.t1 = plan, t0, t1
        self.kinds = kinds or Kinds()
        self.tags = [tag for tag in plan.tags if tag.pattern.role != "process"]
        self._roles = {(t.machine, t.pattern.role) for t in self.tags}
        self._sources = {t.machine: t.pattern.source for t in self.tags}
        self.pieces = lru_cache(maxsize=None)(self._pieces)
        self.runs = lru_cache(maxsize=None)(self._runs)
        self.told = lru_cache(maxsize=None)(self._told)

    def clock_ms(self, machine: str) -> int:
        """How far the machine's clock is ahead."""
        is_off = self.kinds.device_clocks and machine.endswith("3")
        return CLOCK_MS if is_off else 0

    def states(self, machine: str) -> Timeline:
        """What the machine says that it does, by its own clock."""
        off = self.clock_ms(machine)
        told = self.plan.told(machine, self.t0 - off, self.t1 - off)
        return Timeline(told.ts + off, told.code, told.end + off)

    def silence(self, machine: str) -> Spans:
        """When nobody heard the machine, and it can't tell afterwards."""
        return self.outages.get(self._sources[machine], spans([]))

    def _runs(self, machine: str) -> tuple[Run, ...]:
        """The operations of a machine, in order."""
        jobs = [job for job in self.plan.jobs(machine, self.t0, self.t1) if job.planned]
        return tuple(run for job in jobs for run in runs_of(self.plan.seed, job))

    def _pieces(self, machine: str) -> Pieces:
        off = self.clock_ms(machine)
        parts = []
        for job in self.plan.jobs(machine, self.t0 - off, self.t1 - off):
            luck = chance(self.plan.seed, "rework", machine, job.slot.order).random(len(job.ts))
            first = np.arange(len(job.ts)) < START_UP
            has = (machine, "start_up_scrap") in self._roles
            rework = job.is_good & (luck < REWORKED) & ((machine, "rework") in self._roles)
            parts.append((job.ts + off, job.is_good, rework, ~job.is_good & first & has))
        columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
        chosen = (columns[0] >= self.t0) & (columns[0] < self.t1)
        return Pieces(*(column[chosen] for column in columns))

    def turns(self, machine: str) -> Ms:
        """When an operation began or ended."""
        ends = [at for run in self.runs(machine) for at in (run.job.slot.t0, run.job.slot.t1)]
        return np.unique(np.array(ends, dtype=np.int64))

    @cached_property
    def outages(self) -> dict[str, Spans]:
        """By source. None in which pieces of two operations would be told as one number."""
        names = sorted({self._sources[m] for m in self.plan.machines if m in self._sources})
        return {name: self._outages_of(name) for name in names} if self.kinds.outages else {}

    def _outages_of(self, source: str) -> Spans:
        rng = chance(self.plan.seed, "outage", source)
        count = int((self.t1 - self.t0) / DAY_MS * OUTAGES_A_DAY * 4)
        starts = np.sort(rng.integers(self.t0 + 60_000, self.t1 - OUTAGE_MS[1] - 60_000, count))
        ends = starts + rng.integers(*OUTAGE_MS, count)
        found: list[tuple[int, int]] = []
        for a, b in zip(starts.tolist(), ends.tolist(), strict=True):
            apart = not found or a > found[-1][1] + DAY_MS // 24
            if apart and self._is_plain(source, a, b):
                found.append((a, b))
        return spans(found)

    def _is_plain(self, source: str, a: int, b: int) -> bool:
        for tag in self.tags:
            if tag.pattern.source == source and tag.pattern.role != "state":
                ts = self.pieces(tag.machine).of(tag.pattern.role)
                before = int(np.searchsorted(ts, a)) - 1
                since = int(ts[before]) if before >= 0 else self.t0
                if np.count_nonzero((ts >= a) & (ts <= b)) > 1 and self._turns(tag, since, b):
                    return False
        return True

    def _turns(self, tag: Tag, after: int, upto: int) -> bool:
        turns = self.turns(tag.machine)
        return bool(((turns > after) & (turns <= upto)).any())

    def _told(self, tag: Tag) -> Told:
        made = self.pieces(tag.machine).of(tag.pattern.role)
        silence = self.silence(tag.machine)
        again = np.append(silence[:, 1], self.t0)
        ts = np.unique(np.concatenate([made[~within(silence, made)], again]))
        total = np.searchsorted(made, ts, side="right").astype(np.int64)
        is_good = np.ones(len(ts), dtype=np.bool_)
        if self.kinds.bad_counts:
            rng = chance(self.plan.seed, "bad count", tag.code)
            for place in np.flatnonzero(rng.random(len(ts)) < BAD_SHARE).tolist():
                near = 1 < place < len(ts) - 2 and is_good[place - 1]
                if near and not self._turns(tag, int(ts[place - 1]), int(ts[place + 1])):
                    is_good[place] = False
        is_good |= np.isin(ts, again)
        return Told(ts, total, is_good)

    def series(self, tag: Tag) -> Series:
        """What the tag says, the newest value at `t0` and after each outage included."""
        return self._state_series(tag) if tag.pattern.role == "state" else self._count_series(tag)

    def _count_series(self, tag: Tag) -> Series:
        told = self.told(tag)
        value = self._shown(tag, told)
        value[~told.is_good] = np.nan
        quality = np.where(told.is_good, GOOD, BAD).astype(np.int16)
        return Series(told.ts, value / tag.pattern.scale, quality)

    def _shown(self, tag: Tag, told: Told) -> npt.NDArray[np.float64]:
        """The total as the device has it: from near its modulus on, or restarted at zero."""
        if tag.pattern.modulus:
            total = told.total + int(tag.pattern.modulus) - BEFORE_ROLL_OVER
            return np.asarray(total % int(tag.pattern.modulus), dtype=np.float64)
        shown = told.total.astype(np.float64)
        if not self.kinds.restarts:
            return shown
        rng = chance(self.plan.seed, "restart", tag.code)
        share = RESTARTS_A_DAY * (self.t1 - self.t0) / DAY_MS / max(len(shown), 1)
        for place in np.flatnonzero(rng.random(len(shown)) < share).tolist():
            # A device that restarts after a count: the next one it tells is smaller.
            following = shown[place + 1 : place + 4] - shown[place]
            if told.is_good[place] and len(following) and following.max() < shown[place]:
                shown[place + 1 :] -= shown[place]
        return shown

    def _state_series(self, tag: Tag) -> Series:
        told, silence = self.states(tag.machine), self.silence(tag.machine)
        heard = told.ts[~within(silence, told.ts)]
        ts = np.unique(np.concatenate([heard, silence[:, 1], [self.t0]]))
        codes = [Cause(code) for code in told.at(ts).tolist()]
        quality = np.array([BAD if c is Cause.NO_SIGNAL else GOOD for c in codes], dtype=np.int16)
        words = self.plan.words[tag.machine]
        raws = [None if c is Cause.NO_SIGNAL else words[c].raw for c in codes]
        if all(raw is None or raw.lstrip("-").isdigit() for raw in raws):
            value = [np.nan if raw is None else float(raw) for raw in raws]
            return Series(ts, np.array(value), quality)
        return Series(ts, np.full(len(ts), np.nan), quality, tuple(raws))

    def by_hand(self, machine: str) -> list[ByHand]:
        """The corrections of a machine's count."""
        if not self.kinds.corrections:
            return []
        rng = chance(self.plan.seed, "by hand", machine)
        count = rng.poisson((self.t1 - self.t0) / DAY_MS / 2)
        moments = np.sort(rng.integers(self.t0, self.t1, count)).tolist()
        return [ByHand(at, int(rng.choice([-4, -2, -1, 3]))) for at in moments]
