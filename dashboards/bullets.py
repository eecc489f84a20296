"""A KPI as a bullet: its number, its bar, the tick of its target."""

from __future__ import annotations

from dashboards.format import percent
from dashboards.parts import Tone, bar_nodes
from dashboards.rows import Nodes
from dashboards.targets import Target


def bullet_nodes(name: str, value: float | None, target: Target) -> Nodes:
    """What parts.bullet(name) shows; ratios of 1."""
    tone: Tone = "warning" if target.is_missed(value) else "normal"
    return {
        name: {"text": percent(value), "unit": "%", "tone": tone},
        **bar_nodes(f"{name}-bar", value, target.value, tone),
    }
