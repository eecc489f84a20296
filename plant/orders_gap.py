"""Why the machines counted another quantity than the business system reports, as far as facts say.

Pure. The parts always add up to the difference; what no fact explains is said to be unexplained.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from plant.orders import Observed, Operation

Cause = Literal[
    "not_booked_yet",
    "booked_as_scrap",
    "scrap_booked_as_good",
    "outside",
    "elsewhere",
    "unknown_time",
    "unexplained",
]


@dataclass(frozen=True, slots=True)
class Part:
    """Some pieces of a difference, counted − reported, with their cause; signed, never zero."""

    cause: Cause
    pieces: float


def explained(operation: Operation, observed: Observed) -> tuple[Part, ...]:
    """The parts of the difference, in the order in which they are believed.

    More counted than reported: pieces since the last booking; good ones that were booked as scrap.
    Fewer: scrap that was booked as good; pieces counted outside of the operation, or under another
    one of the same product; pieces made while the machine could not be heard (as many as its rate
    makes in that time, at most). Each takes what its facts allow, the rest stays unexplained.
    """
    left = observed.facts.good - operation.good
    parts = []
    for cause, most in _causes(operation, observed, left):
        taken = min(abs(left), max(0.0, most))
        if taken > 0:
            signed = taken if left > 0 else -taken
            parts.append(Part(cause, signed))
            left -= signed
    return (*parts, Part("unexplained", left)) if left else tuple(parts)


def _causes(
    operation: Operation, observed: Observed, difference: float
) -> Iterator[tuple[Cause, float]]:
    facts = observed.facts
    if difference > 0:
        yield "not_booked_yet", observed.after_booking
        yield "booked_as_scrap", operation.scrap - facts.scrap
        return
    yield "scrap_booked_as_good", facts.scrap - operation.scrap
    yield "outside", observed.outside
    yield "elsewhere", observed.elsewhere
    if facts.running_s > 0:
        yield "unknown_time", facts.good / facts.running_s * facts.unknown_s
