"""The stops board's empty nodes: choice, strip, list and ranking; room for the sheet of a stop."""

from __future__ import annotations

from dash import html
from dash.development.base_component import Component

from dashboards import auth, doubts, parts
from dashboards.board import Scene
from dashboards.parts import badge, live, marks, why
from dashboards.rows import cell, chip, note, slots, tag
from dashboards.stops.choice import RANKED, Choice, choice_of
from dashboards.texts import Texts, texts
from dashboards.why import link
from dashboards.windows import WINDOWS
from plant.model import Plant

ROWS, BARS = 40, 12


def layout(scene: Scene) -> Component:
    """Head, strip, the list with the ranking beside it, and the sheet that opens over them."""
    t = texts(scene.language)
    choice = choice_of(scene)
    lanes = "one" if choice.machine else "line" if choice.line else "plant"
    strip = html.Section(
        [html.H2([t.text("States"), _legend(t)], className="panel-title"), parts.chart("strip")],
        className=f"panel stops-strip {lanes}",
    )
    body = html.Div([_list(t), _ranking(choice, t)], className="stops-columns")
    return html.Div(
        [_head(choice, scene, t), strip, body, _sheet(t)],
        className="list-board stops-board",
    )


def _head(choice: Choice, scene: Scene, t: Texts) -> Component:
    windows = [
        chip(t.text(label), choice.address(window=key), key == choice.window)
        for key, label in WINDOWS.items()
    ]
    return html.Header(
        [
            html.H1(t.text("Stops")),
            html.Div(
                [
                    why(_unexplained(t), link("unexplained_s", choice.of_facts, choice.window)),
                    badge("stops", "", t.text("stops"), "normal"),
                    badge("minor", "", t.text("minor stops"), "normal"),
                    doubts.mark("stops-doubt", "list-doubt"),
                ],
                className="list-counts",
            ),
            html.Nav(windows, className="list-filter stops-windows"),
            html.Nav(_scopes(choice, scene.plant, t), className="list-filter stops-scopes"),
        ],
        className="list-head",
    )


def _unexplained(t: Texts) -> Component:
    return badge("unexplained", "circle-help", t.text("min unexplained"), "normal")


def _scopes(choice: Choice, plant: Plant, t: Texts) -> list[Component]:
    def to(scope: str, text: str) -> Component:
        return chip(text, choice.address(scope=scope), scope == choice.scope)

    lines = [to(f"line:{line.code}", f"{t.text('Line')} {line.code}") for line in plant.lines]
    machines = [
        to(f"machine:{m.code}", m.code)
        for m in plant.machines
        if choice.line is not None and m.line == choice.line
    ]
    areas = [to(f"area:{area.code}", area.name.text(t.language)) for area in plant.areas]
    gap = [html.I()] if machines else []
    return [to("", t.text("All")), *(areas if len(areas) > 1 else []), *lines, *gap, *machines]


def _legend(t: Texts) -> Component:
    keys = (
        ("running", t.text("Running")),
        ("down", t.text("Down")),
        ("idle", t.text("Idle")),
        ("waiting", t.text("Starved or blocked")),
        ("setup", t.text("Setup")),
        ("off", t.text("Planned or no shift")),
        ("unknown", t.text("No data")),
    )
    return html.Span(
        [
            html.Span([html.I(className=f"swatch {key}"), label], className="key")
            for key, label in keys
        ],
        className="stops-keys",
    )


def _list(t: Texts) -> Component:
    return html.Section(
        [
            html.H2([t.text("Stops"), cell("stops-span", "aside")], className="panel-title"),
            slots("stop-", ROWS, _row, "stop-row"),
            note("stops-none", "list-empty"),
            note("stops-more", "list-more"),
        ],
        className="panel",
    )


def _row(row: str) -> list[Component]:
    """One stop; a tap on it opens its sheet (assets/30-stops.js)."""
    return [
        cell(f"{row}-machine", "machine"),
        cell(f"{row}-at", "at"),
        tag(f"{row}-state"),
        html.Span(
            [cell(f"{row}-reason", "reason"), cell(f"{row}-remark", "remark")], className="why"
        ),
        cell(f"{row}-length", "number length"),
        html.Span(className="stop-id", hidden=True, **marks(live=f"{row}-id")),
        html.Span(className="stop-stamp", hidden=True, **marks(live=f"{row}-stamp")),
    ]


def _ranking(choice: Choice, t: Texts) -> Component:
    ranked = [
        chip(t.text(label), choice.address(by=key), key == choice.by)
        for key, label in RANKED.items()
    ]
    levels = [
        chip(_level(level, choice, t), choice.address(level=str(level)), level == choice.level)
        for level in range(1, choice.depth + 1)
    ]
    chips = [*ranked, html.I(), *(levels if choice.depth > 1 else [])]
    periods = f"/kpis?scope={choice.of_facts}&show=reasons"
    title = html.A(t.text("Reasons"), href=periods, className="why")
    return html.Section(
        [
            html.H2([title, cell("ranking-all", "aside")], className="panel-title"),
            html.Nav(chips, className="list-filter"),
            html.Div([_bar(f"rank-{n}") for n in range(BARS)], className="rank-bars"),
            note("ranking-none", "list-empty"),
        ],
        className="panel stops-ranking",
    )


def _level(level: int, choice: Choice, t: Texts) -> str:
    if level == choice.depth:
        return t.text("Single reasons")
    return t.text("Groups") if level == 1 else t.text("Level {level}", level=level)


def _bar(bar: str) -> Component:
    return html.Div(
        [
            cell(f"{bar}-name", "rank-name"),
            cell(f"{bar}-value", "number rank-value"),
            live(f"{bar}-share", "rank-share"),
            html.Span(
                html.Span(className="fill", **marks(live=f"{bar}-bar")), className="rank-bar"
            ),
        ],
        className="rank-line",
        hidden=True,
        **marks(live=bar),
    )


def _sheet(t: Texts) -> Component:
    """Where the script shows one stop; what it can't take from the server stands in it as data."""
    words = marks(
        undo=t.text("Undo"),
        undone=t.text("Withdrawn."),
        failed=t.text("That did not arrive. Try again: nothing is done twice."),
        may="1" if auth.may("tell") else "",
    )
    return html.Div(id="stop-sheet", className="stop-sheet", hidden=True, **words)
