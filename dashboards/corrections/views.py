"""The addresses of the page: look, see what would change, put right, withdraw.

Managers and above write; everybody who may have figures explained may look. What is refused is
answered with a sentence (409), noted in the audit trail, and what was typed stays in the form.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from dash import Dash
from flask import Blueprint, flash, jsonify, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from dashboards import auth, forms, preferences, trail
from dashboards.admin.pages import number, page
from dashboards.board import Scene
from dashboards.corrections.form import Form, Odd, correction_of, form_of
from dashboards.corrections.rows import line_groups, row
from dashboards.corrections.words import NAMES, course, hour_text, pieces, sentence
from dashboards.format import full
from dashboards.scenes import Scenes
from dashboards.texts import texts
from db import count_corrections, hour_counts, master
from db.connect import Connection, Database
from db.count_corrections import Correction, CorrectionRefused
from db.hour_counts import KINDS, HourCounts
from plant.hourly import Cut

PAGE = 30


def register(app: Dash, database: Database) -> None:
    """Put the views on the app's server."""
    views = Blueprint("corrections", __name__, template_folder="templates")
    scenes = Scenes(database)

    def scene() -> Scene:
        return scenes.scene(preferences.language(), {})

    @views.get("/corrections")
    @auth.need("explain")
    def look() -> ResponseReturnValue:
        here = scene()
        with database.snapshot() as conn:
            return _page(conn, here, form_of(request.args, here.plant, here.now))

    @views.get("/corrections/change")
    @auth.need("correct")
    def change() -> ResponseReturnValue:
        with database.snapshot() as conn:
            return jsonify(_change(conn, scene()))

    @views.post("/corrections/add")
    @auth.need("correct")
    def add() -> ResponseReturnValue:
        return _add(database, scene())

    @views.post("/corrections/withdraw")
    @auth.need("correct")
    def withdraw() -> ResponseReturnValue:
        return _withdraw(database, scene())

    app.server.register_blueprint(views)


def _page(conn: Connection, scene: Scene, form: Form, fault: str = "") -> str:
    may, before = auth.may("correct"), request.args.get("before", "")
    last = int(before) if before.isdecimal() and len(before) < 18 else None
    found = count_corrections.listed(conn, before=last, count=PAGE)
    return page(
        "corrections.html",
        "Count corrections",
        "corrections",
        may=may,
        form=form,
        fault=fault,
        change=_change(conn, scene, form) if may else None,
        kinds=NAMES,
        groups=line_groups(scene),
        rows=[row(noted, scene) for noted in found],
        more=found[-1].id if len(found) == PAGE else None,
    )


def _change(conn: Connection, scene: Scene, form: Form | None = None) -> dict[str, object]:
    """The hour's counts before and after, as they are written; what speaks against it."""
    form = form or form_of(request.args, scene.plant, scene.now)
    t, zone = texts(scene.language), scene.plant.site.zone
    known = master.load(conn).machines
    if form.machine not in known:
        return {"fault": "", "hour": "", "counts": {}}
    try:
        wanted = correction_of(form, known, zone, "-")
    except Odd as odd:
        return {"fault": t.text(str(odd)), "hour": "", "counts": {}}
    found = hour_counts.hour_counts(conn, wanted.machine_id, wanted.at, _cut(scene))
    counts = (
        {}
        if found is None
        else {
            kind: {
                "before": pieces(getattr(found, kind), t),
                "after": pieces(getattr(found, kind) + getattr(wanted, kind), t),
            }
            for kind in KINDS
        }
    )
    return {
        "fault": _foreseen(conn, wanted, found, scene),
        "hour": "" if found is None else hour_text(found, scene),
        "counts": counts,
    }


def _foreseen(conn: Connection, wanted: Correction, found: HourCounts | None, scene: Scene) -> str:
    """What would be refused; what is only not typed yet is not."""
    typed = replace(wanted, reason=wanted.reason or "-")
    try:
        count_corrections.hold(conn, typed, found, scene.now)
    except CorrectionRefused as refused:
        return "" if refused.why == "nothing" else sentence(refused, scene)
    return ""


def _add(database: Database, scene: Scene) -> ResponseReturnValue:
    with database.connection() as conn:
        machines = master.load(conn).machines
    form = form_of(request.form, scene.plant, scene.now)
    try:
        wanted = correction_of(form, machines, scene.plant.site.zone, current_user.name)
    except Odd as odd:
        return _refuse(database, form, scene, texts(scene.language).text(str(odd)), 400)
    try:
        _put_right(database, wanted, form, scene)
    except CorrectionRefused as refused:
        _note_refused(database, wanted, form, refused, scene)
        return _refuse(database, form, scene, sentence(refused, scene), 409)
    return redirect(url_for("corrections.look", machine=form.machine))


def _put_right(database: Database, wanted: Correction, form: Form, scene: Scene) -> None:
    """Take it down, and say what the hour's counts were and are; sent twice, say nothing new."""
    zone, key = scene.plant.site.zone, f"{current_user.name} {form.key}"
    with database.connection() as conn:
        done = count_corrections.put_right(conn, wanted, scene.now, _cut(scene), key=key)
        if done.before is None:
            return
        what = _what(wanted, form)
        trail.write(conn, "count_corrected", correction=done.id, what=what)
    said = course(done.before, _deltas(wanted), texts(scene.language))
    at = full(wanted.at, zone)[:16]
    forms.say("{machine}, {at}: {course}", machine=form.machine, at=at, course=said)


def _note_refused(
    database: Database, wanted: Correction, form: Form, refused: CorrectionRefused, scene: Scene
) -> None:
    with database.connection() as conn:
        if refused.why == "too_old":
            count_corrections.put_aside(conn, wanted, str(refused), scene.now)
        what = _what(wanted, form)
        trail.write(conn, "count_correction_refused", why=refused.why, what=what)


def _refuse(
    database: Database, form: Form, scene: Scene, text: str, status: int
) -> ResponseReturnValue:
    with database.snapshot() as conn:
        return _page(conn, scene, form, text), status


def _withdraw(database: Database, scene: Scene) -> ResponseReturnValue:
    noted_id = number("id")
    try:
        with database.connection() as conn:
            made = count_corrections.withdraw(
                conn, noted_id, current_user.name, scene.now, _cut(scene)
            )
            trail.write(conn, "count_correction_withdrawn", correction=noted_id, by_correction=made)
    except CorrectionRefused as refused:
        trail.note(database, "count_withdrawal_refused", correction=noted_id, why=refused.why)
        flash(sentence(refused, scene), "bad")
        return redirect(url_for("corrections.look"))
    forms.say("Withdrawn.")
    return redirect(url_for("corrections.look"))


def _cut(scene: Scene) -> Cut:
    return Cut(scene.plant.hour_board.rows, scene.plant.site.zone)


def _deltas(wanted: Correction) -> Mapping[str, float]:
    return {kind: getattr(wanted, kind) for kind in KINDS}


def _what(wanted: Correction, form: Form) -> dict[str, object]:
    """For the audit trail."""
    changed = {kind: delta for kind, delta in _deltas(wanted).items() if delta}
    at = wanted.at.isoformat()
    return {"machine": form.machine, "at": at, **changed, "reason": wanted.reason}
