"""What the orders board shows at one moment; progress, ETA and risk are plant/orders.py's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from dashboards.board import Frame, Scene
from dashboards.format import NOTHING, clock, moment, number, percent, signed
from dashboards.orders.choice import is_shown, sort_key
from dashboards.orders.doubt import row_nodes, strip_nodes
from dashboards.orders.layout import ROWS
from dashboards.orders.plan import plan_nodes
from dashboards.orders.span import span_nodes
from dashboards.orders.whole import whole_nodes
from dashboards.orders.words import order_marks, risk_word, why
from dashboards.parts import Tone, bar_nodes
from dashboards.rows import Nodes, filled, tag_nodes
from dashboards.scope import line_of
from dashboards.texts import Texts, msgid, texts
from dashboards.why import link
from db.connect import Connection
from db.kpi_facts import Scope
from db.order_board import OrderRow, astray, queued, whole_orders
from plant.kpi import ratio
from plant.model import Language, Plant
from plant.orders import ENDED, Operation, Progress
from plant.orders_gap import Astray, explained
from plant.orders_queue import standings

MOST = 200
"""So many operations are looked at; the most pressing ones come first."""
Standing = Literal["late", "risk", "fine", "waiting", "done"]
LATE_FROM, RISK_FROM = 0.8, 0.3
"""Probability of missing the due date, from which an order is called late (where no alert rule
of the plant says another) or at risk."""
TONES: dict[Standing, Tone] = {
    "late": "critical",
    "risk": "warning",
    "fine": "normal",
    "waiting": "planned",
    "done": "muted",
}
STATUS = {
    "planned": msgid("planned"),
    "released": msgid("released"),
    "running": msgid("running"),
    "held": msgid("held"),
    "done": msgid("done"),
    "cancelled": msgid("cancelled"),
}


@dataclass(frozen=True, slots=True)
class Shown:
    """One row of the board."""

    row: OrderRow
    progress: Progress
    standing: Standing


def frame(conn: Connection, scene: Scene) -> Frame:
    """The orders of the plant or of a line, filtered and sorted as the address says."""
    line = line_of(scene.params, scene.plant)
    found = _found(conn, scene, line)
    shown = [one for one in found if is_shown(scene.params, one.row.operation)]
    shown.sort(key=lambda one: sort_key(scene.params, one.row.operation, one.progress))
    nodes = filled("order-", ROWS, shown[:ROWS], lambda row_id, one: _nodes(row_id, one, scene))
    nodes |= _counts(found, scene) | _ends(len(shown), scene)
    nodes |= _differences(conn, shown[:ROWS], scene)
    seen = [one.row for one in shown[:ROWS]]
    nodes |= row_nodes(conn, seen, scene)
    nodes |= whole_nodes(seen, whole_orders(conn, seen, scene.now), texts(scene.language))
    nodes |= strip_nodes(conn, scene, line)
    return Frame(nodes | plan_nodes(conn, scene, line))


def _found(conn: Connection, scene: Scene, line: str | None) -> list[Shown]:
    """The most pressing operations and how they stand."""
    late = late_from(scene.plant)
    rows, others = queued(conn, scene.now, line=line, count=MOST)
    stand = standings([row.case for row in rows], scene.now, others)
    return [Shown(row, how, standing(row, how, late)) for row, how in zip(rows, stand, strict=True)]


def late_from(plant: Plant) -> float:
    """The probability from which the plant's own alert rule calls an order late."""
    rules = [rule.probability for rule in plant.alerts if rule.kind == "order_late"]
    return min(rules, default=LATE_FROM)


def standing(row: OrderRow, found: Progress, late: float) -> Standing:
    """What one should know of an order first; `late`: see `late_from`."""
    if row.operation.status in ("done", "cancelled"):
        return "done"
    risk = found.late_risk or 0.0
    if risk >= late:
        return "late"
    if risk >= min(RISK_FROM, late):
        return "risk"
    return "waiting" if row.operation.status in ("planned", "released") else "fine"


def _nodes(row_id: str, one: Shown, scene: Scene) -> Nodes:
    operation, found, language = one.row.operation, one.progress, scene.language
    t, tone = texts(language), TONES[one.standing]
    at_risk = tone if one.standing in ("late", "risk") else "normal"
    return {
        row_id: {"hidden": False, "tone": tone},
        f"{row_id}-code": {"text": f"{operation.order} / {operation.operation}"},
        **tag_nodes(f"{row_id}-status", _status(one, scene), tone),
        f"{row_id}-product": {"text": _product(one, scene)},
        f"{row_id}-marks": {"text": order_marks(one.row, found, t)},
        f"{row_id}-machine": {"text": operation.machine or NOTHING},
        **_progress(row_id, one, language, at_risk),
        f"{row_id}-rate": {"text": number(found.rate_per_h, language)},
        f"{row_id}-calendar-rate": {
            "text": number(found.calendar_rate_per_h, language),
            "title": t.text("per running hour / per calendar hour"),
        },
        **_times(row_id, one, scene, at_risk),
        f"{row_id}-risk": {"text": _risk(found.late_risk), "tone": at_risk},
        f"{row_id}-risk-word": {
            "text": "" if operation.status in ENDED else risk_word(found.late_risk, t),
            "tone": "normal",
        },
    }


def _progress(row_id: str, one: Shown, language: Language, tone: Tone) -> Nodes:
    found = one.progress
    shares = {
        side: ratio(pieces, found.planned)
        for side, pieces in (("produced", found.produced), ("counted", found.counted))
    }
    nodes: Nodes = {
        f"{row_id}-share": {"text": f"{percent(found.share, 0)} %", "tone": tone},
        f"{row_id}-planned": {"text": number(found.planned, language)},
        f"{row_id}-produced": {"text": number(found.produced, language)},
        f"{row_id}-counted": {
            "text": number(found.counted, language),
            "href": _why(one.row.operation),
        },
    }
    for side, share in shares.items():
        bars = bar_nodes(f"{row_id}-{side}-bar", share, None, tone)
        nodes[f"{row_id}-{side}-bar"] = bars[f"{row_id}-{side}-bar"]
    tick = bar_nodes(f"{row_id}-bar", None, found.expected_share)[f"{row_id}-bar-tick"]
    return nodes | {f"{row_id}-bar-tick": tick}


def _differences(conn: Connection, shown: Sequence[Shown], scene: Scene) -> Nodes:
    """Why both counts differ, of the rows that are seen: of the others nobody asks."""
    t = texts(scene.language)
    nodes: Nodes = {}
    found = astray(conn, [one.row for one in shown], scene.now)
    for n, (one, pieces) in enumerate(zip(shown, found, strict=True)):
        nodes |= _difference(f"order-{n}", one, pieces, t)
    return nodes


def _difference(row_id: str, one: Shown, pieces: Astray, t: Texts) -> Nodes:
    found = one.progress
    parts = explained(one.row.operation, one.row.case.observed.facts, pieces)
    unexplained = sum(abs(p.pieces) for p in parts if p.cause == "unexplained")
    text = why(parts, t)
    return {
        f"{row_id}-difference": {
            "text": signed(found.difference, t.language),
            "tone": "warning" if unexplained > max(2.0, 0.02 * found.planned) else "normal",
        },
        f"{row_id}-why": {"text": text, "title": text},
    }


def _risk(risk: float | None) -> str:
    """A probability from 500 ways is never quite sure."""
    if risk is None or risk in (0.0, 1.0):
        return NOTHING if risk is None else f"{percent(risk, 0)} %"
    return f"{min(max(round(100 * risk), 1), 99)} %"


def _times(row_id: str, one: Shown, scene: Scene, tone: Tone) -> Nodes:
    zone, now, found = scene.plant.site.zone, scene.now, one.progress
    due = one.row.operation.due
    low, high = found.eta_low, found.eta_high
    is_range = low is not None and low != high
    span = f"{clock(low, zone)} – {clock(high, zone)}"  # the day stands with the middle
    return {
        f"{row_id}-eta": {"text": _ready(one, scene), "tone": tone},
        f"{row_id}-span": {"text": span if is_range else ""},
        **span_nodes(row_id, found, due, now, tone),
        f"{row_id}-due": {"text": moment(due, zone, now, scene.language)},
    }


def _ready(one: Shown, scene: Scene) -> str:
    """When it will be ready; of one that has its quantity but goes on, that it is."""
    if one.progress.remaining <= 0 and one.row.operation.status not in ENDED:
        return texts(scene.language).text("complete")
    return moment(one.progress.eta, scene.plant.site.zone, scene.now, scene.language)


def _status(one: Shown, scene: Scene) -> str:
    t = texts(scene.language)
    if one.standing == "late":
        return t.text("late")
    if one.standing == "risk":
        return t.text("at risk")
    return t.text(STATUS[one.row.operation.status])


def _product(one: Shown, scene: Scene) -> str:
    if one.row.product is None:
        return one.row.operation.product or ""
    return one.row.product.text(scene.language)


def _counts(shown: list[Shown], scene: Scene) -> Nodes:
    late = sum(one.standing == "late" for one in shown)
    risk = sum(one.standing == "risk" for one in shown)
    running = sum(one.row.operation.status == "running" for one in shown)
    found: Nodes = {}
    for key, count, tone in (
        ("late", late, "critical"),
        ("risk", risk, "warning"),
        ("running", running, "normal"),
    ):
        found[f"orders-{key}-n"] = {"text": number(count, scene.language)}
        found[f"orders-{key}"] = {"tone": tone if count else "normal"}
    return found


def _ends(count: int, scene: Scene) -> Nodes:
    t = texts(scene.language)
    more = max(0, count - ROWS)
    return {
        "orders-empty": {"text": t.text("No orders here now."), "hidden": count > 0},
        "orders-more": {"text": t.text("and {count} more", count=more), "hidden": more == 0},
    }


def _why(operation: Operation) -> str:
    """Where the count of an operation is explained."""
    code = f"{operation.order}/{operation.operation}"
    return link("good", Scope("operation", code), "order")
