"""The banner on every board that says that nobody watches the alarms, fed by the live frame.

The alarm engine's heart beats in the database; a board that looked at that plant only would show a
calm that nobody vouches for. Never acts: who is told by mail is for the guard beside ingest.
"""

from __future__ import annotations

from dash import html
from dash.development.base_component import Component

from dashboards import parts
from dashboards.board import Scene
from dashboards.format import moment
from dashboards.rows import Nodes
from dashboards.texts import texts
from db.heartbeat import Beat

UNWATCHED_S = 30.0
"""Seconds of the wall; a second alert worker takes over before that, and no banner is shown."""


def banner() -> Component:
    """Where it will be said; hidden until a frame says so."""
    return html.Div(
        [parts.icon("triangle-alert"), parts.live("unwatched-text")],
        className="unwatched",
        role="status",
        hidden=True,
        **parts.marks(live="unwatched", tone="warning"),
    )


def nodes(beat: Beat | None, scene: Scene) -> Nodes:
    """The banner's nodes; nobody is missed where there are no rules to watch."""
    is_watched = beat is not None and abs(beat.age_s) <= UNWATCHED_S
    if is_watched or not scene.plant.alerts:
        return {"unwatched": {"hidden": True}}
    return {
        "unwatched": {"hidden": False, "tone": "warning"},
        "unwatched-text": {"text": _text(beat, scene)},
    }


def _text(beat: Beat | None, scene: Scene) -> str:
    t = texts(scene.language)
    if beat is None:
        return t.text("Alerts are not watched")
    at = moment(beat.plant_at, scene.plant.site.zone, scene.now, scene.language)
    return t.text("Alerts have not been watched since {time}", time=at)
