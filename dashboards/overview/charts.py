"""The wall's two charts: what comes off the lines an hour, OEE by line over eight hours."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dashboards.board import Scene
from dashboards.doubts import firm
from dashboards.figures import Bar, Series, columns, lines
from dashboards.part_doubts import PartDoubts
from dashboards.targets import Target, targets
from db.connect import Connection
from db.kpi_facts import SITE, Key, facts_of
from db.kpi_runs import Run, runs_of
from db.line_ends import workers
from db.settling import Lates
from plant.hourly import made_target
from plant.kpi import Facts, kpis, total
from plant.kpi_table import Measured
from plant.model import Plant
from plant.periods import QUARTER, Slot, Span, hour_start, quarter_start, slots

Quarter = tuple[Key, Facts]
"""(of which line and when, what its machines did in it)"""
HOURS = 12
OEE_HOURS = timedelta(hours=8)
SMOOTHED = 4
"""Quarters of an hour that one point of an OEE line looks back on."""


def charts(conn: Connection, scene: Scene, waiting: Lates) -> dict[str, object]:
    """Both figures."""
    zone = scene.plant.site.zone
    first = hour_start(scene.now, zone) - timedelta(hours=HOURS - 1)
    window = Span(first, scene.now)
    rolling = Span(quarter_start(scene.now) - OEE_HOURS - SMOOTHED * QUARTER, scene.now)
    facts = facts_of(conn, SITE, rolling, zone, by="line", per="quarter")
    hours = slots(window, "hour", zone)[-HOURS:]
    made = outputs(conn, hours, scene.plant)
    judge = PartDoubts(conn, SITE, rolling, scene, waiting)
    return {"output": _output(made, hours, scene), "lines": _oee(facts, scene, judge)}


@dataclass(frozen=True, slots=True)
class Output:
    """What came off a line's end in an hour: good pieces of the machine that was its last when the
    hour began, and those that it makes at the line's target OEE in its planned busy time."""

    line: str
    t0: datetime
    good: float
    planned: float


def outputs(conn: Connection, hours: Sequence[Slot], plant: Plant) -> list[Output]:
    """By hour and line; hours of which nothing is known are missing."""
    ends = [
        {machines[-1]: line for line, machines in found.items()}
        for found in workers(conn, plant, [hour.t0 for hour in hours])
    ]
    of_hour: dict[tuple[int, str], list[Run]] = defaultdict(list)
    for run in runs_of(conn, SITE, hours, plant.site.zone, machines=sorted(set().union(*ends))):
        if run.machine in ends[run.part]:
            of_hour[run.part, ends[run.part][run.machine]].append(run)
    aims = {line.code: targets(plant, line).oee.value for line in plant.lines}
    return [
        Output(
            line,
            hours[part].t0,
            sum(run.facts.good for run in runs),
            made_target(runs, aims[line]) or 0.0,
        )
        for (part, line), runs in of_hour.items()
    ]


def _output(found: Sequence[Output], hours: Sequence[Slot], scene: Scene) -> dict[str, object]:
    """Good pieces off the ends of the lines, hour by hour, against what was planned of them."""
    by_hour = {hour.t0: _Hour() for hour in hours}
    for one in found:
        by_hour[one.t0].add(one, _lowest(one.line, scene.plant))
    zone, current = scene.plant.site.zone, hours[-1].t0
    bars = [
        Bar(str(t0.astimezone(zone).hour), hour.made, hour.tone(t0 == current))
        for t0, hour in by_hour.items()
    ]
    top = max(
        [1.0, *(h.made or 0.0 for h in by_hour.values()), *(h.planned for h in by_hour.values())]
    )
    return columns(bars, [h.planned or None for h in by_hour.values()], step=_round_step(top))


@dataclass(slots=True)
class _Hour:
    """Pieces made, planned, and so few that it is called out."""

    made: float | None = None
    planned: float = 0.0
    lowest: float = 0.0

    def add(self, one: Output, lowest: float) -> None:
        self.made = (self.made or 0.0) + one.good
        self.planned += one.planned
        self.lowest += lowest * one.planned

    def tone(self, is_current: bool) -> str:
        if is_current:
            return "strong"
        return "warning" if (self.made or 0.0) < self.lowest else "normal"


def _lowest(code: str, plant: Plant) -> float:
    """The share of its planned pieces that a line must make in an hour."""
    line = next((line for line in plant.lines if line.code == code), None)
    target = targets(plant, line).oee.loose
    return target.floor / target.value


def _oee(
    found: Sequence[tuple[Key, Measured]], scene: Scene, judge: PartDoubts
) -> dict[str, object]:
    since = scene.now - OEE_HOURS
    by_line: Mapping[str, list[Quarter]] = defaultdict(list)
    for key, measured in found:
        by_line[key.group].append((key, measured.facts))
    series = []
    for line in scene.plant.lines:
        target = targets(scene.plant, line).oee
        series.append(_series(line.code, by_line[line.code], target, since, judge))
    return lines(
        series, 100 * scene.plant.site.target_oee, (since, scene.now), scene.plant.site.zone
    )


def _series(
    label: str, quarters: Sequence[Quarter], target: Target, since: datetime, judge: PartDoubts
) -> Series:
    at, percent = [], []
    last: float | None = None
    for n, (key, _) in enumerate(quarters):
        oee = _rolling(quarters[max(0, n + 1 - SMOOTHED) : n + 1])
        if key.slot.t1 < since:
            continue
        last = oee if oee is not None else last
        at.append(key.slot.t1)
        percent.append(None if oee is None else 100 * oee)
    is_provisional = _is_provisional(quarters[-SMOOTHED:], judge)
    return Series(label, at, percent, target.is_missed(last), is_provisional)


def _is_provisional(quarters: Sequence[Quarter], judge: PartDoubts) -> bool:
    """The newest point, which the label tells."""
    facts = total(facts for _, facts in quarters)
    return any(firm(judge.of(key, "line", facts)) for key, _ in quarters[-1:])


def _rolling(quarters: Sequence[Quarter]) -> float | None:
    facts = total(facts for _, facts in quarters)
    return kpis(facts).oee if facts.planned_busy_s > 60 else None


def _round_step(top: float) -> float:
    """Half of the top, rounded to one or two figures, so that two or three ticks fit."""
    size = 1.0
    while size * 10 <= top / 2:
        size *= 10
    return max(s * size for s in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8) if s * size <= max(top / 2, size))
