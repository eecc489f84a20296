"""The quarantine on the command line: what is in it, tried again, dropped. Lines of text out.

Times are the plant's. Trying again is the ingest worker's work: here it is only asked for.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from db import master
from db import quarantine as kept
from db.connect import Database
from db.quarantine import Choice, Kept

COLUMNS = "{:>8}  {:<19}  {:<14}  {:<15}  {:<9}  {}"


class NothingChosen(ValueError):
    """There is nothing like this in the quarantine; the text says what was looked for."""


def listed(database: Database, options: Namespace) -> Iterator[str]:
    """The newest, one a line under a headline. Raises NothingChosen."""
    choice = _choice(options)
    with database.connection() as conn:
        zone, rows = master.load(conn).plant.site.zone, kept.chosen(conn, choice, options.most)
    if not rows:
        raise NothingChosen(f"there is nothing in quarantine{_words(choice)}")
    yield COLUMNS.format("number", "arrived", "source", "reason", "try again", "what it says")
    for row in rows:
        yield COLUMNS.format(
            row.id, _time(row, zone), row.source or "-", row.reason, _state(row), _line(row)
        )


def shown(database: Database, options: Namespace) -> Iterator[str]:
    """One with everything that is known of it. Raises NothingChosen."""
    choice = Choice(options.ids)
    with database.connection() as conn:
        zone, rows = master.load(conn).plant.site.zone, kept.chosen(conn, choice, 1)
    for row in rows:
        yield f"number     {row.id}"
        yield f"arrived    {_time(row, zone)}"
        yield f"source     {row.source or '-'}"
        yield f"reason     {row.reason}"
        yield f"says       {_line(row)}"
        yield f"try again  {_state(row)}"
        yield "payload"
        yield _text(row.payload)
    if not rows:
        raise NothingChosen(f"there is no number {options.ids[0]} in quarantine")


def retried(database: Database, options: Namespace) -> Iterator[str]:
    """Ask for another try. Raises NothingChosen."""
    choice = _definite(options)
    with database.connection() as conn:
        count = kept.retry(conn, choice, datetime.now(UTC), by=options.by)
    if not count:
        raise NothingChosen(f"nothing that can be tried again is in quarantine{_words(choice)}")
    yield f"{count} are tried again as soon as the ingest worker runs; what is left then is listed"


def dropped(database: Database, options: Namespace) -> Iterator[str]:
    """Forget. Raises NothingChosen."""
    choice = _definite(options)
    with database.connection() as conn:
        count = kept.drop(conn, choice, datetime.now(UTC), by=options.by)
    if not count:
        raise NothingChosen(f"there is nothing in quarantine{_words(choice)}")
    yield f"{count} dropped"


DEEDS: Mapping[str, Callable[[Database, Namespace], Iterator[str]]] = {
    "list": listed,
    "show": shown,
    "retry": retried,
    "drop": dropped,
}
"""By their names on the command line."""


def _definite(options: Namespace) -> Choice:
    """What is to be changed has to be said."""
    choice = Choice(options.ids or None, options.source, options.reason)
    if choice == Choice() and not options.all:
        raise NothingChosen("say which: numbers from the list, --source, --reason, or --all")
    return choice


def _choice(options: Namespace) -> Choice:
    return Choice(None, options.source, options.reason)


def _words(choice: Choice) -> str:
    said = {
        "with the number": choice.ids and ", ".join(map(str, choice.ids)),
        "of the source": choice.source,
        "with the reason": choice.reason,
    }
    return "".join(f" {words} {value}" for words, value in said.items() if value)


def _state(row: Kept) -> str:
    if row.form is None:
        return "no"
    return "yes" if row.retry_at is None else "asked for"


def _time(row: Kept, zone: ZoneInfo) -> str:
    return row.at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")


def _line(row: Kept) -> str:
    line = f"{row.address or ''}: {row.detail}".removeprefix(": ")[:100]
    return "".join(char if char.isprintable() else "·" for char in line)


def _text(payload: bytes | None) -> str:
    """Text where it is text, else bytes in hexadecimal; nothing that could steer a terminal."""
    if payload is None:
        return "-"
    text = payload.decode("utf-8", "replace")
    if all(char.isprintable() or char in "\n\t" for char in text.replace("\r\n", "\n")):
        return text
    return payload.hex(" ")
