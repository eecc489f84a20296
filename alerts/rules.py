"""The rules of the plant file, judged: each kind by one query for all the subjects of its rules.

No data never counts as normal and never as a violation: such a verdict is UNKNOWN. Never stores
anything, never counts a delay: that is `plant.alarms`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from alerts.book import named
from alerts.late import judge_orders
from alerts.verdict import Moment, Verdict, verdict
from db import alarm_facts
from db.alarm_facts import LineNow, MachineNow, SourceNow, TagNow
from plant.alarms import Standing, against_limits
from plant.kpi import kpis
from plant.model import (
    AnomalyRule,
    LineOeeRule,
    MachineDownRule,
    SourceSilentRule,
    Tag,
    TagLimitRule,
)

log = logging.getLogger(__name__)

BAD = 2
"""Quality of a reading that is not to be trusted."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the rules say about all their subjects."""

    verdicts: list[Verdict]
    failed: frozenset[str]
    """Kinds of rules that could not be judged; nothing is known about their subjects."""


def judge(moment: Moment) -> Judgement:
    """What every rule says about every one of its subjects now.

    A kind of rule that fails is logged and left out, so that it takes none of the others with it.
    """
    verdicts: list[Verdict] = []
    failed = set()
    for kind, judge_kind in JUDGES.items():
        rules = [rule for rule in moment.book.plant.alerts if rule.kind == kind]
        try:
            with moment.conn.transaction():
                verdicts += judge_kind(moment, rules) if rules else []
        except Exception:
            log.exception("rules of the kind %s can't be judged", kind)
            failed.add(kind)
    return Judgement(verdicts, frozenset(failed))


def _judge_tags(moment: Moment, rules: Sequence[TagLimitRule]) -> list[Verdict]:
    watched = [
        (rule, tag) for rule in rules for tag in moment.book.tags_of(rule.tag, rule.machines)
    ]
    found = alarm_facts.tags(moment.conn, {tag.code for _, tag in watched}, moment.now)
    return [_tag_verdict(moment, rule, tag, found.get(tag.code)) for rule, tag in watched]


def _tag_verdict(moment: Moment, rule: TagLimitRule, tag: Tag, found: TagNow | None) -> Verdict:
    standing, limit, value = Standing.UNKNOWN, None, None
    if found and found.is_heard and found.value is not None and found.quality != BAD:
        value = found.value
        standing, limit = against_limits(
            value, above=rule.above, below=rule.below, deadband=rule.deadband
        )
    return verdict(
        rule,
        f"tag:{tag.code}",
        standing,
        value=value,
        limit=limit,
        unit=tag.pattern.unit,
        side="above" if limit is not None and limit == rule.above else "below",
        **_of_tag(moment, tag),
    )


def _of_tag(moment: Moment, tag: Tag) -> dict[str, Any]:
    """Params of a tag's alarm: `machine`, `line`, `tag` (its label, by language)."""
    machine = moment.book.machines[tag.machine]
    label = tag.pattern.label
    return {
        "called": named(machine.code, machine.name),
        "machine": machine.code,
        "line": machine.line,
        "tag": {"en": label.en, "zh": label.zh} if label else dict.fromkeys(("en", "zh"), tag.code),
    }


def _judge_machines(moment: Moment, rules: Sequence[MachineDownRule]) -> list[Verdict]:
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


def _judge_lines(moment: Moment, rules: Sequence[LineOeeRule]) -> list[Verdict]:
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
    )


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


def _judge_sources(moment: Moment, rules: Sequence[SourceSilentRule]) -> list[Verdict]:
    watched = [(rule, name) for rule in rules for name in moment.book.sources_like(rule.sources)]
    found = alarm_facts.sources(moment.conn, {name for _, name in watched})
    return [
        _source_verdict(moment, rule, name, found[name]) for rule, name in watched if name in found
    ]


def _source_verdict(moment: Moment, rule: SourceSilentRule, name: str, found: SourceNow) -> Verdict:
    limit_s = max(rule.longer_than_s, found.stale_after_s)
    heard = found.last_heard or moment.watching_since
    return verdict(
        rule,
        f"source:{name}",
        _silent_standing(moment, found, limit_s),
        value=max(0.0, (moment.now - heard).total_seconds()),
        limit=limit_s,
        unit="s",
        side="above",
        called={"en": name, "zh": name},
        began=found.last_heard,
        error=found.error,
    )


def _silent_standing(moment: Moment, found: SourceNow, limit_s: float) -> Standing:
    """Right after a start or an outage of the database nobody can tell who is silent."""
    limit = timedelta(seconds=limit_s)
    if found.last_heard and moment.now - found.last_heard <= limit:
        return Standing.CLEAR
    return Standing.VIOLATED if moment.now - moment.watching_since > limit else Standing.UNKNOWN


def _judge_anomalies(moment: Moment, rules: Sequence[AnomalyRule]) -> list[Verdict]:
    return [
        _anomaly_verdict(moment, rule, tag)
        for rule in rules
        for tag in moment.book.tags_of(rule.tag, rule.machines)
    ]


def _anomaly_verdict(moment: Moment, rule: AnomalyRule, tag: Tag) -> Verdict:
    """Params `low` and `high`: the normal band; `likelihood` of an anomaly."""
    found = moment.anomalies.get(tag.code)
    standing = Standing.UNKNOWN
    if found:
        standing = Standing.VIOLATED if found.is_anomalous else Standing.CLEAR
    is_low = found is not None and found.value < (found.low + found.high) / 2
    return verdict(
        rule,
        f"tag:{tag.code}",
        standing,
        value=found.value if found else None,
        limit=(found.low if is_low else found.high) if found else None,
        unit=tag.pattern.unit,
        side="below" if is_low else "above",
        low=found.low if found else None,
        high=found.high if found else None,
        likelihood=found.likelihood if found else None,
        began=found.since if found and found.is_anomalous else None,
        **_of_tag(moment, tag),
    )


JUDGES: Mapping[str, Callable[[Moment, Sequence[Any]], list[Verdict]]] = {
    "tag_limit": _judge_tags,
    "machine_down": _judge_machines,
    "line_oee": _judge_lines,
    "order_late": judge_orders,
    "source_silent": _judge_sources,
    "anomaly": _judge_anomalies,
}
