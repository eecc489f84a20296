"""How fast a machine has been: its quarters of an hour, parted into an order's pace and its stops.

What an order yields in a stretch is the pace at which it runs, an order's own and soon known, times
the share of the time that it runs, the machine's own and different from hour to hour. Parted so,
few quarters tell much. Pure arithmetic on arrays; never draws chance, never asks for the time.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot, sqrt

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

QUARTER_S = 900.0
LEAST_S = 300.0
"""A quarter with less time than this outside of setups says nothing."""
STEPS_A_BLOCK = 8
PRIOR_RUNS = 3
"""How many runs the assumed spread between runs counts for beside the observed ones."""
PRIOR_SPREAD = 0.10
"""Relative spread of the pace between runs, as far as nothing is known."""
UNKNOWN_SPREAD = 0.25
"""The same of a machine that has never been seen running."""
STEP_SPREAD = 0.20
"""Relative spread of the pace from quarter to quarter within a run."""
WANDERS = 0.07
"""Relative spread between what a run has shown and what it will show, however long it was seen."""
USUAL_STEPS = 1.0 + 0.5 * np.array([-2.0, -1.15, -0.67, -0.32, 0.0, 0.32, 0.67, 1.15, 1.2, 0.8])
"""Yields of quarters around an expected one, as far as nothing is known: spread one half."""


@dataclass(frozen=True, slots=True, eq=False)
class Pace:
    """The last days of a machine, oldest first: one row a quarter of an hour and operation.

    All arrays have the same length. Seconds and pieces, as in machine_15m; `run`: id of the
    operation; `is_product(code)` tells the rows of one product.
    """

    run: Ints
    product: npt.NDArray[np.str_]
    busy_s: Floats
    """Planned busy time."""
    setup_s: Floats
    running_s: Floats
    good: Floats
    ideal_good_s: Floats
    breaks_worked: float = 0.0
    """Share of the breaks that the machine worked through."""


def no_pace() -> Pace:
    """Of a machine that nothing is known of."""
    none = np.empty(0)
    return Pace(np.empty(0, np.int64), np.empty(0, np.str_), none, none, none, none, none)


@dataclass(frozen=True, slots=True)
class Level:
    """A quantity with its uncertainty (standard deviation)."""

    mean: float
    spread: float


@dataclass(frozen=True, slots=True, eq=False)
class Rhythm:
    """What a forecast draws from, for one product on one machine.

    `yields`: of each past quarter, output ÷ (time × pace of its run), in order; `between`: pace of
    a run, output a second of running, before anything of it is seen; `doubt`: relative standard
    error of the mean of `yields`; `setups_s`: of each past run. Output is in ideal seconds, or in
    pieces without an ideal cycle.
    """

    yields: Floats
    between: Level
    doubt: float
    setups_s: Floats


def rhythm(
    pace: Pace, product: str | None, *, has_cycle: bool, expected: float | None
) -> Rhythm | None:
    """The rhythm of a product on a machine; None where nothing at all is known.

    `expected`: output a second of planned busy time as it should be, e.g. the target OEE.
    """
    chosen = np.ones(len(pace.run), np.bool_) if has_cycle else pace.product == (product or "")
    out = (pace.ideal_good_s if has_cycle else pace.good)[chosen]
    running, setup = pace.running_s[chosen], pace.setup_s[chosen]
    net = pace.busy_s[chosen] - setup
    runs, place = np.unique(pace.run[chosen], return_inverse=True)
    made, ran = _sums(place, out, len(runs)), _sums(place, running, len(runs))
    if made.sum() <= 0 or (expected is not None and ran.sum() < LEAST_S):
        return _unseen(expected)  # a piece or none in the first minutes is no pace
    between = _between(made, ran, _same_product(pace.product[chosen], place, len(runs), product))
    paces = np.where(ran >= QUARTER_S, made / np.maximum(ran, 1.0), made.sum() / ran.sum())
    kept = (net >= LEAST_S) & (paces[place] > 0)
    yields = out[kept] / (net[kept] * paces[place][kept])
    if not len(yields):
        return _unseen(expected)
    doubt = _doubt(yields)
    if expected is not None:
        yields = np.append(expected / between.mean * USUAL_STEPS[::3], yields)
    return Rhythm(yields, between, doubt, _setups(place, setup, len(runs)))


def own_level(between: Level, output: float, running_s: float) -> Level:
    """The pace ahead of a run that has made `output` in `running_s`: its own, and that of runs.

    Both weighed by their precision, as normal; its own is as good as its length, and wanders.
    """
    if running_s < LEAST_S or output <= 0:
        return between
    seen = output / running_s
    noise = seen * hypot(STEP_SPREAD / sqrt(running_s / QUARTER_S), WANDERS)
    weight = between.spread**2 / (between.spread**2 + noise**2)
    mean = weight * seen + (1 - weight) * between.mean
    return Level(mean, between.spread * noise / hypot(between.spread, noise))


def _sums(place: Ints, values: Floats, count: int) -> Floats:
    return np.bincount(place, values, minlength=count).astype(np.float64)


def _unseen(expected: float | None) -> Rhythm | None:
    if expected is None or expected <= 0:
        return None
    level = Level(expected, UNKNOWN_SPREAD * expected)
    return Rhythm(USUAL_STEPS, level, 0.1, np.zeros(1))


def _same_product(
    products: npt.NDArray[np.str_], place: Ints, count: int, product: str | None
) -> npt.NDArray[np.bool_]:
    return np.bincount(place, products == (product or ""), minlength=count) > 0


def _between(made: Floats, ran: Floats, same: npt.NDArray[np.bool_]) -> Level:
    """Pace of a run: of the same product where it was seen in a few runs, else of all."""
    long = ran >= QUARTER_S
    chosen = long & same if (long & same).sum() >= PRIOR_RUNS else long
    if not chosen.any():
        return Level(made.sum() / ran.sum(), UNKNOWN_SPREAD * made.sum() / ran.sum())
    mean = made[chosen].sum() / ran[chosen].sum()
    shares = made[long] / ran[long] / (made[long].sum() / ran[long].sum())
    squares = ((shares - 1.0) ** 2).sum() + PRIOR_RUNS * PRIOR_SPREAD**2
    return Level(float(mean), float(mean * sqrt(squares / (long.sum() + PRIOR_RUNS))))


def _doubt(yields: Floats) -> float:
    """Relative standard error of the mean, from sums over blocks, which hang together."""
    blocks = len(yields) // STEPS_A_BLOCK
    if blocks < 2:
        return UNKNOWN_SPREAD
    sums = yields[: blocks * STEPS_A_BLOCK].reshape(blocks, STEPS_A_BLOCK).mean(axis=1)
    return min(UNKNOWN_SPREAD, float(sums.std() / max(sums.mean(), 1e-9) / sqrt(blocks)))


def _setups(place: Ints, setup_s: Floats, count: int) -> Floats:
    """Whole ones: without the run that the history cuts at its beginning."""
    found = _sums(place, setup_s, count)
    later = np.unique(place[place != place[0]])
    return found[later] if len(later) else found
