"""What the OEE board is asked for: a line or a machine, and the stretch of time. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from dashboards.scope import begin_of_shift
from dashboards.targets import Targets, targets
from dashboards.texts import msgid
from db.boards import ShiftSpan
from db.kpi_facts import Scope as FactScope
from plant.model import Line, Machine, Plant

Window = Literal["shift", "today", "24h"]
WINDOWS: Mapping[Window, str] = {
    "shift": msgid("This shift"),
    "today": msgid("Today"),
    "24h": msgid("24 h"),
}


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


def window_of(params: Mapping[str, str]) -> Window:
    """The window of an address; the shift where it names none."""
    asked = params.get("window", "")
    return next((name for name in WINDOWS if name == asked), "shift")


def begin_of(window: Window, shifts: Sequence[ShiftSpan], now: datetime, plant: Plant) -> datetime:
    """Where the window begins, UTC, on a whole minute; outside of a shift eight hours ago."""
    whole = now.replace(second=0, microsecond=0)
    if window == "24h":
        return whole - timedelta(hours=24)
    if window == "today":
        local = now.astimezone(plant.site.zone)
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight.astimezone(now.tzinfo)
    return begin_of_shift(shifts[0].t0 if shifts and shifts[0].t1 > now else None, now)
