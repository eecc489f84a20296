"""The life of the data: partitions made ahead and dropped behind, horizons kept.

Raw readings and minutes live as long as the plant file says (else raw ones 7 days on plain
PostgreSQL and 90 on TimescaleDB, minutes two years), intervals, hours and facts of orders for ever.
Before raw readings go, the last one of each state and count tag is kept: derivation starts from
it. Never drops what the rollups have not yet taken in.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from psycopg import errors

from db.connect import Connection, Server, server_of
from db.horizon import counts_horizon, raw_limit
from db.rollups import WRITERS_KEY, alone
from db.statements import statements

log = logging.getLogger(__name__)

KEEP_KEY = 7_228_030
LOCK_TIMEOUT = "400ms"
"""A step waits for two locks at most: whoever stands behind it is served within a second."""
DAY = timedelta(days=1)
AHEAD = {"day": 3 * DAY, "month": 32 * DAY}
QUARANTINE = 30 * DAY

SQL = statements("retention.sql")


@dataclass(frozen=True, slots=True)
class Partitioned:
    """A relation whose old rows go. `raw`: with the raw readings, else with the minutes."""

    name: str
    by: Literal["day", "month"]
    raw: bool
    floor: str
    """Whose horizon it is, as rollups and derivation ask for it."""

    def start(self, at: datetime) -> datetime:
        """The start of the partition of a moment."""
        day = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return day if self.by == "day" else day.replace(day=1)

    def after(self, start: datetime) -> datetime:
        """The start of the next partition."""
        return self.start(start + (DAY if self.by == "day" else 32 * DAY))

    def partition(self, start: datetime) -> str:
        """The name of the partition that starts there."""
        return f"{self.name}_{start:%Y%m%d}"


PARTITIONED = (
    Partitioned("reading", "day", True, "reading"),
    Partitioned("reading_text", "day", True, "reading"),
    Partitioned("machine_1m", "month", False, "machine_1m"),
    Partitioned("tag_1m_done", "month", False, "tag_1m"),
)


def keep(conn: Connection, now: datetime) -> None:
    """Make partitions ahead of `now` (plant time), drop what is beyond its horizon.

    Cheap when there is nothing to do: call it every minute. Returns at once where another process
    does the work; a table in use is left for the next call. Each step is a transaction of its own
    where `conn` is in none: what one has locked holds nobody up while another waits.
    """
    with alone(conn, KEEP_KEY) as is_alone:
        if is_alone:
            _keep(conn, now)


def prepare(conn: Connection, now: datetime) -> None:
    """Make the partitions that `keep` would make, where the server has any, and drop nothing."""
    server = server_of(conn)
    if server is Server.PLAIN:
        for relation in PARTITIONED:
            _make_ahead(conn, relation, raw_limit(conn)(now), now)


def _keep(conn: Connection, now: datetime) -> None:
    server = server_of(conn)
    minutes, raw = now - counts_horizon(conn), raw_limit(conn)(now)
    for relation in PARTITIONED:
        oldest = raw if relation.raw else relation.start(minutes)
        if server is Server.PLAIN:
            _make_ahead(conn, relation, oldest, now)
        _close(conn, relation, oldest, server)
    conn.execute(SQL["forget_quarantine"], {"before": now - QUARANTINE})


@contextmanager
def _step(conn: Connection) -> Iterator[None]:
    with conn.transaction():
        conn.execute(SQL["lock_timeout"], {"timeout": LOCK_TIMEOUT})
        yield


def _make_ahead(conn: Connection, relation: Partitioned, horizon: datetime, now: datetime) -> None:
    there = _partitions(conn, relation)
    # Months of minutes are made from the present one on: history that is older finds the default.
    start = horizon if relation.by == "day" else relation.start(now - 32 * DAY)
    while start < now + AHEAD[relation.by]:
        if relation.partition(start) not in there:
            _make(conn, relation, start)
        start = relation.after(start)


def _partitions(conn: Connection, relation: Partitioned) -> set[str]:
    rows = conn.execute(SQL["partitions"], {"relation": relation.name}).fetchall()
    return {name for (name,) in rows}


def _make(conn: Connection, relation: Partitioned, start: datetime) -> None:
    """Make one partition and move the rows there that came before it."""
    bounds = {"relation": relation.name, "t0": start, "t1": relation.after(start)}
    try:
        with _step(conn):
            conn.execute(SQL["make_partition"], bounds)
    except errors.LockNotAvailable:
        log.info("%s is in use, its next partition is made later", relation.name)


def _close(conn: Connection, relation: Partitioned, horizon: datetime, server: Server) -> None:
    """Move the horizon and drop what is beyond it."""
    if server is not Server.PLAIN and not _exists(conn, relation):
        return
    try:
        with _step(conn):
            # Who writes now has noted nothing that we could see yet: wait for them, hold others.
            conn.execute(SQL["hold_writers"], {"key": WRITERS_KEY})
            reached = _reachable(conn, relation, horizon, server)
            if reached is None:
                return
            conn.execute(SQL["set_floor"], {"relation": relation.floor, "ts": reached})
            if relation.raw:
                conn.execute(SQL["keep_last"], {"floor": reached})
            _drop(conn, relation, reached, server)
    except errors.LockNotAvailable:
        log.info("%s is in use, its old rows are dropped later", relation.name)


def _reachable(
    conn: Connection, relation: Partitioned, horizon: datetime, server: Server
) -> datetime | None:
    """How far the horizon may move: not past what is rolled up; None while nothing is."""
    is_raw = relation.name != "machine_1m"
    bound = {"horizon": horizon, "is_raw": is_raw, "floor": relation.floor}
    # On Community policies roll up by themselves, and drop a while after the horizon.
    name = "settled_horizon" if server is Server.COMMUNITY else "reachable_horizon"
    row = conn.execute(SQL[name], bound).fetchone()
    return None if row is None or row[0] is None else relation.start(row[0])


def _exists(conn: Connection, relation: Partitioned) -> bool:
    row = conn.execute(SQL["is_hypertable"], {"relation": relation.name}).fetchone()
    return row is not None and bool(row[0])


def _drop(conn: Connection, relation: Partitioned, horizon: datetime, server: Server) -> None:
    if server is Server.COMMUNITY:
        return
    bounds = {"relation": relation.name, "horizon": horizon}
    for (name,) in conn.execute(SQL["drop_partitions"], bounds).fetchall():
        log.info("dropped %s, beyond its horizon", name)
