"""Tags: patterns as the plant file says them, and spread over machines."""

from __future__ import annotations

import re

from pydantic import Field

from plant.part import Code, Counter, Label, Part, Role


class Limits(Part):
    """Between which a process value meets its specification, in its unit; one side may be open."""

    lower: float | None = None
    upper: float | None = None


class TagPattern(Part):
    """One tag on each machine that a pattern names; `{machine}` and `{line}` are filled in."""

    name: Code
    machines: tuple[str, ...] = Field(min_length=1, examples=[["A*", "B01"]])
    source: Code
    role: Role
    address: str = Field(min_length=1, examples=["ns=2;s={machine}.State"])
    """OPC UA: node id. MQTT: topic. Sparkplug: edge node/device."""
    path: str = ""
    """MQTT: JMESPath in the payload. Sparkplug: name of the metric."""
    label: Label | None = None
    unit: str = ""
    scale: float = 1.0
    deadband: float = Field(default=0.0, ge=0)
    """A process value is kept when it moved by more than this, in its unit."""
    changes_only: bool = False
    """A process value that repeats is not kept; that is a deadband of nothing."""
    spec: Limits | None = Field(default=None, examples=[{"lower": 35.0, "upper": 55.0}])
    """What a process value is specified to be, for its process capability."""
    spec_of: dict[Code, Limits] = Field(default={}, examples=[{"P": {"upper": 50.0}}])
    """The same of one product, by code; it stands in place of `spec`, both sides of it."""
    state_map: Code | None = None
    counter: Counter = "total"
    """How a count arrives: as a running total, as the pieces since the last message, or as one
    piece a change of the value, a reading, or a rise from zero."""
    modulus: float | None = Field(default=None, gt=0, examples=[65536])
    """Where a running total rolls over."""


class Tag(Part):
    """One tag of one machine, all placeholders filled in."""

    code: str
    """`machine.name`, unique in the plant."""
    machine: Code
    pattern: TagPattern
    address: str
    path: str

    def __hash__(self) -> int:
        """By what is unique: a pattern holds tables, which have no hash."""
        return hash(self.code)


def spread(pattern: TagPattern, machine: str, line: str) -> Tag:
    """One tag of a pattern: `{machine}` and `{line}` filled in."""

    def fill(text: str) -> str:
        return re.sub(
            r"\{(machine|line)\}",
            lambda found: machine if found[1] == "machine" else line,
            text,
        )

    return Tag(
        code=f"{machine}.{pattern.name}",
        machine=machine,
        pattern=pattern,
        address=fill(pattern.address),
        path=fill(pattern.path),
    )
