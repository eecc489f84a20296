"""What took planned work in an hour: stops, and time of which nobody knows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from db.kpi_runs import Run as Part
from db.stops import Lost
from plant.model import Element, Label


@dataclass(frozen=True, slots=True)
class Stopped:
    """Seconds within planned work that a machine stood for one reason in an hour."""

    machine: str
    state: Element
    reason: Label | None
    seconds: float


def stopped(lost: Iterable[Lost], parts: Iterable[Part]) -> tuple[Stopped, ...]:
    """What took planned work in an hour, the longest first: stops, and time of which nobody knows.

    What was planned after all took none.
    """
    sums: dict[tuple[str, Element, str | None], Stopped] = {}
    told = [(one.machine, one.element, one.reason, one.reason_name, one.seconds) for one in lost]
    told += [(part.machine, "unknown", None, None, part.facts.unknown_s) for part in parts]
    for machine, element, code, name, seconds in told:
        if element != "planned_stop" and seconds > 0:
            so_far = sums.get((machine, element, code), Stopped(machine, element, name, 0.0))
            sums[machine, element, code] = replace(so_far, seconds=so_far.seconds + seconds)
    return tuple(sorted(sums.values(), key=lambda one: -one.seconds))
