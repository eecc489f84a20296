"""How far back history can be corrected, and that what is older is kept with the reason.

Two limits. Readings: as long as raw ones live on this kind of server. Everything else (order
messages, corrections, calendars, ideal cycles): as long as minutes live, which the plant file says.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

from psycopg.types.json import Jsonb

from db.connect import Connection, Server, server_of
from db.quarantine import Refused, quarantine
from db.readings import micros
from db.statements import statements
from plant.horizon import Horizon

SQL = statements("horizon.sql")
DAY = timedelta(days=1)
RAW = {Server.PLAIN: 7 * DAY, Server.APACHE: 90 * DAY, Server.COMMUNITY: 88 * DAY}
"""On Community a policy drops after 90 days by itself; the horizon closes before."""
TOO_OLD = "too_old"


def raw_since(server: Server, now: datetime) -> datetime:
    """The oldest time of a reading that still counts: whole days of UTC are kept."""
    return (now - RAW[server]).astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def raw_limit(conn: Connection) -> Callable[[datetime], datetime]:
    """`raw_since` of the server behind `conn`."""
    return partial(raw_since, server_of(conn))


def counts_horizon(conn: Connection) -> timedelta:
    """How long minutes live, as the plant file says."""
    days = _row(conn)[0]
    return Horizon().counts if days is None else timedelta(days=days)


def counts_since(conn: Connection, now: datetime) -> datetime:
    """The oldest moment whose intervals and counts can be derived again."""
    floor = _row(conn)[1]
    limit = now - counts_horizon(conn)
    return limit if floor is None else max(floor, limit)


def save_counts(conn: Connection, horizon: timedelta) -> None:
    """Make it the one that every process loads."""
    conn.execute(SQL["save"], {"value": Jsonb({"counts_days": horizon // DAY})})


def put_aside(
    conn: Connection,
    detail: str,
    payload: str,
    now: datetime,
    *,
    source_id: int | None = None,
    address: str | None = None,
) -> None:
    """Keep what is older than the horizon where refused messages are kept; commit it."""
    kept = Refused(micros(now), source_id, TOO_OLD, detail, address, payload.encode())
    quarantine(conn, [kept])


def _row(conn: Connection) -> tuple[int | None, datetime | None]:
    row = conn.execute(SQL["load"]).fetchone()
    assert row is not None
    return row[0], row[1]
