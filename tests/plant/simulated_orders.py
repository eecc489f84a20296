"""Orders of the simulated plant as a planner has them at a moment, and when they will be done.

Its machines fail, jam, slow down, change over, work through some breaks and follow two calendars.
What is open there: orders that run, that are released, that are planned, and of several steps.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal
from zlib import crc32

import numpy as np

from ingest.simulator.days import Ms, from_ms, to_ms
from ingest.simulator.jobs import Job
from ingest.simulator.plan import Plan
from ingest.simulator.truth import intervals
from plant.calendar import shift_instances, work_windows
from plant.check import read
from plant.kpi import Facts
from plant.orders import Observed, Operation, Status
from plant.orders_pace import Floats, Pace
from plant.orders_queue import Case

SAMPLE = Path(__file__).parents[2] / "plant.toml"
QUARTER_MS, HOUR_MS, DAY_MS = 900_000, 3_600_000, 86_400_000
HISTORY_DAYS, AHEAD_DAYS = 5, 25
RELEASED_MS, KNOWN_MS = 8 * HOUR_MS, 20 * HOUR_MS
"""So long before it begins an operation is released, and known at all."""
MOST_EARLY_MS = 2 * HOUR_MS
"""So much too early a plan may be."""
NEAR_MS = 3 * HOUR_MS
"""So far apart are the end of a first step and the turn of the second, at most."""
TARGET_OEE = 0.75
Kind = Literal["running", "released", "planned", "overlapping step", "second step"]


class History:
    """The quarters of an hour of one simulated machine, as machine_15m would have them."""

    def __init__(self, plan: Plan, machine: str, t0: int, t1: int) -> None:
        self.plan, self.machine, self.t0 = plan, machine, t0
        self.jobs = plan.jobs(machine, t0, t1)
        self.count = (t1 - t0) // QUARTER_MS
        self.seconds = {
            name: np.zeros((len(self.jobs), self.count)) for name in ("busy", "setup", "running")
        }
        self.good = np.zeros((len(self.jobs), self.count))
        for interval in intervals(plan, machine, from_ms(t0), from_ms(t1)):
            if interval.element not in ("not_scheduled", "planned_stop"):
                self._add(to_ms(interval.t0), to_ms(interval.t1), interval.element)
        for row, job in enumerate(self.jobs):
            ts = job.ts[job.is_good & (job.ts >= t0) & (job.ts < t1)]
            self.good[row] = np.bincount((ts - t0) // QUARTER_MS, minlength=self.count)
        self.breaks = dict(self._breaks(t1))

    def _add(self, t0: int, t1: int, element: str) -> None:
        for row, job in enumerate(self.jobs):
            a, b = max(t0, job.slot.t0), min(t1, job.slot.t1)
            while a < b:
                place = (a - self.t0) // QUARTER_MS
                end = min(b, self.t0 + (place + 1) * QUARTER_MS)
                for name in {"busy", element} & self.seconds.keys():
                    self.seconds[name][row, place] += (end - a) / 1000
                a = end

    def _breaks(self, t1: int) -> Iterator[tuple[int, bool]]:
        """(end, whether most of it was worked through) of each break."""
        plant = self.plan.plant
        calendar = plant.calendar_of(self.plan.machines[self.machine])
        for shift in shift_instances(plant, calendar, from_ms(self.t0), from_ms(t1)):
            for a, b in shift.breaks:
                if to_ms(a) >= self.t0 and to_ms(b) < t1:
                    found = intervals(self.plan, self.machine, a, b)
                    ran_s = sum(
                        (i.t1 - i.t0).total_seconds() for i in found if i.element == "running"
                    )
                    yield to_ms(b), ran_s > (b - a).total_seconds() / 2

    def pace(self, upto: int) -> Pace:
        """The five days before `upto`."""
        last = (upto - self.t0) // QUARTER_MS
        first = last - HISTORY_DAYS * DAY_MS // QUARTER_MS
        assert first >= 0
        part = slice(first, last)
        quarter, row = np.nonzero((self.seconds["busy"] + self.good)[:, part].T)
        machine = self.plan.machines[self.machine]
        cycles = [
            self.plan.plant.ideal_cycle_s(job.slot.product, machine) or 1.0 for job in self.jobs
        ]
        since = upto - HISTORY_DAYS * DAY_MS
        breaks = [worked for end, worked in self.breaks.items() if since < end <= upto]
        return Pace(
            run=row.astype(np.int64),
            product=np.array([job.slot.product.code for job in self.jobs])[row],
            busy_s=self.seconds["busy"][:, part][row, quarter],
            setup_s=self.seconds["setup"][:, part][row, quarter],
            running_s=self.seconds["running"][:, part][row, quarter],
            good=self.good[:, part][row, quarter],
            ideal_good_s=self.good[:, part][row, quarter] * np.array(cycles)[row],
            breaks_worked=float(np.mean(breaks)) if breaks else 0.0,
        )


@dataclass(frozen=True)
class Known:
    """An operation that is open, as the planner has it, and when it will really be done (ms)."""

    kind: Kind
    order: str
    step: int
    job: Job
    status: Status
    truth: int
    after: int = 0
    """When the step before it will really be done."""

    @property
    def planned_start(self) -> int:
        """Too early, by as much for each step of an order."""
        early = np.random.default_rng(crc32(self.job.slot.order.encode())).uniform(0, MOST_EARLY_MS)
        return self.job.slot.t0 - int(early)


class Orders:
    """What is open at a moment, by a seed of the simulated plant.

    A plan is kept exactly in the simulator: here it is too early, by up to two hours. The second
    step of an order overlaps the first, there. So the second machine of every other pair is given
    steps of other orders, whose first one ends about when it would begin, on a machine elsewhere.
    What becomes of them follows from what the machine really made, from when it took them on.
    """

    def __init__(self, seed: int, t0: int, days: int) -> None:
        self.plan = Plan(read(SAMPLE.read_text(encoding="utf-8")), seed)
        begin = t0 - (HISTORY_DAYS + 1) * DAY_MS
        self.histories = {
            code: History(self.plan, code, begin, t0 + days * DAY_MS) for code in self.plan.machines
        }
        span = from_ms(t0 - 2 * DAY_MS), from_ms(t0 + AHEAD_DAYS * DAY_MS)
        plant = self.plan.plant
        self.work = {
            code: work_windows(shift_instances(plant, plant.calendar_of(machine), *span))
            for code, machine in self.plan.machines.items()
        }

    def open(self, now: int) -> list[tuple[Known, Case]]:
        """Each with all that its forecast is computed from."""
        quarter = now // QUARTER_MS * QUARTER_MS
        paces = {code: history.pace(quarter) for code, history in self.histories.items()}
        return [(one, self._case(one, now, paces)) for one in self._known(now)]

    def _known(self, now: int) -> Iterator[Known]:
        odd = [pair for pair in self.plan.pairs if pair.number % 2 and len(pair.machines) == 2]
        for pair in self.plan.pairs:
            if pair not in odd:
                for step, machine in zip((10, 20), pair.machines, strict=False):
                    yield from self._as_made(machine.code, step, now)
        for pair, other in zip(odd, [*odd[1:], odd[0]], strict=True):
            yield from self._as_made(pair.machines[0].code, 10, now)
            yield from self._taken(pair.machines[1].code, other.machines[0].code, now)

    def _as_made(self, machine: str, step: int, now: int) -> Iterator[Known]:
        for job in self._open(machine, now):
            status = _status(job, now)
            kind: Kind = status if step == 10 else "overlapping step"
            yield Known(kind, job.slot.order, step, job, status, int(job.ts[-1]))

    def _taken(self, machine: str, elsewhere: str, now: int) -> Iterator[Known]:
        """Of a machine whose orders are of one step, or have their first one elsewhere."""
        jobs = self._open(machine, now)
        running = [job for job in jobs if job.slot.t0 <= now]
        for job in running:
            yield Known("running", _alone(job), 20, job, "running", int(job.ts[-1]))
        firsts = [job for job in self._open(elsewhere, now) if job.slot.t0 <= now + RELEASED_MS]
        waiting = [_waiting(job, firsts, now) for job in jobs if job not in running]
        free = max([now, *(job.slot.t1 for job in running)])
        yield from self._made(machine, free, waiting)

    def _made(self, machine: str, free: int, waiting: list[Known]) -> Iterator[Known]:
        """When each is done: the machine takes the first that may begin, and makes what it made."""
        ts, made_s = self._output(machine, free)
        while waiting:
            starts = [max(free, one.after, _not_before(one)) for one in waiting]
            place = int(np.argmin(starts))
            one = waiting.pop(place)
            need_s = one.job.planned * self._cycle_s(one.job)
            done_s = made_s[np.searchsorted(ts, starts[place])] + need_s
            free = int(ts[np.searchsorted(made_s, done_s) - 1])
            yield replace(one, truth=free)

    def _output(self, machine: str, t0: int) -> tuple[Ms, Floats]:
        """(moments of good pieces, ideal seconds of those before each, and of all)."""
        jobs = self.plan.jobs(machine, t0, t0 + 5 * DAY_MS)
        ts = np.concatenate([job.ts[job.is_good] for job in jobs])
        each_s = [np.full(job.is_good.sum(), self._cycle_s(job)) for job in jobs]
        return ts, np.cumsum(np.concatenate([[0.0], *each_s]))

    def _open(self, machine: str, now: int) -> list[Job]:
        jobs = self.plan.jobs(machine, now - DAY_MS, now + KNOWN_MS)
        return [job for job in jobs if job.planned and job.ts[-1] > now]

    def _case(self, one: Known, now: int, paces: Mapping[str, Pace]) -> Case:
        slot = one.job.slot
        operation = Operation(
            order=one.order,
            operation=str(one.step),
            revision="1",
            at=from_ms(now),
            status=one.status,
            planned=one.job.planned,
            machine=slot.machine,
            product=slot.product.code,
            planned_start=from_ms(one.planned_start),
            started_at=from_ms(slot.t0) if one.status == "running" else None,
            due=from_ms(slot.due),
        )
        observed = self._observed(one.job, now)
        return Case(operation, observed, self.work[slot.machine], paces[slot.machine])

    def _observed(self, job: Job, now: int) -> Observed:
        cycle_s, slot = self._cycle_s(job), job.slot
        good = float((job.is_good & (job.ts < now)).sum())
        facts = Facts(good=good, ideal_good_s=good * cycle_s)
        if slot.t0 < now:
            for i in intervals(self.plan, slot.machine, from_ms(slot.t0), from_ms(now)):
                if i.element in ("setup", "running"):
                    facts += Facts(**{f"{i.element}_s": (i.t1 - i.t0).total_seconds()})
        return Observed(facts, cycle_s, TARGET_OEE)

    def _cycle_s(self, job: Job) -> float:
        machine = self.plan.machines[job.slot.machine]
        return self.plan.plant.ideal_cycle_s(job.slot.product, machine) or 1.0


def _status(job: Job, now: int) -> Literal["running", "released", "planned"]:
    if job.slot.t0 <= now:
        return "running"
    return "released" if job.slot.t0 <= now + RELEASED_MS else "planned"


def _waiting(job: Job, firsts: list[Job], now: int) -> Known:
    """The second step of one of `firsts`, which is taken away; else of an order of its own."""
    status = _status(job, now)
    near = [one for one in firsts if abs(one.ts[-1] - job.slot.t0) < NEAR_MS]
    if not near:
        return Known(status, _alone(job), 20, job, status, 0)
    firsts.remove(near[0])
    order, ended = near[0].slot.order, int(near[0].ts[-1])
    return Known("second step", order, 20, job, status, 0, ended)


def _alone(job: Job) -> str:
    return f"{job.slot.order}-B"


def _not_before(one: Known) -> int:
    return one.planned_start if one.status == "planned" else 0
