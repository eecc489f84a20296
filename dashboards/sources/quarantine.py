"""The page of quarantined payloads: what a source sent, as text, never as markup.

Managers and above have it tried again, or drop it; the ingest worker does the trying.
"""

from __future__ import annotations

from collections.abc import Callable

from dash import Dash
from flask import Blueprint, abort, redirect, request, url_for
from flask.typing import ResponseReturnValue

from dashboards import auth, forms, trail
from dashboards.admin.pages import number, page
from dashboards.format import full
from dashboards.scenes import Scenes
from dashboards.sources.reasons import SENTENCES
from db import quarantine as kept
from db.connect import Database
from db.quarantine import Choice
from plant.model import Plant

PAGE = 50


def register(app: Dash, database: Database) -> None:
    """Put the views on the app's server."""
    views = Blueprint("sources", __name__, template_folder="templates")
    scenes = Scenes(database)

    @views.get("/sources/quarantine")
    @auth.need("inspect", board="sources")
    def quarantine() -> ResponseReturnValue:
        plant = scenes.scene("en", {}).plant
        before = request.args.get("before", "")
        choice = Choice(source=_source(plant, request.args.get("source")))
        last = int(before) if before.isdecimal() and len(before) < 18 else None
        with database.connection() as conn:
            rows = kept.chosen(conn, choice, PAGE, before=last)
        return page(
            "quarantine.html",
            "Quarantine",
            "",
            rows=rows,
            source=choice.source,
            sources=[s.name for s in plant.sources],
            when=lambda at: full(at, plant.site.zone),
            readable=readable,
            reasons=SENTENCES,
            may_mend=auth.may("mend"),
            more=rows[-1].id if len(rows) == PAGE else None,
        )

    @views.post("/sources/quarantine/retry")
    @auth.need("mend", board="sources")
    def retry() -> ResponseReturnValue:
        plant = scenes.scene("en", {}).plant
        count = _done(database, kept.retry, _posted(plant))
        if count:
            forms.say("{n} are tried again. What is taken leaves this list.", n=count)
        else:
            forms.say("Nothing of it can be tried again.", "bad")
        return _back(plant)

    @views.post("/sources/quarantine/drop")
    @auth.need("mend", board="sources")
    def drop() -> ResponseReturnValue:
        plant = scenes.scene("en", {}).plant
        count = _done(database, kept.drop, Choice([number("id")]))
        forms.say("{n} dropped.", n=count)
        return _back(plant)

    app.server.register_blueprint(views)


def _posted(plant: Plant) -> Choice:
    """One by its id, else all of a source, else all. 400 for a source that nobody knows."""
    if forms.field("id"):
        return Choice([number("id")])
    name = forms.field("source")
    if name and _source(plant, name) is None:
        abort(400)
    return Choice(source=name or None)


def _done(database: Database, deed: Callable[..., int], choice: Choice) -> int:
    with database.connection() as conn:
        return deed(conn, choice, trail.now(), by=trail.actor(), address=request.remote_addr)


def _source(plant: Plant, name: str | None) -> str | None:
    return name if name in {source.name for source in plant.sources} else None


def _back(plant: Plant) -> ResponseReturnValue:
    source = _source(plant, forms.field("source"))
    return redirect(url_for("sources.quarantine", source=source), 303)


def readable(payload: bytes | None) -> str:
    """Text where it is text, else bytes in hexadecimal, sixteen a line."""
    if payload is None:
        return ""
    text = payload.decode("utf-8", errors="replace")
    odd = sum(not (c.isprintable() or c in "\r\n\t") or c == "�" for c in text)
    if odd <= len(text) // 20:
        return "".join(c if c.isprintable() or c in "\n\t" else "·" for c in text)
    return "\n".join(payload[i : i + 16].hex(" ") for i in range(0, len(payload), 16))
