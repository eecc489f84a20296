"""Ports for servers that a test starts itself."""

from __future__ import annotations

import random
import socket
from pathlib import Path

LOWEST, HIGHEST = 10_000, 32_000
"""Below the ports that systems give to outgoing connections and to who asks for any: nobody else
takes one between our choice and the server's start."""
_given: set[int] = set()
_chance = random.SystemRandom()  # processes that test at the same time choose apart


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on; never the same twice in a process."""
    while True:
        port = _chance.randint(LOWEST, HIGHEST)
        if port not in _given and _is_free(port):
            _given.add(port)
            return port


def keep_port(data_dir: Path) -> Path:
    """Give the embedded server of a data directory a port that stays its own over restarts."""
    data_dir.mkdir(parents=True, exist_ok=True)
    (data_dir / "port").write_text(str(free_port()))
    return data_dir


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
