"""The plant and its clock as the web process knows them: read from the database, kept for seconds.

Never reads the plant file, and never keeps anything longer than `KEPT_S`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

from dashboards.board import Scene
from db.clock import Clock, load_clock
from db.connect import Connection, Database
from db.master import NoPlant, load
from plant.model import Language, Plant

KEPT_S = 2.0


@dataclass(frozen=True, slots=True)
class _Known:
    plant: Plant
    clock: Clock
    read_at: float


class Scenes:
    """Makes scenes for layouts; safe to share between threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: _Known | None = None
        self._lock = threading.Lock()

    def scene(self, language: Language, params: Mapping[str, str]) -> Scene:
        """What a layout is made for, now.

        Raises DatabaseUnavailable when the plant isn't known yet and can't be read.
        """
        known = self._read()
        return Scene(known.plant, known.clock.now(), language, dict(params))

    def site_language(self) -> Language | None:
        """The language of a screen that has not chosen one; none before a plant was applied."""
        try:
            return self._read().plant.site.language
        except NoPlant:
            return None

    def _read(self) -> _Known:
        known = self._known
        if known and time.monotonic() - known.read_at < KEPT_S:
            return known
        with self._lock, self._database.snapshot() as conn:
            self._known = _load(conn)
            return self._known


def _load(conn: Connection) -> _Known:
    return _Known(load(conn).plant, load_clock(conn), time.monotonic())
