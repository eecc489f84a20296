"""From additive facts to KPIs: the one place where ratios are computed.

Pure arithmetic after ISO 22400-2. A KPI of a line, shift, day or order comes from the sum of its
machines' facts, never from a mean of percentages. Nothing is clipped; a zero denominator is no
value. docs/kpi.md says every definition and choice.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from operator import add, attrgetter
from typing import Literal

PROVISIONAL_UNKNOWN_SHARE = 0.02
"""More unknown time than this and a KPI is marked provisional."""
PROVISIONAL_UNRATED_SHARE = 0.02
"""More pieces without a known ideal cycle, and so are performance, quality and OEE."""
Doubt = Literal["unrated", "fast", "unknown", "late", "open"]
"""More pieces without a known ideal cycle than that; faster than the ideal cycle; more unknown time
than that; late data is being applied; the period isn't over."""
ROUNDING = 1e-9
"""Sums of seconds are no nearer than this to what they sum."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What adds up: seconds of each time element, pieces, ideal seconds. Columns of machine_1m."""

    not_scheduled_s: float = 0.0
    planned_stop_s: float = 0.0
    setup_s: float = 0.0
    running_s: float = 0.0
    down_s: float = 0.0
    idle_s: float = 0.0
    starved_s: float = 0.0
    blocked_s: float = 0.0
    unknown_s: float = 0.0
    good: float = 0.0
    scrap: float = 0.0
    rework: float = 0.0
    ideal_s: float = 0.0
    ideal_good_s: float = 0.0
    start_up_scrap: float = 0.0
    """The part of `scrap` made while a machine was started up."""
    ideal_start_up_s: float = 0.0
    """Ideal cycle × `start_up_scrap`."""
    minor_s: float = 0.0
    """Of stops (down, idle, starved, blocked) that were over within the micro-stop threshold."""
    minor_down_s: float = 0.0
    """The part of `minor_s` that was down."""
    unrated: float = 0.0
    """Pieces without a known ideal cycle, good and scrap; no column: told of sums."""

    def __add__(self, other: Facts) -> Facts:
        return Facts(*map(add, _values(self), _values(other)))

    @property
    def calendar_s(self) -> float:
        """All time."""
        return self.not_scheduled_s + self.planned_stop_s + self.planned_busy_s

    @property
    def planned_busy_s(self) -> float:
        """PBT: all time but not scheduled and planned stops."""
        return (
            self.setup_s
            + self.running_s
            + self.down_s
            + self.idle_s
            + self.starved_s
            + self.blocked_s
            + self.unknown_s
        )

    @property
    def total(self) -> float:
        """PQ: good and scrap pieces."""
        return self.good + self.scrap

    @property
    def busy_s(self) -> float:
        """AUBT: running, setup and unplanned delay."""
        return self.running_s + self.setup_s + self.down_s


_NAMES = tuple(field.name for field in fields(Facts))
_values = attrgetter(*_NAMES)
FACT_COLUMNS: tuple[str, ...] = tuple(name for name in _NAMES if name != "unrated")
"""Names of the additive columns, in the order of `Facts`."""


def total(parts: Iterable[Facts]) -> Facts:
    """The sum of facts; of none: all zero."""
    return sum(parts, Facts())


@dataclass(frozen=True, slots=True)
class Kpi:
    """Ratios, 1.0 = 100 %; None where the denominator is zero or no ideal cycle is known."""

    availability: float | None
    performance: float | None
    quality: float | None
    oee: float | None
    nee: float | None
    teep: float | None
    utilization: float | None
    allocation: float | None
    technical_efficiency: float | None
    setup_ratio: float | None
    scrap_ratio: float | None
    rework_ratio: float | None
    unknown_share: float | None
    """Unknown time within planned busy time."""
    provisional: bool
    """More than 2 % unknown time, or data still arriving."""
    ideal_cycle_suspect: bool
    """Performance above 100 %: the ideal cycle is set too long."""


def kpis(facts: Facts, *, settled: bool = True) -> Kpi:
    """All KPIs of a sum of facts. `settled` is false while late data is still arriving."""
    unknown_share = ratio(facts.unknown_s, facts.planned_busy_s)
    performance = _of_ideal(facts, facts.ideal_s, facts.running_s)
    return Kpi(
        availability=ratio(facts.running_s, facts.planned_busy_s),
        performance=performance,
        quality=ratio(facts.ideal_good_s, facts.ideal_s),
        oee=_of_ideal(facts, facts.ideal_good_s, facts.planned_busy_s),
        nee=_nee(facts),
        teep=_of_ideal(facts, facts.ideal_good_s, facts.calendar_s),
        utilization=ratio(facts.running_s, facts.busy_s),
        allocation=ratio(facts.busy_s, facts.planned_busy_s),
        technical_efficiency=ratio(facts.running_s, facts.running_s + facts.down_s),
        setup_ratio=ratio(facts.setup_s, facts.running_s + facts.setup_s),
        scrap_ratio=ratio(facts.scrap, facts.total),
        rework_ratio=ratio(facts.rework, facts.total),
        unknown_share=unknown_share,
        provisional=not settled or (unknown_share or 0.0) > PROVISIONAL_UNKNOWN_SHARE,
        ideal_cycle_suspect=(performance or 0.0) > 1.0 + ROUNDING,
    )


def doubts(facts: Facts, *, is_late: bool, is_open: bool) -> tuple[Doubt, ...]:
    """What is wrong with figures of a sum, or may still change them; none of final ones."""
    share = ratio(facts.unknown_s, facts.planned_busy_s) or 0.0
    found: dict[Doubt, bool] = {
        "unrated": facts.unrated > PROVISIONAL_UNRATED_SHARE * max(facts.total, 0.0),
        "fast": kpis(facts).ideal_cycle_suspect,
        "unknown": share > PROVISIONAL_UNKNOWN_SHARE,
        "late": is_late,
        "open": is_open,
    }
    return tuple(doubt for doubt, holds in found.items() if holds)


def ratio(numerator: float, denominator: float) -> float | None:
    """The quotient; None where there is nothing to divide by, or less (counters were set back)."""
    return numerator / denominator if denominator > 0 else None


def _of_ideal(facts: Facts, ideal_s: float, seconds: float) -> float | None:
    """A share of ideal time; no value where pieces were made without a known ideal cycle."""
    return None if facts.total and not facts.ideal_s else ratio(ideal_s, seconds)


def _nee(facts: Facts) -> float | None:
    """AUPT / PBT × E × Q: as OEE, with setup counted as used time."""
    effective = _of_ideal(facts, facts.ideal_good_s, facts.running_s)
    share = ratio(facts.running_s + facts.setup_s, facts.planned_busy_s)
    return None if effective is None or share is None else share * effective


@dataclass(frozen=True, slots=True)
class Losses:
    """Planned busy time, seconds, from the whole to what is left as valuable: a waterfall.

    The six big losses, with unknown time apart: planned_busy − breakdowns − setup − minor_stops
    − unknown − reduced_speed − defects − reduced_yield = valuable, always. `reduced_speed` is
    negative where machines ran faster than ideal.
    """

    planned_busy_s: float
    breakdowns_s: float
    setup_s: float
    minor_stops_s: float
    """Down in minor stops, idle, starved, blocked."""
    unknown_s: float
    reduced_speed_s: float
    defects_s: float
    reduced_yield_s: float
    """Ideal time of start-up scrap."""
    valuable_s: float


def losses(facts: Facts) -> Losses:
    """Where planned busy time went (Nakajima's six big losses, in seconds)."""
    waiting_s = facts.idle_s + facts.starved_s + facts.blocked_s
    return Losses(
        planned_busy_s=facts.planned_busy_s,
        breakdowns_s=facts.down_s - facts.minor_down_s,
        setup_s=facts.setup_s,
        minor_stops_s=facts.minor_down_s + waiting_s,
        unknown_s=facts.unknown_s,
        reduced_speed_s=facts.running_s - facts.ideal_s,
        defects_s=facts.ideal_s - facts.ideal_good_s - facts.ideal_start_up_s,
        reduced_yield_s=facts.ideal_start_up_s,
        valuable_s=facts.ideal_good_s,
    )


@dataclass(frozen=True, slots=True)
class Reliability:
    """Mean seconds between failures and to repair; None without a failure."""

    mtbf_s: float | None
    mttr_s: float | None


def reliability(facts: Facts, failures: int) -> Reliability:
    """MTBF: running time / failures. MTTR: down time / failures. Minor stops are no failures."""
    return Reliability(
        mtbf_s=ratio(facts.running_s, failures),
        mttr_s=ratio(facts.down_s - facts.minor_down_s, failures),
    )
