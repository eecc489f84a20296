"""What the first visitor would otherwise wait for, done once before the process calls itself ready.

Never fails: what can't be done now is done by the first visitor.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

from dashboards import passwords
from dashboards.board import Board
from dashboards.frames import Reader
from dashboards.live import key_of
from dashboards.scenes import Scenes
from dashboards.texts import LANGUAGES, texts
from db.master import NoPlant

log = logging.getLogger(__name__)

FIRST_FRAME_S = 5.0


class Warmth:
    """Whether it was done; safe to call from many threads."""

    def __init__(self, scenes: Scenes, reader: Reader, boards: Sequence[Board]) -> None:
        self._scenes, self._reader, self._boards = scenes, reader, boards
        self._lock = threading.Lock()
        self._is_done = False

    def __call__(self) -> None:
        """Warm up, the first time; others wait meanwhile.

        Raises DatabaseUnavailable, and tries again at the next call then. Without a plant there is
        nothing to lay out yet, and nobody to wait.
        """
        with self._lock:
            if self._is_done:
                return
            passwords.nobody()
            for language in LANGUAGES:
                texts(language)
            try:
                self._lay_out()
            except NoPlant:
                log.info("no plant yet: the boards are laid out when the first one is asked for")
                return
            self._is_done = True

    def _lay_out(self) -> None:
        language = self._scenes.site_language() or "en"
        for board in self._boards:
            board.layout(self._scenes.scene(language, {}))
        for board in self._boards:
            self._reader.channel(key_of(board, {}, language)).after(0, FIRST_FRAME_S)
