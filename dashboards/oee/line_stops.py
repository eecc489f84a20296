"""What the line was down for, by the machine that caused it: a panel of the OEE board of a line."""

from __future__ import annotations

from collections.abc import Mapping

from dash import html
from dash.development.base_component import Component

from dashboards import parts
from dashboards.board import Scene
from dashboards.format import duration_text, number, percent
from dashboards.line_words import why
from dashboards.oee.scope import Scope
from dashboards.rows import Nodes, cell, filled, slots
from dashboards.texts import Texts
from dashboards.why import link
from plant.kpi import ratio
from plant.line_flow import CauseSum, Flow, by_cause

CAUSES = 6


def panel(scope: Scope, window: str, t: Texts) -> Component:
    """The share of planned time, then the causes, the longest first."""
    rows = slots("cause-", CAUSES, _row, "cause-line")
    down = parts.why(cell("line-down", "line-down"), link("line_down_s", scope.of_facts, window))
    body = [down, rows, cell("causes-none", "quiet-line")]
    return parts.panel(t.text("Line down, by cause (min)"), body, style="causes-panel")


def nodes(flows: Mapping[str, Flow], scope: Scope, scene: Scene, t: Texts) -> Nodes:
    """Of a line, by what came of it; of one machine: nothing, for its stops are not the line's."""
    if scope.machine is not None:
        return {}
    found = flows[scope.line.code]
    causes = by_cause(found.stops)
    longest = max((one.seconds for one in causes), default=1.0)
    rows = filled("cause-", CAUSES, causes, lambda row, one: _nodes(row, one, longest, scene, t))
    none = {"text": t.text("The line was not down so far."), "hidden": bool(causes)}
    return rows | {"line-down": {"text": _summary(found, t)}, "causes-none": none}


def _row(row: str) -> list[Component]:
    bar = [
        html.Span(className="fill", **parts.marks(live=f"{row}-bar")),
        cell(f"{row}-value", "stop-value"),
    ]
    return [
        cell(f"{row}-machine", "machine"),
        cell(f"{row}-name", "stop-name"),
        html.Span(bar, className="stop-bar"),
    ]


def _nodes(row: str, one: CauseSum, longest: float, scene: Scene, t: Texts) -> Nodes:
    return {
        row: {"hidden": False},
        f"{row}-machine": {"text": one.cause.machine},
        f"{row}-name": {"text": why(one.cause, scene.plant, t)},
        f"{row}-bar": {
            "width": round(60 * one.seconds / longest, 1),
            "tone": "strong" if one.seconds == longest else "normal",
        },
        f"{row}-value": {"text": f"{number(one.seconds / 60, t.language)} · {one.stops}×"},
    }


def _summary(found: Flow, t: Texts) -> str:
    share = ratio(found.down_s, found.planned_s)
    if share is None:
        return ""
    return t.text(
        "{time}, {percent} % of the planned time. Constraint: {machine}",
        time=duration_text(found.down_s, t.language),
        percent=percent(share, 0),
        machine=", ".join(found.pacers),
    )
