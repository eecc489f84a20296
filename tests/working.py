"""The whole ingest worker in a thread of the test, on a plant that was applied."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from db.connect import Database
from db.master import apply
from db.retention import keep
from ingest import worker
from plant.check import read

ENDS_WITHIN_S = 30


def set_up(database: Database, text: str) -> None:
    """Apply a plant file as of now; the tables have partitions for it."""
    now = datetime.now(UTC)
    with database.connection() as conn:
        apply(conn, read(text), text, now)
    with database.session() as conn:
        keep(conn, now)


@contextmanager
def working(database: Database, spool_dir: Path) -> Iterator[threading.Event]:
    """A worker as long as the block lasts, or until the event is set."""
    stop = threading.Event()
    thread = threading.Thread(target=worker.run, args=(database, spool_dir, stop))
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(ENDS_WITHIN_S)
        assert not thread.is_alive()
