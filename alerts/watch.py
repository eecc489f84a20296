"""The alarm engine: judges the rules every second and whenever something new is in the database.

Any number of processes may run it: one leads by an advisory lock and judges, the others wait for
it to go; all of them send mails. Where the database is not there, it waits until it is.
"""

from __future__ import annotations

import logging
import threading
import time

from alerts.mail import Sender
from alerts.pace import Pace
from alerts.round import Rounds
from db import heartbeat
from db.connect import Connection, Database, DatabaseUnavailable

log = logging.getLogger(__name__)

CHANNEL = "taktboard_live"
OUR_OWN = "alarm"
"""What we say ourselves on the channel is no news to us."""
WATCH: Pace = Pace()


def run(database: Database, stop: threading.Event, *, pace: Pace = WATCH) -> None:
    """Judge and send until `stop` is set; raises nothing that waiting could heal."""
    sender = Sender(database, stop, pace)
    thread = threading.Thread(target=sender.run, name="mail", daemon=True)
    thread.start()
    while not stop.is_set():
        try:
            _serve(database, stop, pace, sender)
        except DatabaseUnavailable as error:
            log.warning("no alarms are judged: %s", error)
        except Exception:
            log.exception("a round of the alarm engine failed; the next one tries again")
        stop.wait(pace.tick_s)
    sender.wake()
    thread.join(timeout=pace.smtp_timeout_s)


def _serve(database: Database, stop: threading.Event, pace: Pace, sender: Sender) -> None:
    """One term: lead as long as the session lives, if nobody else does."""
    with database.session() as session:
        if heartbeat.lead(session):
            log.info("leading")
            _lead(database, session, stop, pace, sender)


def _lead(
    database: Database, session: Connection, stop: threading.Event, pace: Pace, sender: Sender
) -> None:
    rounds = Rounds(database, pace)
    last = 0.0
    for note in database.listen(CHANNEL, timeout_s=pace.tick_s):
        if stop.is_set():
            return
        if note is not None and (note.payload == OUR_OWN or time.monotonic() - last < pace.gap_s):
            continue
        heartbeat.still_there(session)
        if rounds.go():
            sender.wake()
        last = time.monotonic()
