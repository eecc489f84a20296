"""Ports of this machine: which are taken, and a plant file moved away from those.

Never listens for longer than a look.
"""

from __future__ import annotations

import re
import socket

from ingest.simulator.faults import CannotSimulate

HOST = "127.0.0.1"


def check(port: int) -> None:
    """Raises CannotSimulate where the boards' port is taken."""
    if not is_free(port):
        raise CannotSimulate(
            f"Port {port} of {HOST} is taken by another program, maybe another Taktboard. "
            "Stop that one, or choose another port: --port 8060."
        )


def is_free(port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def moved(text: str, web_port: int) -> str:
    """The plant file with every loopback port that is taken replaced by a free one."""
    text = re.sub(rf'(boards_url\s*=\s*"http://{HOST}:)\d+', rf"\g<1>{web_port}", text)
    chosen: dict[str, str] = {str(web_port): str(web_port)}

    def move(found: re.Match[str]) -> str:
        port = found[2]
        if port not in chosen:
            chosen[port] = port if is_free(int(port)) else str(_any())
        return found[1] + chosen[port]

    return re.sub(rf'(//{HOST}:|host\s*=\s*"{HOST}"\s*\nport\s*=\s*)(\d+)', move, text)


def _any() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
