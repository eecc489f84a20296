"""The alerts board's empty rows: active ones, an anomaly's trend, the history and its filters."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from dash import html
from dash.development.base_component import Component

from dashboards import auth
from dashboards.alerts import course
from dashboards.alerts.words import CAUSES, PRIORITIES
from dashboards.board import Scene
from dashboards.parts import badge, chart, marks
from dashboards.rows import cell, chip, note, slots, tag
from dashboards.texts import Texts, msgid, texts

ACTIVE_ROWS = 20
HISTORY_ROWS = 50
DAYS = {"1": msgid("24 hours"), "7": msgid("7 days"), "30": msgid("30 days")}
USUAL_DAYS = "7"


def layout(scene: Scene) -> Component:
    """Active alarms on the left, the trend and the history on the right; one column on a phone."""
    t = texts(scene.language)
    return html.Div(
        [
            html.Div([html.H1(t.text("Alerts")), _counts(t)], className="list-head"),
            html.Div(
                [
                    _active(t),
                    html.Div(
                        [course.panel(t), _trend(t), _history(scene, t)], className="alert-right"
                    ),
                ],
                className="alert-columns",
            ),
        ],
        className="list-board alerts",
    )


def _counts(t: Texts) -> Component:
    return html.Div(
        [
            badge("alerts-unacknowledged", "bell-ring", t.text("not acknowledged"), "normal"),
            badge("alerts-acknowledged", "check", t.text("acknowledged"), "normal"),
            badge("alerts-returned", "clock", t.text("over, not yet seen"), "normal"),
        ],
        className="list-counts",
    )


def _active(t: Texts) -> Component:
    return html.Section(
        [
            html.H2(t.text("Active"), className="panel-title"),
            slots("alert-", ACTIVE_ROWS, lambda row_id: _active_row(row_id, t), "alert-row"),
            note("alerts-empty", "list-empty"),
            note("alerts-more", "list-more"),
        ],
        className="panel",
    )


def _active_row(row_id: str, t: Texts) -> list[Component]:
    button = html.Button(
        t.text("Acknowledge"),
        className="acknowledge",
        type="button",
        **marks(live=f"{row_id}-button"),
    )
    return [
        tag(f"{row_id}-priority"),
        html.Span(
            [
                html.A(
                    cell(f"{row_id}-subject", "subject"),
                    href="/alerts",
                    className="subject-link",
                    **marks(live=f"{row_id}-link"),
                ),
                cell(f"{row_id}-name", "name"),
            ],
            className="what",
        ),
        html.Span(
            [cell(f"{row_id}-value", "value"), cell(f"{row_id}-mail", "mail")], className="more"
        ),
        cell(f"{row_id}-since", "since"),
        html.Span([button] if auth.may("acknowledge") else [], className="act"),
        html.Span(className="alarm-id", hidden=True, **marks(live=f"{row_id}-id")),
    ]


def _trend(t: Texts) -> Component:
    return html.Section(
        [
            html.H2(
                [html.Span(t.text("Anomaly")), cell("trend-title", "aside")],
                className="panel-title",
            ),
            chart("alert-trend"),
            note("trend-empty", "list-empty"),
        ],
        className="panel trend",
    )


def _history(scene: Scene, t: Texts) -> Component:
    return html.Section(
        [
            html.H2(t.text("History"), className="panel-title"),
            html.Div(
                [
                    _filter("days", DAYS, scene, t, usual=USUAL_DAYS),
                    _filter("priority", PRIORITIES, scene, t),
                    _filter("cause", CAUSES, scene, t),
                ],
                className="list-filters",
            ),
            slots("past-", HISTORY_ROWS, _past_row, "past-row"),
            note("past-empty", "list-empty"),
        ],
        className="panel",
    )


def _past_row(row_id: str) -> list[Component]:
    return [
        cell(f"{row_id}-at", "at"),
        tag(f"{row_id}-cause"),
        html.Span(
            [cell(f"{row_id}-subject", "subject"), cell(f"{row_id}-name", "name")],
            className="what",
        ),
        cell(f"{row_id}-value", "value"),
        cell(f"{row_id}-mail", "mail"),
    ]


def _filter(
    key: str, choices: Mapping[str, str], scene: Scene, t: Texts, usual: str = ""
) -> Component:
    chosen = scene.params.get(key, usual)
    entries = [] if usual else [_choice(t.text("All"), key, "", chosen == "", scene)]
    entries += [
        _choice(t.text(label), key, choice, choice == chosen, scene)
        for choice, label in choices.items()
    ]
    return html.Nav(entries, className="list-filter")


def _choice(text: str, key: str, choice: str, here: bool, scene: Scene) -> Component:
    query = {name: value for name, value in {**scene.params, key: choice}.items() if value}
    href = f"/alerts?{urlencode(query)}" if query else "/alerts"
    return chip(text, href, here)
