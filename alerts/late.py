"""The rule that warns of a late order, judged by the probability that the orders board shows."""

from __future__ import annotations

from collections.abc import Sequence

from alerts.verdict import Moment, Verdict, verdict
from db import alarm_orders
from db.alarm_orders import OpenOperation
from plant.alarms import Standing
from plant.model import OrderLateRule
from plant.orders import Progress, progress

BACK_BY = 0.1
"""The probability has to fall this far below the limit before the alarm is over."""


def judge_orders(moment: Moment, rules: Sequence[OrderLateRule]) -> list[Verdict]:
    """Every open operation with a due date; one that is done is no subject any more."""
    found = alarm_orders.open_operations(moment.conn, moment.now)
    standings = [
        (one, progress(one.operation, one.observed, one.work, moment.now)) for one in found
    ]
    return [_verdict(moment, rule, one, how) for rule in rules for one, how in standings]


def _verdict(moment: Moment, rule: OrderLateRule, one: OpenOperation, how: Progress) -> Verdict:
    """Params `due`, `eta` (ISO 8601), `remaining` (pieces), `machine`, `line`."""
    operation = one.operation
    code = f"{operation.order}/{operation.operation}"
    machine = moment.book.machines.get(operation.machine or "")
    return verdict(
        rule,
        f"order:{code}",
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
