"""The page of quarantined payloads: what a source sent, as text, never as markup."""

from __future__ import annotations

from dash import Dash
from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from dashboards import auth
from dashboards.admin.pages import page
from dashboards.format import full
from dashboards.scenes import Scenes
from dashboards.sources.reasons import SENTENCES
from db import source_board
from db.connect import Database

PAGE = 50


def register(app: Dash, database: Database) -> None:
    """Put the view on the app's server."""
    views = Blueprint("sources", __name__, template_folder="templates")
    scenes = Scenes(database)

    @views.get("/sources/quarantine")
    @auth.need("inspect", board="sources")
    def quarantine() -> ResponseReturnValue:
        plant = scenes.scene("en", {}).plant
        source, before = request.args.get("source"), request.args.get("before", "")
        with database.connection() as conn:
            rows = source_board.quarantined(
                conn,
                source=source if source in {s.name for s in plant.sources} else None,
                before=int(before) if before.isdecimal() and len(before) < 18 else None,
                count=PAGE,
            )
        return page(
            "quarantine.html",
            "Quarantine",
            "",
            rows=rows,
            source=source,
            sources=[s.name for s in plant.sources],
            when=lambda at: full(at, plant.site.zone),
            readable=readable,
            reasons=SENTENCES,
            more=rows[-1].id if len(rows) == PAGE else None,
        )

    app.server.register_blueprint(views)


def readable(payload: bytes | None) -> str:
    """Text where it is text, else bytes in hexadecimal, sixteen a line."""
    if payload is None:
        return ""
    text = payload.decode("utf-8", errors="replace")
    odd = sum(not (c.isprintable() or c in "\r\n\t") or c == "�" for c in text)
    if odd <= len(text) // 20:
        return "".join(c if c.isprintable() or c in "\n\t" else "·" for c in text)
    return "\n".join(payload[i : i + 16].hex(" ") for i in range(0, len(payload), 16))
