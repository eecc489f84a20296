"""What the OEE board shows at one moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dashboards import doubts
from dashboards.board import Frame, Scene
from dashboards.bullets import bullet_nodes
from dashboards.format import clock, moment, number, percent
from dashboards.oee import charts, line_stops
from dashboards.oee.layout import REASONS, STOPS
from dashboards.oee.scope import Scope, scope_of, window_of
from dashboards.oee.strip import Done, cut, there, told
from dashboards.rows import Nodes, filled
from dashboards.standing import ICONS, TONES, WORDS
from dashboards.stop_words import element_word, length, reason_word
from dashboards.texts import Texts, texts
from dashboards.windows import begin_of
from db import boards
from db import stops as stop_rows
from db.connect import Connection
from db.kpi_facts import facts_in
from db.line_flow import inferring, line_flows
from db.stays import codes_of, stays
from db.stops import Stop, StopSum
from plant.kpi import ROUNDING, Doubt, Facts, Kpi, kpis, losses, ratio
from plant.line_flow import Flow, waits_in
from plant.periods import Span

BEST_WITHIN = timedelta(weeks=4)
"""How far back the best cycle is looked for."""


@dataclass(frozen=True, slots=True)
class Shown:
    """All that the board is made from."""

    scope: Scope
    machines: Sequence[str]
    """That stood there within the window."""
    t0: datetime
    facts: Facts
    kpi: Kpi
    done: Sequence[Done]
    flows: Mapping[str, Flow]
    """Of the line, and of lines whose neighbours explain stops of the machines."""
    doubts: tuple[Doubt, ...]


def frame(conn: Connection, scene: Scene) -> Frame:
    """One line or machine over the chosen window."""
    t = texts(scene.language)
    shown = _read(conn, scene)
    whose, waits = shown.scope.of_facts, waits_in(shown.flows.values())
    newest, lost = stop_rows.listed(conn, whose, shown.t0, scene.now, STOPS, waits, first="newest")
    nodes = {
        **_head(shown, scene),
        **_numbers(shown, t),
        **_facts(shown, t),
        **_best(conn, shown, scene, t),
        **_last(newest, scene, t),
        **_reasons(stop_rows.by_reason(lost, REASONS), t),
        **line_stops.nodes(shown.flows, shown.scope, scene, t),
    }
    hours = charts.hours_of(conn, shown.scope, shown.t0, scene)
    return Frame(
        nodes,
        {
            "losses": charts.waterfall_of(losses(shown.facts), t),
            "hours": hours,
            "timeline": charts.timeline_of(shown.done, shown.machines, shown.t0, scene),
        },
    )


def _read(conn: Connection, scene: Scene) -> Shown:
    scope = scope_of(scene.params, scene.plant)
    zone = scene.plant.site.zone
    t0 = begin_of(conn, window_of(scene.params), scene.now, zone, scope.codes)
    span = Span(t0, scene.now)
    facts = facts_in(conn, scope.of_facts, span, zone).facts
    stood = stays(conn, scope.of_facts, span)
    codes = codes_of(stood)
    flows = _flows(conn, scope, codes, span, scene)
    said = boards.intervals(conn, t0, scene.now, codes)
    done = cut(said, boards.slices(conn, t0, scene.now, codes))
    done = there(told(done, waits_in(flows.values())), stood)
    found = doubts.doubts_of(conn, facts, span, scene.now, codes)
    return Shown(scope, codes, t0, facts, kpis(facts), done, flows, found)


def _flows(
    conn: Connection, scope: Scope, codes: Sequence[str], span: Span, scene: Scene
) -> Mapping[str, Flow]:
    lines = inferring(conn, scene.plant, span.t0, span.t1, codes)
    own = [] if scope.machine else [scope.line.code]
    return line_flows(conn, scene.plant, span.t0, span.t1, [*lines, *own])


def _head(shown: Shown, scene: Scene) -> Nodes:
    zone = scene.plant.site.zone
    begin = moment(shown.t0, zone, scene.now, scene.language)
    return {
        "clock": {"text": clock(scene.now, zone)},
        "oee-span": {"text": f"{begin}–{clock(scene.now, zone)}"},
    }


def _numbers(shown: Shown, t: Texts) -> Nodes:
    kpi, target = shown.kpi, shown.scope.target
    whole = target.oee.loose if shown.scope.machine else target.oee
    is_short = whole.is_missed(kpi.oee)
    return {
        "oee": {"text": percent(kpi.oee), "unit": "%", "tone": "warning" if is_short else "normal"},
        "oee-target": {"text": t.text("Target {percent} %", percent=percent(target.oee.value, 0))},
        "oee-mark": doubts.node(shown.doubts, shown.facts, t),
        **bullet_nodes("availability", kpi.availability, target.availability),
        **bullet_nodes("performance", kpi.performance, target.performance),
        **bullet_nodes("quality", kpi.quality, target.quality),
    }


def _best(conn: Connection, shown: Shown, scene: Scene, t: Texts) -> Nodes:
    """Of one machine; machines of a line have each their own."""
    machine = shown.scope.machine
    if machine is None:
        return {}
    since = min(shown.t0, scene.now - BEST_WITHIN)
    found = boards.fastest(conn, machine.code, since, shown.t0, scene.now)
    is_wrong = (found.performance or 0.0) > 1.0 + ROUNDING
    return {
        "fact-best": {
            "text": number(found.cycle_s, t.language, 1),
            "unit": t.text("s"),
            "tone": "warning" if is_wrong else "normal",
            "title": t.text("above 100 %: the ideal cycle is set too long") if is_wrong else "",
        }
    }


def _facts(shown: Shown, t: Texts) -> Nodes:
    facts, kpi = shown.facts, shown.kpi
    ideal, actual = ratio(facts.ideal_s, facts.total), ratio(facts.running_s, facts.total)
    unit = t.text("s")
    return {
        "fact-good": {"text": number(facts.good, t.language)},
        "fact-scrap": {"text": number(facts.scrap, t.language)},
        "fact-ideal": {
            "text": number(ideal, t.language, 1),
            "unit": unit,
            "tone": "warning" if kpi.ideal_cycle_suspect else "normal",
        },
        "fact-actual": {"text": number(actual, t.language, 1), "unit": unit},
        "fact-unknown": {
            "text": percent(kpi.unknown_share),
            "unit": "%",
            "tone": "warning" if kpi.provisional else "normal",
        },
    }


def _last(found: Sequence[Stop], scene: Scene, t: Texts) -> Nodes:
    nodes = filled("last-", STOPS, found, lambda row, one: _stop(row, one, scene, t))
    return nodes | {"last-none": {"text": t.text("No stops so far."), "hidden": bool(found)}}


def _stop(row: str, one: Stop, scene: Scene, t: Texts) -> Nodes:
    return {
        row: {"hidden": False, "tone": TONES[one.element] if one.t1 is None else "normal"},
        f"{row}-icon": {"icon": ICONS[one.element]},
        f"{row}-at": {"text": moment(one.t0, scene.plant.site.zone, scene.now, t.language)},
        f"{row}-machine": {"text": one.machine},
        f"{row}-state": {"text": t.text(element_word(one.element))},
        f"{row}-reason": {"text": reason_word(one, scene.plant, t)},
        f"{row}-length": length(one, t),
    }


def _reasons(found: Sequence[StopSum], t: Texts) -> Nodes:
    longest = max((one.seconds for one in found), default=1.0)
    nodes = filled("reason-", REASONS, found, lambda row, one: _reason(row, one, longest, t))
    return nodes | {"reasons-none": {"text": t.text("No stops so far."), "hidden": bool(found)}}


def _reason(row: str, one: StopSum, longest: float, t: Texts) -> Nodes:
    name = one.reason.text(t.language) if one.reason else t.text(WORDS[one.state])
    return {
        row: {"hidden": False},
        f"{row}-name": {"text": name},
        f"{row}-bar": {
            "width": round(72 * one.seconds / longest, 1),
            "tone": "strong" if one.seconds == longest else "normal",
        },
        f"{row}-value": {"text": _taken(one, t)},
    }


def _taken(one: StopSum, t: Texts) -> str:
    """Minutes and stops; no stop counts where most of each was something else."""
    minutes = number(one.seconds / 60, t.language)
    return f"{minutes} · {one.stops}×" if one.stops else minutes
