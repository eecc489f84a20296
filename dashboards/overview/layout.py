"""The overview's empty nodes: header, KPI strip, rows of tiles, foot."""

from __future__ import annotations

from dash import html
from dash.development.base_component import Component

from dashboards import doubts, parts
from dashboards.board import Scene
from dashboards.overview.pages import Page, Row, pages, tiles_asked
from dashboards.parts import marks
from dashboards.texts import Texts, texts
from dashboards.why import link
from db.kpi_facts import SITE
from plant.model import Language, Machine

ALERTS, STOPS, ORDERS = 3, 4, 4
"""Rows in the foot."""
LETTERS = 4
"""A machine's code of more letters is written smaller."""


def layout(scene: Scene) -> Component:
    """The whole wall."""
    t = texts(scene.language)
    found = pages(scene.plant, tiles_asked(scene.params))
    return html.Div(
        [_head(scene, t), _strip(t), _tiles(found, t), _foot(t)],
        className="wall",
        **marks(pages=str(len(found))),
    )


def _head(scene: Scene, t: Texts) -> Component:
    badges = [
        parts.badge("count-down", "octagon-x", t.text("Down"), "critical"),
        parts.badge("count-idle", "triangle-alert", t.text("Idle"), "warning"),
        parts.badge("count-setup", "wrench", t.text("Setup"), "planned"),
        parts.badge("count-unknown", "unplug", t.text("No data"), "unknown"),
        parts.badge("count-run", "", t.text("Run"), "normal"),
    ]
    site = scene.plant.site.name.text(scene.language)
    return html.Header(
        [
            html.H1([site, parts.live("shift", "wall-shift")], className="wall-site"),
            html.Div(badges, className="wall-badges"),
            html.Div(
                [parts.live("live-dot", "live-dot"), parts.live("clock", "number wall-clock")],
                className="wall-time",
            ),
        ],
        className="wall-head",
    )


def _strip(t: Texts) -> Component:
    return html.Div(
        [
            parts.panel(t.text("OEE this shift"), _oee(), style="oee-panel"),
            parts.panel("", _bullets(t), style="bullets-panel"),
            parts.panel(
                t.text("Line output per hour"),
                parts.chart("output"),
                style="output-panel",
                href="/hours",
            ),
            parts.panel(
                t.text("OEE by line, 8 h"),
                parts.chart("lines"),
                style="lines-panel",
                href="/kpis?rows=line&kpi=oee",
            ),
        ],
        className="wall-strip",
    )


def _oee() -> list[Component]:
    foot = [parts.live("oee-target"), parts.live("oee-trend", "oee-trend")]
    return [
        parts.why(parts.live("oee", "number toned oee-number"), link("oee", SITE, "shift")),
        html.Div(foot, className="oee-foot"),
        doubts.mark("oee-mark", "oee-doubt"),
    ]


def _bullets(t: Texts) -> list[Component]:
    named = {
        "availability": t.text("Availability"),
        "performance": t.text("Performance"),
        "quality": t.text("Quality"),
    }
    return [parts.bullet(key, name, link(key, SITE, "shift")) for key, name in named.items()]


def _tiles(found: tuple[Page, ...], t: Texts) -> Component:
    return html.Div([_page(page, t) for page in found], className="wall-pages")


def _page(page: Page, t: Texts) -> Component:
    return html.Div(
        [_row(row, t) for row in page.rows],
        className="wall-page",
        style={"--rows": len(page.rows), "--columns": page.columns},
    )


def _row(row: Row, t: Texts) -> Component:
    name = _line(row, t) if row.is_first else html.Div(className="line-name")
    tiles = [_tile(machine, t.language) for machine in row.machines]
    return html.Section([name, html.Div(tiles, className="tiles")], className="wall-row")


def _line(row: Row, t: Texts) -> Component:
    code = row.line.code
    content: list[Component | str] = [
        html.Span([html.Small(t.text("Line")), html.B(code)], className="line-code"),
        parts.live(f"line-{code}", "number toned line-oee"),
        _down(f"line-{code}-down"),
    ]
    name = row.line.name.text(t.language)
    return parts.link(content, f"/oee?scope=line:{code}", "line-name", title=name)


def _down(node_id: str) -> Component:
    """Whose stop the line feels, and since when it stands."""
    return html.Span(
        [
            parts.icon(live=f"{node_id}-icon"),
            parts.live(f"{node_id}-machine", "line-cause"),
            parts.live(f"{node_id}-time"),
        ],
        className="line-down-note",
        hidden=True,
        **marks(live=node_id),
    )


def _tile(machine: Machine, language: Language) -> Component:
    tile = f"tile-{machine.code}"
    head = html.Span(
        [
            html.Span(
                [parts.icon(live=f"{tile}-icon"), html.Span(machine.code)],
                className="tile-code",
                style={"--fit": round(min(1.0, LETTERS / len(machine.code)), 3)},
            ),
            parts.live(f"{tile}-value", "number tile-value"),
        ],
        className="tile-head",
    )
    content: list[Component | str] = [
        head,
        parts.live(f"{tile}-note", "tile-note"),
        parts.bar(f"{tile}-bar"),
    ]
    name = f"{machine.code} {machine.name.text(language)}"
    return parts.link(
        content, f"/oee?scope=machine:{machine.code}", "tile", title=name, **marks(live=tile)
    )


def _foot(t: Texts) -> Component:
    return html.Div(
        [
            parts.panel(t.text("Active alerts"), _alerts(), style="alerts-panel"),
            parts.panel(t.text("Stops this shift (min)"), _stops(), style="stops-panel"),
            parts.panel(t.text("Orders"), _orders(), style="orders-panel"),
        ],
        className="wall-foot",
    )


def _alerts() -> list[Component]:
    rows = [
        html.Div(
            [
                parts.icon(live=f"alert-{n}-icon"),
                parts.live(f"alert-{n}-subject", "alert-subject"),
                parts.live(f"alert-{n}-text", "alert-text"),
                parts.live(f"alert-{n}-age", "alert-age"),
            ],
            className="alert-line",
            hidden=True,
            **marks(live=f"alert-{n}"),
        )
        for n in range(ALERTS)
    ]
    return [*rows, parts.live("alerts-none", "quiet-line"), parts.live("alerts-more", "more-line")]


def _stops() -> list[Component]:
    rows = [
        html.Div(
            [
                parts.live(f"stop-{n}-name", "stop-name"),
                html.Span(
                    [
                        html.Span(className="fill", **marks(live=f"stop-{n}-bar")),
                        parts.live(f"stop-{n}-value", "stop-value"),
                    ],
                    className="stop-bar",
                ),
            ],
            className="stop-line",
            hidden=True,
            **marks(live=f"stop-{n}"),
        )
        for n in range(STOPS)
    ]
    return [*rows, parts.live("stops-none", "quiet-line")]


def _orders() -> list[Component]:
    rows = [
        html.Div(
            [
                parts.live(f"order-{n}-code", "order-code"),
                parts.live(f"order-{n}-product", "order-product"),
                parts.bar(f"order-{n}-bar"),
                parts.live(f"order-{n}-share", "order-share toned"),
            ],
            className="order-line",
            hidden=True,
            **marks(live=f"order-{n}"),
        )
        for n in range(ORDERS)
    ]
    return [*rows, parts.live("orders-none", "quiet-line")]
