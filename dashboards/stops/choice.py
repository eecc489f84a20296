"""What the stops board is asked for: machines, a stretch of time, how reasons are ranked. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from dashboards.board import Scene
from dashboards.texts import msgid
from dashboards.windows import WINDOWS
from db.kpi_facts import SITE, Scope
from plant.model import Plant
from plant.stops import reasons_of

RANKED: Mapping[str, str] = {"minutes": msgid("Minutes"), "count": msgid("Count")}


@dataclass(frozen=True, slots=True)
class Choice:
    """What an address asks for, as far as the plant has it."""

    area: str | None
    line: str | None
    """Also of a chosen machine."""
    machine: str | None
    machines: tuple[str, ...]
    window: str
    by: str
    level: int
    """Of the tree of reasons, counted from 1 at the root."""
    depth: int

    def address(self, **other: str) -> str:
        """The same board with something chosen otherwise; what is usual is left out."""
        params = {
            "scope": self.scope,
            "window": self.window,
            "by": self.by,
            "level": str(self.level),
        }
        params |= other
        usual = {"scope": "", "window": "shift", "by": "minutes", "level": str(self.depth)}
        query = urlencode({name: value for name, value in params.items() if value != usual[name]})
        return f"/stops?{query}" if query else "/stops"

    @property
    def scope(self) -> str:
        """As in an address: "line:A", "machine:A01", "" for the whole plant."""
        return str(self.of_facts) if self.of_facts != SITE else ""

    @property
    def of_facts(self) -> Scope:
        """The same, as sums of facts are asked for."""
        if self.machine is not None:
            return Scope("machine", self.machine)
        if self.line is not None:
            return Scope("line", self.line)
        return SITE if self.area is None else Scope("area", self.area)


def choice_of(scene: Scene) -> Choice:
    """The choice of an address; what the plant doesn't have is left aside."""
    params, plant = scene.params, scene.plant
    area, line, machine = _scope(params.get("scope", ""), plant)
    lines = {one.code for one in plant.lines if area in (None, one.area)}
    depth = max(1, reasons_of(plant).depth)
    level = params.get("level", "")
    return Choice(
        area=area,
        line=line,
        machine=machine,
        machines=tuple(
            m.code
            for m in plant.machines
            if machine == m.code or (machine is None and line in (None, m.line) and m.line in lines)
        ),
        window=params["window"] if params.get("window") in WINDOWS else "shift",
        by=params["by"] if params.get("by") in RANKED else "minutes",
        level=min(int(level), depth) if level in ("1", "2", "3", "4") else depth,
        depth=depth,
    )


def _scope(scope: str, plant: Plant) -> tuple[str | None, str | None, str | None]:
    """Area, line and machine; of a machine its line, too."""
    kind, _, code = scope.partition(":")
    if kind == "area" and any(area.code == code for area in plant.areas):
        return code, None, None
    if kind == "line" and any(line.code == code for line in plant.lines):
        return None, code, None
    machine = next((m for m in plant.machines if kind == "machine" and m.code == code), None)
    return (None, machine.line, machine.code) if machine else (None, None, None)
