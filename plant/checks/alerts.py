"""Alert rules: tags, lines, machines, sources and people that exist, and a limit to watch."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

from plant.checks.codes import unknown
from plant.checks.tags import pattern_faults
from plant.draft import Draft
from plant.fault import Fault, written
from plant.model import (
    AnomalyRule,
    LineOeeRule,
    MachineDownRule,
    SourceSilentRule,
    TagLimitRule,
)


def alert_faults(draft: Draft) -> Iterator[Fault]:
    """Everything that an alert rule names or lacks."""
    for key, rule in draft.alerts.entries:
        for code in rule.recipients:
            yield from unknown(f"{key}.recipients", code, "a recipient", draft.recipients.known)
        if isinstance(rule, TagLimitRule | AnomalyRule):
            yield from _tag_faults(key, rule, draft)
        if isinstance(rule, TagLimitRule):
            yield from _limit_faults(key, rule)
        if isinstance(rule, TagLimitRule | AnomalyRule | MachineDownRule):
            yield from pattern_faults(f"{key}.machines", rule.machines, draft.machines.known)
        if isinstance(rule, LineOeeRule):
            yield from pattern_faults(f"{key}.lines", rule.lines, draft.lines.known)
        if isinstance(rule, SourceSilentRule):
            yield from pattern_faults(f"{key}.sources", rule.sources, draft.sources.known)


def fallback_faults(draft: Draft) -> Iterator[Fault]:
    """Mails can fall back on a recipient only."""
    if draft.fallback is not None:
        known = draft.recipients.known
        yield from unknown("mail.fallback", draft.fallback, "a recipient", known)


def _tag_faults(key: str, rule: TagLimitRule | AnomalyRule, draft: Draft) -> Iterator[Fault]:
    if rule.tag not in draft.tags.known:
        yield from unknown(f"{key}.tag", rule.tag, "a tag", draft.tags.known)
        return
    patterns = [tag for _, tag in draft.tags.entries if tag.name == rule.tag]
    if patterns and not any(
        fnmatchcase(code, like) and any(fnmatchcase(code, p) for p in rule.machines)
        for tag in patterns
        for like in tag.machines
        for code in draft.machines.known
    ):
        expected = "a tag that one of the rule's machines has"
        yield Fault(f"{key}.tag", written(rule.tag), expected, 'machines = ["*"]')
    for tag in patterns:
        if tag.role != "process" and rule.kind == "anomaly":
            expected = "a process value; only those are learnt"
            yield Fault(f"{key}.tag", written(rule.tag), expected, 'tag = "vibration"')
            return


def _limit_faults(key: str, rule: TagLimitRule) -> Iterator[Fault]:
    if rule.above is None and rule.below is None:
        yield Fault(f"{key}.above", "", "a limit: above, below or both", "above = 7.1")
    elif rule.above is not None and rule.below is not None and rule.below >= rule.above:
        expected = f"a limit under above = {written(rule.above)}"
        yield Fault(f"{key}.below", written(rule.below), expected, f"below = {rule.above - 1}")
