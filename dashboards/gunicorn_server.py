"""The boards behind gunicorn, for who starts them with `serve` and no WSGI server of their own.

One worker with many threads: each open board's live stream holds one. Never makes the application.
"""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask
from gunicorn.app.base import BaseApplication

SETTINGS: dict[str, object] = {
    "worker_class": "gthread",
    "threads": 200,
    "graceful_timeout": 5,
    "control_socket_disable": True,
    "proc_name": "taktboard",
}
"""The same as in README's command for production."""


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn ships no types
    """`run()` answers on the address until the process is told to end."""

    def __init__(self, make: Callable[[], Flask], host: str, port: int) -> None:
        self._make = make
        self._settings = {**SETTINGS, "bind": f"{host}:{port}"}
        super().__init__()

    def load_config(self) -> None:
        """Called by gunicorn."""
        for key, value in self._settings.items():
            self.cfg.set(key, value)

    def load(self) -> Flask:
        """Called by gunicorn in the worker."""
        return self._make()
