"""How a line works: the order of its machines, what feeds them, its constraint; as it is kept.

Pure. A version of it holds since a moment (db/line_versions.py), so that what stopped a line
yesterday doesn't change with today's plant file.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from pydantic import BaseModel, ConfigDict

from plant.model import Line, Machine, Plant
from plant.station import Station, stations


class Place(BaseModel):
    """A machine in its line, as in the plant file."""

    model_config = ConfigDict(frozen=True)
    code: str
    after: tuple[str, ...] | None = None
    joins: bool = False
    buffer_s: float = 0.0


class LineSettings(BaseModel):
    """A line, with its machines in the order of the flow."""

    model_config = ConfigDict(frozen=True)
    constraint: str | None = None
    infer_flow: bool = False
    machines: tuple[Place, ...] = ()


def settings_of(line: Line, plant: Plant) -> LineSettings:
    """As the plant file has it."""
    here = [_place(machine) for machine in plant.machines if machine.line == line.code]
    return LineSettings(
        constraint=line.constraint, infer_flow=line.infer_flow, machines=tuple(here)
    )


def stations_of(
    settings: LineSettings, plant: Plant, members: Collection[str]
) -> tuple[Station, ...]:
    """The members of a line in flow order, by a version of it.

    One that the version doesn't know stands behind the machine that it follows in `plant`.
    """
    here = {*members, *(place.code for place in settings.machines)}
    others = [machine for machine in plant.machines if machine.code in here]
    return stations(_with_others(settings.machines, others), members)


def _with_others(known: Sequence[Place], machines: Sequence[Machine]) -> list[Place]:
    found = list(known)
    codes = [place.code for place in known]
    before: str | None = None
    for machine in machines:
        if machine.code not in codes:
            at = 0 if before is None else codes.index(before) + 1
            codes.insert(at, machine.code)
            found.insert(at, _place(machine))
        before = machine.code
    return found


def _place(machine: Machine) -> Place:
    return Place(
        code=machine.code, after=machine.after, joins=machine.joins, buffer_s=machine.buffer_s
    )
