"""What the orders board says in words: why two counts differ, how sure a due date is, marks."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from types import MappingProxyType

from dashboards.format import number
from dashboards.texts import Texts, msgid
from db.order_board import OrderRow
from plant.orders import Progress
from plant.orders_gap import Cause, Part

CAUSES: Mapping[Cause, str] = MappingProxyType(
    {
        "not_booked_yet": msgid("{count} made after the last booking"),
        "booked_as_scrap": msgid("{count} good, booked as scrap"),
        "scrap_booked_as_good": msgid("{count} scrap, booked as good"),
        "outside": msgid("{count} counted outside the operation"),
        "elsewhere": msgid("{count} counted for another order"),
        "unknown_time": msgid("{count} while the machine was not heard"),
        "unexplained": msgid("{count} unexplained"),
    }
)
RISK_FROM = (0.05, 0.30, 0.70, 0.95)
RISKS = (
    msgid("almost surely in time"),
    msgid("probably in time"),
    msgid("in time or not"),
    msgid("probably late"),
    msgid("almost surely late"),
)


def why(parts: tuple[Part, ...], t: Texts) -> str:
    """The parts of a difference, the largest first."""
    ordered = sorted(parts, key=lambda part: -abs(part.pieces))
    return "; ".join(
        t.text(CAUSES[p.cause], count=number(abs(p.pieces), t.language)) for p in ordered
    )


def risk_word(risk: float | None, t: Texts) -> str:
    """A probability of being late in words; nothing without one."""
    return "" if risk is None else t.text(RISKS[bisect_right(RISK_FROM, risk)])


def order_marks(row: OrderRow, how: Progress, t: Texts) -> str:
    """Priority, re-opened, split, more than planned."""
    operation = row.operation
    found = []
    if operation.priority is not None:
        found.append(t.text("Priority {number}", number=operation.priority))
    if row.is_reopened:
        found.append(t.text("re-opened"))
    if operation.parent:
        found.append(t.text("split from {order}", order=operation.parent))
    if how.over > 0:
        found.append(t.text("{count} over", count=number(how.over, t.language)))
    return " · ".join(found)
