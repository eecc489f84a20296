"""Keeps one source connected: session after session, with backoff and jitter in between.

Nothing that a source raises ends it; cancellation does.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable

from db.connect import DatabaseUnavailable
from ingest.feed import Feed
from ingest.sources import Source
from ingest.words import SourceDown, Words

log = logging.getLogger(__name__)

FIRST_PAUSE_S = 0.25
LONGEST_PAUSE_S = 5.0


class Backoff:
    """How long to wait before the next attempt: doubling, never the same for two sources."""

    def __init__(self) -> None:
        self._pause_s = FIRST_PAUSE_S

    def reset(self) -> None:
        """An attempt succeeded."""
        self._pause_s = FIRST_PAUSE_S

    def next_s(self) -> float:
        """Seconds to wait now."""
        pause_s, self._pause_s = self._pause_s, min(2 * self._pause_s, LONGEST_PAUSE_S)
        return pause_s * random.uniform(0.5, 1.0)


async def keep(name: str, make: Callable[[], Source], feed: Feed) -> None:
    """Run sessions of a source until cancelled; the feed's status tells how it goes."""
    backoff = Backoff()
    source: Source | None = None
    while True:
        try:
            source = source or make()
            await source.session()
        except SourceDown as down:
            _report(name, feed, down)
        except DatabaseUnavailable as error:
            _report(name, feed, SourceDown(Words.DATABASE, str(error)))
        except Exception as error:
            log.exception("%s: a session ended unexpectedly", name)
            _report(name, feed, SourceDown(Words.UNEXPECTED, f"{type(error).__name__}: {error}"))
        _end_if_cancelled()
        if feed.was_up:
            backoff.reset()
        feed.was_up = False
        await asyncio.sleep(backoff.next_s())


def _end_if_cancelled() -> None:
    """A library that is cancelled while it closes a connection may keep that to itself."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _report(name: str, feed: Feed, down: SourceDown) -> None:
    log.warning("%s: %s", name, down)
    feed.down(down.words, down.detail)
