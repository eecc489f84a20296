"""The orders of a pair of neighbouring machines on one day, and the pieces made for them.

Two operations an order, on two neighbours of a line, the second starting a little later; both keep
the pace of the slower. Follows from (seed, pair, day) and the machines' timelines alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ingest.simulator.causes import Cause
from ingest.simulator.chance import chance
from ingest.simulator.days import Ms, Spans
from ingest.simulator.timeline import Timeline
from plant.model import Machine, Plant, Product

SLOT_H = (5.0, 8.0)
FILLED = 0.995
"""Share of an operation's running time in which its pieces are made."""
MOST_STRETCH = 1.15
LOT = 5
OPERATIONS = ("10", "20")


@dataclass(frozen=True, slots=True)
class Slot:
    """A stretch of one machine for one operation: change-over first, then pieces. Times in ms."""

    order: str
    operation: str
    machine: str
    product: Product
    t0: int
    t1: int
    setup_end: int
    due: int


@dataclass(frozen=True, slots=True)
class Job:
    """A slot with what was made in it; `ts` in order, strictly inside the slot."""

    slot: Slot
    planned: int
    ts: Ms
    is_good: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two neighbours of a line (or the last alone); `shift_ms`: its own start of the day."""

    number: int
    machines: tuple[Machine, ...]
    products: tuple[Product, ...]
    shift_ms: int
    lag_ms: int


def pairs_of(plant: Plant, seed: int) -> tuple[Pair, ...]:
    """Every line's machines two by two, in the file's order."""
    found: list[Pair] = []
    for line in plant.lines:
        machines = [m for m in plant.machines if m.line == line.code]
        for first in range(0, len(machines), 2):
            found.append(_pair(plant, seed, len(found), tuple(machines[first : first + 2])))
    return tuple(found)


def _pair(plant: Plant, seed: int, number: int, machines: tuple[Machine, ...]) -> Pair:
    rng = chance(seed, "pair", machines[0].code)
    products = tuple(
        p for p in plant.products if all(plant.ideal_cycle_s(p, m) is not None for m in machines)
    )
    shift = int(rng.integers(0, 23 * 3600)) * 1000
    return Pair(number, machines, products, shift, int(rng.integers(240, 900)) * 1000)


def slots_of(pair: Pair, seed: int, day: int, t0: int, t1: int) -> list[tuple[Slot, ...]]:
    """The day's orders, each as its operations; without products there are none."""
    if not pair.products:
        return []
    rng = chance(seed, "orders", pair.machines[0].code, day)
    count = max(1, round((t1 - t0) / 3_600_000 / rng.uniform(*SLOT_H)))
    weights = np.cumsum(rng.uniform(0.8, 1.2, count))
    cuts = [t0, *(t0 + (weights / weights[-1] * (t1 - t0) // 1000 * 1000).astype(int)).tolist()]
    cuts[-1] = t1
    kinds = _without_repeats(rng, len(pair.products), count)
    return [
        _operations(
            pair, rng, day, number, pair.products[kinds[number]], *cuts[number : number + 2]
        )
        for number in range(count)
    ]


def _without_repeats(rng: np.random.Generator, kinds: int, count: int) -> list[int]:
    steps = rng.integers(1, max(kinds, 2), count)
    return [int(kind) for kind in (rng.integers(0, kinds) + np.cumsum(steps)) % kinds]


def _operations(
    pair: Pair, rng: np.random.Generator, day: int, number: int, product: Product, t0: int, t1: int
) -> tuple[Slot, ...]:
    code = f"WO-{(day % 1000) * 100 + pair.number * 8 + number}"
    slack_min = rng.uniform(-80, -15) if rng.random() < 0.15 else rng.uniform(20, 200)
    due = (t1 + pair.lag_ms + int(slack_min * 60_000)) // 300_000 * 300_000
    setups = np.minimum(780 * np.exp(rng.normal(0, 0.4, 2)), 2400) * np.array([1.0, 0.75])
    return tuple(
        Slot(
            order=code,
            operation=OPERATIONS[place],
            machine=machine.code,
            product=product,
            t0=t0 + place * pair.lag_ms,
            t1=t1 + place * pair.lag_ms,
            setup_end=min(t0 + place * pair.lag_ms + int(setups[place] * 1000), t1),
            due=due,
        )
        for place, machine in enumerate(pair.machines)
    )


@dataclass(frozen=True, slots=True)
class _Draft:
    """A slot's running time and the pieces that would fill it at the machine's own pace."""

    slot: Slot
    running: Spans
    running_s: float
    cycles_s: npt.NDArray[np.float64]
    is_good: npt.NDArray[np.bool_]
    good: int


def jobs_of(
    plant: Plant, seed: int, slots: tuple[Slot, ...], timelines: dict[str, Timeline]
) -> list[Job]:
    """What one order's operations made. Both at the slower one's pace, within limits."""
    drafts = [_draft(plant, seed, slot, timelines[slot.machine]) for slot in slots]
    pace = min((draft.good for draft in drafts), default=0)
    return [_made(draft, pace) for draft in drafts]


def _draft(plant: Plant, seed: int, slot: Slot, timeline: Timeline) -> _Draft:
    rng = chance(seed, "pieces", slot.machine, slot.order)
    running = np.clip(timeline.spans_of(Cause.RUNNING), slot.t0 + 1, slot.t1 - 1)
    running = running[running[:, 1] > running[:, 0]]
    running_s = float((running[:, 1] - running[:, 0]).sum()) / 1000 * FILLED
    machine = next(m for m in plant.machines if m.code == slot.machine)
    ideal_s = plant.ideal_cycle_s(slot.product, machine) or 1.0
    cycles_s = _cycles(rng, ideal_s, int(running_s / ideal_s) + 1)
    count = int(np.searchsorted(np.cumsum(cycles_s), running_s))
    is_good = _good(rng, count)
    return _Draft(slot, running, running_s, cycles_s[:count], is_good, int(is_good.sum()))


def _cycles(rng: np.random.Generator, ideal_s: float, count: int) -> npt.NDArray[np.float64]:
    """Cycle times: the order's own pace, jitter, and now and then a slow spell."""
    pace = float(np.clip(rng.normal(0.955, 0.02), 0.85, 0.995))
    cycles = ideal_s / pace * np.exp(rng.normal(0.0, 0.025, count))
    for _ in range(rng.poisson(0.8)):
        first = int(rng.integers(0, max(count, 1)))
        cycles[first : first + int(rng.uniform(400, 2400) / ideal_s)] *= rng.uniform(1.2, 1.7)
    return np.asarray(cycles)


def _good(rng: np.random.Generator, count: int) -> npt.NDArray[np.bool_]:
    """Which pieces are good: more scrap at the start of an order, now and then a bad run."""
    risk = np.full(count, min(float(rng.gamma(2.0, 0.007)), 0.05))
    risk[:12] += 0.08
    if count and rng.random() < 0.1:
        first = int(rng.integers(0, count))
        risk[first : first + 60] += 0.15
    return np.asarray(rng.random(count) >= risk)


def _made(draft: _Draft, pace: int) -> Job:
    planned = max(pace, int(draft.good / MOST_STRETCH)) // LOT * LOT
    if not planned:
        empty = np.empty(0, dtype=np.int64)
        return Job(draft.slot, 0, empty, np.empty(0, dtype=np.bool_))
    count = int(np.searchsorted(np.cumsum(draft.is_good), planned)) + 1
    done_s = np.cumsum(draft.cycles_s[:count])
    done_s *= draft.running_s / done_s[-1]
    return Job(draft.slot, planned, _on_the_clock(done_s, draft.running), draft.is_good[:count])


def _on_the_clock(done_s: npt.NDArray[np.float64], running: Spans) -> Ms:
    """Seconds of running as moments (ms), strictly rising."""
    lengths = running[:, 1] - running[:, 0]
    ends = np.cumsum(lengths)
    done = (done_s * 1000).astype(np.int64)
    place = np.searchsorted(ends, done)
    at = running[place, 0] + done - (ends[place] - lengths[place])
    return np.asarray(at)
