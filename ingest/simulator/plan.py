"""What the plant does, at any time: a pure function of (plant, seed, time), made day by day.

Answers for any range without walking from an origin, so that history and live join without a seam
and a restart goes on where it was. Keeps what it made of late. Never reads a clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from ingest.simulator.causes import PRIORITY, Cause, vocabulary
from ingest.simulator.chance import chance
from ingest.simulator.days import Days, Ms, Spans, spans
from ingest.simulator.jobs import Job, Pair, Slot, jobs_of, pairs_of, slots_of
from ingest.simulator.stops import Drift, Stops, drift_of, knock_on, own_stops
from ingest.simulator.timeline import Timeline, joined, paint
from plant.model import Machine, Plant, Tag

WORKS_THROUGH = 0.12
"""Share of breaks in which a machine goes on."""
LONG_EPOCH_DAYS = 24
"""Days between two restarts of a counter that rolls over."""


@dataclass(frozen=True, slots=True)
class Made:
    """What a pair made in its day: the machines' timelines, and the jobs in order of start."""

    timelines: dict[str, Timeline]
    jobs: tuple[Job, ...]


class Plan:
    """The behaviour of every machine of a plant. Times are ms since 1970; ranges half-open."""

    def __init__(self, plant: Plant, seed: int) -> None:
        self.plant = plant
        self.seed = seed
        self.days = Days(plant)
        self.tags = plant.all_tags()
        self.machines = {machine.code: machine for machine in plant.machines}
        self.pairs = pairs_of(plant, seed)
        self.words = {m.code: vocabulary(plant, m) for m in plant.machines}
        self._pair_of = {m.code: pair for pair in self.pairs for m in pair.machines}
        self._neighbours = _neighbours(plant)
        self._told_badly = {t.machine for t in self.tags if self._can_tell_badly(t)}
        self._made = lru_cache(maxsize=1024)(self._make)
        self._stops = lru_cache(maxsize=4096)(self._own_stops)
        self._drift = lru_cache(maxsize=4096)(self._drift_on)
        self._count = lru_cache(maxsize=8192)(self._count_of_day)

    def timeline(self, machine: str, t0: int, t1: int) -> Timeline:
        """What the machine really does in [t0, t1)."""
        parts = [made.timelines[machine] for made in self._covering(machine, t0, t1)]
        return joined(parts, t0, t1)

    def told(self, machine: str, t0: int, t1: int) -> Timeline:
        """What the machine says it does: as `timeline`, NO_SIGNAL where it can't tell."""
        real = self.timeline(machine, t0, t1)
        ends = np.append(real.ts[1:], real.end)
        layers = [
            (Cause(code), spans([(a, b)]))
            for a, b, code in zip(real.ts.tolist(), ends.tolist(), real.code.tolist(), strict=True)
        ]
        return paint(t0, t1, [*layers, (Cause.NO_SIGNAL, self._mute(machine, t0, t1))])

    def pieces(self, machine: str, t0: int, t1: int) -> tuple[Ms, npt.NDArray[np.bool_]]:
        """The pieces finished in [t0, t1): when, and whether they are good."""
        jobs = self.jobs(machine, t0, t1)
        ts = np.concatenate([np.empty(0, dtype=np.int64), *(job.ts for job in jobs)])
        good = np.concatenate([np.empty(0, dtype=np.bool_), *(job.is_good for job in jobs)])
        chosen = (ts >= t0) & (ts < t1)
        return ts[chosen], good[chosen]

    def jobs(self, machine: str, t0: int, t1: int) -> list[Job]:
        """The machine's operations that overlap [t0, t1), in order; those without pieces too."""
        return [
            job
            for made in self._covering(machine, t0, t1)
            for job in made.jobs
            if job.slot.machine == machine and job.slot.t0 < t1 and job.slot.t1 > t0
        ]

    def drifts(self, machine: str, t0: int, t1: int) -> list[Drift]:
        """The drifts of a machine that touch [t0, t1)."""
        days = range(self.days.of(t0) - 1, self.days.of(t1) + 2)
        found = [drift for day in days if (drift := self._drift(machine, day))]
        return [drift for drift in found if drift.t0 < t1 and drift.repaired > t0]

    def count_since_restart(self, machine: str, kind: str, at: int, epoch_days: int) -> int:
        """Pieces of a kind (good, scrap, cycle) from the counter's last restart up to `at`."""
        day = self.days.of(at)
        first = day - day_in_epoch(machine, day, epoch_days)
        before = sum(self._count(machine, kind, d) for d in range(first, day))
        ts, good = self.pieces(machine, self.days.start_ms(day), at)
        return before + counted(kind, ts, good)

    def _count_of_day(self, machine: str, kind: str, day: int) -> int:
        ts, good = self.pieces(machine, self.days.start_ms(day), self.days.start_ms(day + 1))
        return counted(kind, ts, good)

    def _covering(self, machine: str, t0: int, t1: int) -> list[Made]:
        pair = self._pair_of[machine]
        days = range(self.days.of(t0) - 2, self.days.of(t1) + 1)
        windows = [(day, *self._window(pair, machine, day)) for day in days]
        return [self._made(pair.number, day) for day, a, b in windows if a < t1 and b > t0]

    def _window(self, pair: Pair, machine: str, day: int) -> tuple[int, int]:
        lag = pair.shift_ms + pair.lag_ms * [m.code for m in pair.machines].index(machine)
        return self.days.start_ms(day) + lag, self.days.start_ms(day + 1) + lag

    def _make(self, number: int, day: int) -> Made:
        pair = self.pairs[number]
        orders = slots_of(pair, self.seed, day, *self._window(pair, pair.machines[0].code, day))
        timelines = {
            machine.code: self._painted(
                pair,
                machine,
                day,
                [s for order in orders for s in order if s.machine == machine.code],
            )
            for machine in pair.machines
        }
        made = [jobs_of(self.plant, self.seed, order, timelines) for order in orders]
        return Made(timelines, tuple(job for jobs in made for job in jobs))

    def _painted(self, pair: Pair, machine: Machine, day: int, slots: list[Slot]) -> Timeline:
        t0, t1 = self._window(pair, machine.code, day)
        found = self._all_stops(machine, day)
        found[Cause.CHANGEOVER] = spans([(slot.t0, slot.setup_end) for slot in slots])
        found[Cause.PAUSE], found[Cause.NO_ORDER] = self._off_work(machine, day, t0, t1)
        return paint(t0, t1, [(cause, found[cause]) for cause in PRIORITY if cause in found])

    def _off_work(self, machine: Machine, day: int, t0: int, t1: int) -> tuple[Spans, Spans]:
        """(breaks that the machine observes, time in no shift)."""
        work, breaks = self.days.slices(machine.code, day)
        kept = [
            (a + int(delay * 1000), b)
            for a, b in breaks.tolist()
            for rng in [chance(self.seed, "break", machine.code, a)]
            for delay in [rng.uniform(0, 25)]
            if rng.random() >= WORKS_THROUGH
        ]
        shifts = np.concatenate([work, breaks])
        shifts = shifts[np.argsort(shifts[:, 0])]
        edges = [t0, *shifts.ravel().tolist(), t1]
        free = [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if a < b]
        return spans(kept), spans(free)

    def _all_stops(self, machine: Machine, day: int) -> Stops:
        """Own stops, the drift's failure, the neighbours' echoes: of this day and those beside."""
        found: dict[Cause, list[Spans]] = {}
        before, behind = self._neighbours[machine.code]
        for near in (day - 1, day, day + 1):
            echo = knock_on(
                self.seed,
                near,
                self._stops(before, near) if before else None,
                self._stops(behind, near) if behind else None,
            )
            for stops in (self._stops(machine.code, near), echo):
                for cause, stretches in stops.items():
                    found.setdefault(cause, []).append(stretches)
        return {cause: np.concatenate(stretches) for cause, stretches in found.items()}

    def _own_stops(self, machine: str, day: int) -> Stops:
        found = self.machines[machine]
        stops = own_stops(self.days, self.seed, found, day)
        drift = self._drift(machine, day)
        stops[Cause.SPINDLE_OVERLOAD] = spans([(drift.t1, drift.repaired)] if drift else [])
        return stops

    def _drift_on(self, machine: str, day: int) -> Drift | None:
        return drift_of(self.plant, self.days, self.seed, self.machines[machine], day)

    def _can_tell_badly(self, tag: Tag) -> bool:
        kinds = {source.name: source.kind for source in self.plant.sources}
        return tag.pattern.role == "state" and kinds.get(tag.pattern.source) == "opcua"

    def _mute(self, machine: str, t0: int, t1: int) -> Spans:
        """Moments in which an OPC UA machine tells its state with bad quality."""
        if machine not in self._told_badly:
            return spans([])
        found = []
        for day in range(self.days.of(t0) - 1, self.days.of(t1) + 1):
            rng = chance(self.seed, "mute", machine, day)
            if rng.random() < 0.3:
                at = self.days.start_ms(day) + int(rng.integers(0, 80_000_000))
                found.append((at, at + int(rng.integers(20_000, 70_000))))
        return spans(found)


def counted(kind: str, ts: Ms, is_good: npt.NDArray[np.bool_]) -> int:
    """How many of the pieces count as `kind`: good, scrap, or all of them."""
    good = int(is_good.sum())
    return {"good": good, "scrap": len(ts) - good}.get(kind, len(ts))


def day_in_epoch(machine: str, day: int, epoch_days: int) -> int:
    """Days since the machine's counter last restarted; machines restart on different days."""
    return (day + sum(machine.encode()) * 4) % epoch_days


def _neighbours(plant: Plant) -> dict[str, tuple[str | None, str | None]]:
    found: dict[str, tuple[str | None, str | None]] = {}
    for line in plant.lines:
        codes = [m.code for m in plant.machines if m.line == line.code]
        around = [None, *codes, None]
        found |= {code: (around[i], around[i + 2]) for i, code in enumerate(codes)}
    return found
