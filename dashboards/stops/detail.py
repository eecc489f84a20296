"""The sheet of one stop: what it was, why, what can be said of it, its course, who said what.

A fragment of HTML that the board's script shows; it is asked for again when the stop has changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import Blueprint, abort, render_template, request
from flask.typing import ResponseReturnValue

from dashboards import auth, preferences
from dashboards.alerts import course
from dashboards.board import Scene
from dashboards.format import NOTHING, clock, duration_text, moment
from dashboards.scenes import Scenes
from dashboards.standing import TONES
from dashboards.stop_words import element_word, reason_word, told_word
from dashboards.stops.frame import span
from dashboards.stops.words import INFERRED, KINDS, moment_of, refusal_text, stop_id
from dashboards.texts import Texts, is_language, texts
from db import alarm_timeline, stop_edits, stop_refusals, stops
from db.connect import Connection, Database
from db.stop_edits import Said
from db.stop_refusals import Refusal
from db.stops import Beside, Stop
from plant.line_flow import told_by
from plant.model import Reason
from plant.stops import Reasons, reasons_of

USUAL = 6


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the course of a stop."""

    word: str
    at: str
    after: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One word of the history."""

    id: int
    kind: str
    what: str
    who: str
    withdrawn: str = ""
    refused: str = ""
    """Why it was not taken; empty: it was."""


def blueprint(database: Database) -> Blueprint:
    """The view of one stop."""
    views = Blueprint("stop_detail", __name__, template_folder="templates")
    scenes = Scenes(database)

    @views.get("/stops/one")
    @auth.need("view", board="stops")
    def one() -> ResponseReturnValue:
        asked = request.args.get("lang")
        scene = scenes.scene(asked if is_language(asked) else preferences.language(), {})
        machine, _, begin = request.args.get("stop", "").partition("@")
        t0 = moment_of(begin)
        with database.snapshot() as conn:
            found = stops.stop(conn, scene.plant, machine, t0) if t0 else None
            if found is None:
                abort(404)
            values = _values(conn, found, scene)
        return render_template("stop.html", may=auth.may("tell"), **values)

    return views


def _values(conn: Connection, one: Stop, scene: Scene) -> dict[str, object]:
    t = texts(scene.language)
    upto = max(one.upto, one.t0 + timedelta(seconds=1))
    state, machine_reason = stops.said(conn, one)
    reason = machine_reason.text(t.language) if machine_reason else ""
    return {
        "t": t.text,
        "stop": one,
        "id": stop_id(one),
        "name": _machine_name(one, scene),
        "span": span(one, scene),
        "length": duration_text(one.seconds, t.language),
        "seconds": max(1, int(one.seconds)),
        "zone": scene.plant.site.zone.key,
        "state": t.text(element_word(one.element)),
        "tone": TONES[one.element],
        "icon": "circle-help" if one.is_unexplained else "",
        "reason": reason_word(one, scene.plant, t),
        "told": [told_word(told, scene.plant, t) for told in told_by(one.waits)],
        "open": _open(one, t),
        "inferred": t.text(INFERRED),
        "machine_said": " · ".join(filter(None, (t.text(element_word(state)), reason))),
        "usual": _usual(conn, one, scene),
        "tree_nodes": _tree(reasons_of(scene.plant), None, one),
        "language": t.language,
        "beside": [_beside(b, scene, t) for b in stops.beside(conn, one)],
        "steps": _steps(conn, one, upto, scene, t),
        "history": _history(conn, one, upto, scene, t),
    }


def _open(one: Stop, t: Texts) -> str:
    """How much of a stop that neighbours explain in part nobody knows."""
    if not one.waits or one.unexplained_s < 1:
        return ""
    length = duration_text(one.unexplained_s, t.language)
    return t.text("{length} not explained", length=length)


def _machine_name(one: Stop, scene: Scene) -> str:
    machine = next((m for m in scene.plant.machines if m.code == one.machine), None)
    return machine.name.text(scene.language) if machine else ""


def _usual(conn: Connection, one: Stop, scene: Scene) -> list[Reason]:
    """The reasons that this machine's stops have most: one tap away."""
    tree = reasons_of(scene.plant)
    by_code = {reason.code: reason for reason in scene.plant.reasons}
    codes = stops.usual_reasons(conn, one.machine_id, scene.now, 3 * USUAL)
    return [by_code[code] for code in codes if tree.may_have(code, one.machine)][:USUAL]


def _tree(tree: Reasons, above: str | None, one: Stop) -> list[dict[str, object]]:
    return [
        {"reason": reason, "below": _tree(tree, reason.code, one)}
        for reason in tree.below(above, one.machine)
    ]


def _beside(neighbour: Beside, scene: Scene, t: Texts) -> dict[str, str]:
    zone = scene.plant.site.zone
    upto = clock(neighbour.t1, zone) if neighbour.t1 else ""
    begin = moment(neighbour.t0, zone, scene.now, t.language)
    apart = duration_text(max(0.0, neighbour.apart_s), t.language)
    return {"where": neighbour.where, "span": f"{begin}–{upto}", "apart": apart}


def _steps(conn: Connection, one: Stop, upto: datetime, scene: Scene, t: Texts) -> Sequence[Step]:
    """Detected and fixed as the stop itself began and ended; between them what came of the first
    alarm that it raised, as far as it raised one."""
    alarms = alarm_timeline.stops(conn, one.machine, one.t0, upto)
    alarm = alarms[-1] if alarms else None
    steps = course.in_order(
        (course.DETECTED, one.t0),
        *([(course.RAISED, alarm.raised)] if alarm else []),
        (course.NOTIFIED, alarm.notified if alarm else None),
        (course.ACKNOWLEDGED, alarm.acknowledged if alarm else None),
        (course.FIXED, one.t1),
    )
    before: list[datetime | None] = [None, *(at for _, at in steps)]
    return [
        _step(word, at, last, alarm.actor if alarm else None, scene, t)
        for (word, at), last in zip(steps, before, strict=False)
    ]


def _step(
    word: str,
    at: datetime | None,
    before: datetime | None,
    actor: str | None,
    scene: Scene,
    t: Texts,
) -> Step:
    said = t.text(word)
    if word == course.ACKNOWLEDGED and actor:
        said = f"{said} · {actor}"
    after = duration_text((at - before).total_seconds(), t.language) if at and before else ""
    time = moment(at, scene.plant.site.zone, scene.now, t.language) if at else NOTHING
    return Step(said, time, f"+{after}" if after else "")


def _history(
    conn: Connection, one: Stop, upto: datetime, scene: Scene, t: Texts
) -> Sequence[Entry]:
    """What was said of the stop and what was refused of it, the newest first."""
    said = stop_edits.history(conn, one.machine_id, one.t0, upto)
    refused = stop_refusals.refusals(conn, one.machine_id, one.t0, upto)
    entries = [(word.at, _entry(word, scene, t)) for word in said]
    entries += [(word.at, _refused(word, scene, t)) for word in refused]
    return [entry for _, entry in sorted(entries, key=lambda one: one[0], reverse=True)]


def _refused(word: Refusal, scene: Scene, t: Texts) -> Entry:
    what = word.reason_name.text(t.language) if word.reason_name else ""
    if word.kind == "comment":
        what = word.said
    elif word.kind == "split" and (at := moment_of(word.said)):
        what = clock(at, scene.plant.site.zone)
    who = f"{word.actor} · {moment(word.at, scene.plant.site.zone, scene.now, t.language)}"
    why = t.text("Not taken: {why}", why=refusal_text(word.why, word.details, scene))
    return Entry(0, t.text(KINDS[word.kind]), what, who, refused=why)


def _entry(word: Said, scene: Scene, t: Texts) -> Entry:
    zone = scene.plant.site.zone
    what = word.reason_name.text(t.language) if word.reason_name else ""
    if word.kind == "split":
        what = clock(word.t0, zone)
    elif word.kind == "merge":
        what = f"{clock(word.t0, zone)}–{clock(word.t1, zone)}"
    what = " · ".join(filter(None, (what, word.comment)))
    who = f"{word.actor} · {moment(word.at, zone, scene.now, t.language)}"
    gone = t.text("withdrawn by {actor}", actor=word.withdrawn_by) if word.withdrawn_by else ""
    return Entry(word.id, t.text(KINDS[word.kind]), what, who, gone)
