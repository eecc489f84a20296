"""Reads a plant file and says everything that is wrong with it at once."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass

from plant.model import Plant


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: where, what stands there, what is expected, an example."""

    key: str
    value: str
    expected: str
    example: str


class PlantFaults(ValueError):
    """The plant file has faults."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(f"{f.key} = {f.value}: {f.expected}" for f in faults))


def read(text: str) -> Plant:
    """The plant that a file describes. Raises PlantFaults."""
    return Plant.model_validate(tomllib.loads(text))
