"""An order of several operations as one thing: what is finished, how much of its work is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dashboards.format import NOTHING, number, percent
from dashboards.rows import Nodes
from dashboards.texts import Texts, msgid
from db.order_board import OrderRow
from plant.orders_plan import Whole

SHORT = msgid("Order {percent} % · {done}/{planned} · {ended}/{count} operations")
WORDS = msgid(
    "Whole order: {percent} % of the work, {done} of {planned} finished, {ended}/{count} operations"
)


def whole_nodes(rows: Sequence[OrderRow], orders: Mapping[str, Whole], t: Texts) -> Nodes:
    """Beside each of its operations; of an order with one operation, nothing more than its own."""
    nodes: Nodes = {}
    for n, row in enumerate(rows):
        whole = orders.get(row.operation.order)
        has_more = whole is not None and len(whole.operations) > 1
        nodes[f"order-{n}-whole"] = {
            "text": _text(SHORT, whole, t) if whole and has_more else "",
            "title": f"{_text(WORDS, whole, t)}: {_parts(whole, t)}" if whole and has_more else "",
        }
    return nodes


def _text(words: str, whole: Whole, t: Texts) -> str:
    return t.text(
        words,
        percent=percent(whole.work.ratio, 0),
        done=number(whole.done, t.language),
        planned=number(whole.planned, t.language),
        ended=whole.ended,
        count=len(whole.operations),
    )


def _parts(whole: Whole, t: Texts) -> str:
    """ "10 A01 500/500; 20 A03 120/500"."""
    return "; ".join(
        f"{one.operation.operation} {one.operation.machine or NOTHING}"
        f" {number(one.done, t.language)}/{number(one.operation.planned, t.language)}"
        for one in whole.operations
    )
