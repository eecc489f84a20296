"""The OEE board's empty nodes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dash import dcc, html
from dash.development.base_component import Component

from dashboards import doubts, parts
from dashboards.board import Scene
from dashboards.oee import line_stops
from dashboards.oee.scope import OFFERED, Scope, scope_of, window_of
from dashboards.rows import cell, slots
from dashboards.texts import Texts, msgid, texts
from dashboards.why import link
from dashboards.windows import WINDOWS
from plant.model import Plant

EXPLAINED = {"good": "good", "scrap": "scrap", "unknown": "unknown_share"}
STOPS, REASONS = 8, 6
FIGURES = (
    ("good", msgid("Good pieces")),
    ("scrap", msgid("Scrap")),
    ("ideal", msgid("Ideal cycle")),
    ("best", msgid("Best cycle")),
    ("actual", msgid("Actual cycle")),
    ("unknown", msgid("Unknown time")),
)


def layout(scene: Scene) -> Component:
    """Head with the choice of scope and window, numbers, losses, trend, timeline, stops."""
    t = texts(scene.language)
    scope = scope_of(scene.params, scene.plant)
    return html.Div(
        [
            _head(scope, scene, t),
            _numbers(scope, window_of(scene.params), t),
            _charts(scope, t),
            _timeline(scope, t),
            _stops(scope, window_of(scene.params), t),
        ],
        className="oee-board",
    )


def _head(scope: Scope, scene: Scene, t: Texts) -> Component:
    window = window_of(scene.params)
    name = (scope.machine or scope.line).name.text(t.language)
    code = scope.machine.code if scope.machine else f"{t.text('Line')} {scope.line.code}"
    title = html.H1([html.B(code), html.Span(name, className="oee-name")])
    chosen = [
        _chip(t.text(WINDOWS[key]), f"/oee?scope={scope.key}&window={key}", here=key == window)
        for key in OFFERED
    ]
    return html.Header(
        [
            title,
            _scopes(scope, scene.plant, window, t),
            html.Nav(chosen, className="oee-chips"),
            parts.live("oee-span", "oee-span"),
            parts.live("clock", "number wall-clock"),
        ],
        className="oee-head",
    )


def _scopes(scope: Scope, plant: Plant, window: str, t: Texts) -> Component:
    def to(key: str, text: str) -> Component:
        return _chip(text, f"/oee?scope={key}&window={window}", here=key == scope.key)

    lines = [to(f"line:{line.code}", f"{t.text('Line')} {line.code}") for line in plant.lines]
    machines = [
        to(f"machine:{m.code}", m.code) for m in plant.machines if m.line == scope.line.code
    ]
    return html.Nav([*lines, html.I(), *machines], className="oee-chips")


def _chip(text: str, href: str, *, here: bool) -> Component:
    return dcc.Link(text, href=href, className="oee-chip here" if here else "oee-chip")


def _numbers(scope: Scope, window: str, t: Texts) -> Component:
    def to(kpi: str) -> str:
        return link(kpi, scope.of_facts, window)

    oee = [
        parts.why(parts.live("oee", "number toned oee-number"), to("oee")),
        html.Div(parts.live("oee-target"), className="oee-foot"),
        doubts.mark("oee-mark", "oee-doubt"),
    ]
    bullets = [
        parts.bullet("availability", t.text("Availability"), to("availability")),
        parts.bullet("performance", t.text("Performance"), to("performance")),
        parts.bullet("quality", t.text("Quality"), to("quality")),
    ]
    figures = [
        html.Div(
            [html.Span(t.text(label)), _fact(key, to)],
            className="oee-fact",
        )
        for key, label in FIGURES
        if key != "best" or scope.machine  # the machines of a line have each their own
    ]
    return html.Div(
        [
            parts.panel(t.text("OEE"), oee, style="oee-panel"),
            parts.panel("", bullets, style="bullets-panel"),
            parts.panel("", figures, style="facts-panel"),
        ],
        className="oee-numbers",
    )


def _fact(key: str, to: Callable[[str], str]) -> Component:
    number = parts.live(f"fact-{key}", "number toned")
    return parts.why(number, to(EXPLAINED[key])) if key in EXPLAINED else number


def _charts(scope: Scope, t: Texts) -> Component:
    rows = f"/kpis?scope={scope.key}&rows=hour&show="
    return html.Div(
        [
            parts.panel(t.text("Where the time went"), parts.chart("losses"), href=f"{rows}losses"),
            parts.panel(t.text("OEE by hour (%)"), parts.chart("hours"), href=f"{rows}oee"),
        ],
        className="oee-charts",
    )


def _timeline(scope: Scope, t: Texts) -> Component:
    keys: Sequence[tuple[str, str]] = (
        ("running", msgid("Running")),
        ("down", msgid("Down")),
        ("idle", msgid("Idle")),
        ("waiting", msgid("Starved or blocked")),
        ("setup", msgid("Setup")),
        ("off", msgid("Break or no shift")),
        ("unknown", msgid("No data")),
    )
    legend = [
        html.Span([html.I(className=f"swatch {key}"), t.text(label)], className="key")
        for key, label in keys
    ]
    body = [html.Div(legend, className="oee-keys"), parts.chart("timeline")]
    lanes = "one" if scope.machine else "many"
    return parts.panel(t.text("States"), body, style=f"timeline-panel {lanes}")


def _stops(scope: Scope, window: str, t: Texts) -> Component:
    reasons = [
        html.Div(
            [
                cell(f"reason-{n}-name", "stop-name"),
                html.Span(
                    [
                        html.Span(className="fill", **parts.marks(live=f"reason-{n}-bar")),
                        cell(f"reason-{n}-value", "stop-value"),
                    ],
                    className="stop-bar",
                ),
            ],
            className="stop-line",
            hidden=True,
            **parts.marks(live=f"reason-{n}"),
        )
        for n in range(REASONS)
    ]
    rows = slots("last-", STOPS, _stop, "last-stop")
    return html.Div(
        [
            parts.panel(t.text("Last stops"), [rows, cell("last-none", "quiet-line")]),
            *([] if scope.machine else [line_stops.panel(scope, window, t)]),
            parts.panel(t.text("Stops (min)"), [*reasons, cell("reasons-none", "quiet-line")]),
        ],
        className="oee-stops" if scope.machine else "oee-stops of-line",
    )


def _stop(row: str) -> list[Component]:
    return [
        parts.icon(live=f"{row}-icon"),
        cell(f"{row}-at", "at"),
        cell(f"{row}-machine", "machine"),
        cell(f"{row}-state", "state"),
        cell(f"{row}-reason", "reason"),
        cell(f"{row}-length", "number length"),
    ]
