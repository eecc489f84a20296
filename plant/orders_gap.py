"""Why the machines counted another quantity than the business system reports, as far as facts say.

Pure. The parts always add up to the difference; what no fact explains is said to be unexplained.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from plant.kpi import Facts
from plant.orders import Operation

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
class Astray:
    """Good pieces that the business system may have where the count of an operation has none, or
    may not have yet.

    `after_booking`: counted for it since the newest version of the business system; `outside`:
    shortly before the start or after the end under no operation; `elsewhere`: of the same product
    under other operations while this one was open.
    """

    after_booking: float = 0.0
    outside: float = 0.0
    elsewhere: float = 0.0


@dataclass(frozen=True, slots=True)
class Part:
    """Some pieces of a difference, counted − reported, with their cause; signed, never zero."""

    cause: Cause
    pieces: float


def explained(operation: Operation, facts: Facts, astray: Astray) -> tuple[Part, ...]:
    """The parts of the difference, in the order in which they are believed.

    More counted than reported: pieces since the last booking; good ones that were booked as scrap.
    Fewer: scrap that was booked as good; pieces counted outside of the operation, or under another
    one of the same product; pieces made while the machine could not be heard (as many as its rate
    makes in that time, at most). Each takes what its facts allow, the rest stays unexplained.
    """
    left = facts.good - operation.good
    parts = []
    for cause, most in _causes(operation, facts, astray, left):
        taken = min(abs(left), max(0.0, most))
        if taken > 0:
            signed = taken if left > 0 else -taken
            parts.append(Part(cause, signed))
            left -= signed
    return (*parts, Part("unexplained", left)) if left else tuple(parts)


def _causes(
    operation: Operation, facts: Facts, astray: Astray, difference: float
) -> Iterator[tuple[Cause, float]]:
    if difference > 0:
        yield "not_booked_yet", astray.after_booking
        yield "booked_as_scrap", operation.scrap - facts.scrap
        return
    yield "scrap_booked_as_good", facts.scrap - operation.scrap
    yield "outside", astray.outside
    yield "elsewhere", astray.elsewhere
    if facts.running_s > 0:
        yield "unknown_time", facts.good / facts.running_s * facts.unknown_s
