"""Two addresses for whoever watches the process. They answer anyone and tell nothing else."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint
from flask.typing import ResponseReturnValue

from db.connect import Database, DatabaseUnavailable

PLAIN = {"Content-Type": "text/plain; charset=utf-8"}


def blueprint(database: Database, warm_up: Callable[[], None]) -> Blueprint:
    """/healthz: the process answers. /readyz: it reaches the database, and nobody waits for it.

    `warm_up` may raise DatabaseUnavailable, and does its work once.
    """
    health = Blueprint("health", __name__)

    @health.get("/healthz")
    def alive() -> ResponseReturnValue:
        return "ok", 200, PLAIN

    @health.get("/readyz")
    def ready() -> ResponseReturnValue:
        try:
            with database.connection():  # the pool checks what it hands out
                pass
            warm_up()
        except DatabaseUnavailable:
            return "unavailable", 503, PLAIN
        return "ok", 200, PLAIN

    return health
