"""What commands find around them: the plant file, directories, the database, the wish to stop."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from commands.mistake import Mistake

if TYPE_CHECKING:
    from db.connect import Database


def read_plant(path: Path) -> str:
    """The text of a plant file. Raises Mistake."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise Mistake(
            f"the plant file {path} can't be read: {reason}. Name one with --plant FILE or in "
            "TAKTBOARD_PLANT."
        ) from None


def writable(directory: Path) -> Path:
    """The directory, made where it was not there. Raises Mistake."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        probe = directory / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise Mistake(
            f"the data directory {directory} can't be written: {error.strerror}. Give this user "
            "the right to write there, or choose another: --data DIR."
        ) from None
    return directory.resolve()


def stop_event() -> threading.Event:
    """Set by Ctrl-C, by SIGTERM, and where the demo started us also when the demo is gone."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    when_abandoned(stop.set)
    return stop


def when_abandoned(then: Callable[[], None]) -> None:
    """Where the demo started us: call `then` once our standard input ends, as it is gone then."""
    if os.environ.get("TAKTBOARD_SUPERVISED"):
        threading.Thread(target=_await_end, args=(then,), daemon=True).start()


def _await_end(then: Callable[[], None]) -> None:
    with contextlib.suppress(OSError):
        while os.read(0, 1024):
            pass
    then()


@contextlib.contextmanager
def site_url(data: Path | None, *, is_new: bool = False) -> Iterator[str]:
    """The database that TAKTBOARD_DATABASE_URL names, or the embedded one of a data directory."""
    from db import embedded
    from db.address import database_url

    if data is None:
        yield database_url()
        return
    home = data / "database"
    if is_new and not home.exists():
        embedded.start(writable(home)).stop()
    with embedded.at_hand(home) as url:
        yield url


@contextlib.contextmanager
def opened(application: str) -> Iterator[Database]:
    """The database that the environment names, closed at the end."""
    from db.address import database_url
    from db.connect import open_database

    yield from _served(open_database(database_url(), application=application))


@contextlib.contextmanager
def opened_for_work(application: str) -> Iterator[Database]:
    """The same for a process that goes on: bounded, and through the pooler where there is one."""
    from db.address import database_url, pooler_url
    from db.connect import WORKERS, open_database

    yield from _served(
        open_database(
            database_url(), application=application, limits=WORKERS, pooler_url=pooler_url()
        )
    )


def _served(database: Database) -> Iterator[Database]:
    try:
        _stop_if_unfit(database)
        yield database
    finally:
        database.close()


def _stop_if_unfit(database: Database) -> None:
    """A server that is not there yet will come; one that is none for this database won't change."""
    from db.connect import DatabaseUnavailable, Unfit

    try:
        _ = database.server
    except Unfit:
        raise
    except DatabaseUnavailable as error:
        logging.getLogger(__name__).warning("%s", error)
