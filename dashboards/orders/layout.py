"""The orders board's empty rows."""

from __future__ import annotations

from dash import html
from dash.development.base_component import Component

from dashboards.board import Scene
from dashboards.parts import badge, bar
from dashboards.rows import cell, chip, note, slots, tag
from dashboards.scope import line_of
from dashboards.texts import Texts, msgid, texts

ROWS = 30
COLUMNS = (
    ("machine", msgid("Machine")),
    ("planned", msgid("Planned")),
    ("produced", msgid("Produced (MES)")),
    ("counted", msgid("Counted (SCADA)")),
    ("difference", msgid("Difference")),
    ("rate", msgid("Pieces/h")),
    ("eta", msgid("Ready")),
    ("due", msgid("Due")),
    ("risk", msgid("Late risk")),
)


def layout(scene: Scene) -> Component:
    """A head with the filter by line, then the rows."""
    t = texts(scene.language)
    return html.Div(
        [
            html.Div([_title(t), _counts(t), _filter(scene, t)], className="list-head"),
            html.Div(
                [
                    _columns(t),
                    slots("order-", ROWS, lambda row_id: _row(row_id, t), "order-row"),
                    note("orders-empty", "list-empty"),
                    note("orders-more", "list-more"),
                ],
                className="list-body",
            ),
        ],
        className="list-board orders",
    )


def _title(t: Texts) -> Component:
    return html.H1(t.text("Orders"))


def _counts(t: Texts) -> Component:
    return html.Div(
        [
            badge("orders-late", "octagon-x", t.text("late"), "normal"),
            badge("orders-risk", "triangle-alert", t.text("at risk"), "normal"),
            badge("orders-running", "", t.text("running"), "normal"),
        ],
        className="list-counts",
    )


def _filter(scene: Scene, t: Texts) -> Component:
    chosen = line_of(scene.params, scene.plant)
    lines = [(line.code, line.name.text(scene.language)) for line in scene.plant.lines]
    entries = [chip(t.text("All lines"), "/orders", chosen is None)]
    entries += [
        chip(f"{code} {name}", f"/orders?scope=line:{code}", code == chosen) for code, name in lines
    ]
    return html.Nav(entries, className="list-filter")


def _columns(t: Texts) -> Component:
    heads = [html.Span(t.text("Order"), className="order")]
    heads += [html.Span(t.text(label), className=key) for key, label in COLUMNS]
    heads.insert(2, html.Span(t.text("Progress"), className="progress"))
    return html.Div(heads, className="order-row heads")


def _row(row_id: str, t: Texts) -> list[Component]:
    order = html.Span(
        [
            html.Span([cell(f"{row_id}-code", "code"), tag(f"{row_id}-status")]),
            cell(f"{row_id}-product", "product"),
        ],
        className="order",
    )
    progress = html.Span(
        [bar(f"{row_id}-bar"), cell(f"{row_id}-share", "share")], className="progress"
    )
    cells = [cell(f"{row_id}-{key}", key, t.text(label)) for key, label in COLUMNS]
    return [order, cells[0], progress, *cells[1:]]
