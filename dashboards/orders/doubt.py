"""What may still change the figures of the orders board: of each order, and of the strip."""

from __future__ import annotations

from collections.abc import Sequence

from dashboards import doubts
from dashboards.board import Scene
from dashboards.orders.plan import PLAN_OVER
from dashboards.rows import Nodes
from dashboards.texts import texts
from db.connect import Connection
from db.kpi_facts import SITE, Scope, facts_in
from db.order_board import OrderRow
from db.settling import lates
from plant.kpi import doubts as judged
from plant.orders import ENDED
from plant.periods import Span


def strip_nodes(conn: Connection, scene: Scene, line: str | None) -> Nodes:
    """Of the time that the plan is measured over, of the machines shown."""
    span = Span(scene.now - PLAN_OVER, scene.now)
    scope = Scope("line", line) if line else SITE
    machines = [m.code for m in scene.plant.machines if line in (None, m.line)]
    facts = facts_in(conn, scope, span, scene.plant.site.zone).facts
    found = doubts.doubts_of(conn, facts, span, scene.now, machines)
    return {"orders-doubt": doubts.node(found, facts, texts(scene.language))}


def row_nodes(conn: Connection, rows: Sequence[OrderRow], scene: Scene) -> Nodes:
    """Of what was counted for each operation since it began."""
    waiting, t = lates(conn, scene.now), texts(scene.language)
    nodes: Nodes = {}
    for n, row in enumerate(rows):
        operation, facts = row.operation, row.case.observed.facts
        begun = operation.started_at
        if begun is None:
            nodes[f"order-{n}-doubt"] = {"text": "", "title": ""}
            continue
        span = Span(begun, max(begun, operation.ended_at or scene.now))
        is_late = waiting.meet([operation.machine] if operation.machine else [], span)
        found = judged(facts, is_late=is_late, is_open=operation.status not in ENDED)
        nodes[f"order-{n}-doubt"] = doubts.node(found, facts, t, most=1)
    return nodes
