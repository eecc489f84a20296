"""The dead man's switch: tells by mail that nobody watches, out of another process.

Runs beside the ingest worker, for nobody can report their own death. While the engine's heart
stands still it raises an alarm of its own, mails it to whoever relies on the critical rules, and
sends what waits in the outbox. Does nothing as long as the heart beats; never judges a rule.
"""

from __future__ import annotations

import logging
import threading
from datetime import datetime

from alerts.mail import Sender
from alerts.pace import Pace
from alerts.post import message_id
from alerts.smtp import TransportError
from alerts.stillness import Stillness
from alerts.texts import texts
from db import alarms, heartbeat, master, outbox
from db.alarms import Key, Moved
from db.clock import load_clock
from db.connect import Connection, Database, DatabaseUnavailable
from db.heartbeat import Beat
from plant.alarms import Condition, Standing, fresh, step
from plant.model import Plant, Recipient

log = logging.getLogger(__name__)

UNWATCHED = Key(rule="!unwatched", subject="worker:alert")
"""No rule of a plant file can be called that."""
KIND = "unwatched"
DEFAULT = Pace()


def run(database: Database, stop: threading.Event, *, pace: Pace | None = None) -> None:
    """Look after the alarm engine until `stop` is set; raises nothing that waiting could heal."""
    guard = Guard(database, stop, pace or DEFAULT)
    while not stop.is_set():
        guard.look()
        stop.wait((pace or DEFAULT).tick_s)


class Guard:
    """What the guard has seen of the engine's heart."""

    def __init__(self, database: Database, stop: threading.Event, pace: Pace) -> None:
        self._database = database
        self._pace = pace
        self._heart = Stillness()
        self._sender = Sender(database, stop, pace)

    def look(self) -> None:
        """Look once, and act where the heart has stood still for too long, or beats again."""
        try:
            if self._is_unwatched():
                self._sender.drain()
        except TransportError as error:
            log.warning("nobody watches the alarms, and no mail gets through: %s", error)
        except DatabaseUnavailable as error:
            self._heart.forget()
            log.warning("whether the alarms are watched can't be seen: %s", error)
        except Exception:
            self._heart.forget()
            log.exception("looking after the alarm engine failed; it is tried again")

    def _is_unwatched(self) -> bool:
        with self._database.connection() as conn:
            beat = heartbeat.last(conn)
            still_s = self._heart.seconds(beat)
            is_still = still_s > self._pace.dead_man_s
            if not is_still and not (self._heart.is_beating and _was_told(conn)):
                return False
            try:
                plant = master.load(conn).plant
            except master.NoPlant:
                return False
            is_missed = is_still and bool(plant.alerts)
            _tell(conn, plant, beat, still_s, is_still=is_missed)
            return is_missed


def _was_told(conn: Connection) -> bool:
    found = alarms.kept(conn, UNWATCHED)
    return found is not None and found.alarm.is_active


def _tell(
    conn: Connection, plant: Plant, beat: Beat | None, still_s: float, *, is_still: bool
) -> None:
    """Step the guard's own alarm; where it moved, its mails are in the same transaction."""
    found, now = alarms.kept(conn, UNWATCHED), load_clock(conn).now()
    before = found.alarm if found else fresh(now)
    standing = Standing.VIOLATED if is_still else Standing.CLEAR
    after, transition = step(before, Condition(standing), now)
    if transition is None:
        return
    log.error("alarms are not watched" if is_still else "alarms are watched again")
    began = beat.plant_at if beat else None
    alarms.store(
        conn,
        [
            Moved(
                key=UNWATCHED,
                kind=KIND,
                priority="critical",
                alarm=after,
                transition=transition,
                is_new=transition.cause == "raised",
                value=still_s if is_still else None,
                limit=None,
                params=_params(plant, began) if is_still else {},
            )
        ],
    )
    _post(conn, plant)


def _post(conn: Connection, plant: Plant) -> None:
    news = [one for one in outbox.unprocessed(conn) if one.rule == UNWATCHED.rule]
    outbox.mark_processed(conn, news)
    if plant.mail is None:
        return
    for one in news:
        for to in relying(plant):
            outbox.post(conn, to, [one.event_id], message_id=message_id(plant.mail))


def relying(plant: Plant) -> list[Recipient]:
    """Whom critical rules name, else whom any rule names: they trust that a mail would come."""
    critical = {code for rule in plant.alerts if rule.priority == "critical"
                for code in rule.recipients}  # fmt: skip
    named = critical or {code for rule in plant.alerts for code in rule.recipients}
    return [one for one in plant.recipients if one.code in named]


def _params(plant: Plant, began: datetime | None) -> dict[str, object]:
    en, zh = texts("en", plant.site.zone), texts("zh", plant.site.zone)
    params: dict[str, object] = {
        "name": {one.language: one.text("Alarms are not watched") for one in (en, zh)},
        "subject": {one.language: one.text("Alert worker") for one in (en, zh)},
        "unit": "s",
    }
    return params | ({"began": began.isoformat()} if began else {})
