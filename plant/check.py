"""Reads a plant file and says everything that is wrong with it at once.

Never stops at the first fault, and never raises anything else for what a user can write.
"""

from __future__ import annotations

import re
import tomllib

from pydantic import ValidationError

from plant.checks import CHECKS
from plant.draft import draft
from plant.fault import Fault, PlantFaults, written
from plant.model import Plant
from plant.schema import schema_faults

__all__ = ["Fault", "PlantFaults", "language_of", "read"]

_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


def read(text: str) -> Plant:
    """The plant that a file describes. Raises PlantFaults with every fault there is."""
    data = _parsed(text)
    faults: list[Fault] = []
    plant = None
    try:
        plant = Plant.model_validate(data)
    except ValidationError as error:
        faults.extend(schema_faults(error, data))
    understood = draft(data)
    faults.extend(fault for check in CHECKS for fault in check(understood))
    if faults or plant is None:
        raise PlantFaults(faults)
    return plant


def language_of(text: str) -> str | None:
    """The language that the site of a file speaks, be the rest of it as faulty as it may."""
    try:
        site = _parsed(text).get("site")
    except PlantFaults:
        return None
    said = site.get("language") if isinstance(site, dict) else None
    return said if isinstance(said, str) else None


def _parsed(text: str) -> dict[str, object]:
    try:
        return tomllib.loads(text.removeprefix("\ufeff"))
    except RecursionError:
        raise PlantFaults(
            [_syntax("the file", "", "brackets that are not nested so deep")]
        ) from None
    except ValueError as error:
        raise PlantFaults([_located(str(error), text)]) from None


def _located(message: str, text: str) -> Fault:
    found = _PLACE.search(message)
    if found is None or found[1] is None:
        return _syntax("the end of the file" if found else "the file", "", _said(message))
    line = text.split("\n")[int(found[1]) - 1]
    return _syntax(
        f"line {found[1]}, column {found[2]}", written(line.strip())[1:-1], _said(message)
    )


def _said(message: str) -> str:
    return f"TOML that can be read ({_PLACE.sub('', message)})"


def _syntax(key: str, value: str, expected: str) -> Fault:
    return Fault(key, value, expected, 'name = "value"')
