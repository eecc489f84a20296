"""What the sources board shows: how each source does, and how much of it is in quarantine."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from db.clock import load_clock
from db.connect import Connection
from db.statements import statements

SQL = statements("source_board.sql")
WINDOW = timedelta(hours=24)
"""Quarantined payloads are counted over this."""
QUIET_S = 15.0
"""Wall seconds after which the collector, which writes twice a second, is taken for gone."""


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One source as its ingest worker last described it. Times are plant time."""

    name: str
    kind: str
    stale_after_s: float
    connected: bool
    since: datetime | None
    last_heard: datetime | None
    last_reading: datetime | None
    lag_s: float | None
    rate: float | None
    bad_share: float | None
    readings: int
    error: str | None
    quarantined: int
    tags: int

    def is_silent(self, now: datetime) -> bool:
        """Nothing heard for longer than it may be silent."""
        if self.last_heard is None:
            return True
        return (now - self.last_heard).total_seconds() > self.stale_after_s


@dataclass(frozen=True, slots=True)
class RefusedKind:
    """What of one source was put in quarantine for one reason; `source` None: of none."""

    source: str | None
    reason: str
    things: int
    addresses: int
    last_at: datetime
    address: str | None
    """Where the newest came from."""


@dataclass(frozen=True, slots=True)
class Unheard:
    """A stretch that a source can't tell of."""

    source: str
    t0: datetime
    t1: datetime
    cause: str


def sources(conn: Connection, now: datetime) -> list[SourceRow]:
    """Every source of the plant, in the plant file's order."""
    rows = conn.execute(SQL["sources"], {"since": now - WINDOW})
    return [SourceRow(*row) for row in rows]


def quiet_since(conn: Connection) -> datetime | None:
    """Since when the collector has said nothing, plant time; None while it speaks.

    One that never spoke is not missed: no source has a row that could deceive.
    """
    row = conn.execute(SQL["beat"]).fetchone()
    if row is None:
        return None
    at, age_s = row
    return load_clock(conn).at(at) if abs(age_s) > QUIET_S else None


def refused(conn: Connection, now: datetime) -> list[RefusedKind]:
    """The last `WINDOW` in quarantine by source and reason, the most first."""
    rows = conn.execute(SQL["refused"], {"since": now - WINDOW})
    return [RefusedKind(*row) for row in rows]


def unheard(conn: Connection, now: datetime) -> list[Unheard]:
    """The gaps of the last `WINDOW`, cut to it, by their begin."""
    rows = conn.execute(SQL["gaps"], {"since": now - WINDOW, "now": now})
    return [Unheard(*row) for row in rows]
