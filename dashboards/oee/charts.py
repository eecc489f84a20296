"""The three charts of the OEE board: losses, OEE by hour, states; times in the plant's zone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from dashboards.board import Scene
from dashboards.figures import Bar, Figure, Stretch, columns, timeline, waterfall
from dashboards.format import number
from dashboards.oee.strip import Done
from dashboards.targets import Target
from dashboards.texts import Texts
from db.boards import Quarter
from plant.kpi import Facts, Losses, kpis
from plant.model import Element

LOOKS: dict[Element, tuple[str, str]] = {
    "running": ("normal", ""),
    "down": ("critical", ""),
    "idle": ("warning", ""),
    "starved": ("warning", "/"),
    "blocked": ("warning", "/"),
    "setup": ("info", ""),
    "planned_stop": ("track", "\\"),
    "not_scheduled": ("track", "\\"),
    "unknown": ("text-3", "x"),
}
"""Colour and pattern of each element."""
SHORTEST_BUSY_S = 60.0


def waterfall_of(lost: Losses, t: Texts) -> Figure:
    """Planned busy time, its losses, and what is left; hours."""
    named = (
        (t.text("Breakdowns"), lost.breakdowns_s),
        (t.text("Setup"), lost.setup_s),
        (t.text("Minor stops"), lost.minor_stops_s),
        (t.text("No data"), lost.unknown_s),
        (t.text("Slow cycles"), lost.reduced_speed_s),
        (t.text("Defects"), lost.defects_s),
        (t.text("Start-up"), lost.reduced_yield_s),
    )
    largest = max(seconds for _, seconds in named)
    bars = [_hours(t.text("Planned"), lost.planned_busy_s, "normal-2", t)]
    bars += [
        _hours(name, s, "warning" if s == largest and s > 0 else "normal", t) for name, s in named
    ]
    return waterfall([*bars, _hours(t.text("Valuable"), lost.valuable_s, "strong", t)])


def first_hour(t0: datetime, scene: Scene) -> datetime:
    """The beginning of the local hour in which the window begins."""
    local = t0.astimezone(scene.plant.site.zone)
    return t0 - timedelta(minutes=local.minute, seconds=local.second)


def hours_of(found: Sequence[Quarter], t0: datetime, target: Target, scene: Scene) -> Figure:
    """OEE of each hour of the window, percent, against its target."""
    by_hour: dict[datetime, Facts] = defaultdict(Facts)
    for one in found:
        by_hour[_local_hour(one.ts, scene)] += one.facts
    first, last = _local_hour(t0, scene), _local_hour(scene.now, scene)
    count = int((last - first).total_seconds() // 3600) + 1
    hours = [first + timedelta(hours=n) for n in range(count)]
    bars = [_hour(hour, by_hour[hour], target, every=3 if count > 12 else 1) for hour in hours]
    return columns(bars, [100 * target.value] * count, step=50)


def timeline_of(done: Sequence[Done], lanes: Sequence[str], t0: datetime, scene: Scene) -> Figure:
    """What each machine did."""
    zone = scene.plant.site.zone

    def local(at: datetime) -> datetime:
        return at.astimezone(zone).replace(tzinfo=None)

    stretches = [Stretch(d.machine, local(d.t0), local(d.t1), *LOOKS[d.element]) for d in done]
    return timeline(stretches, lanes, (local(t0), local(scene.now)))


def _hours(label: str, seconds: float, tone: str, t: Texts) -> Bar:
    hours = seconds / 3600
    return Bar(label, hours, tone, number(hours, t.language, 1))


def _hour(hour: datetime, facts: Facts, target: Target, every: int) -> Bar:
    oee = kpis(facts).oee if facts.planned_busy_s > SHORTEST_BUSY_S else None
    tone = "warning" if target.is_missed(oee) else "normal"
    label = str(hour.hour) if hour.hour % every == 0 else ""
    return Bar(label, None if oee is None else 100 * oee, tone)


def _local_hour(at: datetime, scene: Scene) -> datetime:
    local = at.astimezone(scene.plant.site.zone)
    return local.replace(minute=0, second=0, microsecond=0, tzinfo=None)
