"""The small parts boards are laid out with: icons, panels, badges, bars, live texts, charts.

Lays out empty nodes; what they show comes from frames by their id (`data-live`, `data-chart`).
Never formats a number and never holds a text of its own. Looks are in assets/10-base.css.

A live node takes from its frame, each only when given:
    text, unit      what it says; the unit stands small beside the text
    tone            normal, strong, muted, planned, warning, critical, unknown (attribute data-tone)
    icon            name of an icon (assets/02-icons.css); "" hides it
    width, tick     percent of the bar's length
    hidden          whether it is away
    href, title     where it leads, what it says on pointing
    since           plant time in epoch milliseconds: the browser counts up from there, as m:ss
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from dash import dcc, html
from dash.development.base_component import Component

Tone = Literal["normal", "strong", "muted", "planned", "warning", "critical", "unknown"]
HIDDEN_FROM_READERS: dict[str, Any] = {"aria-hidden": "true"}
Children = Component | str | Sequence[Component | str]


def marks(**names: str) -> dict[str, Any]:
    """Attributes that Dash passes through: marks(live="oee") → {"data-live": "oee"}.

    Typed so that they fit any component: their signatures don't know such names.
    """
    return {f"data-{name.replace('_', '-')}": value for name, value in names.items()}


def icon(name: str = "", *, live: str = "") -> Component:
    """An icon in the colour of the text; with `live`, the one its frame names."""
    attributes = marks(icon=name) | (marks(live=live) if live else {})
    return html.Span(className="icon", **attributes, **HIDDEN_FROM_READERS)


def live(node_id: str, style: str = "") -> Component:
    """A live text."""
    return html.Span(className=style, **marks(live=node_id))


def panel(title: str, body: Children, *, style: str = "", href: str = "") -> Component:
    """A surface with a title; `body` lies in a .panel-body that takes the remaining height.

    `href`: where what it draws is told in numbers that are explained.
    """
    shown = html.A(title, href=href, className="why") if href else title
    heading = [html.H2(shown, className="panel-title")] if title else []
    return html.Section(
        [*heading, html.Div(body, className="panel-body")], className=f"panel {style}".strip()
    )


def badge(node_id: str, symbol: str, word: str, tone: Tone) -> Component:
    """How many: icon, live number `<node_id>-n`, word. The badge `<node_id>` can be hidden."""
    return html.Span(
        [
            *([icon(symbol)] if symbol else []),
            live(f"{node_id}-n", "n"),
            html.Span(word, className="word"),
        ],
        className="badge-count",
        **marks(live=node_id, tone=tone),
    )


def bar(node_id: str, style: str = "") -> Component:
    """A progress bar: live fill `<node_id>` and tick `<node_id>-tick` for 'should be now'."""
    return html.Span(
        [
            html.Span(className="fill", **marks(live=node_id)),
            html.Span(className="tick", **marks(live=f"{node_id}-tick")),
        ],
        className=f"bar {style}".strip(),
    )


def bar_nodes(
    node_id: str, share: float | None, target: float | None, tone: Tone = "normal"
) -> dict[str, dict[str, object]]:
    """What a bar shows; shares of 1. Without a target there is no tick."""
    return {
        node_id: {"width": _percent(share), "tone": tone},
        f"{node_id}-tick": {"tick": _percent(target), "hidden": target is None},
    }


def why(number: Component, href: str) -> Component:
    """A number that leads to the page which explains it."""
    return html.A(number, href=href, className="why")


def bullet(node_id: str, label: str, href: str) -> Component:
    """A KPI as label, live number `<node_id>` and bar `<node_id>-bar` with its target.

    `href` explains it.
    """
    return html.Div(
        [
            html.Span(label, className="bullet-label"),
            why(live(node_id, "number toned bullet-value"), href),
            bar(f"{node_id}-bar"),
        ],
        className="bullet",
    )


def chart(chart_id: str, style: str = "") -> Component:
    """Where the live chart `chart_id` is drawn."""
    return html.Div(className=f"chart {style}".strip(), **marks(chart=chart_id))


def link(children: Children, href: str, style: str, **attributes: Any) -> Component:
    """A link within the boards that doesn't load the page anew."""
    return dcc.Link(html.Span(children, className=style, **attributes), href=href)


def _percent(share: float | None) -> float:
    return round(100 * min(max(share or 0.0, 0.0), 1.0), 1)
