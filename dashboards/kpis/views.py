"""The addresses: /kpis for people, /kpis/data.csv and /kpis/data.json with exactly its rows."""

from __future__ import annotations

import csv
import io

from dash import Dash
from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue

from dashboards import auth, preferences
from dashboards.admin.pages import page
from dashboards.board import Scene
from dashboards.explain.asked import Odd, scope
from dashboards.explain.place import period_text, place_text
from dashboards.kpis.choice import PERIODS, ROWS, SHOWS, Choice, choice
from dashboards.kpis.table import MOST_BARS, Row, Table, heads, table
from dashboards.scenes import Scenes
from dashboards.scope import machines_of
from dashboards.texts import msgid, texts
from db.boards import present
from db.connect import Database
from db.kpi_facts import Scope
from plant.kpi_table import FIGURES
from plant.periods import DAY, Days, TooFine

TOO_FINE = msgid("That makes more than 1,100 rows. Choose longer parts or a shorter period.")


def register(app: Dash, database: Database) -> None:
    """Put the views on the app's server."""
    views = Blueprint("kpis", __name__, template_folder="templates")
    scenes = Scenes(database)

    def asked() -> tuple[Choice, Table, Scene]:
        scene = scenes.scene(preferences.language(), {})
        plant, machines = scene.plant, machines_of(scope(request.args, scene.plant), scene.plant)
        try:
            with database.connection() as conn:
                today = present(conn, scene.now, plant.site.zone, machines).day
                chosen = choice(request.args, plant, today)
                return chosen, table(conn, chosen, scene), scene
        except TooFine as error:
            raise Odd(TOO_FINE) from error

    @views.get("/kpis")
    @auth.need("explain")
    def kpis() -> ResponseReturnValue:
        try:
            return _page(*asked())
        except Odd as odd:
            return page("odd.html", "Not explained", "", why=str(odd)), 400

    @views.get("/kpis/data.csv")
    @auth.need("explain")
    def as_csv() -> ResponseReturnValue:
        try:
            chosen, found, _ = asked()
        except Odd as odd:
            return Response(texts(preferences.language()).text(str(odd)), 400)
        return _csv(chosen, found)

    @views.get("/kpis/data.json")
    @auth.need("explain")
    def as_json() -> ResponseReturnValue:
        try:
            chosen, found, scene = asked()
        except Odd as odd:
            return jsonify(error=texts("en").text(str(odd))), 400
        rows = [_data(row, chosen) for row in (*found.rows, found.whole)]
        return jsonify(scope=str(chosen.scope), period=period_text(chosen.period, scene), rows=rows)

    app.server.register_blueprint(views)


def _page(chosen: Choice, found: Table, scene: Scene) -> str:
    return page(
        "kpis.html",
        "Figures",
        "kpis",
        chosen=chosen,
        table=found,
        heads=heads(chosen, scene),
        place=place_text(chosen.scope, scene),
        period=period_text(chosen.period, scene),
        scopes=_scopes(scene),
        periods=PERIODS,
        row_names=ROWS,
        shows=SHOWS,
        figures=FIGURES,
        first=chosen.period.first.isoformat() if isinstance(chosen.period, Days) else "",
        last=(chosen.period.last - DAY).isoformat() if isinstance(chosen.period, Days) else "",
        has_chart=0 < len(found.rows) <= MOST_BARS,
        csv=chosen.address("/kpis/data.csv"),
        json=chosen.address("/kpis/data.json"),
    )


def _scopes(scene: Scene) -> list[tuple[str, str]]:
    plant = scene.plant
    found = [Scope()]
    found += [Scope("area", one.code) for one in plant.areas]
    for line in plant.lines:
        found.append(Scope("line", line.code))
        found += [Scope("machine", m.code) for m in plant.machines if m.line == line.code]
    indent = {"machine": "    "}
    return [(str(one), indent.get(one.kind, "") + place_text(one, scene)) for one in found]


def _csv(chosen: Choice, found: Table) -> Response:
    """The rows of the page, unrounded: ratios of 1, seconds, pieces."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([chosen.rows, *(figure.code for figure in chosen.columns)])
    for row in (*found.rows, found.whole):
        writer.writerow([_plain(row.name), *(cell.value for cell in row.cells)])
    name = f"figures-{str(chosen.scope).replace(':', '-')}-{chosen.rows}.csv"
    safe = "".join(c if c.isalnum() or c in "-._" else "_" for c in name)
    head = {"Content-Disposition": f'attachment; filename="{safe}"'}
    # The mark lets spreadsheets read it as UTF-8.
    return Response("\N{BOM}" + text.getvalue(), 200, head, "text/csv")


def _plain(name: str) -> str:
    """A name that no spreadsheet takes for a formula."""
    return f"'{name}" if name[:1] in "=+-@\t" else name


def _data(row: Row, chosen: Choice) -> dict[str, object]:
    pairs = zip(chosen.columns, row.cells, strict=True)
    return {"name": row.name} | {figure.code: cell.value for figure, cell in pairs}
