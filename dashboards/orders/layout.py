"""The orders board's empty rows, its filters and the strip of plan against actual."""

from __future__ import annotations

from urllib.parse import urlencode

from dash import html
from dash.development.base_component import Component

from dashboards import doubts
from dashboards.board import Scene
from dashboards.orders.choice import SHOWS, SORTS, chosen_show, chosen_sort
from dashboards.orders.evidence import PATH
from dashboards.orders.plan import MEASURES
from dashboards.parts import badge, marks, why
from dashboards.rows import cell, chip, note, slots, tag
from dashboards.scope import line_of
from dashboards.texts import Texts, msgid, texts

ROWS = 40
COLUMNS = (
    ("machine", msgid("Machine")),
    ("progress", msgid("Planned, reported, counted")),
    ("difference", msgid("Counted − reported")),
    ("rate", msgid("Pieces/h")),
    ("ready", msgid("Ready, 10–90 %")),
    ("due", msgid("Due")),
    ("risk", msgid("Late risk")),
)


def layout(scene: Scene) -> Component:
    """A head with the filters, the strip, then the rows."""
    t = texts(scene.language)
    head = [html.H1(t.text("Orders")), _counts(t), _kpis(scene, t)]
    return html.Div(
        [
            html.Div(head, className="list-head"),
            html.Div(_filters(scene, t), className="order-filters"),
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


def _counts(t: Texts) -> Component:
    return html.Div(
        [
            badge("orders-late", "octagon-x", t.text("late"), "normal"),
            badge("orders-risk", "triangle-alert", t.text("at risk"), "normal"),
            badge("orders-running", "", t.text("running"), "normal"),
            doubts.mark("orders-doubt", "list-doubt"),
        ],
        className="list-counts",
    )


def _kpis(scene: Scene, t: Texts) -> Component:
    line = line_of(scene.params, scene.plant)
    of = f"&scope=line:{line}" if line else ""
    entries = [
        html.Div(
            [
                html.Span(t.text(measure.label), className="kpi-label"),
                html.Span(
                    why(cell(f"orders-{key}"), f"{PATH}?kpi={key}{of}"), className="kpi-value"
                ),
                cell(f"orders-{key}-of", "kpi-of"),
            ],
            className="order-kpi",
        )
        for key, measure in MEASURES.items()
    ]
    return html.Div(entries, className="order-kpis")


def _filters(scene: Scene, t: Texts) -> list[Component]:
    line = line_of(scene.params, scene.plant)
    lines = [("", t.text("All lines"))]
    lines += [(f"line:{e.code}", f"{e.code} {e.name.text(t.language)}") for e in scene.plant.lines]
    shows = [(key, t.text(label)) for key, label in SHOWS.items()]
    sorts = [(key, t.text(label)) for key, label in SORTS.items()]
    return [
        _filter(scene, "scope", lines, f"line:{line}" if line else ""),
        _filter(scene, "show", shows, chosen_show(scene.params)),
        _filter(scene, "sort", sorts, chosen_sort(scene.params)),
    ]


def _filter(scene: Scene, name: str, choices: list[tuple[str, str]], chosen: str) -> Component:
    """Chips that change one parameter of the address and keep the others."""
    entries = []
    for value, text in choices:
        params = {k: v for k, v in {**scene.params, name: value}.items() if v}
        query = f"?{urlencode(params, safe=':')}" if params else ""
        entries.append(chip(text, f"/orders{query}", value == chosen))
    return html.Nav(entries, className="list-filter")


def _columns(t: Texts) -> Component:
    heads = [html.Span(t.text("Order"), className="order")]
    heads += [html.Span(t.text(label), className=key) for key, label in COLUMNS]
    return html.Div(heads, className="order-row heads")


def _row(row_id: str, t: Texts) -> list[Component]:
    labels = {key: t.text(label) for key, label in COLUMNS}
    order = [
        html.Span([cell(f"{row_id}-code", "code"), tag(f"{row_id}-status")]),
        html.Span(
            [
                cell(f"{row_id}-product", "product"),
                cell(f"{row_id}-marks", "marks"),
                doubts.mark(f"{row_id}-doubt"),
            ]
        ),
    ]
    return [
        html.Span(order, className="order"),
        cell(f"{row_id}-machine", "machine", labels["machine"]),
        _progress(row_id, t),
        _two(row_id, "difference", "why", labels),
        _two(row_id, "rate", "calendar-rate", labels),
        _ready(row_id, labels["ready"]),
        cell(f"{row_id}-due", "due", labels["due"]),
        _two(row_id, "risk", "risk-word", labels),
    ]


def _two(row_id: str, key: str, below: str, labels: dict[str, str]) -> Component:
    """A number with a word below it."""
    return html.Span(
        [cell(f"{row_id}-{key}", "first"), cell(f"{row_id}-{below}", "second")],
        className=f"two {key}",
        **marks(label=labels[key]),
    )


def _progress(row_id: str, t: Texts) -> Component:
    """Reported above, counted below, both of the plan; the tick is where they should be now."""
    bars = [html.Span(className=f"fill {k}", **marks(live=f"{row_id}-{k}-bar")) for k in SIDES]
    tick = html.Span(className="tick", **marks(live=f"{row_id}-bar-tick"))
    figures = [
        html.Span([t.text("MES reports"), " ", cell(f"{row_id}-produced", "n")]),
        html.Span([t.text("counted"), " ", why(cell(f"{row_id}-counted", "n"), "")]),
        html.Span(["/ ", cell(f"{row_id}-planned", "n")], className="of"),
    ]
    return html.Span(
        [
            html.Span([*bars, tick], className="bar pair"),
            cell(f"{row_id}-share", "share"),
            html.Span(figures, className="figures"),
            doubts.mark(f"{row_id}-whole", "whole"),
        ],
        className="progress",
    )


SIDES = ("produced", "counted")


def _ready(row_id: str, label: str) -> Component:
    """The middle, the range, and both against the due date on a line that begins now."""
    line = [
        html.Span(className=part, **marks(live=f"{row_id}-{part}"))
        for part in ("range", "middle", "due-mark")
    ]
    times = [cell(f"{row_id}-eta", "first"), cell(f"{row_id}-span", "second")]
    return html.Span(
        [html.Span(times, className="times"), html.Span(line, className="span-line")],
        className="ready",
        **marks(label=label),
    )
