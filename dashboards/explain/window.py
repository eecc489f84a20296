"""Where a period that moves stands now, as boards have it: this shift, today, 24 h, an order."""

from __future__ import annotations

from datetime import datetime

from dashboards.board import Scene
from dashboards.explain.asked import Odd
from dashboards.scope import machines_of
from dashboards.texts import msgid
from dashboards.windows import begin_of
from db.connect import Connection
from db.evidence import order_span
from db.kpi_facts import Scope
from plant.periods import Span


def span_now(conn: Connection, window: str, scope: Scope, scene: Scene) -> Span:
    """From where a board's window begins to now."""
    now, machines = scene.now, machines_of(scope, scene.plant)
    if window == "order":
        return _order(conn, scope, now)
    return Span(begin_of(conn, window, now, scene.plant.site.zone, machines), now)


def _order(conn: Connection, scope: Scope, now: datetime) -> Span:
    """From where an order or operation began to its end, or to now."""
    found = order_span(conn, scope, now)
    if found is None or not found[0] < found[1]:
        raise Odd(msgid("This order has not begun yet."))
    return Span(found[0].replace(second=0, microsecond=0), found[1])
