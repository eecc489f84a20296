"""How fast each machine has been in the last days: what forecasts of orders are drawn from.

Reads facts and never judges. What was read is kept for some minutes of plant time, because boards
ask every second and a history of days hardly changes meanwhile.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from db.connect import Connection
from db.statements import statements
from plant.orders_pace import Pace

SQL = statements("machine_pace.sql")
DAYS = timedelta(days=5)
KEPT = timedelta(minutes=5)
"""How long a history serves, plant time; it ends with the last whole quarter of an hour."""
QUARTER = timedelta(minutes=15)
MOST_KEPT = 4
Paces = Mapping[str, Pace]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_Key = tuple[str, datetime]


@dataclass
class _Kept:
    """The newest histories, by database and the time they are of; used by several threads."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    found: dict[_Key, Paces] = field(default_factory=dict)


_KEPT = _Kept()


def paces(conn: Connection, now: datetime) -> Paces:
    """The last five days of every machine, by code; one that did no operation is missing."""
    key = (conn.info.dsn, _floor(now, KEPT))
    with _KEPT.lock:
        if key not in _KEPT.found:
            while len(_KEPT.found) >= MOST_KEPT:
                _KEPT.found.pop(next(iter(_KEPT.found)))
            _KEPT.found[key] = _read(conn, key[1])
        return _KEPT.found[key]


def _floor(at: datetime, step: timedelta) -> datetime:
    return at - (at - _EPOCH) % step


def _read(conn: Connection, at: datetime) -> Paces:
    until = _floor(at, QUARTER)
    span = {"since": until - DAYS, "until": until}
    worked: dict[str, float] = dict(conn.execute(SQL["breaks"], span).fetchall())
    rows = conn.execute(SQL["quarters"], span).fetchall()
    return {row[0]: _pace(row[1:], worked.get(row[0], 0.0)) for row in rows}


def _pace(columns: tuple[Any, ...], breaks_worked: float) -> Pace:
    run, product, *facts = columns
    busy_s, setup_s, running_s, good, ideal_good_s = (np.array(fact, np.float64) for fact in facts)
    return Pace(
        run=np.array(run, np.int64),
        product=np.array(product, np.str_),
        busy_s=busy_s,
        setup_s=setup_s,
        running_s=running_s,
        good=good,
        ideal_good_s=ideal_good_s,
        breaks_worked=float(breaks_worked),
    )
