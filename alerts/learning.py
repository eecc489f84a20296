"""Feeds the anomaly detectors: each tag that a rule names learns from its readings as they come.

What was learnt is stored with the scores in one transaction, so that a restart goes on exactly
there. A tag that is new learns from the days before first, some hours a round: rounds stay short.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import msgspec

from alerts.book import Book
from alerts.verdict import Anomaly
from db import anomalies
from db.anomalies import Memory
from db.connect import Connection
from plant import anomaly
from plant.anomaly import Judged, Model
from plant.model import AnomalyRule

log = logging.getLogger(__name__)

LOOK_BACK = timedelta(days=7)
"""How much of the past a new tag learns from.

A fault that runs while a memory is young is learnt as normal, and can hide the next ones until the
memory has grown: the more, the better."""
STRIDE = timedelta(hours=12)
"""Plant time a tag learns in one step."""
BUCKET = timedelta(seconds=anomaly.DEFAULT.bucket_s)
OLDER = timedelta(hours=6)
"""History that reaches this much further back than what was learnt is worth learning anew."""
ROUND_S = 0.4
"""Seconds of the wall that a round of learning takes at most."""
KEPT = timedelta(days=14)
"""How long scores are kept for the boards."""


class Learning:
    """The detectors of one plant file; what they know is in the database, this is a copy."""

    def __init__(self) -> None:
        self.said: dict[str, Anomaly] = {}
        self._began: dict[str, datetime] = {}
        """How far back the history of each tag reached when it was learnt from its beginning."""
        self._next = 0

    def advance(self, conn: Connection, book: Book, now: datetime, settle_s: float) -> None:
        """Learn what is new, tag by tag, until the round's time is over.

        Args:
            settle_s: how long, in plant seconds, a reading is waited for before its minute is
                learnt: later ones are left out.
        """
        memories = anomalies.memories(conn, watched(book), now - LOOK_BACK)
        self._forget_all_but({memory.code for memory in memories})
        until = time.monotonic() + ROUND_S
        for done, memory in enumerate(self._turned(memories)):
            self._catch_up(conn, memory, now - timedelta(seconds=settle_s), until)
            if time.monotonic() > until:
                self._next += done + 1
                break

    def _turned(self, memories: list[Memory]) -> list[Memory]:
        """So that every tag has its turn when a round is too short for all."""
        start = self._next % len(memories) if memories else 0
        return memories[start:] + memories[:start]

    def _forget_all_but(self, codes: set[str]) -> None:
        self.said = {code: said for code, said in self.said.items() if code in codes}

    def _catch_up(self, conn: Connection, memory: Memory, settled: datetime, until: float) -> None:
        """Learn a tag up to now, or as far as the time goes; it speaks once it has caught up."""
        if memory.known_to is None:
            return
        model, upto = self._where_it_was(memory)
        after, end = upto or settled - LOOK_BACK, min(memory.known_to, settled)
        last: list[Judged] = []
        while end - after >= BUCKET:
            upto = min(end, after + STRIDE)
            last = _learnt(conn, memory.tag_id, model, after, upto)[-1:] or last
            after = upto
            if time.monotonic() > until and end - after >= BUCKET:
                return
        if last or memory.code not in self.said:
            self._hear(memory, last or anomalies.last_score(conn, memory.tag_id), model)

    def _where_it_was(self, memory: Memory) -> tuple[Model, datetime | None]:
        """What the tag knows and up to when; nothing, where older history has come in since."""
        model = _model(memory)
        ran_from = memory.ran_from
        if ran_from is None or memory.upto is None or model.is_anomalous:
            return model, memory.upto
        if self._began.get(memory.code, _first(model) or memory.upto) - ran_from < OLDER:
            return model, memory.upto
        log.info("%s learns anew: its history reaches back to %s", memory.code, ran_from)
        self._began[memory.code] = ran_from
        return Model(), None

    def _hear(self, memory: Memory, judged: Iterable[Judged], model: Model) -> None:
        for last in judged:
            self.said[memory.code] = Anomaly(
                is_anomalous=model.is_anomalous,
                value=last.value,
                low=last.low,
                high=last.high,
                likelihood=last.likelihood,
                since=_moment(model.started_at),
            )


def watched(book: Book) -> set[str]:
    """Codes of the tags that have a detector."""
    return {
        tag.code
        for rule in book.plant.alerts
        if isinstance(rule, AnomalyRule)
        for tag in book.tags_of(rule.tag, rule.machines)
    }


def _learnt(
    conn: Connection, tag_id: int, model: Model, after: datetime, upto: datetime
) -> list[Judged]:
    at_s, values = anomalies.readings(conn, tag_id, after, upto)
    judged = anomaly.learn(model, at_s, values)
    anomalies.keep(conn, tag_id, upto, anomaly.dump(model), judged)
    anomalies.forget(conn, tag_id, upto - KEPT)
    return judged


def _model(memory: Memory) -> Model:
    if memory.state is None:
        return Model()
    try:
        return anomaly.load(memory.state)
    except msgspec.DecodeError:
        log.warning("the detector of %s starts anew: its memory can't be read", memory.code)
        return Model()


def _first(model: Model) -> datetime | None:
    """Start of the first bucket that was learnt."""
    return _moment(None if model.first_bucket < 0 else model.first_bucket * BUCKET.total_seconds())


def _moment(at_s: float | None) -> datetime | None:
    return None if at_s is None else datetime.fromtimestamp(at_s, UTC)
