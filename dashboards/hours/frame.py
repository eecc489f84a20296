"""What the hour-by-hour board shows at one moment."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

from babel.dates import format_date

from dashboards import doubts, teams
from dashboards.board import Frame, Scene
from dashboards.format import clock
from dashboards.hours import ways
from dashboards.hours.layout import ROWS
from dashboards.hours.row import row_nodes
from dashboards.hours.sheet import Row, Sheet, read
from dashboards.hours.sums import sums, takt
from dashboards.rows import Nodes, filled, with_all
from dashboards.scope import machines_then
from dashboards.texts import Texts, texts
from db.connect import Connection
from db.hourly import Shift
from db.settling import lates
from plant.kpi import doubts as judged
from plant.periods import Span

LOCALES = {"en": "en_GB", "zh": "zh_Hans_CN"}


def frame(conn: Connection, scene: Scene) -> Frame:
    """One line's or machine's shift, hour by hour."""
    sheet = read(conn, scene)
    t = texts(scene.language)
    labels = _labels(sheet.rows, scene)
    rows = list(zip(sheet.rows, labels, strict=True))[:ROWS]
    nodes = filled("hour-", ROWS, rows, lambda row_id, one: row_nodes(row_id, *one, sheet, scene))
    nodes |= _head(sheet, scene) | sums(sheet, scene, t) | takt(sheet, t)
    for n, (row, _) in enumerate(rows):
        nodes = with_all(nodes, ways.of_hour(f"hour-{n}", row, sheet))
    nodes = with_all(nodes, ways.of_shift(sheet))
    return Frame(nodes | _doubts(conn, sheet, scene, t))


def _doubts(conn: Connection, sheet: Sheet, scene: Scene, t: Texts) -> Nodes:
    """What may still change the figures of the shift, and of each hour but that it runs."""
    here = sheet.shifts.here
    if here is None:
        return {"sum-provisional": {"text": "", "title": ""}}
    span = Span(here.t0, here.t1)
    machines = machines_then(conn, sheet.scope.of_facts, span)
    found = doubts.doubts_of(conn, sheet.facts, span, scene.now, machines)
    nodes: Nodes = {"sum-provisional": doubts.node(found, sheet.facts, t)}
    waiting = lates(conn, scene.now)
    for n, row in enumerate(sheet.rows[:ROWS]):
        is_late = waiting.meet(machines, Span(row.t0, row.t1))
        firm = judged(row.facts, is_late=is_late, is_open=False)
        nodes[f"hour-{n}-doubt"] = doubts.node(firm, row.facts, t)
    return nodes


def _head(sheet: Sheet, scene: Scene) -> Nodes:
    t, here = texts(scene.language), sheet.shifts.here
    return {
        "clock": {"text": clock(scene.now, scene.plant.site.zone)},
        "hours-shift": {"text": _shift_text(here, scene) if here else t.text("No shift here.")},
        "hours-before": _way(sheet.shifts.before, scene),
        "hours-after": _way(sheet.shifts.after, scene),
        "hours-empty": {"text": t.text("No shift here."), "hidden": here is not None},
    }


def _shift_text(shift: Shift, scene: Scene) -> str:
    zone, pattern = scene.plant.site.zone, "EEE d MMM" if scene.language == "en" else "M月d日 EEE"
    day = format_date(shift.day, pattern, locale=LOCALES[scene.language])
    name = shift.name.text(scene.language)
    team = teams.named(shift.teams, scene.plant, scene.language)
    span = f"{clock(shift.t0, zone)}–{clock(shift.t1, zone)}"
    return " · ".join(filter(None, (name, day, span, team)))


def _way(shift: Shift | None, scene: Scene) -> dict[str, object]:
    """To another shift; a shift that has not begun is no way."""
    if shift is None or shift.t0 > scene.now:
        return {"hidden": True}
    at = shift.t0.strftime("%Y-%m-%dT%H:%MZ")
    return {"hidden": False, "href": f"/hours?{urlencode({**scene.params, 'at': at})}"}


def _labels(rows: Sequence[Row], scene: Scene) -> list[str]:
    """06:30–07:30; where the clock shows the same twice, with the offset from UTC."""
    zone = scene.plant.site.zone
    plain = [f"{clock(row.t0, zone)}–{clock(row.t1, zone)}" for row in rows]
    return [
        f"{label} {row.t0.astimezone(zone):%z}" if plain.count(label) > 1 else label
        for row, label in zip(rows, plain, strict=True)
    ]
