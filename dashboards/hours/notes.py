"""Writing and signing on the hour-by-hour board: posted forms, answered as JSON, audited.

Operators and above write, managers and above sign; late, too. Never writes over anyone's words:
whoever comes second gets them (409) and decides.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import NoReturn
from uuid import UUID

from dash import Dash
from flask import Blueprint, Response, abort, jsonify, make_response, request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from dashboards import auth, forms, preferences, trail
from dashboards.format import moment
from dashboards.hours.form import LONGEST_NOTE
from dashboards.hours.place import hours_at, moment_of, place_of
from dashboards.oee.scope import Scope, scope_of
from dashboards.texts import msgid, texts
from db import hourly_notes
from db.clock import load_clock
from db.connect import Connection, Database
from db.hourly_notes import Entry, Note, Overtaken, Place
from db.master import load
from plant.calendar import Window
from plant.model import Plant

NO_HOUR = msgid("Not saved: the shift calendar has no such hour any more. Load the page again.")
TOO_EARLY = msgid("Not saved: this hour has not begun yet.")
NOT_OVER = msgid("Not signed: this hour is not over yet.")
TOO_LONG = msgid("Not saved: at most {count} characters each.")
Writer = Callable[[Connection, Place, Entry], int]


def register(app: Dash, database: Database) -> None:
    """Put the views on the app's server."""
    views = Blueprint("hours", __name__)

    @views.post("/hours/note")
    @auth.need("note", board="hours")
    def note() -> ResponseReturnValue:
        return _append(database, hourly_notes.write, "hour_noted")

    @views.post("/hours/sign")
    @auth.need("sign", board="hours")
    def sign() -> ResponseReturnValue:
        return _append(database, hourly_notes.sign, "hour_signed")

    @views.get("/hours/versions")
    @auth.need("view", board="hours")
    def versions() -> ResponseReturnValue:
        return _versions(database)

    app.server.register_blueprint(views)


def _append(database: Database, writer: Writer, action: str) -> Response:
    words = _words("remark"), _words("measure")
    with database.connection() as conn:
        plant, now = load(conn).plant, load_clock(conn).now()
        scope = _scope(forms.field("scope"), plant)
        hour = _hour(conn, scope, forms.field("t0"), plant)
        if (hour[0] if writer is hourly_notes.write else hour[1]) > now:
            _refuse(TOO_EARLY if writer is hourly_notes.write else NOT_OVER)
        entry = Entry(hour, *words, current_user.name, now, _number("base"), _key())
        try:
            made = writer(conn, place_of(scope), entry)
        except Overtaken as error:
            return _overtaken(error.newest, plant, now)
        trail.write(conn, action, scope=scope.key, hour=hour[0].isoformat(), note=made)
    return jsonify(id=made)


def _versions(database: Database) -> Response:
    with database.snapshot() as conn:
        plant, now = load(conn).plant, load_clock(conn).now()
        scope = _scope(request.args.get("scope", ""), plant)
        hour = _hour(conn, scope, request.args.get("t0", ""), plant)
        found = hourly_notes.versions(conn, place_of(scope), *hour)
    return jsonify(versions=[_told(one, plant, now) for one in reversed(found)])


def _overtaken(newest: Note | None, plant: Plant, now: datetime) -> Response:
    if newest is None:
        abort(400)
    return make_response(jsonify(newest=_told(newest, plant, now)), 409)


def _told(one: Note, plant: Plant, now: datetime) -> dict[str, object]:
    return {
        "id": one.id,
        "actor": one.actor,
        "time": moment(one.at, plant.site.zone, now, preferences.language()),
        "remark": one.remark,
        "measure": one.countermeasure,
        "signed": one.is_signed,
    }


def _scope(text: str, plant: Plant) -> Scope:
    """Exactly the line or machine named: nothing is written on another's board by mistake."""
    scope = scope_of({"scope": text}, plant)
    if scope.key != text:
        abort(400)
    return scope


def _hour(conn: Connection, scope: Scope, text: str, plant: Plant) -> Window:
    never = datetime.min.replace(tzinfo=UTC)
    t0 = moment_of({"at": text}, never)
    if t0 == never:
        abort(400)
    hour = next((h for h in hours_at(conn, scope, t0, plant) if h[0] == t0), None)
    return hour or _refuse(NO_HOUR)


def _words(name: str) -> str:
    """A field of one paragraph: line breaks and blanks become one blank."""
    text = " ".join(request.form.get(name, "").split())
    if len(text) > LONGEST_NOTE:
        _refuse(TOO_LONG, count=LONGEST_NOTE)
    return "".join(c for c in text if c.isprintable())


def _number(name: str) -> int | None:
    text = forms.field(name, longest=18)
    if text and not (text.isdecimal() and text.isascii()):
        abort(400)
    return int(text) if text else None


def _key() -> UUID:
    try:
        return UUID(forms.field("key", longest=36))
    except ValueError:
        abort(400)


def _refuse(message: str, **params: object) -> NoReturn:
    text = texts(preferences.language()).text(message, **params)
    abort(make_response(jsonify(message=text), 422))
