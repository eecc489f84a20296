"""What a rule says about one subject at one moment, with everything its texts need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from alerts.book import Book
from db.alarms import Key
from db.connect import Connection
from plant.alarms import Condition, Standing
from plant.model import Rule


@dataclass(frozen=True, slots=True)
class Moment:
    """What all rules of one round look at."""

    conn: Connection
    book: Book
    now: datetime
    """Plant time."""
    fresh_s: float
    """Derived rows older than this, in plant seconds, say nothing about now."""
    watching_since: datetime
    """Plant time since which this process has seen the database without a break."""
    anomalies: Mapping[str, Anomaly]
    """Of the tags that have a detector, by code."""


@dataclass(frozen=True, slots=True)
class Anomaly:
    """What the detector of a tag said last."""

    is_anomalous: bool
    value: float
    low: float
    high: float
    likelihood: float
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """One rule, one subject.

    `params` always has `name` and `subject` (texts by language) and `unit`: a tag's unit, `s` for a
    duration, `ratio` for a share of one; `limit` where there is one. Others are named where made.
    """

    rule: Rule
    key: Key
    condition: Condition
    params: Mapping[str, object] = field(default_factory=dict)


def verdict(
    rule: Rule,
    subject: str,
    standing: Standing,
    *,
    called: Mapping[str, str],
    unit: str,
    value: float | None = None,
    limit: float | None = None,
    **params: object,
) -> Verdict:
    """A verdict with its rule's delays; times among the params are written as ISO 8601."""
    written = {
        name: one.isoformat() if isinstance(one, datetime) else one
        for name, one in {**params, "limit": limit}.items()
        if one is not None
    }
    names = {"en": rule.name.en, "zh": rule.name.zh}
    return Verdict(
        rule=rule,
        key=Key(rule.code, subject),
        condition=Condition(standing, value, limit, rule.on_delay_s, rule.off_delay_s),
        params={"name": names, "subject": dict(called), "unit": unit, **written},
    )
