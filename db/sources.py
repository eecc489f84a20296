"""How each source does, and the stretches it can't tell of.

Never decides whether a source is stale: that is its last sign of life against the plant's limit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from db.connect import Connection
from db.derive import touch_source
from db.statements import statements

SQL = statements("sources.sql")


@dataclass(frozen=True, slots=True)
class Status:
    """A source's row. Times are plant time; `readings`: how many came since the last save.

    `error`: a sentence that the boards translate, then, on lines of its own, the library's words.
    """

    source_id: int
    connected: bool
    since: datetime
    last_heard: datetime | None
    last_reading: datetime | None
    lag_s: float | None
    rate: float
    bad_share: float
    readings: int
    error: str | None


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch of plant time in which the source was not heard, and can't tell afterwards."""

    source_id: int
    t0: datetime
    t1: datetime
    cause: str


def save_status(conn: Connection, statuses: Sequence[Status]) -> None:
    """Overwrite the rows of these sources, say that somebody asks them, and wake the boards.

    `setting` 'ingest_heartbeat' is {"at": wall time}: no row tells that nobody writes it any more.
    """
    rows = sorted((asdict(status) for status in statuses), key=lambda row: row["source_id"])
    conn.cursor().executemany(SQL["save_status"], rows)  # every writer in one order: no deadlock
    conn.execute(SQL["beat"])
    conn.execute(SQL["notify_source"])


def last_heard(conn: Connection) -> dict[int, datetime]:
    """The last sign of life of each source that ever gave one."""
    return dict(conn.execute(SQL["last_heard"]).fetchall())


def leave(conn: Connection, source_ids: Sequence[int], now: datetime) -> None:
    """Mark sources that nobody asks any more as not connected."""
    conn.execute(SQL["leave"], {"source_ids": list(source_ids), "now": now})


def save_gap(conn: Connection, gap: Gap) -> None:
    """Keep a stretch as unknown and have it derived anew."""
    conn.execute(SQL["save_gap"], asdict(gap))
    touch_source(conn, gap.source_id, gap.t0, gap.t1)


def close_gaps(conn: Connection, source_id: int, t0: datetime, t1: datetime) -> int:
    """Take [t0, t1) out of the gaps: the source told afterwards. How many it touched."""
    asked = {"source_id": source_id, "t0": t0, "t1": t1}
    closed = conn.execute(SQL["close_gaps"], asked).fetchall()
    for start, end, cause in closed:
        for rest in ((start, min(end, t0)), (max(start, t1), end)):
            if rest[0] < rest[1]:
                conn.execute(SQL["save_gap"], asdict(Gap(source_id, *rest, cause)))
        touch_source(conn, source_id, max(start, t0), min(end, t1))
    return len(closed)
