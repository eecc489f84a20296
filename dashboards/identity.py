"""Who is asking: users by their session, wall screens by their token, the board of an address.

Reads users and screens from the database and keeps users for seconds. Never decides what they may
do: that is dashboards/auth.py.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

from flask import Flask, current_app
from flask_wtf.csrf import CSRFProtect

from dashboards import trail
from dashboards.outage import Outage
from dashboards.roles import Person, Screen, hash_secret
from db import devices, users
from db.connect import Database

SiteLanguage = Callable[[], str | None]
"""What a wall screen speaks that has not chosen a language."""
USER_KEPT_S = 5.0


@dataclass(frozen=True, slots=True)
class Place:
    """What the guard needs to know of a board."""

    key: str
    path: str


class Auth:
    """The guard and what it knows; one a server, under `app.extensions["auth"]`."""

    def __init__(
        self,
        database: Database,
        places: Sequence[Place],
        site_language: SiteLanguage,
        outage: Outage,
    ) -> None:
        self.database = database
        self.site_language = site_language
        self.places = tuple(places)
        self.outage = outage
        self.csrf = CSRFProtect()
        self._users: dict[str, tuple[float, Person | None]] = {}
        self._lock = threading.Lock()

    def person(self, session_id: str) -> Person | None:
        """The user of a session, read at most every `USER_KEPT_S`; none where it has ended."""
        known = self._users.get(session_id)
        if known and time.monotonic() - known[0] < USER_KEPT_S:
            return known[1]
        self.outage.check()
        person = self.fresh_person(session_id)
        self.outage.ended()
        with self._lock:
            if len(self._users) > 10_000:
                self._users.clear()
            self._users[session_id] = (time.monotonic(), person)
        return person

    def fresh_person(self, session_id: str) -> Person | None:
        """The same, from the database."""
        user_id, _, epoch = session_id.partition(":")
        if not (user_id.isdecimal() and epoch.isdecimal()) or len(session_id) > 30:
            return None
        with self.database.connection() as conn:
            row = users.by_id(conn, int(user_id))
        if row is None or row.disabled_at or row.epoch != int(epoch):
            return None
        return Person(row)

    def forget(self) -> None:
        """Users have changed: ask the database again."""
        with self._lock:
            self._users.clear()

    def screen(self, token: str) -> Screen | None:
        """The wall screen of a token; asked of the database each time, so that revoking works."""
        self.outage.check()
        screen = self._screen_of_token(token)
        self.outage.ended()
        return screen

    def _screen_of_token(self, token: str) -> Screen | None:
        token_hash = hash_secret(token)
        with self.database.connection() as conn:
            row = devices.by_token(conn, token_hash)
            if row is None:
                return None
            devices.seen(conn, row.id, trail.now())
        return Screen(row, token_hash, self.site_language())

    def board_of(self, path: str) -> str | None:
        """The board that a path shows or feeds; none for any other path."""
        parts = path.strip("/").split("/")
        if parts[0] == "live":
            return parts[1] if len(parts) > 1 else ""
        return next((p.key for p in self.places if p.path == path), None)


def auth() -> Auth:
    """The guard of the present server."""
    return auth_of(current_app)


def auth_of(server: Flask) -> Auth:
    """The guard of a server."""
    return cast(Auth, server.extensions["auth"])
