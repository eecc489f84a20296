"""The foot of the wall: active alerts, what stopped the machines this shift, orders in work."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dashboards.alerts import words
from dashboards.board import Scene
from dashboards.format import duration_text, number, percent
from dashboards.overview.layout import ALERTS, ORDERS, STOPS
from dashboards.parts import Tone, bar_nodes
from dashboards.rows import Nodes, filled
from dashboards.standing import WORDS
from dashboards.texts import Texts
from db import alert_board
from db.alert_board import ActiveAlarm
from db.connect import Connection
from db.order_board import orders as order_rows
from db.stops import Lost, StopSum, by_reason
from plant.model import Label
from plant.orders_queue import standings

MOST_ORDERS = 200
LATE_FROM = 0.8
"""Probability of missing the due date from which an order is coloured."""
PRIORITY_ICONS = {"critical": "octagon-x", "warning": "triangle-alert", "info": "info"}


@dataclass(frozen=True, slots=True)
class Work:
    """An order's operation in work; shares of 1."""

    order: str
    product: Label | None
    share: float | None
    expected_share: float | None
    late_risk: float

    @property
    def is_late(self) -> bool:
        """Whether it will probably miss its due date."""
        return self.late_risk >= LATE_FROM


@dataclass(frozen=True, slots=True)
class Running:
    """All operations in work, the one in danger first."""

    all: tuple[Work, ...]
    by_machine: Mapping[str, Work]


def running_orders(conn: Connection, scene: Scene) -> Running:
    """Operations that run or are held, with their progress."""
    by_machine: dict[str, Work] = {}
    found = []
    # Those in work come first, and wait for none of those behind them.
    rows = order_rows(conn, scene.now, line=None, count=MOST_ORDERS)
    for row, done in zip(rows, standings([row.case for row in rows], scene.now), strict=True):
        if row.operation.status not in ("running", "held"):
            continue
        risk = done.late_risk or 0.0
        work = Work(row.operation.order, row.product, done.share, done.expected_share, risk)
        found.append(work)
        if row.operation.machine:
            by_machine.setdefault(row.operation.machine, work)
    return Running(tuple(sorted(found, key=lambda one: -one.late_risk)), by_machine)


def alerts(conn: Connection, scene: Scene, t: Texts) -> Nodes:
    """The most pressing active alarms."""
    active = alert_board.active(conn, ALERTS)
    counts = alert_board.counts(conn)
    more = counts.unacknowledged + counts.acknowledged + counts.returned - len(active)
    nodes = filled("alert-", ALERTS, active, lambda row, one: _alert(row, one, scene, t))
    return nodes | {
        "alerts-none": {"text": t.text("Nothing is active."), "hidden": bool(active)},
        "alerts-more": {"text": t.text("and {count} more", count=more), "hidden": more <= 0},
    }


def _alert(row: str, alarm: ActiveAlarm, scene: Scene, t: Texts) -> Nodes:
    is_new = alarm.state == "unacknowledged"
    tone = words.TONES[alarm.priority] if is_new else "muted"
    age = None if alarm.raised_at is None else (scene.now - alarm.raised_at).total_seconds()
    name = words.name(alarm.params, alarm.rule, t.language)
    return {
        row: {"hidden": False, "tone": tone},
        f"{row}-icon": {"icon": PRIORITY_ICONS.get(alarm.priority, "info")},
        f"{row}-subject": {"text": words.subject(alarm.params, alarm.subject, t.language)},
        f"{row}-text": {"text": name},
        f"{row}-age": {"text": duration_text(age, t.language)},
    }


def stops(lost: Iterable[Lost], t: Texts) -> Nodes:
    """Minutes of stopped planned work, the longest first."""
    found = by_reason(lost, STOPS)
    longest = max((one.seconds for one in found), default=1.0)
    nodes = filled("stop-", STOPS, found, lambda row, one: _stop(row, one, longest, t))
    return nodes | {"stops-none": {"text": t.text("No stops so far."), "hidden": bool(found)}}


def _stop(row: str, one: StopSum, longest: float, t: Texts) -> Nodes:
    name = one.reason.text(t.language) if one.reason else t.text(WORDS[one.state])
    tone: Tone = "strong" if one.seconds == longest else "normal"
    return {
        row: {"hidden": False},
        f"{row}-name": {"text": name},
        f"{row}-bar": {"width": round(76 * one.seconds / longest, 1), "tone": tone},
        f"{row}-value": {"text": number(one.seconds / 60, t.language)},
    }


def orders(work: Running, t: Texts) -> Nodes:
    """The orders in danger first."""
    shown = work.all[:ORDERS]
    nodes = filled("order-", ORDERS, shown, lambda row, one: _order(row, one, t))
    return nodes | {"orders-none": {"text": t.text("No order is running."), "hidden": bool(shown)}}


def _order(row: str, one: Work, t: Texts) -> Nodes:
    tone: Tone = "warning" if one.is_late else "normal"
    return {
        row: {"hidden": False},
        f"{row}-code": {"text": one.order},
        f"{row}-product": {"text": one.product.text(t.language) if one.product else ""},
        **bar_nodes(f"{row}-bar", one.share, one.expected_share, tone),
        f"{row}-share": {"text": f"{percent(one.share, 0)} %", "tone": tone},
    }
