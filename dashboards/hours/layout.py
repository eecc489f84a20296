"""The hour-by-hour board's empty nodes."""

from __future__ import annotations

from urllib.parse import urlencode

from dash import dcc, html
from dash.development.base_component import Component

from dashboards import auth, doubts, parts
from dashboards.board import Scene
from dashboards.hours.form import forms
from dashboards.hours.place import moment_of
from dashboards.oee.scope import Scope, scope_of
from dashboards.parts import marks
from dashboards.rows import cell, note, slots
from dashboards.texts import Texts, msgid, texts
from dashboards.why import PATH
from plant.model import Plant

EXPLAINED = frozenset({"sum-made", "sum-scrap", "sum-oee", "sum-lost"})
ROWS = 26
"""A shift of a day whose clocks are set back has 25 hours, and a piece at each end."""
COLUMNS = (
    ("time", msgid("Hour")),
    ("work", msgid("Product, order")),
    ("target", msgid("Target")),
    ("made", msgid("Actual")),
    ("difference", "Δ"),
    ("sum-target", msgid("Σ Target")),
    ("sum-made", msgid("Σ Actual")),
    ("sum-difference", "Σ Δ"),
    ("scrap", msgid("Scrap")),
    ("oee", msgid("OEE %")),
    ("loss", msgid("Lost min, main reasons")),
    ("words", msgid("Remark → countermeasure")),
    ("seal", msgid("Signed")),
)


def layout(scene: Scene) -> Component:
    """Head with the choice of scope and shift, the sums, a row an hour, the form."""
    t = texts(scene.language)
    scope = scope_of(scene.params, scene.plant)
    return html.Div(
        [_head(scope, scene, t), _sums(t), _table(t), *forms(scope, t)],
        className="hours-board",
        **marks(scope=scope.key),
    )


def _head(scope: Scope, scene: Scene, t: Texts) -> Component:
    code = scope.machine.code if scope.machine else f"{t.text('Line')} {scope.line.code}"
    name = (scope.machine or scope.line).name.text(t.language)
    title = html.H1([html.B(code), html.Span(name, className="oee-name")])
    return html.Header(
        [
            title,
            _scopes(scope, scene.plant, scene.params.get("at", ""), t),
            _shifts(scope, scene, t),
            parts.live("clock", "number wall-clock"),
        ],
        className="oee-head hours-head",
    )


def _scopes(scope: Scope, plant: Plant, at: str, t: Texts) -> Component:
    def to(key: str, text: str) -> Component:
        here = " here" if key == scope.key else ""
        return dcc.Link(text, href=_address(key, at), className=f"oee-chip{here}")

    lines = [to(f"line:{line.code}", f"{t.text('Line')} {line.code}") for line in plant.lines]
    machines = [
        to(f"machine:{m.code}", m.code) for m in plant.machines if m.line == scope.line.code
    ]
    return html.Nav([*lines, html.I(), *machines], className="oee-chips")


def _address(key: str, at: str = "") -> str:
    return f"/hours?{urlencode({'scope': key} | ({'at': at} if at else {}))}"


def _shifts(scope: Scope, scene: Scene, t: Texts) -> Component:
    pinned = moment_of(scene.params, scene.now) != scene.now
    now = [dcc.Link(t.text("Now"), href=_address(scope.key), className="oee-chip")]
    print_it = html.Button(t.text("Print"), type="button", className="oee-chip hours-print")
    return html.Nav(
        [
            html.A("‹", href="/hours", className="oee-chip step", **marks(live="hours-before")),
            parts.live("hours-shift", "hours-shift"),
            html.A("›", href="/hours", className="oee-chip step", **marks(live="hours-after")),
            *(now if pinned else []),
            print_it,
        ],
        className="oee-chips hours-shifts",
    )


def _sums(t: Texts) -> Component:
    difference = html.Div(
        [html.Span(t.text("Difference")), _difference("sum-difference", "hours-big")],
        className="oee-fact lead",
    )
    figures = (
        ("sum-made", msgid("Actual")),
        ("sum-by-now", msgid("Target by now")),
        ("sum-target", msgid("Target of the shift")),
        ("sum-scrap", msgid("Scrap")),
        ("sum-oee", msgid("OEE")),
        ("sum-lost", msgid("Lost min")),
        ("takt", msgid("Takt time")),
        ("pace", msgid("Time per good piece")),
        ("cycle", msgid("Actual cycle")),
        ("sum-signed", msgid("Signed")),
    )
    under = {"takt": "takt-of"}
    facts = [
        html.Div(
            [
                html.Span(t.text(label)),
                _figure(key),
                *([cell(under[key], "under")] if key in under else []),
                *([doubts.mark("sum-provisional", "under")] if key == "sum-oee" else []),
            ],
            className=f"oee-fact {key}",
        )
        for key, label in figures
    ]
    return parts.panel("", [difference, *facts], style="hours-sums")


def _figure(key: str) -> Component:
    number = parts.live(key, "number toned")
    return parts.why(number, PATH) if key in EXPLAINED else number


def _table(t: Texts) -> Component:
    heads = [html.Span(t.text(label), className=key) for key, label in COLUMNS]
    return html.Section(
        [
            html.Div(heads, className="hour-row heads"),
            slots("hour-", ROWS, lambda row_id: _row(row_id, t), "hour-row"),
            note("hours-empty", "list-empty"),
        ],
        className="panel hours-table",
    )


def _row(row_id: str, t: Texts) -> list[Component]:
    labels = {key: t.text(label) for key, label in COLUMNS}

    def figure(key: str) -> Component:
        return cell(f"{row_id}-{key}", f"number {key}", labels[key])

    def explained(key: str) -> Component:
        return parts.why(cell(f"{row_id}-{key}", f"number {key}-n"), PATH)

    def explained_cell(key: str) -> Component:
        return html.Span(explained(key), className=key, **marks(label=labels[key]))

    made = html.Span(
        [explained("made"), parts.bar(f"{row_id}-bar")],
        className="made",
        **marks(label=labels["made"]),
    )
    loss = html.Span(
        [explained("lost"), cell(f"{row_id}-why", "reasons")],
        className="loss",
        **marks(label=labels["loss"]),
    )
    return [
        html.Span(
            [
                cell(f"{row_id}-time", "number"),
                cell(f"{row_id}-break", "break"),
                doubts.mark(f"{row_id}-doubt"),
            ],
            className="time",
        ),
        html.Span(
            [cell(f"{row_id}-product", "product"), cell(f"{row_id}-order", "order-code")],
            className="work",
        ),
        figure("target"),
        made,
        _difference(f"{row_id}-difference", "difference", labels["difference"]),
        figure("sum-target"),
        figure("sum-made"),
        _difference(f"{row_id}-sum-difference", "sum-difference", labels["sum-difference"]),
        explained_cell("scrap"),
        explained_cell("oee"),
        loss,
        _words(row_id, t),
        _seal(row_id, t),
        html.Span(className="hour-t0", hidden=True, **marks(live=f"{row_id}-t0")),
        html.Span(className="hour-note", hidden=True, **marks(live=f"{row_id}-note")),
    ]


def _difference(node_id: str, style: str, label: str = "") -> Component:
    named = marks(live=node_id) | (marks(label=label) if label else {})
    return html.Span(
        [parts.icon(live=f"{node_id}-icon"), parts.live(f"{node_id}-n", "number")],
        className=f"toned {style}",
        **named,
    )


def _words(row_id: str, t: Texts) -> Component:
    said = html.Span(
        [
            cell(f"{row_id}-remark", "remark"),
            html.Span("→", className="arrow", hidden=True, **marks(live=f"{row_id}-arrow")),
            cell(f"{row_id}-measure", "measure"),
            cell(f"{row_id}-author", "by"),
        ],
        className="said",
    )
    write = html.Button(
        t.text("Write"), type="button", className="hour-write", **marks(live=f"{row_id}-write")
    )
    return html.Span([said, *([write] if auth.may("note") else [])], className="words")


def _seal(row_id: str, t: Texts) -> Component:
    signed = html.Span(
        [parts.icon(live=f"{row_id}-signed-icon"), cell(f"{row_id}-signed", "by")],
        className="signed",
    )
    button = html.Button(
        t.text("Sign"),
        type="button",
        className="hour-sign",
        hidden=True,
        **marks(live=f"{row_id}-sign"),
    )
    return html.Span([signed, *([button] if auth.may("sign") else [])], className="seal")
