"""The detectors' memories, the readings they learn from, and the scores they gave.

Never judges; never looks at a machine that isn't running.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from db.connect import Connection
from db.statements import statements
from plant.anomaly import Judged

_SQL = statements("anomalies.sql")
SETTLE_S = 15.0
"""After a start, a machine needs this long until its values are those of running."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What the detector of one tag knows."""

    tag_id: int
    code: str
    upto: datetime | None
    """Readings up to here are learnt; none yet."""
    state: bytes | None
    known_to: datetime | None
    """The machine's states are derived up to here; never, where it said nothing."""
    ran_from: datetime | None
    """Its first run within the time that is learnt from."""


def memories(conn: Connection, codes: Collection[str], since: datetime) -> list[Memory]:
    """The memories of the tags, by tag id; `since`: how far back is learnt from."""
    rows = conn.execute(_SQL["models"], {"codes": list(codes), "since": since})
    return [Memory(*row) for row in rows]


def readings(
    conn: Connection, tag_id: int, after: datetime, until: datetime
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Times (epoch seconds) and values of the good readings in running time, after < t ≤ until."""
    values = {"tag_id": tag_id, "after": after, "until": until, "settle_s": SETTLE_S}
    rows = conn.execute(_SQL["readings"], values).fetchall()
    table = np.asarray(rows, dtype=np.float64).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def keep(
    conn: Connection, tag_id: int, upto: datetime, state: bytes, judged: Sequence[Judged]
) -> None:
    """Store a memory together with what it judged."""
    conn.execute(_SQL["keep"], {"tag_id": tag_id, "upto": upto, "state": state})
    if not judged:
        return
    values = {
        "tag_id": tag_id,
        "ts": [datetime.fromtimestamp(one.at, UTC) for one in judged],
        "value": [one.value for one in judged],
        "low": [one.low for one in judged],
        "high": [one.high for one in judged],
        "score": [one.likelihood for one in judged],
    }
    conn.execute(_SQL["score"], values)


def last_score(conn: Connection, tag_id: int) -> list[Judged]:
    """The newest score of a tag, as it was judged; empty where there is none."""
    rows = conn.execute(_SQL["last"], {"tag_id": tag_id}).fetchall()
    return [
        Judged(at, value, low, high, likelihood, is_anomalous=False, started=False)
        for at, value, low, high, likelihood in rows
    ]


def forget(conn: Connection, tag_id: int, before: datetime) -> None:
    """Drop a tag's scores older than that: the boards show days, not months."""
    conn.execute(_SQL["forget"], {"tag_id": tag_id, "before": before})
