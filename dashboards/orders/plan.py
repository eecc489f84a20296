"""The strip of the orders board: delivered on time, made as scheduled, plan and actual."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

from dashboards.board import Scene
from dashboards.format import number, percent
from dashboards.rows import Nodes
from dashboards.texts import Texts, msgid, texts
from db.connect import Connection
from db.order_board import made
from plant.orders_plan import Made, Share, actual, adherence, on_time

ON_TIME_OVER = timedelta(days=7)
PLAN_OVER = timedelta(hours=24)
ORDERS = msgid("{part} of {whole} orders, 7 days")
PIECES = msgid("{part} of {whole} pieces, 24 h")


@dataclass(frozen=True, slots=True)
class Measure:
    """One KPI of the strip; its shares of single orders, or operations, add up to it."""

    label: str
    of: Callable[[Sequence[Made], datetime, datetime], Share]
    over: timedelta
    words: str
    """Its numerator and denominator."""
    is_of_orders: bool = False
    """It counts whole orders, not operations."""

    def share(self, found: Sequence[Made], now: datetime) -> Share:
        """Up to now."""
        return self.of(found, now - self.over, now)


MEASURES: Mapping[str, Measure] = MappingProxyType(
    {
        "on-time": Measure(msgid("On-time delivery"), on_time, ON_TIME_OVER, ORDERS, True),
        "adherence": Measure(msgid("Schedule adherence"), adherence, PLAN_OVER, PIECES),
        "actual": Measure(msgid("Plan and actual"), actual, PLAN_OVER, PIECES),
    }
)


def measured(conn: Connection, scene: Scene, line: str | None) -> Mapping[str, Sequence[Made]]:
    """By KPI the operations that it is of.

    Of a line: whether its orders as a whole were on time, and what was to be made on it.
    """
    week, day = scene.now - ON_TIME_OVER, scene.now - PLAN_OVER
    found = made(conn, scene.now, line=line, since=week, counted_since=day)
    here = [one for one in found if one.line is not None and line in (None, one.line)]
    return {key: found if one.is_of_orders else here for key, one in MEASURES.items()}


def plan_nodes(conn: Connection, scene: Scene, line: str | None) -> Nodes:
    """Each KPI with its numerator and denominator."""
    t, nodes = texts(scene.language), Nodes()
    for key, found in measured(conn, scene, line).items():
        nodes |= _kpi(key, MEASURES[key].share(found, scene.now), MEASURES[key].words, t)
    return nodes


def _kpi(key: str, share: Share, of: str, t: Texts) -> Nodes:
    part, whole = (number(value, t.language) for value in (share.part, share.whole))
    return {
        f"orders-{key}": {"text": percent(share.ratio), "unit": "%"},
        f"orders-{key}-of": {"text": t.text(of, part=part, whole=whole)},
    }
