"""One hour of the board: its nodes."""

from __future__ import annotations

from datetime import datetime

from dashboards.board import Scene
from dashboards.format import moment, number, percent
from dashboards.hours.sheet import Row, Sheet
from dashboards.hours.shortfall import ENOUGH_BUSY_S, difference, is_short, tone
from dashboards.hours.words import Names, breaks, losses, names
from dashboards.parts import Tone
from dashboards.rows import Nodes
from dashboards.texts import Texts, texts
from plant.kpi import kpis


def row_nodes(row_id: str, row: Row, label: str, sheet: Sheet, scene: Scene) -> Nodes:
    """Of one hour: what was to be made and what was, what was lost to what, what people say."""
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
    short = is_short(tally.made, tally.by_now, row.counted, target.loose)
    whole = target.loose if sheet.scope.machine else target
    sum_short = is_short(tally.sum_made, tally.sum_by_now, row.counted, whole)
    return {
        f"{row_id}-target": {"text": number(tally.target, language)},
        f"{row_id}-made": {"text": number(tally.made, language)},
        f"{row_id}-bar": {"width": _share(tally.made, tally.target), "tone": tone(short)},
        f"{row_id}-bar-tick": {
            "tick": _share(tally.by_now, tally.target),
            "hidden": _age(row, scene) != "strong" or not tally.target,
        },
        **difference(f"{row_id}-difference", tally.difference, short, scene),
        f"{row_id}-sum-target": {"text": number(tally.sum_target, language)},
        f"{row_id}-sum-made": {"text": number(tally.sum_made, language)},
        **difference(f"{row_id}-sum-difference", tally.sum_difference, sum_short, scene),
    }


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
        f"{row_id}-oee": {"text": percent(oee), "tone": tone(short)},
        f"{row_id}-lost": {
            "text": number(lost, scene.language),
            "unit": "" if sheet.scope.machine or lost is None else row.counter,
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
