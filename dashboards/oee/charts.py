"""The three charts of the OEE board: losses, OEE by hour, states."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from dashboards.board import Scene
from dashboards.doubts import firm
from dashboards.figures import Bar, Figure, Stretch, columns, timeline, waterfall
from dashboards.format import UNITS, number
from dashboards.oee.scope import Scope
from dashboards.oee.strip import Done
from dashboards.part_doubts import PartDoubts
from dashboards.targets import Target
from dashboards.texts import Texts
from db.connect import Connection
from db.kpi_facts import Key, facts_of
from db.settling import lates
from plant.kpi import Facts, Losses, kpis
from plant.model import Element
from plant.periods import Span, hour_start, slots

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
UNIT_S = {"min": 60.0, "h": 3600.0}
FEW_HOURS_S = 2 * UNIT_S["h"]


def waterfall_of(lost: Losses, t: Texts) -> Figure:
    """Planned busy time, its losses, and what is left: hours, or minutes where that says more."""
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
    unit = "h" if lost.planned_busy_s >= FEW_HOURS_S else "min"

    def bar(name: str, seconds: float, tone: str) -> Bar:
        value = seconds / UNIT_S[unit]
        text = f"{number(value, t.language, 1)} {UNITS[t.language][unit]}"
        return Bar(name, value, tone, text)

    bars = [bar(t.text("Planned"), lost.planned_busy_s, "normal-2")]
    bars += [bar(name, s, "warning" if s == largest and s > 0 else "normal") for name, s in named]
    return waterfall([*bars, bar(t.text("Valuable"), lost.valuable_s, "strong")])


def hours_of(conn: Connection, scope: Scope, t0: datetime, scene: Scene) -> Figure:
    """OEE of each local hour of the window, percent, against its target."""
    zone, target = scene.plant.site.zone, scope.target.oee.loose
    window = Span(hour_start(t0, zone), scene.now)
    found = facts_of(conn, scope.of_facts, window, zone, per="hour")
    judge = PartDoubts(conn, scope.of_facts, window, scene, lates(conn, scene.now))
    made = {key.slot.t0: _hour(key, done.facts, target, judge) for key, done in found}
    hours = slots(window, "hour", zone)
    every = 3 if len(hours) > 12 else 1
    labels = [one.t0.astimezone(zone).hour for one in hours]
    bars = [
        replace(made.get(one.t0, Bar("", None)), label=str(label) if label % every == 0 else "")
        for one, label in zip(hours, labels, strict=True)
    ]
    return columns(bars, [100 * target.value] * len(hours), step=50)


def timeline_of(done: Sequence[Done], lanes: Sequence[str], t0: datetime, scene: Scene) -> Figure:
    """What each machine did."""
    stretches = [Stretch(d.machine, d.t0, d.t1, *LOOKS[d.element]) for d in done]
    return timeline(stretches, lanes, (t0, scene.now), scene.plant.site.zone)


def _hour(key: Key, facts: Facts, target: Target, judge: PartDoubts) -> Bar:
    oee = kpis(facts).oee if facts.planned_busy_s > SHORTEST_BUSY_S else None
    tone = "warning" if target.is_missed(oee) else "normal"
    is_provisional = bool(firm(judge.of(key, None, facts)))
    return Bar("", None if oee is None else 100 * oee, tone, is_provisional=is_provisional)
