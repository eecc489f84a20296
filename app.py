"""The one door to Taktboard: `python app.py COMMAND`, and `app:server` for a WSGI server.

Finds the command, and tells a user's mistake in its own words. Never works itself.
"""

from __future__ import annotations

import signal

if __name__ == "__main__":  # Ctrl-C while the rest is imported: an end without a traceback
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import logging
import sys
from argparse import Namespace
from collections.abc import Callable
from typing import TYPE_CHECKING

from commands import database_file, plant_file, processes, upkeep
from commands.arguments import parse
from commands.mistake import mistakes

if TYPE_CHECKING:
    from flask import Flask

COMMANDS: dict[str, Callable[[Namespace], None]] = {
    "demo": processes.demo,
    "serve": processes.serve,
    "ingest": processes.ingest,
    "alert": processes.alert,
    "simulate": processes.simulate,
    "check": plant_file.check,
    "migrate": plant_file.migrate,
    "source": plant_file.try_source,
    "user": upkeep.user,
    "rebuild": upkeep.rebuild,
    "correct": upkeep.correct,
    "quarantine": upkeep.quarantine,
    "doctor": upkeep.doctor,
    "db": database_file.act,
}


def __getattr__(name: str) -> Flask:
    """`app:server` is made when it is asked for, so that the other commands start fast."""
    if name != "server":
        raise AttributeError(name)
    server = processes.make_server()
    globals()["server"] = server
    return server


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit status."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    options = parse(arguments)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    for loud in ("asyncua", "httpx", "httpcore"):
        logging.getLogger(loud).setLevel(logging.WARNING)
    try:
        COMMANDS[options.command](options)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except mistakes() as error:
        print(f"taktboard: {str(error) or error.__doc__}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
