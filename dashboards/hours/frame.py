"""What the hour-by-hour board shows at one moment."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from urllib.parse import urlencode

from babel.dates import format_date

from dashboards import doubts, teams
from dashboards.board import Frame, Scene
from dashboards.format import NOTHING, clock, moment, number, percent, signed
from dashboards.hours.layout import ROWS
from dashboards.hours.sheet import Row, Sheet, read
from dashboards.hours.words import Names, breaks, losses, names
from dashboards.parts import Tone
from dashboards.rows import Nodes, filled
from dashboards.targets import Target
from dashboards.texts import Texts, texts
from db.connect import Connection
from db.hourly import Shift
from plant.hourly import Tally, cycle_s, pace_s
from plant.kpi import Facts, kpis, ratio, total
from plant.kpi import doubts as judged
from plant.periods import Span

ENOUGH = 3.0
"""Pieces that should be there before a shortfall is called one."""
ENOUGH_BUSY_S = 900.0
"""Planned busy time before it is: the first minutes of an hour say nothing."""
LOCALES = {"en": "en_GB", "zh": "zh_Hans_CN"}


def frame(conn: Connection, scene: Scene) -> Frame:
    """One line's or machine's shift, hour by hour."""
    sheet = read(conn, scene)
    t = texts(scene.language)
    labels = _labels(sheet.rows, scene)
    rows = list(zip(sheet.rows, labels, strict=True))[:ROWS]
    nodes = filled("hour-", ROWS, rows, lambda row_id, one: _row(row_id, *one, sheet, scene))
    nodes |= _head(sheet, scene) | _sums(sheet, scene, t) | _takt(sheet, t)
    return Frame(nodes | _doubts(conn, sheet, scene, t))


def _doubts(conn: Connection, sheet: Sheet, scene: Scene, t: Texts) -> Nodes:
    """What may still change the shift's figures, and which hours are little known."""
    here = sheet.shifts.here
    if here is None:
        return {"sum-provisional": {"text": "", "title": ""}}
    span = Span(here.t0, here.t1)
    found = doubts.doubts_of(conn, sheet.facts, span, scene.now, sheet.scope.codes)
    nodes: Nodes = {"sum-provisional": doubts.node(found, sheet.facts, t)}
    for n, row in enumerate(sheet.rows[:ROWS]):
        unknown = judged(row.facts, is_late=False, is_open=False)
        nodes[f"hour-{n}-doubt"] = doubts.node(unknown, row.facts, t)
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


def _row(row_id: str, row: Row, label: str, sheet: Sheet, scene: Scene) -> Nodes:
    t, found = texts(scene.language), names(row, scene)
    return {
        row_id: {"hidden": False, "tone": _age(row, scene)},
        f"{row_id}-time": {"text": label},
        f"{row_id}-break": {"text": breaks(row, t)},
        f"{row_id}-t0": {"text": row.t0.isoformat()},
        **_work(row_id, found),
        **_pieces(row_id, row, sheet, scene),
        **_facts(row_id, row, sheet, scene),
        **_note(row_id, row, scene, t),
    }


def _age(row: Row, scene: Scene) -> Tone:
    if row.t0 > scene.now:
        return "muted"
    return "strong" if scene.now < row.t1 else "normal"


def _work(row_id: str, found: Names) -> Nodes:
    return {
        f"{row_id}-product": {"text": found.products},
        f"{row_id}-order": {"text": found.orders},
    }


def _pieces(row_id: str, row: Row, sheet: Sheet, scene: Scene) -> Nodes:
    tally, language = row.tally, scene.language
    target = sheet.scope.target.oee
    short = _is_short(tally.made, tally.by_now, row.counted, target.loose)
    whole = target.loose if sheet.scope.machine else target
    sum_short = _is_short(tally.sum_made, tally.sum_by_now, row.counted, whole)
    return {
        f"{row_id}-target": {"text": number(tally.target, language)},
        f"{row_id}-made": {"text": number(tally.made, language)},
        f"{row_id}-bar": {"width": _share(tally.made, tally.target), "tone": _tone(short)},
        f"{row_id}-bar-tick": {
            "tick": _share(tally.by_now, tally.target),
            "hidden": _age(row, scene) != "strong" or not tally.target,
        },
        **_difference(f"{row_id}-difference", tally.difference, short, scene),
        f"{row_id}-sum-target": {"text": number(tally.sum_target, language)},
        f"{row_id}-sum-made": {"text": number(tally.sum_made, language)},
        **_difference(f"{row_id}-sum-difference", tally.sum_difference, sum_short, scene),
    }


def _difference(node_id: str, value: int | None, is_short: bool, scene: Scene) -> Nodes:
    return {
        node_id: {"tone": _tone(is_short)},
        f"{node_id}-icon": {"icon": "triangle-alert" if is_short else ""},
        f"{node_id}-n": {"text": signed(value, scene.language)},
    }


def _is_short(made: int | None, by_now: int | None, facts: Facts, target: Target) -> bool:
    """Whether so little was made that it is called out: by the margin of docs/kpi.md."""
    if made is None or by_now is None or by_now < ENOUGH or facts.planned_busy_s < ENOUGH_BUSY_S:
        return False
    return target.is_missed(target.value * made / by_now)


def _tone(is_short: bool) -> Tone:
    return "warning" if is_short else "normal"


def _share(part: float | None, whole: float | None) -> float:
    return round(100 * min((part or 0.0) / whole, 1.0), 1) if whole else 0.0


def _facts(row_id: str, row: Row, sheet: Sheet, scene: Scene) -> Nodes:
    begun = row.facts.calendar_s > 0
    facts = row.facts
    oee = kpis(facts).oee
    short = facts.planned_busy_s >= ENOUGH_BUSY_S and sheet.scope.target.oee.loose.is_missed(oee)
    counted = row.counted
    lost = (counted.planned_busy_s - counted.running_s) / 60 if row.runs else None
    return {
        f"{row_id}-scrap": {"text": number(facts.scrap if begun else None, scene.language)},
        f"{row_id}-oee": {"text": percent(oee), "tone": _tone(short)},
        f"{row_id}-lost": {
            "text": number(lost, scene.language),
            "unit": "" if sheet.scope.machine or lost is None else sheet.counter.code,
        },
        f"{row_id}-why": {"text": losses(row, sheet, scene)},
    }


def _note(row_id: str, row: Row, scene: Scene, t: Texts) -> Nodes:
    note, zone = row.note, scene.plant.site.zone
    author = next((n for n in reversed(row.notes) if not n.is_signed), None)
    is_signed = note is not None and note.is_signed
    has_words = note is not None and bool(note.remark or note.countermeasure)

    def by(actor: str, at: datetime) -> str:
        return f"{actor} · {moment(at, zone, scene.now, t.language)}"

    return {
        f"{row_id}-remark": {"text": note.remark if note else ""},
        f"{row_id}-measure": {"text": note.countermeasure if note else ""},
        f"{row_id}-arrow": {"hidden": not (note and note.countermeasure)},
        f"{row_id}-author": {"text": by(author.actor, author.at) if author and has_words else ""},
        f"{row_id}-note": {"text": str(note.id) if note else ""},
        f"{row_id}-write": {
            "text": t.text("Change") if has_words else t.text("Write"),
            "hidden": row.t0 > scene.now,
        },
        f"{row_id}-sign": {"hidden": is_signed or row.t1 > scene.now},
        f"{row_id}-signed": {"text": by(note.actor, note.at) if note and is_signed else ""},
        f"{row_id}-signed-icon": {"icon": "check" if is_signed else ""},
    }


def _sums(sheet: Sheet, scene: Scene, t: Texts) -> Nodes:
    last = _last(sheet.rows)
    facts, begun = sheet.facts, [row for row in sheet.rows if row.t0 <= scene.now]
    whole = sheet.scope.target.oee.loose if sheet.scope.machine else sheet.scope.target.oee
    counted = total(row.counted for row in sheet.rows)
    short = last is not None and _is_short(last.sum_made, last.sum_by_now, counted, whole)
    oee = kpis(facts).oee
    done = [row for row in begun if row.t1 <= scene.now]
    signatures = sum(row.note is not None and row.note.is_signed for row in done)
    return {
        **_difference("sum-difference", last.sum_difference if last else None, short, scene),
        "sum-made": {"text": number(last.sum_made if last else None, t.language)},
        "sum-by-now": {"text": number(last.sum_by_now if last else None, t.language)},
        "sum-target": {
            "text": number(sheet.rows[-1].tally.sum_target if sheet.rows else None, t.language)
        },
        "sum-scrap": {"text": number(facts.scrap, t.language)},
        "sum-oee": {
            "text": percent(oee),
            "unit": "%",
            "tone": _tone(facts.planned_busy_s >= ENOUGH_BUSY_S and whole.is_missed(oee)),
        },
        "sum-lost": {"text": number((counted.planned_busy_s - counted.running_s) / 60, t.language)},
        "sum-signed": {"text": f"{signatures}/{len(done)}"},
    }


def _last(rows: Sequence[Row]) -> Tally | None:
    """Of the newest hour of which anything is known."""
    return next((row.tally for row in reversed(rows) if row.tally.sum_made is not None), None)


def _takt(sheet: Sheet, t: Texts) -> Nodes:
    counted = total(row.counted for row in sheet.rows)
    takt = sheet.takt.takt_s if sheet.takt else None
    pace = pace_s(counted)
    slow = (
        takt is not None
        and pace is not None
        and _too_slow(pace, takt, counted.planned_busy_s, sheet)
    )
    return {
        "takt": {"text": _seconds(takt, t), "unit": t.text("s") if takt else ""},
        "takt-of": {"text": _demand(sheet, t)},
        "pace": {
            "text": _seconds(pace, t),
            "unit": t.text("s") if pace else "",
            "tone": _tone(slow),
        },
        "cycle": {
            "text": _seconds(cycle_s(counted), t),
            "unit": t.text("s") if counted.total else "",
        },
    }


def _too_slow(pace: float, takt: float, busy_s: float, sheet: Sheet) -> bool:
    """Slower than the takt by more than the margin that a line's output has."""
    if busy_s < ENOUGH_BUSY_S:
        return False
    target = sheet.scope.target.oee
    return (ratio(takt, pace) or 1.0) < target.floor / target.value


def _demand(sheet: Sheet, t: Texts) -> str:
    if sheet.takt is None or not sheet.takt.demand:
        return t.text("nothing due")
    pieces = number(sheet.takt.demand, t.language)
    if sheet.takt_of_day:
        return t.text("{pieces} due this day", pieces=pieces)
    return t.text("{pieces} due this shift", pieces=pieces)


def _seconds(value: float | None, t: Texts) -> str:
    return NOTHING if value is None else number(value, t.language, 1)
