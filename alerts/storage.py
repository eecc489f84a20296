"""The rule on the database's disk: full before long at the rate of the last week, or nearly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from alerts.verdict import Moment, Verdict, verdict
from db.storage import Forecast, forecast
from plant.alarms import Standing
from plant.model import DiskFullRule

SUBJECT = {"en": "Database disk", "zh": "数据库磁盘"}


def judge_disk(moment: Moment, rules: Sequence[DiskFullRule]) -> list[Verdict]:
    """Two verdicts a rule; where the disk or its growth is not known, nobody can tell."""
    found = forecast(moment.conn)
    return [one for rule in rules for one in _verdicts(rule, found)]


def _verdicts(rule: DiskFullRule, found: Forecast) -> Iterator[Verdict]:
    """What will be, in days, and what is, as a share: what fills a disk overnight has no rate."""
    for subject, value, limit, unit in (
        ("disk:database", found.full_in_days, rule.within_days, "d"),
        ("disk:free", found.free_share, rule.free_below, "ratio"),
    ):
        standing = _standing(value, limit)
        yield verdict(
            rule,
            subject,
            standing,
            value=value,
            limit=limit,
            unit=unit,
            side="below",
            called=SUBJECT,
        )


def _standing(value: float | None, limit: float) -> Standing:
    if value is None:
        return Standing.UNKNOWN
    return Standing.VIOLATED if value < limit else Standing.CLEAR
