"""What the alerts board shows: active alarms, their history with its mails, an anomaly's trend."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from db.connect import Connection
from db.statements import statements
from plant.model import Label

SQL = statements("alert_board.sql")


@dataclass(frozen=True, slots=True)
class Mail:
    """Where one mail that tells of a transition is."""

    recipient: str
    sent_at: datetime | None
    """Plant time."""
    failed_at: datetime | None
    """Refused for good; the wall's time."""
    error: str | None
    """The server's words, of the last attempt."""

    @property
    def is_waiting(self) -> bool:
        """Whether it will be sent, or is tried again."""
        return self.sent_at is None and self.failed_at is None


Mails = tuple[Mail, ...]


@dataclass(frozen=True, slots=True)
class ActiveAlarm:
    """An alarm that is not normal."""

    mails: Mails
    id: int
    rule: str
    kind: str
    subject: str
    priority: str
    state: str
    since: datetime
    raised_at: datetime | None
    value: float | None
    limit: float | None
    params: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Counts:
    """Active alarms by state."""

    unacknowledged: int
    acknowledged: int
    returned: int


@dataclass(frozen=True, slots=True)
class Happened:
    """One transition of an alarm."""

    mails: Mails
    id: int
    at: datetime
    alarm_id: int
    rule: str
    kind: str
    subject: str
    priority: str
    cause: str
    actor: str | None
    value: float | None
    limit: float | None
    params: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of the history is asked for; None: all."""

    since: datetime
    priority: str | None = None
    kind: str | None = None
    cause: str | None = None


@dataclass(frozen=True, slots=True)
class Trend:
    """A tag's minutes and the band its detector took for normal."""

    tag: str
    label: Label
    unit: str
    points: tuple[tuple[datetime, float | None], ...]
    band: tuple[tuple[datetime, float, float], ...]


def active(conn: Connection, count: int) -> list[ActiveAlarm]:
    """Unacknowledged first, by priority, newest first."""
    rows = conn.execute(SQL["active"], {"count": count})
    return [ActiveAlarm(_mails(row[11]), *row[:11]) for row in rows]


def counts(conn: Connection) -> Counts:
    """How many are active, all of them."""
    row = conn.execute(SQL["counts"]).fetchone()
    assert row is not None
    return Counts(*row)


def history(conn: Connection, wanted: Wanted, count: int) -> list[Happened]:
    """Transitions, newest first."""
    values = {
        "since": wanted.since,
        "priority": wanted.priority,
        "kind": wanted.kind,
        "cause": wanted.cause,
        "count": count,
    }
    rows = conn.execute(SQL["history"], values)
    return [Happened(_mails(row[12]), *row[:12]) for row in rows]


def _mails(rows: list[list[str | None]]) -> Mails:
    return tuple(
        Mail(recipient or "", _moment(sent_at), _moment(failed_at), error)
        for recipient, sent_at, failed_at, error in rows
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def trend(conn: Connection, *, alarm: int | None, since: datetime, now: datetime) -> Trend | None:
    """The tag of this anomaly (else of the last one raised) with its normal band."""
    found = conn.execute(SQL["anomaly_tag"], {"alarm": alarm}).fetchone()
    if found is None:
        return None
    tag_id, code, label, unit = found
    span = {"tag_id": tag_id, "since": since, "now": now}
    points = tuple((ts, value) for ts, value in conn.execute(SQL["trend"], span))
    band = tuple((ts, low, high) for ts, low, high in conn.execute(SQL["band"], span))
    return Trend(code, Label.model_validate(label), unit, points, band)
