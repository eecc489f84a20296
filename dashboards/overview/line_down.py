"""What stands beside a line's name while it is down: whose stop it is, and since when it stands."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from dashboards.board import Scene
from dashboards.format import duration
from dashboards.line_words import why
from dashboards.rows import HIDDEN, Nodes
from dashboards.standing import DERIVED_WITHIN, ICONS, TONES
from dashboards.texts import Texts
from plant.line_flow import Flow, stands
from plant.line_state import Cause


def nodes(flows: Mapping[str, Flow], scene: Scene, speed: float, t: Texts) -> Nodes:
    """The note of every line; hidden where it runs, rests by plan, or nobody knows."""
    found: Nodes = {}
    for code, flow in flows.items():
        down = stands(flow, scene.now - DERIVED_WITHIN * speed)
        node_id = f"line-{code}-down"
        found |= _note(node_id, *down, scene, t) if down else {node_id: HIDDEN}
    return found


def _note(node_id: str, begun: datetime, cause: Cause, scene: Scene, t: Texts) -> Nodes:
    reason = why(cause, scene.plant, t)
    title = t.text("Line down: {machine}, {reason}", machine=cause.machine, reason=reason)
    value, unit = duration((scene.now - begun).total_seconds(), t.language)
    since = round(begun.timestamp() * 1000)
    return {
        node_id: {"hidden": False, "tone": TONES[cause.element], "title": title},
        f"{node_id}-icon": {"icon": ICONS[cause.element]},
        f"{node_id}-machine": {"text": cause.machine},
        f"{node_id}-time": {"text": value, "unit": unit, "since": since},
    }
