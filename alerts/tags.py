"""The rules on tags: a limit crossed, and the detector's word on an anomaly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from alerts.book import named
from alerts.verdict import Moment, Verdict, verdict
from db import alarm_facts
from db.alarm_facts import TagNow
from plant.alarms import Standing, against_limits
from plant.model import AnomalyRule, Tag, TagLimitRule

BAD = 2
"""Quality of a reading that is not to be trusted."""


def judge_tags(moment: Moment, rules: Sequence[TagLimitRule]) -> list[Verdict]:
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


def judge_anomalies(moment: Moment, rules: Sequence[AnomalyRule]) -> list[Verdict]:
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
