"""What the stops board shows at one moment."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from dashboards import doubts
from dashboards.board import Frame, Scene
from dashboards.format import clock, moment, number
from dashboards.oee import charts, strip
from dashboards.oee.strip import cut
from dashboards.parts import Tone
from dashboards.rows import Nodes, filled, tag_nodes
from dashboards.standing import TONES
from dashboards.stop_words import element_word, length, reason_word
from dashboards.stops import ranking
from dashboards.stops.choice import Choice, choice_of
from dashboards.stops.layout import ROWS
from dashboards.stops.words import INFERRED, stop_id
from dashboards.texts import Texts, texts
from dashboards.windows import begin_of
from db import boards, stops
from db.connect import Connection
from db.kpi_facts import facts_in
from db.line_flow import waits
from db.stays import Stay, codes_of, stays
from db.stops import Lost, Stop
from plant.line_flow import Wait, told_by
from plant.periods import Span

MOST = 500
STRIP = timedelta(hours=24)
"""As much of the time as a strip can tell apart."""


def frame(conn: Connection, scene: Scene) -> Frame:
    """The stops of the chosen machines and time; those that nobody has explained come first."""
    t = texts(scene.language)
    choice = choice_of(scene)
    t0 = begin_of(conn, choice.window, scene.now, scene.plant.site.zone, choice.machines)
    stood = stays(conn, choice.of_facts, Span(t0, scene.now))
    told = waits(conn, scene.plant, t0, scene.now, codes_of(stood))
    found, lost = stops.listed(conn, choice.of_facts, t0, scene.now, MOST, told)
    nodes = {
        **_head(lost, t0, scene),
        **_rows(found, scene, t),
        **ranking.nodes(lost, choice, scene),
        "stops-doubt": _doubt(conn, choice, codes_of(stood), t0, scene, t),
    }
    return Frame(nodes, {"strip": _strip(conn, stood, t0, told, scene)})


def _doubt(
    conn: Connection,
    choice: Choice,
    machines: Sequence[str],
    t0: datetime,
    scene: Scene,
    t: Texts,
) -> dict[str, object]:
    """What may still change the sums of the window."""
    span = Span(t0, scene.now)
    facts = facts_in(conn, choice.of_facts, span, scene.plant.site.zone).facts
    found = doubts.doubts_of(conn, facts, span, scene.now, machines)
    return doubts.node(found, facts, t)


def _strip(
    conn: Connection, stood: Sequence[Stay], t0: datetime, told: Sequence[Wait], scene: Scene
) -> object:
    t0 = max(t0, scene.now - STRIP)
    codes = codes_of(stay for stay in stood if stay.t1 > t0)
    said = boards.intervals(conn, t0, scene.now, codes)
    done = strip.told(cut(said, boards.slices(conn, t0, scene.now, codes)), told)
    return charts.timeline_of(strip.there(done, stood), codes, t0, scene)


def _head(lost: Sequence[Lost], t0: datetime, scene: Scene) -> Nodes:
    zone = scene.plant.site.zone
    unexplained = sum(one.seconds for one in lost if one.is_unexplained)
    minor = sum(one.stops for one in lost if one.is_minor)
    begin = moment(t0, zone, scene.now, scene.language)
    return {
        "unexplained-n": {"text": number(unexplained / 60, scene.language)},
        "unexplained": {"tone": "warning" if unexplained >= 60 else "normal"},
        "stops-n": {"text": number(sum(one.stops for one in lost) - minor, scene.language)},
        "minor-n": {"text": number(minor, scene.language)},
        "stops-span": {"text": f"{begin}–{clock(scene.now, zone)}"},
    }


def _rows(found: Sequence[Stop], scene: Scene, t: Texts) -> Nodes:
    rows = filled("stop-", ROWS, found, lambda row, one: _row(row, one, scene, t))
    more = len(found) - ROWS
    return rows | {
        "stops-none": {"text": t.text("No stops so far."), "hidden": bool(found)},
        "stops-more": {"text": t.text("and {count} more", count=more), "hidden": more <= 0},
    }


def _row(row: str, one: Stop, scene: Scene, t: Texts) -> Nodes:
    goes_on = one.t1 is None
    tone = TONES[one.element] if goes_on else "normal"
    return {
        row: {"hidden": False, "tone": "warning" if one.is_unexplained else "normal"},
        f"{row}-machine": {"text": one.machine},
        f"{row}-at": {"text": span(one, scene)},
        **tag_nodes(f"{row}-state", t.text(element_word(one.element)), tone),
        f"{row}-reason": _reason(one, scene, t),
        f"{row}-remark": {"text": one.comment or ""},
        f"{row}-length": length(one, t),
        f"{row}-id": {"text": stop_id(one)},
        f"{row}-stamp": {"text": f"{one.edit_id} {one.t1} {one.element} {one.reason} {_by(one)}"},
    }


def _reason(one: Stop, scene: Scene, t: Texts) -> dict[str, object]:
    tone: Tone = "warning" if one.is_unexplained else "muted" if one.reason is None else "normal"
    title = t.text(INFERRED) if one.waits else ""
    return {"text": reason_word(one, scene.plant, t), "tone": tone, "title": title}


def _by(one: Stop) -> str:
    """What neighbours explain, so that a stop's sheet is read again when that is something else."""
    return " ".join(f"{told.element}:{told.cause}" for told in told_by(one.waits))


def span(one: Stop, scene: Scene) -> str:
    """ "14:05–14:12"; without an end where it goes on, one time where both are the same."""
    zone = scene.plant.site.zone
    begin = moment(one.t0, zone, scene.now, scene.language)
    if one.t1 is None:
        return f"{begin}–"
    upto = clock(one.t1, zone)
    return begin if begin == upto else f"{begin}–{upto}"
