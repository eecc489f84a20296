"""The addresses: /kpis for people, /kpis/data.csv and /kpis/data.json with exactly its rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict

from dash import Dash
from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue

from dashboards import auth, preferences
from dashboards.admin.pages import page
from dashboards.board import Scene
from dashboards.explain.asked import Odd, scope
from dashboards.explain.place import period_text, place_text
from dashboards.kpis import capability as of_readings
from dashboards.kpis import reasons as of_stops
from dashboards.kpis.capability import CapabilityTable, capability_table
from dashboards.kpis.choice import PERIODS, ROWS, SHOWS, Choice, choice
from dashboards.kpis.reasons import ReasonsTable, reasons_table
from dashboards.kpis.table import MOST_BARS, Row, Table, heads, table
from dashboards.scenes import Scenes
from dashboards.scope import machines_of
from dashboards.texts import msgid, texts
from dashboards.why import link
from db.boards import present
from db.capability import TooMany
from db.connect import Connection, Database
from db.kpi_facts import Scope
from plant.capability import CP, CPK
from plant.kpi_table import FIGURES
from plant.periods import DAY, Days, TooFine

TOO_FINE = msgid("That makes more than 1,100 rows. Choose longer parts or a shorter period.")
TOO_MANY = msgid("That is more than 3 million readings. Choose a shorter period or one machine.")
FORMULA = ("=", "+", "-", "@", "\t")
"""What a spreadsheet takes for the beginning of one."""
Shown = Table | CapabilityTable | ReasonsTable


def register(app: Dash, database: Database) -> None:
    """Put the views on the app's server."""
    views = Blueprint("kpis", __name__, template_folder="templates")
    scenes = Scenes(database)

    def asked() -> tuple[Choice, Shown, Scene]:
        scene = scenes.scene(preferences.language(), {})
        plant, machines = scene.plant, machines_of(scope(request.args, scene.plant), scene.plant)
        try:
            with database.snapshot() as conn:
                today = present(conn, scene.now, plant.site.zone, machines).day
                chosen = choice(request.args, plant, today)
                return chosen, _shown(conn, chosen, scene), scene
        except TooFine as error:
            raise Odd(TOO_FINE) from error
        except TooMany as error:
            raise Odd(TOO_MANY) from error

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
        return jsonify(
            scope=str(chosen.scope),
            period=period_text(chosen.period, scene),
            rows=_records(chosen, found),
        )

    app.server.register_blueprint(views)


def _shown(conn: Connection, chosen: Choice, scene: Scene) -> Shown:
    if chosen.show == "capability":
        return capability_table(conn, chosen, scene)
    if chosen.show == "reasons":
        return reasons_table(conn, chosen, scene)
    return table(conn, chosen, scene)


def _page(chosen: Choice, found: Shown, scene: Scene) -> str:
    template, names = _layout(chosen, found, scene)
    return page(
        template,
        "Figures",
        "kpis",
        chosen=chosen,
        table=found,
        heads=names,
        place=place_text(chosen.scope, scene),
        period=period_text(chosen.period, scene),
        scopes=_scopes(scene),
        periods=PERIODS,
        row_names=ROWS,
        shows=SHOWS,
        shifts=_shifts(scene),
        unexplained=link("unexplained_s", chosen.scope, chosen.period),
        figures=FIGURES,
        first=chosen.period.first.isoformat() if isinstance(chosen.period, Days) else "",
        last=(chosen.period.last - DAY).isoformat() if isinstance(chosen.period, Days) else "",
        formulas=(CP, CPK),
        has_chart=0 < len(found.rows) <= MOST_BARS,
        csv=chosen.address("/kpis/data.csv"),
        json=chosen.address("/kpis/data.json"),
    )


def _layout(chosen: Choice, found: Shown, scene: Scene) -> tuple[str, Sequence[tuple[str, str]]]:
    """The template, and the names and units of its columns of numbers."""
    t = texts(scene.language)
    if isinstance(found, CapabilityTable):
        return "kpis_capability.html", of_readings.heads(t)
    if isinstance(found, ReasonsTable):
        return "kpis_reasons.html", of_stops.heads(t)
    return "kpis.html", heads(chosen, scene)


def _shifts(scene: Scene) -> dict[str, str]:
    """Codes and names of the shifts of all calendars."""
    shifts = [shift for calendar in scene.plant.calendars for shift in calendar.shifts]
    return {shift.code: shift.name.text(scene.language) for shift in shifts}


def _scopes(scene: Scene) -> list[tuple[str, str]]:
    plant = scene.plant
    found = [Scope()]
    found += [Scope("area", one.code) for one in plant.areas]
    for line in plant.lines:
        found.append(Scope("line", line.code))
        found += [Scope("machine", m.code) for m in plant.machines if m.line == line.code]
    indent = {"machine": "    "}
    return [(str(one), indent.get(one.kind, "") + place_text(one, scene)) for one in found]


def _csv(chosen: Choice, found: Shown) -> Response:
    """The rows of the page, unrounded: ratios of 1, seconds, pieces."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["reason" if chosen.show == "reasons" else chosen.rows, *_columns(chosen)])
    for record in _records(chosen, found):
        writer.writerow([_plain(one) for one in record.values()])
    name = f"figures-{str(chosen.scope).replace(':', '-')}-{chosen.rows}.csv"
    safe = "".join(c if c.isalnum() or c in "-._" else "_" for c in name)
    head = {"Content-Disposition": f'attachment; filename="{safe}"'}
    # The mark lets spreadsheets read it as UTF-8.
    return Response("\N{BOM}" + text.getvalue(), 200, head, "text/csv")


def _plain(value: object) -> object:
    """A name that no spreadsheet takes for a formula; a number as it is; several words as one."""
    if isinstance(value, tuple):
        return " ".join(value)
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def _columns(chosen: Choice) -> tuple[str, ...]:
    if chosen.show == "capability":
        return of_readings.COLUMNS[1:]
    if chosen.show == "reasons":
        return of_stops.COLUMNS[1:]
    return (*(figure.code for figure in chosen.columns), "provisional")


def _records(chosen: Choice, found: Shown) -> list[dict[str, object]]:
    if not isinstance(found, Table):
        return [asdict(record) for record in found.records]
    return [_data(row, chosen) for row in (*found.rows, found.whole)]


def _data(row: Row, chosen: Choice) -> dict[str, object]:
    pairs = zip(chosen.columns, row.cells, strict=True)
    figures = {figure.code: cell.value for figure, cell in pairs}
    return {"name": row.name, **figures, "provisional": row.doubts}
