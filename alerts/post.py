"""From transitions to mails in the outbox: whom each is told, and floods grouped into digests.

Never sends: that is `alerts.mail`.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from uuid import uuid4

from alerts.book import Book
from alerts.pace import Pace
from db import outbox
from db.connect import Connection
from plant.model import Mail, Recipient

log = logging.getLogger(__name__)

TOLD = ("raised", "returned", "cleared")
"""Who acknowledged an alarm knows it, and the board shows it to the others."""


def post(conn: Connection, book: Book, pace: Pace) -> int:
    """Put mails for all that is new into the outbox; returns the number of new mails.

    A transition is marked processed in the same transaction, so that each is told once.
    """
    news = outbox.unprocessed(conn)
    if not news:
        return 0
    outbox.mark_processed(conn, news)
    mail = book.plant.mail
    if mail is None:
        return 0
    recent = outbox.recent(conn, pace.flood_window_s)
    waiting = outbox.waiting(conn)
    known = {recipient.code: recipient for recipient in book.plant.recipients}
    return sum(
        _post_to(conn, known[code], events, mail, pace, recent.get(code, 0), waiting.get(code))
        for code, events in _by_recipient(book, news).items()
        if code in known
    )


def _by_recipient(book: Book, news: list[outbox.News]) -> dict[str, list[int]]:
    events: dict[str, list[int]] = defaultdict(list)
    for one in news:
        rule = book.rules.get(one.rule)
        if rule is None or one.cause not in TOLD:
            continue
        for code in rule.recipients:
            events[code].append(one.event_id)
    return events


def _post_to(
    conn: Connection,
    to: Recipient,
    event_ids: list[int],
    mail: Mail,
    pace: Pace,
    recent: int,
    digest: int | None,
) -> int:
    if digest is not None:
        outbox.enclose(conn, digest, event_ids)
        return 0
    if recent + len(event_ids) <= pace.flood_mails:
        for event_id in event_ids:
            outbox.post(conn, to, [event_id], message_id=message_id(mail))
        return len(event_ids)
    log.warning("many alarms: %s gets a digest in %.0f s", to.code, pace.flood_window_s)
    outbox.post(conn, to, event_ids, message_id=message_id(mail), wait_s=pace.flood_window_s)
    return 1


def message_id(mail: Mail) -> str:
    """A new Message-ID, which a mail keeps however often it is tried."""
    return f"<{uuid4().hex}.taktboard@{mail.sender.rpartition('@')[2]}>"
