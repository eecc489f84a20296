"""The outbox: which mails are to be sent, are being sent, were sent or were refused.

Its times are the wall's, for a mail server knows no other; when one was sent is kept in both. A
mail is claimed for a while before it is sent, and marked sent after the server accepted it. One
whose process dies in between is claimed again, under the same Message-ID. Never speaks to a server.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from db.connect import Connection
from db.statements import statements
from plant.model import Language, Recipient

_SQL = statements("outbox.sql")
MOST = 5000
"""Transitions worked on at a time."""


@dataclass(frozen=True, slots=True)
class News:
    """A transition that nobody was told of yet."""

    event_id: int
    rule: str
    cause: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Whom a mail was meant for, and why it goes to another one."""

    recipient: str
    address: str
    error: str


@dataclass(frozen=True, slots=True)
class Claimed:
    """A mail that is ours to send."""

    instead_of: Refused | None
    """Set where this one goes to the fallback recipient."""
    mail_id: int
    recipient: str
    address: str
    language: Language
    message_id: str
    attempts: int
    """With this one."""
    created_at: datetime
    age_s: float


@dataclass(frozen=True, slots=True)
class Told:
    """A transition as a mail tells it. `params` as `alerts.verdict` writes them."""

    event_id: int
    alarm_id: int
    rule: str
    kind: str
    subject: str
    priority: str
    at: datetime
    cause: str
    value: float | None
    raised_at: datetime | None
    params: Mapping[str, object]


def unprocessed(conn: Connection) -> list[News]:
    """Transitions that nobody was told of yet, oldest first; locked."""
    return [News(*row) for row in conn.execute(_SQL["unprocessed"], {"most": MOST})]


def mark_processed(conn: Connection, news: Iterable[News]) -> None:
    """The mails for these transitions are in the outbox, in this transaction."""
    conn.execute(_SQL["processed"], {"ids": [one.event_id for one in news]})


def recent(conn: Connection, window_s: float) -> dict[str, int]:
    """How many mails each recipient was made within the last seconds."""
    return {code: int(n) for code, n in conn.execute(_SQL["recent"], {"window_s": window_s})}


def waiting(conn: Connection) -> dict[str, int]:
    """The digest of each recipient that still waits for its window to end, by its id."""
    return {code: int(mail_id) for code, mail_id in conn.execute(_SQL["waiting"])}


def post(
    conn: Connection, to: Recipient, event_ids: list[int], *, message_id: str, wait_s: float = 0.0
) -> int:
    """Put a mail about the transitions into the outbox, due in so many seconds; returns its id."""
    row = conn.execute(
        _SQL["post"],
        {
            "alarm_event_id": event_ids[0],
            "recipient": to.code,
            "address": to.address,
            "language": to.language,
            "message_id": message_id,
            "wait_s": wait_s,
        },
    ).fetchone()
    assert row is not None
    enclose(conn, int(row[0]), event_ids)
    return int(row[0])


def enclose(conn: Connection, mail_id: int, event_ids: list[int]) -> None:
    """Let a mail that is not being sent yet tell of more transitions."""
    conn.execute(_SQL["enclose"], {"mail_id": mail_id, "event_ids": event_ids})


def claim(conn: Connection, lease_s: float) -> Claimed | None:
    """The mail that has been due longest; nobody else gets it for so many seconds.

    A process that freezes in this transaction does not keep the mail: the server ends it.
    """
    conn.execute(_SQL["soon"])
    row = conn.execute(_SQL["claim"], {"lease_s": lease_s}).fetchone()
    if row is None:
        return None
    *mail, refused = row
    return Claimed(Refused(*refused) if refused else None, *mail)


def divert(conn: Connection, mail_id: int, to: Recipient, *, message_id: str) -> bool:
    """Tell another recipient what a refused mail tells; whether that is news.

    A mail is diverted once, and one that was diverted already never again.
    """
    values = {"mail_id": mail_id, "recipient": to.code, "address": to.address}
    values |= {"language": to.language, "message_id": message_id}
    return conn.execute(_SQL["divert"], values).rowcount > 0


def told(conn: Connection, mail_id: int) -> list[Told]:
    """The transitions that a mail tells of, in their order."""
    return [Told(*row) for row in conn.execute(_SQL["told"], {"mail_id": mail_id})]


def mark_sent(conn: Connection, mail_id: int, now: datetime) -> None:
    """The mail server accepted it; `now` is plant time."""
    conn.execute(_SQL["sent"], {"mail_id": mail_id, "now": now})


def postpone(conn: Connection, mail_id: int, wait_s: float, error: str) -> None:
    """Try again in so many seconds, and say why."""
    conn.execute(_SQL["later"], {"mail_id": mail_id, "wait_s": wait_s, "error": error})


def give_up(conn: Connection, mail_id: int, error: str) -> None:
    """Never try again, and say why."""
    conn.execute(_SQL["failed"], {"mail_id": mail_id, "error": error})
