"""What keeps the simulated plant from starting, in words for the user. Never a traceback."""

from __future__ import annotations

import errno


class CannotSimulate(RuntimeError):
    """The simulated plant can't start; the message says why and what to do."""


def port_trouble(what: str, host: str, port: int, error: OSError) -> CannotSimulate:
    """A port that can't be listened on."""
    if error.errno == errno.EADDRINUSE:
        why = "another program listens there; stop it, or give another port in plant.toml"
    elif error.errno == errno.EADDRNOTAVAIL:
        why = "this is not an address of this machine; the simulated plant serves 127.0.0.1"
    else:
        why = error.strerror or str(error)
    return CannotSimulate(f"the simulated {what} can't listen on {host}:{port}: {why}")
