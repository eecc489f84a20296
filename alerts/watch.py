"""The alarm engine: judges the rules every second and whenever something new is in the database.

Any number of processes may run it: one leads by an advisory lock and judges, the others wait for
it to go, or to stand still; all of them send mails. Where the database is not there, it waits until
it is.
"""

from __future__ import annotations

import logging
import threading

from alerts.mail import Sender
from alerts.pace import Pace
from alerts.round import Rounds
from alerts.stillness import Stillness
from db import heartbeat
from db.connect import Connection, Database, DatabaseUnavailable
from db.heartbeat import Deposed

log = logging.getLogger(__name__)

CHANNEL = "taktboard_live"
OUR_OWN = "alarm"
"""What we say ourselves on the channel is no news to us."""
LISTEN_S = 0.5
"""How soon the listening thread notices that it is to stop."""
WATCH: Pace = Pace()


def run(database: Database, stop: threading.Event, *, pace: Pace = WATCH) -> None:
    """Judge and send until `stop` is set; raises nothing that waiting could heal."""
    sender, news = Sender(database, stop, pace), threading.Event()
    threads = (
        threading.Thread(target=sender.run, name="mail", daemon=True),
        threading.Thread(target=_hear, args=(database, stop, news), name="news", daemon=True),
    )
    for thread in threads:
        thread.start()
    leader = Stillness()
    while not stop.is_set():
        try:
            _serve(database, stop, pace, sender, news, leader)
        except Deposed as error:
            log.warning("no alarms are judged here: %s", error)
        except DatabaseUnavailable as error:
            leader.forget()
            log.warning("no alarms are judged: %s", error)
        except Exception:
            leader.forget()
            log.exception("a round of the alarm engine failed; the next one tries again")
        stop.wait(pace.tick_s)
    sender.wake()
    for thread in threads:
        thread.join(timeout=pace.smtp_timeout_s)


def _hear(database: Database, stop: threading.Event, news: threading.Event) -> None:
    """However much is said while a round goes on, it is heard as one piece of news."""
    for note in database.listen(CHANNEL, timeout_s=LISTEN_S):
        if stop.is_set():
            news.set()
            return
        if note is not None and note.payload != OUR_OWN:
            news.set()


def _serve(
    database: Database,
    stop: threading.Event,
    pace: Pace,
    sender: Sender,
    news: threading.Event,
    leader: Stillness,
) -> None:
    """One term: lead as long as the session lives, if nobody else does."""
    with database.session() as session:
        term = heartbeat.lead(session)
        if term is None:
            _stand_by(session, pace, leader)
            return
        log.info("leading")
        rounds = Rounds(database, pace, term.fence)
        while not stop.is_set():
            heartbeat.still_there(session)
            news.clear()
            if rounds.go():
                sender.wake()
            stop.wait(pace.gap_s)
            news.wait(max(0.0, pace.tick_s - pace.gap_s))


def _stand_by(session: Connection, pace: Pace, leader: Stillness) -> None:
    """Look after the leader: one that stands still but keeps its session is deposed."""
    still_s = leader.seconds(heartbeat.last(session))
    if still_s > pace.takeover_s:
        ended = heartbeat.depose(session)
        log.warning("the leader has stood still for %.0f s; %d sessions ended", still_s, ended)
        leader.forget()
