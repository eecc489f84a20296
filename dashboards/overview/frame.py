"""What the overview shows at one moment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime

from dashboards import doubts, teams
from dashboards.board import Frame, Scene
from dashboards.bullets import bullet_nodes
from dashboards.format import clock, percent, signed
from dashboards.overview import charts, foot, line_down
from dashboards.overview.sums import Sums, shift_sums
from dashboards.overview.tiles import Tile, tile_nodes
from dashboards.rows import Nodes
from dashboards.scope import begin_of_shift, machines_of
from dashboards.standing import DERIVED_WITHIN, Standing, standing
from dashboards.targets import targets
from dashboards.texts import Texts, texts
from db import boards
from db.boards import MachineNow, ShiftSpan
from db.clock import load_clock
from db.connect import Connection
from db.kpi_facts import SITE, Scope, facts_in
from db.line_flow import line_flows
from db.settling import Lates, lates
from db.stops import lost
from plant.kpi import Facts, Kpi, kpis
from plant.kpi import doubts as judged
from plant.line_flow import waits_in
from plant.periods import Span


def frame(conn: Connection, scene: Scene) -> Frame:
    """The whole plant; see layout.py for the ids."""
    t = texts(scene.language)
    said = boards.machines_now(conn, scene.now)
    speed = load_clock(conn).speed
    standings = {one.machine: standing(one, scene.now, speed) for one in said}
    shifts = boards.shifts(conn, scene.now)
    since = begin_of_shift(_begun(shifts, scene.now), scene.now)
    sums, waiting = shift_sums(conn, scene, since), lates(conn, scene.now)
    work = foot.running_orders(conn, scene)
    flows = line_flows(conn, scene.plant, since, scene.now)
    nodes = {
        **_head(standings, said, scene, t, speed),
        **_shift(conn, shifts, scene, t),
        **_kpis(conn, sums.site, shifts, scene, t),
        **line_down.nodes(flows, scene, speed, t),
        **_lines(sums, waiting, scene, t),
        **_all_tiles(standings, sums, waiting, work.by_machine, scene),
        **foot.alerts(conn, scene, t),
        **foot.stops(lost(conn, since, scene.now, waits_in(flows.values())), t),
        **foot.orders(work, t),
    }
    return Frame(nodes, charts.charts(conn, scene, waiting))


def _begun(shifts: list[ShiftSpan], now: datetime) -> datetime | None:
    return shifts[0].t0 if shifts and shifts[0].t1 > now else None


def _head(
    standings: Mapping[str, Standing],
    said: list[MachineNow],
    scene: Scene,
    t: Texts,
    speed: float,
) -> Nodes:
    return {
        "clock": {"text": clock(scene.now, scene.plant.site.zone)},
        "live-dot": _dot(said, scene, t, speed),
        **_counts(standings),
    }


def _shift(conn: Connection, shifts: list[ShiftSpan], scene: Scene, t: Texts) -> Nodes:
    """The shift that most machines work in, and the teams that are on."""
    zone, now = scene.plant.site.zone, None
    if shifts and shifts[0].t1 > scene.now:
        now = shifts[0]
    span = f"{clock(now.t0, zone)}–{clock(now.t1, zone)}" if now else ""
    name = f"{now.name.text(t.language)} {span}" if now else t.text("No shift")
    if not scene.plant.teams:
        return {"shift": {"text": name}}
    on = boards.line_teams(conn, scene.now)
    said = teams.of_site(now.teams if now else (), on, scene.plant, t.language)
    return {"shift": {"text": " · ".join(filter(None, (name, said)))}}


def _dot(said: list[MachineNow], scene: Scene, t: Texts, speed: float) -> dict[str, object]:
    upto = max((one.upto for one in said if one.upto), default=None)
    if upto is not None and scene.now - upto <= DERIVED_WITHIN * speed:
        return {"text": t.text("Live"), "tone": "normal"}
    since = clock(upto, scene.plant.site.zone)
    return {"text": t.text("No data since {time}", time=since), "tone": "warning"}


def _counts(standings: Mapping[str, Standing]) -> Nodes:
    found = Counter(one.element for one in standings.values())
    counts = {
        "down": found["down"],
        "idle": found["idle"] + found["starved"] + found["blocked"],
        "setup": found["setup"],
        "unknown": found["unknown"],
        "run": found["running"],
    }
    nodes: Nodes = {f"count-{key}-n": {"text": str(n)} for key, n in counts.items()}
    return nodes | {
        f"count-{key}": {"hidden": key != "run" and n == 0} for key, n in counts.items()
    }


def _kpis(
    conn: Connection,
    facts: Facts,
    shifts: list[ShiftSpan],
    scene: Scene,
    t: Texts,
) -> Nodes:
    now = kpis(facts)
    target = targets(scene.plant)
    span = Span(begin_of_shift(_begun(shifts, scene.now), scene.now), scene.now)
    found = doubts.doubts_of(conn, facts, span, scene.now)
    shown = t.text("Target {percent} %", percent=percent(target.oee.value, 0))
    return {
        "oee": {
            "text": percent(now.oee),
            "unit": "%",
            "tone": "warning" if target.oee.is_missed(now.oee) else "normal",
        },
        "oee-target": {"text": shown},
        "oee-mark": doubts.node(found, facts, t, most=1),
        "oee-trend": _trend(conn, now, shifts, scene, t),
        **bullet_nodes("availability", now.availability, target.availability),
        **bullet_nodes("performance", now.performance, target.performance),
        **bullet_nodes("quality", now.quality, target.quality),
    }


def _trend(
    conn: Connection, now: Kpi, shifts: list[ShiftSpan], scene: Scene, t: Texts
) -> dict[str, object]:
    before = shifts[1] if len(shifts) > 1 else None
    if before is None or now.oee is None or shifts[0].t1 <= scene.now:
        return {"text": "", "title": ""}
    span = Span(before.t0, before.t1)
    past = kpis(facts_in(conn, SITE, span, scene.plant.site.zone).facts)
    if past.oee is None:
        return {"text": "", "title": ""}
    change = 100 * (now.oee - past.oee)
    arrow = "▲" if change > 0 else "▼"
    title = t.text("against {shift}", shift=before.name.text(t.language))
    return {"text": f"{arrow} {signed(change, t.language, 1)}", "title": title}


def _lines(sums: Sums, waiting: Lates, scene: Scene, t: Texts) -> Nodes:
    nodes: Nodes = {}
    for line in scene.plant.lines:
        facts = sums.lines.get(line.code, Facts())
        span = Span(sums.since["line"][line.code], scene.now)
        is_late = waiting.meet(machines_of(Scope("line", line.code), scene.plant), span)
        oee = kpis(facts).oee
        is_short = targets(scene.plant, line).oee.is_missed(oee)
        nodes[f"line-{line.code}"] = {
            "text": percent(oee, 0),
            "tone": "warning" if is_short else "normal",
            **doubts.quiet(judged(facts, is_late=is_late, is_open=True), t),
        }
    return nodes


def _all_tiles(
    standings: Mapping[str, Standing],
    sums: Sums,
    waiting: Lates,
    work: Mapping[str, foot.Work],
    scene: Scene,
) -> Nodes:
    plant = scene.plant
    target = {line.code: targets(plant, line).oee.loose for line in plant.lines}
    nodes: Nodes = {}
    for machine in plant.machines:
        facts = sums.machines.get(machine.code, Facts())
        span = Span(sums.since["machine"][machine.code], scene.now)
        found = judged(facts, is_late=waiting.meet([machine.code], span), is_open=True)
        stands = standings.get(machine.code, Standing("unknown", None))
        aim, orders = target[machine.line], work.get(machine.code)
        nodes |= tile_nodes(Tile(machine.code, stands, kpis(facts).oee, found, aim, orders), scene)
    return nodes
