"""What could not be taken: kept once with its reason, tried again when somebody asks for it.

Never decides whether something can be taken: that is the ingest worker's, who alone knows how its
sources are read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256
from typing import Literal, NamedTuple

from db import audit
from db.connect import Connection
from db.readings import moment
from db.statements import statements

SQL = statements("quarantine.sql")
LONGEST_PAYLOAD = 4096
MOST_TRIED = 200
"""Tried again at once."""
Form = Literal["reading", "sample", "message", "order"]


class Refused(NamedTuple):
    """What could not be taken: when (µs since 1970), from whom, why, and the thing itself."""

    at_us: int
    source_id: int | None
    reason: str
    detail: str
    address: str | None
    payload: bytes | None
    form: Form | None = None
    """What the payload is, where it can be taken again by itself."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Which of what is kept: all that agrees with what is given."""

    ids: Sequence[int] | None = None
    source: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """One thing in quarantine. `retry_at`: somebody asked then to have it tried again."""

    id: int
    at: datetime
    source: str | None
    reason: str
    detail: str
    address: str | None
    payload: bytes | None
    form: Form | None
    retry_at: datetime | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """One thing that is to be tried again. `at`: when it arrived, plant time."""

    id: int
    at: datetime
    source_id: int | None
    reason: str
    address: str | None
    payload: bytes | None
    form: Form


def quarantine(conn: Connection, rows: Sequence[Refused]) -> None:
    """Keep what could not be taken, each thing once; payloads are cut at 4 KiB."""
    if not rows:
        return
    columns = {
        "at": [moment(row.at_us) for row in rows],
        "source_id": [row.source_id for row in rows],
        "reason": [str(row.reason) for row in rows],
        "detail": [_clean(row.detail) for row in rows],
        "address": [None if row.address is None else _clean(row.address) for row in rows],
        "payload": [row.payload and row.payload[:LONGEST_PAYLOAD] for row in rows],
        "digest": [_digest(row) for row in rows],
        "form": [_form(row) for row in rows],
    }
    conn.execute(SQL["put"], columns)
    conn.execute(SQL["notify"])


def chosen(conn: Connection, choice: Choice, most: int, *, before: int | None = None) -> list[Kept]:
    """The newest `most` of a choice, newest first; `before`: an id, to page on."""
    rows = conn.execute(SQL["chosen"], {**asdict(choice), "most": most, "before": before})
    return [Kept(*row) for row in rows]


def retry(
    conn: Connection, choice: Choice, now: datetime, *, by: str, address: str | None = None
) -> int:
    """Have a choice tried again by the worker; how many can be. Noted in the audit trail.

    `now`: the wall clock's, as all of the audit trail; `address`: where it was asked from.
    """
    count = conn.execute(SQL["retry"], {**asdict(choice), "now": now}).rowcount
    detail = {**asdict(choice), "count": count}
    audit.write(conn, at=now, actor=by, action="quarantine_retried", address=address, **detail)
    return count


def drop(
    conn: Connection, choice: Choice, now: datetime, *, by: str, address: str | None = None
) -> int:
    """Forget a choice for good; how many it was. Noted in the audit trail."""
    count = conn.execute(SQL["drop"], asdict(choice)).rowcount
    detail = {**asdict(choice), "count": count}
    audit.write(conn, at=now, actor=by, action="quarantine_dropped", address=address, **detail)
    conn.execute(SQL["notify"])
    return count


def wanted(conn: Connection) -> list[Wanted]:
    """What somebody wants tried again, some at a time."""
    return [Wanted(*row) for row in conn.execute(SQL["wanted"], {"most": MOST_TRIED})]


def settle(conn: Connection, taken: Sequence[int], refused: Mapping[int, tuple[str, str]]) -> None:
    """What became of what was tried: taken (durable by now), or refused with (reason, detail)."""
    conn.execute(SQL["taken"], {"ids": list(taken)})
    columns = {
        "ids": list(refused),
        "reasons": [str(reason) for reason, _ in refused.values()],
        "details": [_clean(detail) for _, detail in refused.values()],
    }
    conn.execute(SQL["refused_again"], columns)
    conn.execute(SQL["notify"])


def _form(row: Refused) -> Form | None:
    """What was cut off can't be taken again."""
    return row.form if row.payload is not None and len(row.payload) <= LONGEST_PAYLOAD else None


def _digest(row: Refused) -> bytes:
    """The same for the same thing from the same place, whenever it comes."""
    key = repr((row.source_id, str(row.reason), row.address)).encode("utf-8", "replace")
    return sha256(sha256(key).digest() + (row.payload or b"")).digest()


def _clean(text: str) -> str:
    """Text that PostgreSQL takes: no NUL, no lone surrogates, not endless."""
    return text[:500].replace("\0", "�").encode("utf-8", "replace").decode("utf-8")
