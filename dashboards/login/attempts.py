"""How often one may try: per address and per name, counted in the database for every process."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from dashboards import auth, trail
from db import logins
from db.connect import Connection, Database

WINDOW = timedelta(minutes=15)
PER_NAME, PER_ADDRESS = 20, 50
LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt, noted as failed until `succeeded`."""

    at: datetime
    address: str
    name: str
    allowed: bool


def begin(database: Database, name: str) -> Attempt:
    """Note an attempt under this name, before it is judged; `allowed` says whether to judge it."""
    at, address = trail.now(), auth.client_address()
    key = name.casefold()[:LONGEST_NAME].replace("\x00", "")
    with database.connection() as conn:
        failures = logins.note(conn, at=at, address=address, name=key, window=WINDOW)
    allowed = failures.by_name <= PER_NAME and failures.by_address <= PER_ADDRESS
    return Attempt(at, address, key, allowed)


def succeeded(conn: Connection, attempt: Attempt) -> None:
    """It was a good one: it doesn't count against anyone."""
    logins.succeeded(conn, at=attempt.at, address=attempt.address, name=attempt.name)
