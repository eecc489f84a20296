"""Process values: a level of each machine's own, noise with a memory, a drift before a failure.

A day at a time, on a grid of 5 s. Never decides when a drift happens: that is the plan's.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ingest.simulator.causes import Cause
from ingest.simulator.chance import chance
from ingest.simulator.days import Ms
from ingest.simulator.plan import Plan
from plant.model import Tag

GRID_MS = 5000
MEMORY = 0.9 ** np.arange(40)
MEMORY /= np.sqrt((MEMORY**2).sum())
"""Weights of the last shocks in the noise; it keeps a spread of 1."""
WARMING_MIN = 18.0
WARMING_REACH_MIN = 90
FAILS_AT = 7.6
"""mm/s at which the drifting machine fails."""

Floats = npt.NDArray[np.float64]


def of_day(plan: Plan, tag: Tag, day: int) -> tuple[Ms, Floats, npt.NDArray[np.int16]]:
    """(ms, value in the tag's unit, quality) of one production day; NaN where it is bad."""
    t0, t1 = plan.days.start_ms(day), plan.days.start_ms(day + 1)
    ts = np.arange(-(-t0 // GRID_MS) * GRID_MS, t1, GRID_MS, dtype=np.int64)
    shocks = chance(plan.seed, "noise", tag.code, day).normal(0.0, 1.0, len(ts) + len(MEMORY) - 1)
    noise = np.convolve(shocks, MEMORY, mode="valid")
    value = _SHAPES.get(tag.pattern.unit, _plain)(plan, tag, ts, noise)
    quality = _quality(plan, tag, day, ts)
    return ts, np.where(quality == 2, np.nan, np.round(value, 3)), quality


def _vibration(plan: Plan, tag: Tag, ts: Ms, noise: Floats) -> Floats:
    level = chance(plan.seed, "level", tag.code).uniform(1.7, 2.6)
    running = plan.timeline(tag.machine, int(ts[0]), int(ts[-1]) + 1).at(ts) == Cause.RUNNING
    value = level + 0.11 * noise
    for drift in plan.drifts(tag.machine, int(ts[0]), int(ts[-1]) + 1):
        share = (ts - drift.t0) / (drift.t1 - drift.t0)
        rising = (share > 0) & (share <= 1)
        value[rising] += (FAILS_AT - level) * share[rising] ** 2
    return np.where(running, value, 0.15 + 0.02 * noise)


def _temperature(plan: Plan, tag: Tag, ts: Ms, noise: Floats) -> Floats:
    """Warms up while the machine runs, cools down while it stands; in the evening as it is left."""
    rng = chance(plan.seed, "level", tag.code)
    ambient, rise = rng.uniform(23, 26), rng.uniform(20, 34)
    first = int(ts[0]) - WARMING_REACH_MIN * 60_000
    grid = np.arange(first, int(ts[-1]) + 60_000, 60_000, dtype=np.int64)
    runs = plan.timeline(tag.machine, first, int(grid[-1]) + 1).at(grid) == Cause.RUNNING
    weights = np.exp(-np.arange(WARMING_REACH_MIN) / WARMING_MIN)
    warm = np.convolve(runs, weights / weights.sum(), mode="full")[: len(grid)]
    return np.asarray(ambient + rise * np.interp(ts, grid, warm) + 0.15 * noise)


def _plain(plan: Plan, tag: Tag, ts: Ms, noise: Floats) -> Floats:
    level = chance(plan.seed, "level", tag.code).uniform(20.0, 80.0)
    running = plan.timeline(tag.machine, int(ts[0]), int(ts[-1]) + 1).at(ts) == Cause.RUNNING
    return np.where(running, level * (1 + 0.01 * noise), 0.0)


_SHAPES = {"mm/s": _vibration, "°C": _temperature}


def _quality(plan: Plan, tag: Tag, day: int, ts: Ms) -> npt.NDArray[np.int16]:
    """Now and then a sensor is uncertain for some minutes, and more rarely bad."""
    rng = chance(plan.seed, "sensor", tag.code, day)
    quality = np.zeros(len(ts), dtype=np.int16)
    for kind, often, longest in ((1, 0.6, 60), (2, 0.3, 24)):
        for _ in range(rng.poisson(often)):
            first = int(rng.integers(0, len(ts)))
            quality[first : first + int(rng.integers(4, longest))] = kind
    return quality
