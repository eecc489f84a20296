"""One process of the demo: started, started again where it died, ended in order.

Ends by itself when we are gone: its standard input closes. Never sends it a signal but the last.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

log = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parents[2]
PAUSE_S = 1.0
"""Before a process that died is started again."""
LAST_WORDS_S = 20.0
"""How long a process may take to put away what it holds."""


@dataclass(slots=True)
class Child:
    """`app.py` with these arguments; what it says goes to its log file."""

    name: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    log_file: Path
    process: subprocess.Popen[bytes] | None = None
    not_before: float = field(default=0.0)

    def start(self) -> None:
        """Start it. Raises OSError where its log can't be written."""
        with self.log_file.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, str(ROOT / "app.py"), *self.arguments],
                cwd=ROOT,
                env={**self.environment, "TAKTBOARD_SUPERVISED": "1"},
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches us alone: we end them in order
            )

    def keep_up(self) -> None:
        """Start it again where it died, after a pause."""
        if self.process is None or self.process.poll() is None:
            return
        now = time.monotonic()
        if not self.not_before:
            log.warning("%s ended by itself; see %s", self.name, self.log_file)
            self.not_before = now + PAUSE_S
        elif now >= self.not_before:
            self.not_before = 0.0
            self.start()

    def ask_to_end(self) -> None:
        """It puts away what it holds and ends."""
        if self.process is not None and self.process.stdin is not None:
            self.process.stdin.close()

    def wait(self) -> None:
        """Until it ended; killed where it takes too long."""
        if self.process is None:
            return
        try:
            self.process.wait(LAST_WORDS_S)
        except subprocess.TimeoutExpired:
            log.warning("%s does not end; it is killed", self.name)
            self.process.kill()
            self.process.wait()
