"""The rules of the plant file, judged: each kind by one query for all the subjects of its rules.

No data never counts as normal and never as a violation: such a verdict is UNKNOWN. Never stores
anything, never counts a delay: that is `plant.alarms`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alerts.lines import judge_lines
from alerts.machines import judge_machines
from alerts.orders import judge_orders
from alerts.sources import judge_sources
from alerts.storage import judge_disk
from alerts.tags import judge_anomalies, judge_tags
from alerts.verdict import Moment, Verdict

log = logging.getLogger(__name__)


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


JUDGES: Mapping[str, Callable[[Moment, Sequence[Any]], list[Verdict]]] = {
    "tag_limit": judge_tags,
    "machine_down": judge_machines,
    "line_oee": judge_lines,
    "order_late": judge_orders,
    "source_silent": judge_sources,
    "anomaly": judge_anomalies,
    "disk_full": judge_disk,
}
