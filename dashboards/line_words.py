"""What a line's stop is called: the machine that caused it, and why it stood. Both languages."""

from __future__ import annotations

from dashboards.standing import WORDS
from dashboards.texts import Texts
from plant.line_state import Cause
from plant.model import Plant


def why(cause: Cause, plant: Plant, t: Texts) -> str:
    """The reason's name, else what the machine was in."""
    name = next((r.name for r in plant.reasons if r.code == cause.reason), None)
    return name.text(t.language) if name else t.text(WORDS[cause.element])


def by_neighbour(cause: Cause, plant: Plant, t: Texts) -> str:
    """By which machine one is starved or blocked that says only that it is idle, and that nobody
    but its neighbours says so."""
    reason = why(cause, plant, t)
    return t.text("by {machine}: {reason} (inferred)", machine=cause.machine, reason=reason)
