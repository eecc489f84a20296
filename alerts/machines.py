"""The rule on a machine that is down for too long."""

from __future__ import annotations

from collections.abc import Sequence

from alerts.book import named
from alerts.verdict import Moment, Verdict, verdict
from db import alarm_facts
from db.alarm_facts import MachineNow
from plant.alarms import Standing
from plant.model import MachineDownRule


def judge_machines(moment: Moment, rules: Sequence[MachineDownRule]) -> list[Verdict]:
    watched = [
        (rule, machine.code)
        for rule in rules
        for machine in moment.book.plant.machines_like(rule.machines)
    ]
    found = alarm_facts.machines(moment.conn, {code for _, code in watched})
    return [_machine_verdict(moment, rule, code, found.get(code)) for rule, code in watched]


def _machine_verdict(
    moment: Moment, rule: MachineDownRule, code: str, found: MachineNow | None
) -> Verdict:
    """Params `began` (ISO 8601) and `reason` (text by language) of the stop, `machine`, `line`."""
    machine = moment.book.machines[code]
    is_down = found is not None and found.state == "down"
    return verdict(
        rule,
        f"machine:{code}",
        _down_standing(moment, rule, found),
        value=found.down_s if found and is_down else None,
        limit=rule.longer_than_s,
        unit="s",
        called=named(code, machine.name),
        machine=code,
        line=machine.line,
        began=found.down_since if found and is_down else None,
        reason=_reason(moment, found.reason) if found and is_down else None,
    )


def _reason(moment: Moment, code: str | None) -> dict[str, str] | None:
    names = {one.code: one.name for one in moment.book.plant.reasons}
    return {"en": names[code].en, "zh": names[code].zh} if code in names else None


def _down_standing(moment: Moment, rule: MachineDownRule, found: MachineNow | None) -> Standing:
    """A stop counts in working time only; outside it nothing is judged, nor is a silent machine."""
    if found is None or found.state == "unknown" or _is_old(moment, found):
        return Standing.UNKNOWN
    if found.state != "down":
        return Standing.CLEAR
    return Standing.VIOLATED if found.down_s >= rule.longer_than_s else Standing.CLEAR


def _is_old(moment: Moment, found: MachineNow) -> bool:
    return (moment.now - found.upto).total_seconds() > moment.fresh_s
