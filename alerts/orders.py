"""The rule that warns of a late order, judged by the probability that the orders board shows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from alerts.verdict import Moment, Verdict, verdict
from db import order_board
from plant.alarms import Standing
from plant.model import OrderLateRule
from plant.orders import Operation, Progress
from plant.orders_queue import standings

BACK_BY = 0.1
"""The probability has to fall this far below the limit before the alarm is over."""
GRAVITY = (Standing.CLEAR, Standing.DEADBAND, Standing.UNKNOWN, Standing.VIOLATED)
Judged = tuple[Operation, Progress]


def judge_orders(moment: Moment, rules: Sequence[OrderLateRule]) -> list[Verdict]:
    """Every order with an open operation that has a due date, by the one that stands worst.

    An order whose first operation is late is late with all that follow: that is one alarm.
    """
    cases = order_board.open_cases(moment.conn, moment.now)
    orders: dict[str, list[Judged]] = defaultdict(list)
    for case, how in zip(cases, standings(cases, moment.now), strict=True):
        if case.operation.due is not None:
            orders[case.operation.order].append((case.operation, how))
    return [
        _verdict(moment, rule, *_worst(rule, found)) for rule in rules for found in orders.values()
    ]


def _worst(rule: OrderLateRule, found: Sequence[Judged]) -> Judged:
    """What is not known may be late: an alarm is not over because the rest is in time."""

    def gravity(one: Judged) -> tuple[int, float]:
        risk = one[1].late_risk
        return GRAVITY.index(_standing(rule, risk)), risk or 0.0

    return max(found, key=gravity)


def _verdict(moment: Moment, rule: OrderLateRule, operation: Operation, how: Progress) -> Verdict:
    """Params `due`, `eta` (ISO 8601), `remaining` (pieces), `machine`, `line`."""
    code = f"{operation.order}/{operation.operation}"
    machine = moment.book.machines.get(operation.machine or "")
    return verdict(
        rule,
        f"order:{operation.order}",
        _standing(rule, how.late_risk),
        value=how.late_risk,
        limit=rule.probability,
        unit="ratio",
        side="above",
        called={"en": code, "zh": code},
        machine=operation.machine,
        line=machine.line if machine else None,
        due=operation.due,
        eta=how.eta,
        remaining=how.remaining,
    )


def _standing(rule: OrderLateRule, risk: float | None) -> Standing:
    if risk is None:
        return Standing.UNKNOWN
    if risk >= rule.probability:
        return Standing.VIOLATED
    return Standing.DEADBAND if risk > rule.probability - BACK_BY else Standing.CLEAR
