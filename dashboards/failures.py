"""What a user sees when something went wrong: a plain page or a short JSON.

Never shows the innards; the log has them.
"""

from __future__ import annotations

import logging

from flask import Flask, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from dashboards import auth, forms
from dashboards.outage import StillAway
from db.connect import Busy, Conflict, Crowded, DatabaseUnavailable

log = logging.getLogger(__name__)

RETRY_S = 5

Message = tuple[str, str]
"""What is the matter, and what to do."""
MESSAGES: dict[int, Message] = {
    400: ("This request was not understood", "Go back, load the page again and try once more."),
    401: ("You are not signed in", "Sign in and try once more."),
    403: ("Not allowed", "Your account may not do this. An administrator can change that."),
    404: ("Nothing here", "The address leads nowhere. The boards are one click away."),
    405: ("Nothing here", "The address leads nowhere. The boards are one click away."),
    413: ("Too much at once", "What was sent is larger than anything this page takes."),
    423: (
        "Something else was at work there",
        "Load the page again and look: if it was not kept, try once more.",
    ),
    429: ("Too many attempts", "Wait a quarter of an hour, then try again."),
    500: (
        "Something went wrong",
        "It was noted in the log. Load the page again; if it stays, say when it happened.",
    ),
    503: (
        "The database can't be reached",
        "The boards come back by themselves; this page looks again every few seconds.",
    ),
    504: (
        "This took the database too long",
        "It was given up, so that collecting data goes on. Try again in a while; if it stays, tell "
        "an administrator.",
    ),
}
CROWDED: Message = (
    "Too much is asked of the boards at once",
    "The database is there, but each connection to it is in use. This page looks again every few "
    "seconds.",
)
"""In place of the ordinary words of 503."""


def register(server: Flask) -> None:
    """Put the handlers on a server."""

    @server.errorhandler(Busy)
    def too_long(error: Busy) -> ResponseReturnValue:
        log.warning("%s: %s", request.path, error)
        auth.as_nobody()
        return answer(504)

    @server.errorhandler(Conflict)
    def in_the_way(error: Conflict) -> ResponseReturnValue:
        log.warning("%s: %s", request.path, error)
        auth.as_nobody()
        return answer(423)

    @server.errorhandler(DatabaseUnavailable)
    def unavailable(error: DatabaseUnavailable) -> ResponseReturnValue:
        if not isinstance(error, StillAway):
            log.warning("%s", error)
            auth.auth().outage.began(error)
        auth.as_nobody()
        return answer(503, CROWDED if isinstance(error, Crowded) else None)

    @server.errorhandler(HTTPException)
    def refused(error: HTTPException) -> ResponseReturnValue:
        if error.response is not None or (error.code or 500) < 400:
            return error
        return answer(error.code or 500)

    @server.errorhandler(Exception)
    def failed(error: Exception) -> ResponseReturnValue:
        log.error("failed: %r", request.path, exc_info=error)
        return answer(500)


def answer(status: int, message: Message | None = None) -> ResponseReturnValue:
    """A page for people, JSON for scripts; `message`: other words than the status has."""
    retry = {"Retry-After": str(RETRY_S)} if status == 503 else {}
    if request.path.startswith(("/_", "/live", "/assets")):
        return jsonify(error=status), status, retry
    title, remedy = message or MESSAGES.get(status, MESSAGES[400])
    return _page(status, title, remedy), status, retry


def _page(status: int, title: str, remedy: str) -> str:
    return render_template(
        "message.html",
        **forms.frame(title),
        remedy=remedy,
        retry_s=RETRY_S if status == 503 else 0,
    )
