"""What availability, performance and quality should be where only a target OEE is given.

Pure. Nakajima's world-class ratios (90 %, 95 %, 99 %) raised to one common power, so that their
product is the target: each then asks for its usual share of the improvement.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log

from plant.model import Line, Plant

AVAILABILITY, PERFORMANCE, QUALITY = 0.90, 0.95, 0.99
WIDE_MISS = 0.9
"""A single machine is called out below this share of its target: it sways more than a line."""


@dataclass(frozen=True, slots=True)
class Targets:
    """Ratios; availability × performance × quality = oee."""

    oee: float
    availability: float
    performance: float
    quality: float


def targets(oee: float) -> Targets:
    """The three targets behind an OEE target, 0 to 1."""
    power = log(oee) / log(AVAILABILITY * PERFORMANCE * QUALITY) if oee < 1 else 0.0
    return Targets(oee, AVAILABILITY**power, PERFORMANCE**power, QUALITY**power)


def target_of(line: Line, plant: Plant) -> float:
    """The line's own target OEE, else the site's."""
    return line.target_oee or plant.site.target_oee
