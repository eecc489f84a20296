"""Acknowledging an alarm: a posted form, for operators and above, noted in the audit trail."""

from __future__ import annotations

from dash import Dash
from flask import Blueprint, abort, jsonify
from flask.typing import ResponseReturnValue
from flask_login import current_user

from dashboards import auth, forms, trail
from db import alarms
from db.clock import load_clock
from db.connect import Database


def register(app: Dash, database: Database) -> None:
    """Put the view on the app's server."""
    views = Blueprint("alerts", __name__)

    @views.post("/alerts/acknowledge")
    @auth.need("acknowledge", board="alerts")
    def acknowledge() -> ResponseReturnValue:
        alarm_id = _posted_id()
        with database.connection() as conn:
            now = load_clock(conn).now()
            changed = alarms.acknowledge(conn, alarm_id, current_user.name, now)
            if changed:
                trail.write(conn, "alarm_acknowledged", alarm=alarm_id)
        return jsonify(acknowledged=changed)

    app.server.register_blueprint(views)


def _posted_id() -> int:
    text = forms.field("id", longest=12)
    if not (text.isdecimal() and len(text) < 10):
        abort(400)
    return int(text)
