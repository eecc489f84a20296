"""Live rows: a fixed number of empty rows that a frame fills from the top and hides from the end.

So a list of changing length needs no callback: the nodes are there, and the stream feeds them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from dash import html
from dash.development.base_component import Component

Item = TypeVar("Item")
Nodes = dict[str, dict[str, object]]
HIDDEN: dict[str, object] = {"hidden": True}


def live(node_id: str) -> dict[str, Any]:
    """The attribute that makes a node live: `html.Span(**live("a"))`."""
    return {"data-live": node_id}


def cell(node_id: str, style: str = "", label: str = "") -> Component:
    """A live text; `label` stands beside it where the row is a card (on a phone)."""
    marks = {"data-live": node_id} | ({"data-label": label} if label else {})
    return html.Span(className=style, **marks)  # type: ignore[arg-type]


def bar(node_id: str) -> Component:
    """A progress bar with its tick for 'should be now'."""
    fill, tick = {"data-live": node_id}, {"data-live": f"{node_id}-tick"}
    return html.Span(
        [
            html.Span(className="fill", **fill),  # type: ignore[arg-type]
            html.Span(className="tick", **tick),  # type: ignore[arg-type]
        ],
        className="row-bar",
    )


def slots(prefix: str, count: int, row: Callable[[str], list[Component]], style: str) -> Component:
    """`count` empty rows, hidden until a frame says otherwise; `row` gets each one's id."""
    return html.Div(
        [
            html.Div(row(f"{prefix}{n}"), className=style, hidden=True, **live(f"{prefix}{n}"))
            for n in range(count)
        ],
        className=f"{style}s",
    )


def filled(
    prefix: str, count: int, items: Sequence[Item], nodes: Callable[[str, Item], Nodes]
) -> Nodes:
    """The nodes of all rows: those of `items`, and the others hidden."""
    found: Nodes = {}
    for n in range(count):
        row_id = f"{prefix}{n}"
        if n < len(items):
            found |= {row_id: {"hidden": False}, **nodes(row_id, items[n])}
        else:
            found[row_id] = HIDDEN
    return found


def bar_nodes(node_id: str, share: float | None, tick: float | None, tone: str) -> Nodes:
    """What a bar shows; shares of 1."""
    return {
        node_id: {"width": _percent(share), "tone": tone},
        f"{node_id}-tick": {"tick": _percent(tick), "hidden": tick is None},
    }


def _percent(share: float | None) -> float:
    return round(100 * min(max(share or 0.0, 0.0), 1.0), 1)
