"""How a machine stands now: what it said, what the calendar says, and whether that is still known.

Pure. A machine that runs is running, whatever the calendar says. What is not known is unknown,
never idle: a silent source, a derivation that stands still, a machine that never said anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from dashboards.parts import Tone
from dashboards.texts import msgid
from db.boards import MachineNow
from plant.model import Element, Label

DERIVED_WITHIN = timedelta(seconds=15)
"""What was derived no further than this long ago is not known any more."""

TONES: dict[Element, Tone] = {
    "running": "normal",
    "down": "critical",
    "idle": "warning",
    "starved": "warning",
    "blocked": "warning",
    "setup": "planned",
    "planned_stop": "muted",
    "not_scheduled": "muted",
    "unknown": "unknown",
}
ICONS: dict[Element, str] = {
    "running": "",
    "down": "octagon-x",
    "idle": "triangle-alert",
    "starved": "triangle-alert",
    "blocked": "triangle-alert",
    "setup": "wrench",
    "planned_stop": "coffee",
    "not_scheduled": "power",
    "unknown": "unplug",
}
WORDS: dict[Element, str] = {
    "running": msgid("Running"),
    "down": msgid("Down"),
    "idle": msgid("Idle"),
    "starved": msgid("Starved"),
    "blocked": msgid("Blocked"),
    "setup": msgid("Setup"),
    "planned_stop": msgid("Break"),
    "not_scheduled": msgid("No shift"),
    "unknown": msgid("No data"),
}


@dataclass(frozen=True, slots=True)
class Standing:
    """The element a machine is in, since when, and why it stopped where it said so."""

    element: Element
    since: datetime | None
    reason: Label | None = None

    @property
    def is_stopped(self) -> bool:
        """Whether one should know how long and why."""
        return self.element in ("down", "idle", "starved", "blocked", "setup", "unknown")


def standing(said: MachineNow, now: datetime, speed: float = 1.0) -> Standing:
    """How a machine stands at `now`, plant time."""
    unknown_from = _unknown_from(said, now, speed)
    if unknown_from is not None or said.state is None or said.state == "unknown":
        return Standing("unknown", unknown_from or said.since)
    if said.state == "running":
        return Standing("running", said.since)
    if said.calendar != "work":
        return Standing("planned_stop" if said.calendar else "not_scheduled", None)
    return Standing(said.state, said.since, said.reason)


def _unknown_from(said: MachineNow, now: datetime, speed: float) -> datetime | None:
    if said.stale_from is not None and said.stale_from <= now:
        return said.stale_from
    if said.upto is not None and now - said.upto > DERIVED_WITHIN * speed:
        return said.upto
    return None
