"""Peers of other stacks: Node scripts of tests/peers, that speak JSON lines on stdin and stdout."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parent / "peers"


def absent(peer: str, remedy: str) -> None:
    """A peer is not there: a failure where it must be, else a skip that says so."""
    message = f"{peer} is not there: {remedy}"
    if os.environ.get("TAKTBOARD_REQUIRE_PEERS") == "1":
        pytest.fail(message)
    pytest.skip(message)


class Peer:
    """A Node script that speaks JSON lines on stdin and stdout."""

    def __init__(self, script: str, *arguments: str) -> None:
        self._process = subprocess.Popen(
            ["node", FOLDER / script, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"the peer ended with {self._process.wait()}"
        found: dict[str, Any] = json.loads(line)
        return found

    def ask(self, **command: object) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        return self.read()

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def kill(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
        self._process.wait(10)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


@contextmanager
def peers(package: str) -> Iterator[Callable[..., Peer]]:
    """Starts scripts that need this npm package; they are killed at the end."""
    if shutil.which("node") is None:
        absent("Node", "install Node 20")
    if not (FOLDER / "node_modules" / package).exists():
        absent(package, "npm ci --ignore-scripts in tests/peers")
    running: list[Peer] = []

    def start(script: str, *arguments: str) -> Peer:
        running.append(Peer(script, *arguments))
        return running[-1]

    try:
        yield start
    finally:
        for one in running:
            one.kill()
