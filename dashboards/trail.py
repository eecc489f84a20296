"""Notes what the user of the present request did in the audit trail."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import request
from flask_login import current_user

from db import audit
from db.connect import Connection, Database


def now() -> datetime:
    """The wall clock: sessions, tokens and the audit trail don't follow a simulated plant."""
    return datetime.now(UTC)


def actor() -> str:
    """Who it is, as the audit trail names them: "anna", "screen Hall 1", "-"."""
    if not current_user.is_authenticated:
        return "-"
    prefix = "screen " if current_user.role == "screen" else ""
    return f"{prefix}{current_user.name}"


def write(conn: Connection, action: str, *, by: str | None = None, **detail: object) -> None:
    """Append an entry in the caller's transaction: it stands if and only if the change does."""
    audit.write(
        conn,
        at=now(),
        actor=by or actor(),
        action=action,
        address=request.remote_addr,
        **{name: _clean(value) for name, value in detail.items()},
    )


def _clean(value: object) -> object:
    """Without control characters: no NUL for the database, no line break for a reader."""
    if not isinstance(value, str):
        return value
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in value)


def note(database: Database, action: str, *, by: str | None = None, **detail: object) -> None:
    """Append an entry in a transaction of its own."""
    with database.connection() as conn:
        write(conn, action, by=by, **detail)
