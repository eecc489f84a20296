"""The rule on a source that is silent for too long."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from alerts.verdict import Moment, Verdict, verdict
from db import alarm_facts
from db.alarm_facts import SourceNow
from plant.alarms import Standing
from plant.model import SourceSilentRule


def judge_sources(moment: Moment, rules: Sequence[SourceSilentRule]) -> list[Verdict]:
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
