"""Live rows: a fixed number of empty rows that a frame fills from the top and hides from the end.

So a list of changing length needs no callback: the nodes are there, and the stream feeds them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TypeVar

from dash import dcc, html
from dash.development.base_component import Component

from dashboards import parts
from dashboards.parts import Tone, marks

Item = TypeVar("Item")
Nodes = dict[str, dict[str, object]]
HIDDEN: dict[str, object] = {"hidden": True}
ICONS: Mapping[Tone, str] = MappingProxyType(
    {"critical": "octagon-x", "warning": "triangle-alert", "unknown": "circle-help"}
)
"""What stands beside the word, so that colour never says it alone."""


def cell(node_id: str, style: str = "", label: str = "") -> Component:
    """A live text; `label` stands beside it where the row is a card (on a phone)."""
    named = marks(live=node_id) | (marks(label=label) if label else {})
    return html.Span(className=f"toned {style}".strip(), **named)


def tag(node_id: str) -> Component:
    """A live word with its icon in the colour of its tone."""
    return html.Span(
        [parts.icon(live=f"{node_id}-icon"), parts.live(f"{node_id}-word")],
        className="tag",
        **marks(live=node_id),
    )


def tag_nodes(node_id: str, word: str, tone: Tone) -> Nodes:
    """What a tag shows."""
    return {
        node_id: {"tone": tone},
        f"{node_id}-icon": {"icon": ICONS.get(tone, "")},
        f"{node_id}-word": {"text": word},
    }


def slots(prefix: str, count: int, row: Callable[[str], list[Component]], style: str) -> Component:
    """`count` empty rows, hidden until a frame says otherwise; `row` gets the first one's id.

    Only that one is laid out: assets/20-nodes.js copies it. Hundreds of nodes laid out one by one
    keep a small computer's browser busy for seconds before it shows anything.
    """
    first = html.Div(row(f"{prefix}0"), className=style, hidden=True, **marks(live=f"{prefix}0"))
    return html.Div([first], className=f"{style}s", **marks(slots=str(count)))


def with_all(nodes: Nodes, more: Nodes) -> Nodes:
    """The nodes, with more said of some of them."""
    return nodes | {node_id: nodes.get(node_id, {}) | said for node_id, said in more.items()}


def filled(
    prefix: str, count: int, items: Sequence[Item], nodes: Callable[[str, Item], Nodes]
) -> Nodes:
    """The nodes of all rows: those of `items`, and the others hidden."""
    found: Nodes = {}
    for n in range(count):
        row_id = f"{prefix}{n}"
        found |= nodes(row_id, items[n]) if n < len(items) else {row_id: HIDDEN}
    return found


def note(node_id: str, style: str) -> Component:
    """A live line under a list: that it is empty, or that there is more."""
    return html.P(className=style, hidden=True, **marks(live=node_id))


def chip(text: str, href: str, here: bool) -> Component:
    """One choice of a filter; a link, so that the address says what is shown."""
    return dcc.Link(text, href=href, className="chip here" if here else "chip")
