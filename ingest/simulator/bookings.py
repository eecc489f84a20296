"""The orders as the simulated MES knows them at a moment: a pure function of the plan and the time.

Books once a minute, so that it trails the machines' counters; corrects a few pieces by hand at an
order's end. Never answers a request: that is the server's.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import numpy as np

from ingest.simulator.causes import Cause
from ingest.simulator.chance import chance
from ingest.simulator.days import from_ms, to_ms
from ingest.simulator.fates import Run, runs_of
from ingest.simulator.plan import Plan
from plant.orders import Operation, Status

BOOKS_EVERY_MS = 60_000
RELEASED_AHEAD_MS = 8 * 3_600_000


def operations(plan: Plan, now: datetime, since: datetime) -> list[Operation]:
    """What the MES tells at `now` of operations that ended at or after `since`, or are to come."""
    t0, t1 = to_ms(since), to_ms(now)
    found = [booked(plan, run, t1) for run in _runs(plan, t0, t1 + RELEASED_AHEAD_MS, t1)]
    return sorted(found, key=lambda o: (o.at, o.order, o.operation))


def versions(plan: Plan, t0: datetime, t1: datetime) -> list[Operation]:
    """The versions that matter of the operations of [t0, t1): begun, thought done, as of t1."""
    found = operations(plan, t1, t0)
    begun = [
        booked(plan, run, at)
        for run in _runs(plan, to_ms(t0), to_ms(t1), to_ms(t1))
        for at in (run.job.slot.t0, *(run.thought_done or ()))
        if at < to_ms(t1)
    ]
    seen = {(o.order, o.operation, o.revision) for o in found}
    return [o for o in begun if (o.order, o.operation, o.revision) not in seen] + found


def _runs(plan: Plan, t0: int, t1: int, now: int) -> Iterator[Run]:
    """Those that overlap [t0, t1); the rest of a split one exists from the split on."""
    for machine in plan.machines:
        for job in plan.jobs(machine, t0, t1):
            for run in runs_of(plan.seed, job):
                if job.planned and (run.parent is None or run.job.slot.t0 <= now):
                    yield run


def booked(plan: Plan, run: Run, now: int) -> Operation:
    """One operation as the MES has it at `now` (ms)."""
    slot = run.job.slot
    at = _last_change(run, now)
    good, scrap = _quantities(plan, run, at)
    return Operation(
        order=slot.order,
        operation=slot.operation,
        revision=_iso(at),
        at=from_ms(at),
        status=_status(plan, run, at),
        planned=run.first_planned if at < slot.t1 else run.job.planned,
        good=good,
        scrap=scrap,
        machine=slot.machine,
        product=slot.product.code,
        planned_start=from_ms(slot.t0 // 300_000 * 300_000),
        due=from_ms(slot.due),
        started_at=from_ms(slot.t0) if at >= slot.t0 else None,
        ended_at=_ended_at(run, at),
        parent=run.parent,
    )


def _last_change(run: Run, now: int) -> int:
    slot = run.job.slot
    if now < slot.t0:
        return slot.t0 - RELEASED_AHEAD_MS
    phase = slot.t0 % BOOKS_EVERY_MS
    posted = (now - phase) // BOOKS_EVERY_MS * BOOKS_EVERY_MS + phase
    done, again = run.thought_done or (slot.t1, slot.t1)
    if done <= now < again:
        return done
    return min(max(posted, slot.t0, again if now >= again else slot.t0), slot.t1)


def _ended_at(run: Run, at: int) -> datetime | None:
    done, again = run.thought_done or (run.job.slot.t1, run.job.slot.t1)
    if at >= run.job.slot.t1:
        return from_ms(run.job.slot.t1)
    return from_ms(done) if done <= at < again else None


def _status(plan: Plan, run: Run, at: int) -> Status:
    slot = run.job.slot
    if at < slot.t0:
        return "planned"
    if _ended_at(run, at) is not None:
        return "cancelled" if run.is_cancelled else "done"
    held = plan.timeline(slot.machine, at, at + 1).code[0] == Cause.QUALITY_HOLD
    return "held" if held else "running"


def _quantities(plan: Plan, run: Run, at: int) -> tuple[int, int]:
    job = run.job
    count = int(np.searchsorted(job.ts, at))
    good = int(job.is_good[:count].sum())
    rng = chance(plan.seed, "correction", job.slot.machine, job.slot.order)
    if at < job.slot.t1 or rng.random() > 0.15:
        return good, count - good
    moved = min(int(rng.integers(1, 6)), good)
    return good - moved, count - good + moved


def _iso(ms: int) -> str:
    return from_ms(ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")
