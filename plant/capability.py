"""Process capability after ISO 22400-2: how well what a process gives fits between its limits.

Cp = (USL − LSL) / 6s is the width allowed over the width taken; Cpk = min(USL − x̄, x̄ − LSL) / 3s
also asks whether the process stands in the middle. Pure arithmetic. s is the sample standard
deviation (n − 1) of all readings; docs/kpi.md says every choice.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from plant.kpi import ratio
from plant.tag import Limits

CP = "Cp = (USL − LSL) / 6s"
CPK = "Cpk = min(USL − x̄, x̄ − LSL) / 3s"
CAPABLE = 1.33
"""The Cpk of a capable process, as the field takes it: below, it needs close watch."""
BARELY = 1.0
"""Below this Cpk the process gives parts out of its limits even while nothing changes."""
STANDS_STILL = 1e-12
"""So small a share of the mean is no spread but what rounding left."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Readings of one characteristic, in its unit; `mean` None of none, `s` None of less than 2."""

    n: int = 0
    mean: float | None = None
    s: float | None = None
    outside: int = 0
    """Readings beyond a limit."""

    def __add__(self, other: Sample) -> Sample:
        """Both pooled, as if they had been read as one."""
        if self.mean is None or other.mean is None:
            return self if other.mean is None else other
        n, apart = self.n + other.n, other.mean - self.mean
        squares = self._squares + other._squares + apart**2 * self.n * other.n / n
        mean = self.mean + apart * other.n / n
        return Sample(n, mean, math.sqrt(squares / (n - 1)), self.outside + other.outside)

    @property
    def _squares(self) -> float:
        return (self.s or 0.0) ** 2 * (self.n - 1)

    @property
    def outside_share(self) -> float | None:
        """Of all readings."""
        return ratio(self.outside, self.n)


@dataclass(frozen=True, slots=True)
class Capability:
    """None: no value. Cp of one limit alone has none; neither has any of s = 0 or n < 2."""

    cp: float | None = None
    cpk: float | None = None


def capability(sample: Sample, limits: Limits) -> Capability:
    """How capable a process is of keeping its limits; with one limit Cpk is that one side."""
    if sample.mean is None or not sample.s or sample.s <= STANDS_STILL * abs(sample.mean):
        return Capability()
    lower, upper = limits.lower, limits.upper
    sides = [] if upper is None else [upper - sample.mean]
    sides += [] if lower is None else [sample.mean - lower]
    width = None if lower is None or upper is None else upper - lower
    return Capability(
        cp=None if width is None else width / (6 * sample.s),
        cpk=min(sides) / (3 * sample.s) if sides else None,
    )
