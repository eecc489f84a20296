"""The shift as a whole: its sums and its takt."""

from __future__ import annotations

from collections.abc import Sequence

from dashboards.board import Scene
from dashboards.format import NOTHING, number, percent
from dashboards.hours.sheet import Row, Sheet
from dashboards.hours.shortfall import ENOUGH_BUSY_S, difference, is_short, tone
from dashboards.rows import Nodes
from dashboards.texts import Texts
from plant.hourly import Tally, cycle_s, pace_s
from plant.kpi import kpis, ratio, total


def sums(sheet: Sheet, scene: Scene, t: Texts) -> Nodes:
    """Of all hours together, until now and as planned."""
    last = _last(sheet.rows)
    facts, begun = sheet.facts, [row for row in sheet.rows if row.t0 <= scene.now]
    whole = sheet.scope.target.oee.loose if sheet.scope.machine else sheet.scope.target.oee
    counted = total(row.counted for row in sheet.rows)
    short = last is not None and is_short(last.sum_made, last.sum_by_now, counted, whole)
    oee = kpis(facts).oee
    done = [row for row in begun if row.t1 <= scene.now]
    signatures = sum(row.note is not None and row.note.is_signed for row in done)
    return {
        **difference("sum-difference", last.sum_difference if last else None, short, scene),
        "sum-made": {"text": number(last.sum_made if last else None, t.language)},
        "sum-by-now": {"text": number(last.sum_by_now if last else None, t.language)},
        "sum-target": {
            "text": number(sheet.rows[-1].tally.sum_target if sheet.rows else None, t.language)
        },
        "sum-scrap": {"text": number(facts.scrap, t.language)},
        "sum-oee": {
            "text": percent(oee),
            "unit": "%",
            "tone": tone(facts.planned_busy_s >= ENOUGH_BUSY_S and whole.is_missed(oee)),
        },
        "sum-lost": {"text": number((counted.planned_busy_s - counted.running_s) / 60, t.language)},
        "sum-signed": {"text": f"{signatures}/{len(done)}"},
    }


def _last(rows: Sequence[Row]) -> Tally | None:
    """Of the newest hour of which anything is known."""
    return next((row.tally for row in reversed(rows) if row.tally.sum_made is not None), None)


def takt(sheet: Sheet, t: Texts) -> Nodes:
    """The pace that is asked for beside the pace that there is."""
    counted = total(row.counted for row in sheet.rows)
    asked_s = sheet.takt.takt_s if sheet.takt else None
    pace = pace_s(counted)
    slow = (
        asked_s is not None
        and pace is not None
        and _too_slow(pace, asked_s, counted.planned_busy_s, sheet)
    )
    return {
        "takt": {"text": _seconds(asked_s, t), "unit": t.text("s") if asked_s else ""},
        "takt-of": {"text": _demand(sheet, t)},
        "pace": {
            "text": _seconds(pace, t),
            "unit": t.text("s") if pace else "",
            "tone": tone(slow),
        },
        "cycle": {
            "text": _seconds(cycle_s(counted), t),
            "unit": t.text("s") if counted.total else "",
        },
    }


def _too_slow(pace: float, asked_s: float, busy_s: float, sheet: Sheet) -> bool:
    """Slower than the takt by more than the margin that a line's output has."""
    if busy_s < ENOUGH_BUSY_S:
        return False
    target = sheet.scope.target.oee
    return (ratio(asked_s, pace) or 1.0) < target.floor / target.value


def _demand(sheet: Sheet, t: Texts) -> str:
    if sheet.takt is None or not sheet.takt.demand:
        return t.text("nothing due")
    pieces = number(sheet.takt.demand, t.language)
    if sheet.takt_of_day:
        return t.text("{pieces} due this day", pieces=pieces)
    return t.text("{pieces} due this shift", pieces=pieces)


def _seconds(value: float | None, t: Texts) -> str:
    return NOTHING if value is None else number(value, t.language, 1)
