"""Windows that move with the time, and where each begins: one rule for boards and explanations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from dashboards.scope import begin_of_shift
from dashboards.texts import msgid
from db.boards import present
from db.connect import Connection

WINDOWS: Mapping[str, str] = {
    "shift": msgid("This shift"),
    "today": msgid("Today"),
    "24h": msgid("24 h"),
    "7d": msgid("7 days"),
}
"""The way an address names them → message id."""
BACK: Mapping[str, timedelta] = {"24h": timedelta(hours=24), "7d": timedelta(days=7)}


def begin_of(
    conn: Connection,
    window: str,
    now: datetime,
    zone: ZoneInfo,
    machines: Sequence[str] | None = None,
) -> datetime:
    """Where a window of these machines, or of all, begins, UTC, on a whole minute.

    The shift and the production day are those that most of the machines work by; outside of every
    shift the last eight hours stand for it.
    """
    if window in BACK:
        return now.replace(second=0, microsecond=0) - BACK[window]
    here = present(conn, now, zone, machines)
    return here.day_begun if window == "today" else begin_of_shift(here.shift_begun, now)
