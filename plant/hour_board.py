"""How the hour-by-hour board is set up: a part of the plant file."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from plant.part import Part

Rows = Literal["shift", "clock"]
Aim = Literal["oee", "orders"]


class HourBoard(Part):
    rows: Rows = Field(default="shift", examples=["shift"])
    """Where hours begin: counted from the shift's start, or on the full hours of the clock."""
    target: Aim = Field(default="oee", examples=["oee"])
    """What an hour should make: at the target OEE, or its share of the orders planned in it."""
