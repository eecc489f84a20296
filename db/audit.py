"""The audit trail: who did what, when, from where. Appended to, never changed.

Times are the wall clock's, not the plant's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from psycopg.types.json import Jsonb

from db.connect import Connection
from db.statements import statements

SQL = statements("audit.sql")


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of audit."""

    at: datetime
    actor: str
    action: str
    detail: Mapping[str, object]
    address: str | None


def write(
    conn: Connection,
    *,
    at: datetime,
    actor: str,
    action: str,
    address: str | None = None,
    **detail: object,
) -> None:
    """Append one entry; `detail` is anything JSON can hold, never a secret."""
    conn.execute(
        SQL["write"],
        {
            "at": at,
            "actor": actor,
            "action": action,
            "detail": Jsonb(detail),
            "address": address,
        },
    )


def recent(conn: Connection, count: int) -> list[Entry]:
    """The newest entries, newest first."""
    return [Entry(*row) for row in conn.execute(SQL["recent"], {"count": count})]
