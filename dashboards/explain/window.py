"""Where a period that moves stands now, as boards have it: this shift, today, 24 h, an order."""

from __future__ import annotations

from datetime import datetime, timedelta

from dashboards.board import Scene
from dashboards.explain.asked import Odd
from dashboards.scope import begin_of_shift
from dashboards.texts import msgid
from db import boards
from db.connect import Connection
from db.evidence import order_span
from db.kpi_facts import Scope
from plant.periods import Span, midnight

BACK = {"24h": timedelta(hours=24), "7d": timedelta(days=7)}


def span_now(conn: Connection, window: str, scope: Scope, scene: Scene) -> Span:
    """From where a board's window begins to now."""
    now, zone = scene.now, scene.plant.site.zone
    if window in BACK:
        return Span(now.replace(second=0, microsecond=0) - BACK[window], now)
    if window == "today":
        return Span(midnight(now.astimezone(zone).date(), zone), now)
    if window == "order":
        return _order(conn, scope, now)
    begins = boards.begins(conn, now)
    if scope.kind == "line":
        return Span(begin_of_shift(begins.lines.get(scope.code), now), now)
    if scope.kind == "machine":
        return Span(begin_of_shift(begins.machines.get(scope.code), now), now)
    shifts = boards.shifts(conn, now)
    begun = shifts[0].t0 if shifts and shifts[0].t1 > now else None
    return Span(begin_of_shift(begun, now), now)


def _order(conn: Connection, scope: Scope, now: datetime) -> Span:
    """From where an order or operation began to its end, or to now."""
    found = order_span(conn, scope, now)
    if found is None or not found[0] < found[1]:
        raise Odd(msgid("This order has not begun yet."))
    return Span(found[0].replace(second=0, microsecond=0), found[1])
