"""Sends what is in the outbox, in a thread of its own: a mail server that hangs delays mails only.

A mail is marked sent after the server accepted it. What fails for now is tried again, later and
later; what is refused for good is marked failed with the server's words, and goes once to the
fallback recipient of the plant file. While the server is away, nothing is lost and nothing hurried.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from email.message import EmailMessage

from alerts.letter import letter
from alerts.pace import Pace
from alerts.post import message_id
from alerts.smtp import Mailbox, TransportError
from alerts.texts import Texts, texts
from alerts.wording import worded
from db import master, outbox
from db.clock import load_clock
from db.connect import Connection, Database, DatabaseUnavailable
from db.outbox import Claimed
from plant.model import Mail, Plant

log = logging.getLogger(__name__)


class Sender:
    """The sending half of the alarm engine. Any number may run on one outbox."""

    def __init__(self, database: Database, stop: threading.Event, pace: Pace) -> None:
        self._database = database
        self._stop = stop
        self._pace = pace
        self._news = threading.Event()
        self._outages = 0
        """Times in a row that the server was not there."""

    def wake(self) -> None:
        """Something new is in the outbox."""
        self._news.set()

    def run(self) -> None:
        """Send until `stop` is set."""
        while not self._stop.is_set():
            wait_s = self._pace.tick_s
            try:
                self.drain()
            except TransportError as error:
                wait_s = self._backoff_s(self._outages)
                log.warning("mails wait for %.0f s: %s", wait_s, error)
            except DatabaseUnavailable as error:
                log.warning("no mails are sent: %s", error)
            except Exception:
                log.exception("a round of sending failed; the next one tries again")
                wait_s = self._pace.first_retry_s
            self._rest(wait_s)

    def drain(self) -> int:
        """Send what is due; how many were accepted. Raises TransportError if the server is away."""
        plant = self._plant()
        if plant is None or plant.mail is None:
            return 0
        sent = 0
        with Mailbox(plant.mail, self._pace.smtp_timeout_s) as mailbox:
            while not self._stop.is_set():
                until = time.monotonic() + self._pace.lease_s
                claimed = self._claim()
                if claimed is None:
                    break
                sent += self._send(mailbox, plant, plant.mail, claimed, until)
        return sent

    def _rest(self, wait_s: float) -> None:
        """Until it is time, or there is news; an outage is waited for, whatever the news."""
        if self._outages:
            self._stop.wait(wait_s)
        elif self._news.wait(wait_s):
            self._news.clear()

    def _plant(self) -> Plant | None:
        with self._database.connection() as conn:
            try:
                return master.load(conn).plant
            except master.NoPlant:
                return None

    def _claim(self) -> Claimed | None:
        with self._database.connection() as conn:
            return outbox.claim(conn, self._pace.lease_s)

    def _send(
        self, mailbox: Mailbox, plant: Plant, mail: Mail, claimed: Claimed, until: float
    ) -> bool:
        """Whether it was accepted; not sent where we were frozen until it was another's."""
        try:
            message = self.written(plant, mail, claimed)
            if time.monotonic() > until:
                return False
            mailbox.send(message, claimed.address)
        except TransportError as error:
            self._settle_failure(plant, claimed, error)
            return False
        self._outages = 0
        self._mark_sent(claimed)
        return True

    def written(self, plant: Plant, mail: Mail, claimed: Claimed) -> EmailMessage:
        """A claimed mail as it goes over the wire. Raises TransportError where it can't be."""
        say = texts(claimed.language, plant.site.zone)
        with self._database.connection() as conn:
            told = outbox.told(conn, claimed.mail_id)
        try:
            return letter(
                [worded(one, say, mail.boards_url) for one in told],
                say=say,
                mail=mail,
                address=claimed.address,
                site=plant.site.name.text(claimed.language),
                message_id=claimed.message_id,
                created_at=claimed.created_at,
                note=_note(plant, claimed, say),
            )
        except (ValueError, LookupError) as error:
            raise TransportError(f"can't be written: {error!r}", is_permanent=True) from error

    def _mark_sent(self, claimed: Claimed) -> None:
        """Only a crash may send it again now: where the database is away, it is waited for."""
        while True:
            try:
                with self._database.connection() as conn:
                    outbox.mark_sent(conn, claimed.mail_id, load_clock(conn).now())
                return
            except DatabaseUnavailable:
                if self._stop.wait(self._pace.tick_s):
                    raise

    def _settle_failure(self, plant: Plant, claimed: Claimed, error: TransportError) -> None:
        too_old = claimed.age_s > self._pace.give_up_s
        with self._database.connection() as conn:
            if error.is_permanent or too_old:
                log.error("a mail to %s is given up: %s", claimed.recipient, error)
                outbox.give_up(conn, claimed.mail_id, str(error))
                if error.is_permanent:
                    _divert(conn, plant, claimed)
            else:
                wait_s = self._backoff_s(claimed.attempts)
                outbox.postpone(conn, claimed.mail_id, wait_s, str(error))
        if error.is_server:
            self._outages += 1
            raise error
        self._outages = 0

    def _backoff_s(self, attempts: int) -> float:
        """Twice as long each time, up to a bound, with a quarter of chance either way."""
        doubled = self._pace.first_retry_s * 2.0 ** min(attempts - 1, 20)
        return min(doubled, self._pace.longest_retry_s) * random.uniform(0.75, 1.25)


def _divert(conn: Connection, plant: Plant, claimed: Claimed) -> None:
    """To the fallback recipient, if there is one and it is not the one that was refused."""
    mail = plant.mail
    if mail is None or mail.fallback in (None, claimed.recipient):
        return
    for to in plant.recipients:
        if to.code == mail.fallback and outbox.divert(
            conn, claimed.mail_id, to, message_id=message_id(mail)
        ):
            log.warning("it goes to %s instead", to.code)


def _note(plant: Plant, claimed: Claimed, say: Texts) -> str:
    """Why this one came to the fallback recipient; empty where it did not."""
    refused = claimed.instead_of
    if refused is None:
        return ""
    names = {one.code: one.name for one in plant.recipients}
    return say.text(
        "This mail was meant for {name} <{address}>. It could not be delivered: {error}",
        name=names.get(refused.recipient, refused.recipient),
        address=refused.address,
        error=refused.error,
    )
