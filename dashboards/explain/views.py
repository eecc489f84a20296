"""The addresses of the page: /explain for people, /explain/data.json for programs."""

from __future__ import annotations

from dash import Dash
from flask import Blueprint, abort, jsonify, redirect, request
from flask.typing import ResponseReturnValue

from dashboards import auth, preferences
from dashboards.admin.pages import page
from dashboards.board import Scene
from dashboards.explain import asked as asking
from dashboards.explain.answer import Answer, answer, quantities, sum_text
from dashboards.explain.asked import VIEWS, Asked, Odd
from dashboards.explain.place import period_text, place_text
from dashboards.explain.rows import precise, rows
from dashboards.explain.window import span_now
from dashboards.scenes import Scenes
from dashboards.scope import machines_then
from dashboards.texts import texts
from dashboards.why import link
from dashboards.windows import WINDOWS
from db import evidence
from db.connect import Connection, Database
from db.evidence import Question
from plant.kpi_table import Quantity
from plant.periods import span_of


def register(app: Dash, database: Database) -> None:
    """Put the views on the app's server."""
    views = Blueprint("explain", __name__, template_folder="templates")
    scenes = Scenes(database)

    @views.get("/explain")
    @auth.need("explain")
    def explain() -> ResponseReturnValue:
        scene = scenes.scene(preferences.language(), {})
        try:
            with database.snapshot() as conn:
                return _page(conn, scene)
        except Odd as odd:
            return page("odd.html", "Not explained", "", why=str(odd)), 400

    @views.get("/explain/data.json")
    @auth.need("explain")
    def data() -> ResponseReturnValue:
        scene = scenes.scene(preferences.language(), {})
        try:
            found = asking.asked(request.args, scene.plant)
        except Odd as odd:
            return jsonify(error=texts("en").text(str(odd))), 400
        with database.snapshot() as conn:
            return jsonify(_data(conn, found, scene))

    app.server.register_blueprint(views)


def _page(conn: Connection, scene: Scene) -> ResponseReturnValue:
    window = request.args.get("window")
    if window and window in ("order", *WINDOWS):
        scope = asking.scope(request.args, scene.plant)
        span = span_now(conn, window, scope, scene)
        return redirect(link(request.args.get("kpi", "oee"), scope, span, **_kept()))
    if window:
        abort(400)
    found = asking.asked(request.args, scene.plant)
    question = Question(found.scope, found.period, scene.plant.site.zone)
    shown = answer(conn, found, scene)
    return page(
        "explain.html",
        "Explained",
        "",
        asked=found,
        answer=shown,
        place=place_text(found.scope, scene),
        period=period_text(found.period, scene),
        factors=[[_sum(q, shown, scene) for q in (f.above, f.below)] for f in found.figure.factors],
        columns=quantities(found.figure),
        views={view: _to(found, view) for view in VIEWS},
        view_names=VIEWS,
        rows=rows(conn, found, question, scene),
        newer=_to(found, found.view, found.page - 1) if found.page else "",
        older=_to(found, found.view, found.page + 1),
        dropped=_dropped(conn, found, scene),
        data=link(found.figure.code, found.scope, found.period).replace(
            "/explain", "/explain/data.json", 1
        ),
    )


def _sum(quantity: Quantity | None, shown: Answer, scene: Scene) -> tuple[Quantity, str] | None:
    return None if quantity is None else (quantity, sum_text(quantity, shown.measured, scene))


def _kept() -> dict[str, str]:
    """Of a moving period's address, what its fixed one keeps."""
    return {name: request.args[name] for name in ("view", "lang", "theme") if name in request.args}


def _to(found: Asked, view: str, page_number: int = 0) -> str:
    more = {"page": str(page_number)} if page_number else {}
    more |= {"tag": found.tag} if found.tag else {}
    return link(found.figure.code, found.scope, found.period, view=view, **more) + "#evidence"


def _dropped(conn: Connection, found: Asked, scene: Scene) -> list[str]:
    """What of the period is not there any more, in sentences."""
    t, floors = texts(scene.language), evidence.floors(conn)
    begin = span_of(found.period, scene.plant.site.zone).t0
    said = []
    if floors.readings and begin < floors.readings:
        at = precise(floors.readings, scene)[:16]
        said.append(
            t.text(
                "Raw readings before {time} were dropped as their time was up. The intervals and"
                " sums made from them are kept.",
                time=at,
            )
        )
    if floors.minutes and begin < floors.minutes:
        at = precise(floors.minutes, scene)[:16]
        said.append(t.text("Minutes before {time} were dropped; hours are kept.", time=at))
    return said


def _data(conn: Connection, found: Asked, scene: Scene) -> dict[str, object]:
    shown = answer(conn, found, scene)
    figure, span = found.figure, span_of(found.period, scene.plant.site.zone)
    return {
        "kpi": figure.code,
        "scope": str(found.scope),
        "value": figure.of(shown.measured),
        "text": shown.value,
        "unit": shown.unit,
        "formula": figure.formula,
        "sums": {q.symbol: q.of(shown.measured) for q in quantities(figure)},
        "provisional": list(shown.doubts),
        "machines": machines_then(conn, found.scope, span),
    }
