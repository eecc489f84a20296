"""One round of the alarm engine: judge the rules, step the alarms, write what moved.

All of it is one transaction: an alarm and its transition are there together or not at all, and the
next round, of whatever process, goes on from there. Keeps nothing but what can be lost.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from alerts.book import Book, book
from alerts.guard import UNWATCHED
from alerts.learning import Learning
from alerts.pace import Pace
from alerts.post import post
from alerts.rules import Judgement, judge
from alerts.verdict import Moment, Verdict
from db import alarms, heartbeat, master
from db.alarms import Kept, Key, Moved
from db.clock import Clock, load_clock
from db.connect import Connection, Database
from plant.alarms import fresh, step

log = logging.getLogger(__name__)

FRESH_S = 15.0
"""Derived rows older than this, at real speed, say nothing about now."""
SETTLE_S = 20.0
"""How long a reading is waited for before its minute is learnt, at real speed."""
SLEPT = timedelta(seconds=30)
"""A longer pause between two rounds, at real speed: this process has not been watching."""


Fence = Callable[[Connection], None]
"""Ends a transaction by an exception where the term of leadership is over."""


class Rounds:
    """The rounds of one term of leadership."""

    def __init__(self, database: Database, pace: Pace, fence: Fence = lambda _: None) -> None:
        self._database = database
        self._pace = pace
        self._fence = fence
        self._learning = Learning()
        self._book: Book | None = None
        self._watching_since: datetime | None = None
        self._last: datetime | None = None
        self._refreshed = 0.0

    def go(self) -> int:
        """One round; how many mails it put into the outbox. Raises DatabaseUnavailable."""
        with self._database.connection() as conn:
            clock = load_clock(conn)
            now = clock.now()
            self._fence(conn)
            found = self._current_book(conn)
            heartbeat.beat(conn, now)
        if found is None:
            return 0
        self._note_pauses(clock, now)
        self._learn(found, clock, now)
        with self._database.connection() as conn:
            self._fence(conn)
            self._step(conn, found, clock)
        with self._database.connection() as conn:
            self._fence(conn)
            heartbeat.beat(conn, now)
            return post(conn, found, self._pace)

    def _current_book(self, conn: Connection) -> Book | None:
        version = heartbeat.plant_version(conn)
        if version is not None and (self._book is None or self._book.version != version):
            self._book = book(master.load(conn).plant, version)
            log.info("judging by version %d of the plant file", version)
        return self._book

    def _note_pauses(self, clock: Clock, now: datetime) -> None:
        last, self._last = self._last, now
        if last is None or not timedelta(0) <= now - last <= SLEPT * max(1.0, clock.speed):
            self._watching_since = now

    def _learn(self, found: Book, clock: Clock, now: datetime) -> None:
        with self._database.connection() as conn:
            self._learning.advance(conn, found, now, SETTLE_S * max(1.0, clock.speed / 10))

    def _step(self, conn: Connection, found: Book, clock: Clock) -> None:
        now = clock.now()
        known = alarms.known(conn)
        moment = Moment(
            conn=conn,
            book=found,
            now=now,
            fresh_s=FRESH_S * max(1.0, clock.speed),
            watching_since=self._watching_since or now,
            anomalies=self._learning.said,
        )
        judged = judge(moment)
        refresh = self._refresh_is_due()
        steps = (_stepped(one, known.get(one.key), now, refresh) for one in judged.verdicts)
        alarms.store(conn, [moved for moved in steps if moved])
        alarms.withdraw(conn, _gone(known, judged, found), now)

    def _refresh_is_due(self) -> bool:
        if time.monotonic() - self._refreshed < self._pace.refresh_s:
            return False
        self._refreshed = time.monotonic()
        return True


def _stepped(one: Verdict, kept: Kept | None, now: datetime, refresh: bool) -> Moved | None:
    before = kept.alarm if kept else fresh(now)
    after, transition = step(before, one.condition, now)
    has_news = refresh and kept is not None and one.condition.value not in (None, kept.value)
    if after == before and not has_news:
        return None
    return Moved(
        key=one.key,
        kind=one.rule.kind,
        priority=one.rule.priority,
        alarm=after,
        transition=transition,
        is_new=before.state == "normal"
        or (transition is not None and transition.cause == "raised"),
        value=one.condition.value,
        limit=one.condition.limit,
        params=one.params,
    )


def _gone(known: dict[Key, Kept], judged: Judgement, found: Book) -> list[Kept]:
    """Alarms whose rule or subject the plant does not have any more; our own is the guard's."""
    watched = {one.key for one in judged.verdicts}
    unheard = {rule.code for rule in found.plant.alerts if rule.kind in judged.failed} | {
        UNWATCHED.rule
    }
    return [kept for key, kept in known.items() if key not in watched and key.rule not in unheard]
