"""The strip of the orders board: delivered on time, made as scheduled, plan and actual."""

from __future__ import annotations

from datetime import timedelta

from dashboards.board import Scene
from dashboards.format import number, percent
from dashboards.rows import Nodes
from dashboards.texts import Texts, msgid, texts
from db.connect import Connection
from db.order_board import made
from plant.orders_plan import Share, actual, adherence, on_time

ON_TIME_OVER = timedelta(days=7)
PLAN_OVER = timedelta(hours=24)
ORDERS = msgid("{part} of {whole} orders, 7 days")
PIECES = msgid("{part} of {whole} pieces, 24 h")


def plan_nodes(conn: Connection, scene: Scene, line: str | None) -> Nodes:
    """Each KPI with its numerator and denominator.

    Of a line: whether its orders as a whole were on time, and what was to be made on it.
    """
    now, t = scene.now, texts(scene.language)
    week, day = now - ON_TIME_OVER, now - PLAN_OVER
    found = made(conn, now, line=line, since=week, counted_since=day)
    here = [one for one in found if one.line is not None and line in (None, one.line)]
    return (
        _kpi("on-time", on_time(found, week, now), ORDERS, t)
        | _kpi("adherence", adherence(here, day, now), PIECES, t)
        | _kpi("actual", actual(here, day, now), PIECES, t)
    )


def _kpi(key: str, share: Share, of: str, t: Texts) -> Nodes:
    part, whole = (number(value, t.language) for value in (share.part, share.whole))
    return {
        f"orders-{key}": {"text": percent(share.ratio), "unit": "%"},
        f"orders-{key}-of": {"text": t.text(of, part=part, whole=whole)},
    }
