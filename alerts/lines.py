"""The rule on the OEE of a line in its present shift."""

from __future__ import annotations

from collections.abc import Sequence

from alerts.book import named
from alerts.verdict import Moment, Verdict, verdict
from db import alarm_facts
from db.alarm_facts import LineNow
from plant.alarms import Standing
from plant.kpi import Facts, kpis
from plant.model import LineOeeRule


def judge_lines(moment: Moment, rules: Sequence[LineOeeRule]) -> list[Verdict]:
    watched = [(rule, line.code) for rule in rules for line in moment.book.lines_like(rule.lines)]
    found = alarm_facts.lines(
        moment.conn, {code for _, code in watched}, moment.now, moment.book.plant.site.zone
    )
    return [_line_verdict(moment, rule, code, found.get(code)) for rule, code in watched]


def _line_verdict(moment: Moment, rule: LineOeeRule, code: str, found: LineNow | None) -> Verdict:
    line = moment.book.lines[code]
    return verdict(
        rule,
        f"line:{code}",
        _oee_standing(rule, found),
        value=kpis(found.facts).oee if found else None,
        limit=rule.below,
        unit="ratio",
        side="below",
        called=named(code, line.name),
        line=code,
        began=found.began if found else None,
        unknown=_unknown_share(found.facts) if found else None,
        late=True if found and found.is_late else None,
    )


def _unknown_share(facts: Facts) -> float | None:
    """Of the planned time, where it is so much that the OEE is provisional."""
    found = kpis(facts)
    return found.unknown_share if found.provisional else None


def _oee_standing(rule: LineOeeRule, found: LineNow | None) -> Standing:
    """A shift is judged once it is old enough; the one before it is judged no longer.

    Unknown time lowers OEE, though nobody knows: only an OEE that stays below the limit even if
    all of it had been perfect is a violation.
    """
    if found is None:
        return Standing.CLEAR
    facts = found.facts
    busy_s = facts.planned_busy_s
    if busy_s / found.machines < rule.after_s:
        return Standing.CLEAR
    oee = kpis(facts).oee
    if oee is None:
        return Standing.UNKNOWN
    at_best = oee + facts.unknown_s / busy_s
    if at_best < rule.below:
        return Standing.VIOLATED
    if oee < rule.below:
        return Standing.UNKNOWN
    return Standing.DEADBAND if oee < rule.below + rule.deadband else Standing.CLEAR
