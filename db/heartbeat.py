"""The alarm engine's sign of life, and which of its processes leads.

`setting` 'alert_heartbeat' is {"at": wall time, "plant_at": plant time, "pid"}; whoever sees that
it stands still knows that nobody watches. The leader holds a lock as long as its session lives. A
leader that is frozen keeps its session: then another ends that session, and whatever the frozen one
had begun, and each of its later transactions finds at its fence that its term is over.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from db.connect import Connection
from db.statements import statements

_SQL = statements("heartbeat.sql")
LEADER_KEY = 7_228_021
ROUND_KEY = 7_228_022
"""Held by each transaction of a leader's round."""


class Deposed(RuntimeError):
    """Another process leads now; this one's term is over."""


@dataclass(frozen=True, slots=True)
class Beat:
    """The last sign of life."""

    at: datetime
    """Of the wall, by the database server's clock."""
    plant_at: datetime
    age_s: float
    """By the same clock; negative where that was set back since."""


@dataclass(frozen=True, slots=True)
class Term:
    """A leader's term, known by its token."""

    token: str

    def fence(self, conn: Connection) -> None:
        """Nobody else judges until this transaction ends. Raises Deposed if another leads."""
        conn.execute(_SQL["round"], {"key": ROUND_KEY})
        row = conn.execute(_SQL["term"]).fetchone()
        if row is None or row[0] != self.token:
            raise Deposed(Deposed.__doc__)


def beat(conn: Connection, now: datetime) -> None:
    """Say that the engine looked at the plant at this moment of plant time."""
    conn.execute(_SQL["beat"], {"now": now, "pid": os.getpid()})


def last(conn: Connection) -> Beat | None:
    """The last sign of life; None where there never was one."""
    row = conn.execute(_SQL["last"]).fetchone()
    return Beat(*row) if row else None


def lead(conn: Connection) -> Term | None:
    """Become the leader as long as this session lives; None while another is."""
    row = conn.execute(_SQL["lead"], {"key": LEADER_KEY}).fetchone()
    if not (row and row[0]):
        return None
    term = Term(uuid4().hex)
    conn.execute(_SQL["begin_term"], {"token": term.token})
    return term


def depose(conn: Connection) -> int:
    """End the leader's session and what it has begun; returns how many sessions were ended."""
    row = conn.execute(_SQL["depose"], {"keys": [LEADER_KEY, ROUND_KEY]}).fetchone()
    return int(row[0]) if row else 0


def still_there(conn: Connection) -> None:
    """Raises where the session, and so the leadership, is gone."""
    conn.execute(_SQL["still_there"])


def plant_version(conn: Connection) -> int | None:
    """The newest version of the plant file; None before the first was applied."""
    row = conn.execute(_SQL["version"]).fetchone()
    return int(row[0]) if row else None
