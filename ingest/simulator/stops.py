"""Why and when a machine stops, before orders are laid over it.

Each machine's own disturbances follow from (seed, machine, day) alone; what a neighbour's failure
does to it follows from the neighbour's. Never looks at pieces.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ingest.simulator.causes import DISTURBANCES, Cause, Disturbance
from ingest.simulator.chance import chance
from ingest.simulator.days import Days, Ms, Spans, spans
from plant.model import Machine, Plant

HOUR_MS = 3_600_000
BUFFER_MS = (600_000, 1_500_000)
"""Shortest and longest time that the parts between two machines last."""
DRIFT_HOURS = (3.0, 4.0)
QUIET_EVERY = 3
"""Every so many days nothing drifts."""


@dataclass(frozen=True, slots=True)
class Drift:
    """A process value that rises from t0 and ends in a failure at t1 (ms)."""

    t0: int
    t1: int
    repaired: int


Stops = dict[Cause, Spans]


def own_stops(days: Days, seed: int, machine: Machine, day: int) -> Stops:
    """The disturbances of one machine that start in the work of one production day."""
    rng = chance(seed, "stops", machine.code, day)
    health = float(np.exp(chance(seed, "health", machine.code).normal(0.0, 0.3)))
    t0, t1 = days.start_ms(day), days.start_ms(day + 1)
    work, _ = days.slices(machine.code, day)
    return {kind.cause: _drawn(rng, kind, health, t0, t1, work) for kind in DISTURBANCES}


def _drawn(
    rng: np.random.Generator, kind: Disturbance, health: float, t0: int, t1: int, work: Spans
) -> Spans:
    count = rng.poisson(max(0.0, (t1 - t0) / 1000 / kind.every_s * health))
    starts = np.sort(rng.integers(t0, t1, count))
    lengths = np.minimum(kind.median_s * np.exp(rng.normal(0, kind.spread, count)), kind.longest_s)
    found = np.stack([starts, starts + (lengths * 1000).astype(np.int64)], axis=1)
    return found[within(work, starts)]


def within(stretches: Spans, moments: Ms) -> npt.NDArray[np.bool_]:
    """Which of the moments lie in one of the stretches."""
    if not len(stretches):
        return np.zeros(len(moments), dtype=np.bool_)
    place = np.searchsorted(stretches[:, 0], moments, side="right") - 1
    return np.asarray((place >= 0) & (moments < stretches[np.maximum(place, 0), 1]))


def drift_of(plant: Plant, days: Days, seed: int, machine: Machine, day: int) -> Drift | None:
    """The drift of this machine that fails on this production day, if it is the one that drifts."""
    if drifting_machine(plant) != machine.code or day % QUIET_EVERY == 2:
        return None
    rng = chance(seed, "drift", machine.code, day)
    fails = days.start_ms(day) + int(rng.uniform(5.0, 19.0) * HOUR_MS)
    work, _ = days.slices(machine.code, day)
    later = work[work[:, 1] > fails]
    if not len(later):
        return None
    fails = max(fails, int(later[0, 0]) + 600_000)
    length, repair = rng.uniform(*DRIFT_HOURS), rng.uniform(0.4, 0.75)
    return Drift(fails - int(length * HOUR_MS), fails, fails + int(repair * HOUR_MS))


def drifting_machine(plant: Plant) -> str | None:
    """The machine whose process value drifts: among those that a rule watches for anomalies."""
    watched = [rule for rule in plant.alerts if rule.kind == "anomaly"]
    codes = [
        tag.machine
        for tag in plant.all_tags()
        if tag.pattern.role == "process"
        and any(
            tag.pattern.name == rule.tag
            and tag.machine in {m.code for m in plant.machines_like(rule.machines)}
            for rule in watched
        )
    ]
    return codes[len(codes) * 3 // 4] if codes else None


def knock_on(seed: int, day: int, upstream: Stops | None, downstream: Stops | None) -> Stops:
    """What the neighbours' long failures do: no material from before, no room behind."""
    return {
        Cause.NO_MATERIAL: _echo(chance(seed, "starved", day), upstream),
        Cause.DOWNSTREAM_FULL: _echo(chance(seed, "blocked", day), downstream),
    }


def _echo(rng: np.random.Generator, stops: Stops | None) -> Spans:
    """The part of a neighbour's failures that outlasts the buffer between the two."""
    if stops is None:
        return spans([])
    long = [stops[kind.cause] for kind in DISTURBANCES if kind.is_failure and kind.cause in stops]
    found = np.concatenate(long) if long else spans([])
    late = found[:, 0] + rng.integers(*BUFFER_MS, len(found))
    echoes = np.stack([late, found[:, 1] + 20_000], axis=1)
    return np.asarray(echoes[echoes[:, 1] - late > 40_000])
