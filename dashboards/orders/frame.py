"""What the orders board shows at one moment; progress, ETA and risk are plant/orders.py's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dashboards.board import Frame, Scene
from dashboards.format import NOTHING, moment, number, percent, signed
from dashboards.orders.layout import ROWS
from dashboards.parts import Tone, bar_nodes
from dashboards.rows import Nodes, filled, tag_nodes
from dashboards.scope import line_of
from dashboards.texts import msgid, texts
from db.connect import Connection
from db.order_board import OrderRow, orders
from plant.model import Plant
from plant.orders import Progress
from plant.orders_queue import standings

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
    """All orders of the plant or of a line."""
    line = line_of(scene.params, scene.plant)
    rows = orders(conn, scene.now, line=line, count=200)
    found = standings([row.case for row in rows], scene.now)
    late = late_from(scene.plant)
    shown = [
        Shown(row, how, standing(row, how, late)) for row, how in zip(rows, found, strict=True)
    ]
    nodes = filled("order-", ROWS, shown[:ROWS], lambda row_id, one: _nodes(row_id, one, scene))
    return Frame(nodes | _counts(shown, scene) | _ends(len(shown), scene))


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
    tone = TONES[one.standing]
    differs = abs(found.difference) > max(2.0, 0.02 * found.planned)
    return {
        row_id: {"hidden": False, "tone": tone},
        f"{row_id}-code": {"text": f"{operation.order} / {operation.operation}"},
        **tag_nodes(f"{row_id}-status", _status(one, scene), tone),
        f"{row_id}-product": {"text": _product(one, scene)},
        f"{row_id}-machine": {"text": operation.machine or NOTHING},
        **bar_nodes(f"{row_id}-bar", found.share, found.expected_share, tone),
        f"{row_id}-share": {"text": f"{percent(found.share, 0)} %"},
        f"{row_id}-planned": {"text": number(found.planned, language)},
        f"{row_id}-produced": {"text": number(found.produced, language)},
        f"{row_id}-counted": {"text": number(found.counted, language)},
        f"{row_id}-difference": {
            "text": signed(found.difference, language),
            "tone": "warning" if differs else "normal",
        },
        f"{row_id}-rate": {"text": number(found.rate_per_h, language)},
        **_times(row_id, one, scene, tone),
    }


def _times(row_id: str, one: Shown, scene: Scene, tone: Tone) -> Nodes:
    zone, now = scene.plant.site.zone, scene.now
    risk = one.progress.late_risk
    at_risk = one.standing in ("late", "risk")
    return {
        f"{row_id}-eta": {
            "text": _ready(one, scene),
            "tone": tone if at_risk else "normal",
        },
        f"{row_id}-due": {"text": moment(one.row.operation.due, zone, now, scene.language)},
        f"{row_id}-risk": {
            "text": NOTHING if risk is None else f"{percent(risk, 0)} %",
            "tone": tone if at_risk else "normal",
        },
    }


def _ready(one: Shown, scene: Scene) -> str:
    """When it will be ready; of one that has its quantity but goes on, that it is."""
    if one.progress.remaining <= 0 and one.row.operation.status not in ("done", "cancelled"):
        return texts(scene.language).text("complete")
    zone = scene.plant.site.zone
    return moment(one.progress.eta, zone, scene.now, scene.language)


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
