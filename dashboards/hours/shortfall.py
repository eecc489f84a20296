"""When too few pieces are called out, and how the difference to the target looks."""

from __future__ import annotations

from dashboards.board import Scene
from dashboards.format import signed
from dashboards.parts import Tone
from dashboards.rows import Nodes
from dashboards.targets import Target
from plant.kpi import Facts

ENOUGH = 3.0
"""Pieces that should be there before a shortfall is called one."""
ENOUGH_BUSY_S = 900.0
"""Planned busy time before it is: the first minutes of an hour say nothing."""


def is_short(made: int | None, by_now: int | None, facts: Facts, target: Target) -> bool:
    """Whether so little was made that it is called out: by the margin of docs/kpi.md."""
    if made is None or by_now is None or by_now < ENOUGH or facts.planned_busy_s < ENOUGH_BUSY_S:
        return False
    return target.is_missed(target.value * made / by_now)


def difference(node_id: str, value: int | None, short: bool, scene: Scene) -> Nodes:
    """The number, with a sign and an icon where it is short."""
    return {
        node_id: {"tone": tone(short)},
        f"{node_id}-icon": {"icon": "triangle-alert" if short else ""},
        f"{node_id}-n": {"text": signed(value, scene.language)},
    }


def tone(short: bool) -> Tone:
    """Of what may be short."""
    return "warning" if short else "normal"
