"""The alarm engine's sign of life, and which of its processes leads.

`setting` 'alert_heartbeat' is {"at": wall time, "plant_at": plant time, "pid"}; a web process warns
when `at` is old.
"""

from __future__ import annotations

import os
from datetime import datetime

from db.connect import Connection
from db.statements import statements

_SQL = statements("heartbeat.sql")
LEADER_KEY = 7_228_021


def beat(conn: Connection, now: datetime) -> None:
    """Say that the engine looked at the plant at this moment of plant time."""
    conn.execute(_SQL["beat"], {"now": now, "pid": os.getpid()})


def lead(conn: Connection) -> bool:
    """Become the leader as long as this session lives; False while another is."""
    row = conn.execute(_SQL["lead"], {"key": LEADER_KEY}).fetchone()
    return bool(row and row[0])


def still_there(conn: Connection) -> None:
    """Raises where the session, and so the leadership, is gone."""
    conn.execute(_SQL["still_there"])


def plant_version(conn: Connection) -> int | None:
    """The newest version of the plant file; None before the first was applied."""
    row = conn.execute(_SQL["version"]).fetchone()
    return int(row[0]) if row else None
