"""The plain pages of signed-in users, put on one blueprint."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Blueprint
from flask.typing import ResponseReturnValue

from dashboards import auth
from dashboards.admin import account, people, screens
from dashboards.admin.pages import page
from dashboards.board import Board
from db import audit
from db.connect import Database

ENTRIES = 300


def blueprint(database: Database, boards: Sequence[Board]) -> Blueprint:
    """The views on this database."""
    views = Blueprint("admin", __name__, template_folder="templates")
    account.add(views, database)
    people.add(views, database)
    screens.add(views, database, {board.key: board.title for board in boards})
    _add_audit(views, database)
    return views


def _add_audit(views: Blueprint, database: Database) -> None:
    @views.get("/admin/audit")
    @auth.need("administer")
    def trail_of_all() -> ResponseReturnValue:
        with database.connection() as conn:
            entries = audit.recent(conn, ENTRIES)
        return page("audit.html", "Audit trail", "audit", entries=entries)
