"""The demo's processes together: the embedded database and `app.py` commands on top of it.

The simulated plant is the first to start and the last to end, so that nobody misses what it says.
Never knows what they do.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from db import embedded
from ingest.simulator.child import Child

log = logging.getLogger(__name__)

WATCH_S = 0.1


@dataclass(slots=True)
class Server:
    """The embedded database; another one takes its place where it was killed."""

    data_dir: Path
    running: embedded.Embedded

    def keep_up(self) -> None:
        """Start it again where it is gone."""
        if self.running.alive():
            return
        log.warning("the database ended by itself; it is started again")
        self.running.stop()
        self.running = embedded.start(self.data_dir)


class Supervisor:
    """The children of one demo, `simulate` first."""

    def __init__(self, commands: Mapping[str, tuple[str, ...]]) -> None:
        self._commands = commands
        self._children: list[Child] = []

    def start(self, environment: Mapping[str, str], logs: Path, stop: threading.Event) -> None:
        """Start them, until `stop` is set. Raises OSError where a log can't be written."""
        logs.mkdir(exist_ok=True)
        for name, options in self._commands.items():
            if stop.is_set():
                return
            child = Child(name, (name, *options), environment, logs / f"{name}.log")
            child.start()
            self._children.append(child)

    def watch(self, server: Server, stop: threading.Event) -> None:
        """Start again what died, until `stop` is set."""
        while not stop.wait(WATCH_S):
            server.keep_up()
            for child in self._children:
                child.keep_up()

    def end(self) -> None:
        """End all; when this returns, none is left."""
        plant, others = self._children[:1], self._children[1:]
        for together in (others, plant):
            for child in together:
                child.ask_to_end()
            for child in together:
                child.wait()
