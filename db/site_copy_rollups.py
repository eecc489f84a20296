"""Moves the rollups of a site: they reach further back than what they were made from.

On TimescaleDB Community their rows lie in the aggregates' own hypertables, elsewhere in tables of
the engine; rows move from either to either. What is above the source's watermark is live in the
target.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from db.census import ROLLUPS
from db.connect import Connection, Server, server_of
from db.rollup_level import LEVELS
from db.site_copy_days import Store, copy_days
from db.statements import statements

SQL = statements("site_copy.sql")
UNSETTLED = timedelta(days=7)
"""On Community, policies take in what was written within this only by and by."""
BUCKETS: dict[str, timedelta] = {level.name: level.bucket for level in LEVELS}


def settle_source(source: Connection) -> None:
    """On Community, take into the aggregates what their policies have not yet."""
    if server_of(source) is not Server.COMMUNITY:
        return
    for level in ROLLUPS:
        upto = _watermark(source, level)
        if upto is not None:
            _refresh(source, level, upto - UNSETTLED, upto)


def copy_rollups(source: Connection, target: Connection, say: Callable[[str], None]) -> None:
    """Make the target's rollups those of the source, from the lowest level up."""
    for level in ROLLUPS:
        upto = _watermark(source, level)
        if upto is None:
            continue
        store = Store(_store(source, level), _store(target, level), _columns(source, level))
        days = copy_days(source, target, store, upto)
        _move_watermark(target, level, upto)
        say(f"{level}: {days} days copied")


def _move_watermark(target: Connection, level: str, upto: datetime) -> None:
    if server_of(target) is not Server.COMMUNITY:
        target.execute(SQL["set_watermark"], {"level": level, "watermark": upto})
        return
    # The last bucket is computed anew from what was copied; the watermark moves behind it.
    _refresh(target, level, upto - 2 * BUCKETS[level], upto)


def _refresh(conn: Connection, level: str, t0: datetime, t1: datetime) -> None:
    conn.execute(SQL["refresh"], {"level": level, "t0": t0, "t1": t1})


def _watermark(conn: Connection, level: str) -> datetime | None:
    """None where nothing is rolled up yet."""
    row = conn.execute(SQL["watermark"], {"level": level}).fetchone()
    return None if row is None else row[0]


def _store(conn: Connection, level: str) -> str:
    """Where the rows below the watermark lie."""
    if server_of(conn) is not Server.COMMUNITY:
        return f"{level}_done"
    row = conn.execute(SQL["aggregate_store"], {"level": level}).fetchone()
    assert row is not None
    return str(row[0])


def _columns(conn: Connection, level: str) -> str:
    found = conn.execute(SQL["columns"], {"relation": level}).fetchall()
    return ", ".join(name for (name,) in found)
