"""What is normal for a row of values: a robust centre, and a robust σ to either side. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

MAD_TO_SIGMA: Final = 1.4826
"""σ of a normal distribution ÷ its median absolute deviation."""
STRETCH: Final = 12
STRETCH_SIGMAS: Final = 1.63
"""Values of a stretch, and how many σ from the centre the utmost of so many normal ones is."""
TAIL: Final = 0.05
TAIL_SIGMAS: Final = 1.645
"""Share of values beyond either tail, and how many σ from the centre of a normal one it begins."""
STRETCH_BY_TAIL: Final = STRETCH_SIGMAS / TAIL_SIGMAS
USUAL: Final = 0.7
"""Share of the stretches that go no further than what is taken as usual."""


@dataclass(slots=True)
class Normal:
    """What is normal: a centre, and σ to either side of it."""

    centre: float
    below: float
    above: float

    def score(self, value: float) -> float:
        """How many σ a value is away."""
        away = value - self.centre
        return away / (self.above if away > 0 else self.below)


def normal_of(values: list[float], least_spread: float) -> Normal:
    """Median and robust σ: the largest of what the middle half, the tails and the extremes say.

    The tails keep a machine that makes two products at two levels from being called anomalous
    whenever it makes the rarer one; the extremes of most stretches of time, one that warms up after
    every stop. Neither is moved by one past anomaly. A short memory has not seen all that is
    normal: its σ is wider.
    """
    ordered = np.sort(np.asarray(values))
    centre = float(_middle(ordered))
    middle_half = MAD_TO_SIGMA * float(_middle(np.sort(np.abs(ordered - centre))))
    least = max(least_spread * abs(centre), 1e-12)
    stretches = np.asarray(values[len(values) % STRETCH :]).reshape(-1, STRETCH)
    low, high = _tails(ordered)
    below = max(_usual(centre - stretches.min(axis=1)), (centre - low) * STRETCH_BY_TAIL)
    above = max(_usual(stretches.max(axis=1) - centre), (high - centre) * STRETCH_BY_TAIL)
    wider = 1 + 8 / len(ordered)
    return Normal(
        centre,
        max(middle_half, below / STRETCH_SIGMAS, least) * wider,
        max(middle_half, above / STRETCH_SIGMAS, least) * wider,
    )


def _tails(ordered: NDArray[np.float64]) -> tuple[float, float]:
    last = len(ordered) - 1
    return float(ordered[math.floor(TAIL * last)]), float(ordered[math.ceil((1 - TAIL) * last)])


def _usual(extremes: NDArray[np.float64]) -> float:
    return float(np.sort(extremes)[math.ceil(USUAL * (len(extremes) - 1))])


def median(values: list[float]) -> float:
    return float(_middle(np.sort(np.asarray(values))))


def _middle(ordered: NDArray[np.float64]) -> np.float64:
    half = len(ordered) // 2
    if len(ordered) % 2:
        return np.float64(ordered[half])
    return np.float64((ordered[half - 1] + ordered[half]) / 2)
