"""What OEE, availability, performance and quality should be, and from where on a miss matters.

Pure. Given targets are used as they are. The others follow from the target OEE: Nakajima's
world-class ratios (90 %, 95 %, 99 %) raised to one common power, so that the product of all three
is the target OEE: each then asks for its usual share of the improvement.

A value misses its target when it lies below by more than the tolerance. A factor's tolerance is
that of OEE in proportion to how far their targets lie below 100 %: five points of OEE are much less
of quality.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log, prod

from plant.model import Line, Plant, Site

NAKAJIMA = (0.90, 0.95, 0.99)
LOOSER = 2.0
"""One machine and one hour sway more than a line's shift: so many times the tolerance."""
ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Target:
    """What a ratio should be, and how far below it is still no matter; both of 1."""

    value: float
    tolerance: float

    def is_missed(self, ratio: float | None) -> bool:
        """Whether to call it out; what has no value misses nothing."""
        return ratio is not None and ratio < self.floor - ROUNDING

    @property
    def floor(self) -> float:
        """The lowest ratio that passes."""
        return max(0.0, self.value - self.tolerance)

    @property
    def loose(self) -> Target:
        """For one machine or one hour."""
        return Target(self.value, LOOSER * self.tolerance)


@dataclass(frozen=True, slots=True)
class Targets:
    """The targets of a plant or a line."""

    oee: Target
    availability: Target
    performance: Target
    quality: Target


def targets(plant: Plant, line: Line | None = None) -> Targets:
    """Those of a line, else those of the site.

    A line with a target OEE of its own takes no factors from the site: they belong to the site's.
    """
    site = plant.site
    whole = (line.target_oee if line else None) or site.target_oee
    own = _given(line) if line else _given(site)
    if line and line.target_oee is None:
        own = tuple(a or b for a, b in zip(own, _given(site), strict=True))
    return _with_tolerance(whole, factors(whole, own), site.target_tolerance)


def factors(oee: float, given: Sequence[float | None]) -> tuple[float, ...]:
    """Availability, performance, quality: as given, the others so that the product is `oee`.

    Where what is given lies below `oee` already, the others are 1.
    """
    missing = [usual for usual, own in zip(NAKAJIMA, given, strict=True) if own is None]
    left = min(1.0, oee / prod(own for own in given if own is not None))
    power = log(left) / log(prod(missing)) if missing and left < 1.0 else 0.0
    pairs = zip(NAKAJIMA, given, strict=True)
    return tuple(usual**power if own is None else own for usual, own in pairs)


def _given(of: Site | Line) -> tuple[float | None, ...]:
    return of.target_availability, of.target_performance, of.target_quality


def _with_tolerance(oee: float, parts: Sequence[float], tolerance: float) -> Targets:
    share = tolerance / (1.0 - oee) if oee < 1.0 else 0.0
    availability, performance, quality = (Target(p, share * (1.0 - p)) for p in parts)
    return Targets(Target(oee, tolerance), availability, performance, quality)
