"""What wakes the reader: a word from the database that something was committed, or a request.

One thread hears; many words while frames are being made wake it once. Never looks at data itself.
"""

from __future__ import annotations

import threading

from db.connect import Database

CHANNEL = "taktboard_live"
TIMEOUT_S = 0.5
"""So soon the listening thread sees that it is not wanted any more."""
QUIET = frozenset({"reading"})
"""Words that come with every batch, not worth a frame of their own: the next second's has it."""


class Notices:
    """An alarm clock for one waiting thread."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._heard = threading.Event()
        self._is_wanted = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Listen in the background, until `stop`."""
        self._is_wanted = True
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._listen, name="notices", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Listen no more; the thread ends within `TIMEOUT_S`."""
        self._is_wanted = False

    def close(self, timeout_s: float) -> None:
        """Listen no more, and wait for the thread to end."""
        self.stop()
        if self._thread is not None:
            self._thread.join(timeout_s)

    def look(self) -> None:
        """Wake the waiting thread now."""
        self._heard.set()

    def wait(self, timeout_s: float) -> None:
        """Return when something was heard since the last time, or after the time-out."""
        self._heard.wait(timeout_s)
        self._heard.clear()

    def _listen(self) -> None:
        for notice in self._database.listen(CHANNEL, timeout_s=TIMEOUT_S):
            if not self._is_wanted:
                return
            if notice is not None and notice.payload not in QUIET:
                self._heard.set()
