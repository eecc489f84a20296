"""What people said of stops and could not count: kept with why, and never applied.

The same word that is refused again is one row, with its last reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from db.connect import Connection
from db.statements import statements
from db.stop_edits import Author, EditRefused, Kind, Why
from plant.model import Label

SQL = statements("stop_refusals.sql")
MOST = 100


@dataclass(frozen=True, slots=True)
class Refusal:
    """One word that was not taken. `details` holds times as ISO 8601."""

    kind: Kind
    said: str
    reason_name: Label | None
    actor: str
    at: datetime
    why: Why
    details: Mapping[str, Any]


def keep(
    conn: Connection,
    author: Author,
    machine_id: int,
    stop_t0: datetime,
    kind: str,
    said: str,
    refused: EditRefused,
) -> None:
    """Take down that `author` said it of the stop that began at `stop_t0`, and why it was refused.

    `said`: the reason's code, the comment, the time of the cut, the neighbour or the word's id.
    """
    details = {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in refused.details.items()
    }
    values = {
        "key": author.key,
        "machine_id": machine_id,
        "stop_t0": stop_t0,
        "kind": kind,
        "said": said,
        "actor": author.actor,
        "at": author.now,
        "why": refused.why,
        "details": Jsonb(details),
    }
    conn.execute(SQL["keep"], values)


def refusals(conn: Connection, machine_id: int, t0: datetime, t1: datetime) -> list[Refusal]:
    """What was refused of stops that begin in [t0, t1), the newest first; at most `MOST`."""
    values = {"machine_id": machine_id, "t0": t0, "t1": t1, "count": MOST}
    return [
        Refusal(kind, said, None if name is None else Label.model_validate(name), *rest)
        for kind, said, name, *rest in conn.execute(SQL["of"], values)
    ]
