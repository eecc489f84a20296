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
"""Where the plant file says nothing. On Community a policy drops by itself, BEFORE days later."""
BEFORE = 2 * DAY
"""So much sooner than its policies drop does a horizon close on Community."""
TOO_OLD = "too_old"
POLICIES = {
    "reading": "raw",
    "reading_text": "raw",
    "machine_1m": "minutes",
    "tag_1m": "minutes",
}


def raw_since(kept: timedelta, now: datetime, *, floor: datetime | None = None) -> datetime:
    """The oldest time of a reading that still counts: whole days of UTC are kept.

    `floor`: up to where raw readings were dropped. A horizon that became longer brings none back,
    and one reading alone does not tell what was counted there.
    """
    day = (now - kept).astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day if floor is None else max(day, floor.astimezone(UTC))


def raw_limit(conn: Connection) -> Callable[[datetime], datetime]:
    """`raw_since` of the database behind `conn`."""
    return partial(raw_since, raw_horizon(conn), floor=_row(conn)[3])


def raw_horizon(conn: Connection) -> timedelta:
    """How long raw readings live: as the plant file says, else as this kind of server suggests."""
    days = _row(conn)[2]
    return RAW[server_of(conn)] if days is None else timedelta(days=days)


def counts_horizon(conn: Connection) -> timedelta:
    """How long minutes live, as the plant file says."""
    days = _row(conn)[0]
    return Horizon().counts if days is None else timedelta(days=days)


def counts_since(conn: Connection, now: datetime) -> datetime:
    """The oldest moment whose intervals and counts can be derived again."""
    floor = _row(conn)[1]
    limit = now - counts_horizon(conn)
    return limit if floor is None else max(floor, limit)


def save(conn: Connection, counts: timedelta, raw: timedelta | None = None) -> None:
    """Make them the ones that every process loads; `raw` None: as the kind of server suggests."""
    days = {"counts_days": counts // DAY, "raw_days": None if raw is None else raw // DAY}
    conn.execute(SQL["save"], {"value": Jsonb(days)})
    move_policies(conn)


def move_policies(conn: Connection) -> None:
    """On Community policies drop: from now on at the horizons in force."""
    if server_of(conn) is not Server.COMMUNITY:
        return
    horizons = {"raw": raw_horizon(conn) + BEFORE, "minutes": counts_horizon(conn)}
    for relation, layer in POLICIES.items():
        conn.execute(SQL["move_policy"], {"relation": relation, "after": horizons[layer]})


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


def _row(
    conn: Connection,
) -> tuple[int | None, datetime | None, int | None, datetime | None]:
    row = conn.execute(SQL["load"]).fetchone()
    assert row is not None
    return row[0], row[1], row[2], row[3]
