"""The key that signs sessions, where none is configured: made once, shared by every web process."""

from __future__ import annotations

import secrets

from db.connect import Connection
from db.statements import statements

SQL = statements("web_key.sql")


def web_key(conn: Connection) -> str:
    """The key all web processes on this database sign with."""
    conn.execute(SQL["make"], {"key": secrets.token_urlsafe(48)})
    row = conn.execute(SQL["read"]).fetchone()
    assert row is not None
    return str(row[0])
