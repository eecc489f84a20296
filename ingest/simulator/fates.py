"""What becomes of an operation in the business system: re-opened, cancelled or split, now and then.

Follows from (seed, machine, order) alone, so that the MES and the truth agree. Never changes what
the machine makes: only for which order it does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ingest.simulator.chance import chance
from ingest.simulator.jobs import Job

REOPENED, CANCELLED, SPLIT = 0.05, 0.08, 0.12
"""Of a hundred operations five are re-opened, three cancelled, four split."""
SHORTEST_MS = 3 * 3_600_000
PAUSE_MS = (300_000, 1_200_000)
"""How long an operation that is re-opened was thought to be done."""


@dataclass(frozen=True, slots=True)
class Run:
    """An operation as the business system knows it in the end.

    `job`: its part of what was made; `slot.t1`: when it ended. `first_planned` was its quantity
    until it was split. `thought_done`: from when to when, ms, where it was re-opened.
    """

    job: Job
    first_planned: int
    parent: str | None = None
    thought_done: tuple[int, int] | None = None
    is_cancelled: bool = False


def runs_of(seed: int, job: Job) -> tuple[Run, ...]:
    """The operations that a job is: one, or two where it was split."""
    slot = job.slot
    rng = chance(seed, "fate", slot.machine, slot.order)
    luck, share, pause_ms = rng.random(), rng.uniform(0.7, 0.9), int(rng.integers(*PAUSE_MS))
    at = slot.t0 + int((slot.t1 - slot.t0) * share) // 1000 * 1000
    if not job.planned or luck >= SPLIT or slot.t1 - slot.t0 < SHORTEST_MS:
        return (Run(job, job.planned),)
    if luck < REOPENED:
        return (Run(job, job.planned, thought_done=(at, at + pause_ms)),)
    before, after = _cut(job, at)
    if luck < CANCELLED:
        return (Run(replace(before, planned=job.planned), job.planned, is_cancelled=True),)
    return Run(before, job.planned), Run(after, after.planned, parent=slot.order)


def _cut(job: Job, at: int) -> tuple[Job, Job]:
    """What was made before and from `at` on; the rest has an order of its own."""
    slot, place = job.slot, int(np.searchsorted(job.ts, at))
    made = min(int(job.is_good[:place].sum()), job.planned)
    first = Job(replace(slot, t1=at), made, job.ts[:place], job.is_good[:place])
    rest = replace(slot, order=f"{slot.order}-R", t0=at, setup_end=at)
    return first, Job(rest, job.planned - made, job.ts[place:], job.is_good[place:])
