"""How each source does, the stretches it can't tell of, and what could not be taken from it.

Never decides whether a source is stale: that is its last sign of life against the plant's limit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple

from db.connect import Connection
from db.derive import touch_source
from db.readings import moment
from db.statements import statements

SQL = statements("sources.sql")
LONGEST_PAYLOAD = 4096


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


class Refused(NamedTuple):
    """What could not be taken: when (µs since 1970), from whom, why, and the thing itself."""

    at_us: int
    source_id: int | None
    reason: str
    detail: str
    address: str | None
    payload: bytes | None


def save_status(conn: Connection, statuses: Sequence[Status]) -> None:
    """Overwrite the rows of these sources and wake the boards."""
    rows = sorted((asdict(status) for status in statuses), key=lambda row: row["source_id"])
    conn.cursor().executemany(SQL["save_status"], rows)  # every writer in one order: no deadlock
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


def quarantine(conn: Connection, rows: Sequence[Refused]) -> None:
    """Keep what could not be taken, each thing once; payloads are cut at 4 KiB."""
    if not rows:
        return
    at_us, source_id, reason, detail, address, payload = zip(*rows, strict=True)
    columns = {
        "at": [moment(us) for us in at_us],
        "source_id": list(source_id),
        "reason": [str(code) for code in reason],
        "detail": [_clean(text) for text in detail],
        "address": [None if text is None else _clean(text) for text in address],
        "payload": [None if body is None else body[:LONGEST_PAYLOAD] for body in payload],
        "digest": [_digest(row) for row in rows],
    }
    conn.execute(SQL["quarantine"], columns)
    conn.execute(SQL["notify_source"])


def _digest(row: Refused) -> bytes:
    """The same for the same thing from the same place, whenever it comes."""
    key = repr((row.source_id, str(row.reason), row.address)).encode("utf-8", "replace")
    return sha256(sha256(key).digest() + (row.payload or b"")).digest()


def _clean(text: str) -> str:
    """Text that PostgreSQL takes: no NUL, no lone surrogates, not endless."""
    return text[:500].replace("\0", "�").encode("utf-8", "replace").decode("utf-8")
