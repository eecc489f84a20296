"""The rule on the database's disk: full before long, at the rate of the last week."""

from __future__ import annotations

from collections.abc import Sequence

from alerts.verdict import Moment, Verdict, verdict
from db.storage import forecast
from plant.alarms import Standing
from plant.model import DiskFullRule

SUBJECT = {"en": "Database disk", "zh": "数据库磁盘"}


def judge_disk(moment: Moment, rules: Sequence[DiskFullRule]) -> list[Verdict]:
    """One verdict a rule; where the disk or its growth is not known, nobody can tell."""
    days = forecast(moment.conn).full_in_days
    return [
        verdict(
            rule,
            "disk:database",
            _standing(days, rule.within_days),
            value=days,
            limit=rule.within_days,
            unit="d",
            side="below",
            called=SUBJECT,
        )
        for rule in rules
    ]


def _standing(days: float | None, within_days: float) -> Standing:
    if days is None:
        return Standing.UNKNOWN
    return Standing.VIOLATED if days < within_days else Standing.CLEAR
