"""The sources board's empty cards, one a source of the plant file; the quarantine's rows."""

from __future__ import annotations

from dash import html
from dash.development.base_component import Component

from dashboards import auth, parts
from dashboards.board import Scene
from dashboards.parts import badge, marks
from dashboards.rows import cell, note, slots, tag
from dashboards.sources.refused import ROWS
from dashboards.texts import Texts, msgid, texts

FIGURES = (
    ("heard", msgid("Last heard")),
    ("rate", msgid("Readings/s")),
    ("lag", msgid("Delay")),
    ("quality", msgid("Good quality")),
    ("tags", msgid("Tags")),
    ("unmapped", msgid("Without a tag, 24 h")),
    ("quarantined", msgid("Quarantined, 24 h")),
    ("gaps", msgid("Not heard, 24 h")),
)


def layout(scene: Scene) -> Component:
    """A card a source, and what was put in quarantine."""
    t = texts(scene.language)
    names = [source.name for source in scene.plant.sources]
    empty = html.P(t.text("The plant file names no source."), className="list-empty")
    return html.Div(
        [
            html.Div([html.H1(t.text("Sources")), _counts(t)], className="list-head"),
            html.Div([_card(name, t) for name in names] or empty, className="source-cards"),
            html.P(className="storage toned", **marks(live="storage")),
            _quarantine(t),
        ],
        className="list-board sources",
    )


def _counts(t: Texts) -> Component:
    return html.Div(
        [
            badge("sources-down", "unplug", t.text("not connected"), "critical"),
            badge("sources-silent", "triangle-alert", t.text("silent"), "warning"),
            badge("sources-up", "", t.text("connected"), "normal"),
        ],
        className="list-counts",
    )


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
            html.Div(
                [
                    html.P(className="error", **marks(live=f"{source_id}-error")),
                    html.P(className="remedy", **marks(live=f"{source_id}-remedy")),
                ],
                className="trouble",
            ),
            html.Dl([_figure(source_id, key, t.text(label)) for key, label in FIGURES]),
            html.P(t.text("Heard and not heard, 24 h"), className="strip-title"),
            parts.chart(f"{source_id}-strip", "source-strip"),
        ],
        className="source-card",
        **marks(live=source_id),
    )


def _figure(source_id: str, key: str, label: str) -> Component:
    return html.Div([html.Dt(label), html.Dd(cell(f"{source_id}-{key}"))])


def _quarantine(t: Texts) -> Component:
    title = html.H2(
        [html.Span(t.text("Put in quarantine, 24 h")), *_more(t)], className="panel-title"
    )
    return html.Section(
        [
            title,
            slots("refused-", ROWS, _row, "refused-row"),
            note("refused-none", "list-empty"),
            note("refused-more", "list-more"),
        ],
        className="panel source-refused",
    )


def _more(t: Texts) -> list[Component]:
    if not auth.may("inspect"):
        return []
    return [html.A(t.text("What was quarantined"), href="/sources/quarantine", className="chip")]


def _row(row: str) -> list[Component]:
    return [
        cell(f"{row}-count", "number count"),
        cell(f"{row}-source", "of"),
        html.Span([cell(f"{row}-reason", "reason"), cell(f"{row}-address", "address")]),
        cell(f"{row}-remedy", "remedy"),
        cell(f"{row}-last", "last"),
    ]
