"""What the OEE board is asked for: a line or a machine, and the stretch of time. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dashboards.targets import Targets, targets
from db.kpi_facts import Scope as FactScope
from plant.model import Line, Machine, Plant

OFFERED = ("shift", "today", "24h")
"""Of dashboards/windows.py; for longer ones there are the figures."""


@dataclass(frozen=True, slots=True)
class Scope:
    """The machines shown, and their targets."""

    line: Line
    machine: Machine | None
    machines: tuple[Machine, ...]
    target: Targets

    @property
    def codes(self) -> tuple[str, ...]:
        """Codes of the machines."""
        return tuple(machine.code for machine in self.machines)

    @property
    def of_facts(self) -> FactScope:
        """The same, as sums of facts are asked for: of the line as it stood then."""
        if self.machine:
            return FactScope("machine", self.machine.code)
        return FactScope("line", self.line.code)

    @property
    def key(self) -> str:
        """As in an address: "line:A"."""
        return f"machine:{self.machine.code}" if self.machine else f"line:{self.line.code}"


def scope_of(params: Mapping[str, str], plant: Plant) -> Scope:
    """The scope of an address; the first line where it names none the plant has."""
    kind, _, code = params.get("scope", "").partition(":")
    machine = next((m for m in plant.machines if kind == "machine" and m.code == code), None)
    wanted = machine.line if machine else code
    line = next((one for one in plant.lines if one.code == wanted), plant.lines[0])
    of_line = tuple(m for m in plant.machines if m.line == line.code)
    return Scope(line, machine, (machine,) if machine else of_line, targets(plant, line))


def window_of(params: Mapping[str, str]) -> str:
    """The window of an address; the shift where it names none."""
    asked = params.get("window", "")
    return asked if asked in OFFERED else "shift"
