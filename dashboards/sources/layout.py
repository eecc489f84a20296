"""The sources board's empty cards, one a source of the plant file."""

from __future__ import annotations

from dash import html
from dash.development.base_component import Component

from dashboards import auth
from dashboards.board import Scene
from dashboards.parts import marks
from dashboards.rows import cell, tag
from dashboards.texts import Texts, msgid, texts

FIGURES = (
    ("heard", msgid("Heard")),
    ("lag", msgid("Lag")),
    ("rate", msgid("Values/s")),
    ("quality", msgid("Good quality")),
    ("quarantined", msgid("Quarantined, 24 h")),
    ("tags", msgid("Tags")),
)


def layout(scene: Scene) -> Component:
    """A card a source."""
    t = texts(scene.language)
    names = [source.name for source in scene.plant.sources]
    empty = html.P(t.text("The plant file names no source."), className="list-empty")
    return html.Div(
        [
            html.Div([html.H1(t.text("Sources")), _refused(t)], className="list-head"),
            html.Div([_card(name, t) for name in names] or empty, className="source-cards"),
        ],
        className="list-board sources",
    )


def _refused(t: Texts) -> Component | None:
    if not auth.may("inspect"):
        return None
    return html.A(t.text("What was quarantined"), href="/sources/quarantine", className="chip")


def _card(name: str, t: Texts) -> Component:
    source_id = f"source-{name}"
    return html.Article(
        [
            html.Header(
                [
                    html.Span([html.Strong(name), cell(f"{source_id}-kind", "kind")]),
                    tag(f"{source_id}-state"),
                ]
            ),
            cell(f"{source_id}-since", "since"),
            html.Dl([_figure(source_id, key, t.text(label)) for key, label in FIGURES]),
            html.P(className="error", **marks(live=f"{source_id}-error")),
        ],
        className="source-card",
        **marks(live=source_id),
    )


def _figure(source_id: str, key: str, label: str) -> Component:
    return html.Div([html.Dt(label), html.Dd(cell(f"{source_id}-{key}"))])
