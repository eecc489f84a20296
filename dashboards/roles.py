"""Who may be asking, and what each role may do. Never decides about a request: that is auth.py."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from types import MappingProxyType

from flask_login import UserMixin

from db import devices, users

_SCREEN = frozenset({"view"})
_VIEWER = _SCREEN | {"account", "explain"}
_OPERATOR = _VIEWER | {"acknowledge", "tell", "note"}
_MANAGER = _OPERATOR | {"sign", "inspect", "correct", "mend"}
_ADMIN = _MANAGER | {"administer"}

GRANTS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "screen": _SCREEN,
        "viewer": _VIEWER,
        "operator": _OPERATOR,
        "manager": _MANAGER,
        "admin": _ADMIN,
    }
)
"""What each role may do. `explain`: see what a figure is made of; `tell`: say what stops were;
`note`: write on the hour-by-hour board; `sign`: sign its hours; `inspect`: read what a source sent;
`correct`: put counts right; `mend`: try again or drop what was refused;
`administer`: users and screens.
"""


class Person(UserMixin):  # type: ignore[misc]
    """A logged-in user."""

    def __init__(self, row: users.User) -> None:
        self.row = row
        self.name, self.role, self.language = row.name, row.role, row.language
        self.boards: tuple[str, ...] = ()

    def get_id(self) -> str:
        """What a session holds; worth nothing once the epoch has moved on."""
        return f"{self.row.id}:{self.row.epoch}"


class Screen(UserMixin):  # type: ignore[misc]
    """A wall screen, logged in by its token."""

    role = "screen"

    def __init__(self, row: devices.Device, token_hash: str, language: str | None) -> None:
        self.row, self.token_hash, self.language = row, token_hash, language
        self.name, self.boards = row.name, row.boards

    def get_id(self) -> str:
        """Never kept in a session: the token comes with each request."""
        return f"screen:{self.row.id}"


def hash_secret(secret: str) -> str:
    """What is kept of a token or a pairing code: 256 random bits need no salt."""
    return hashlib.sha256(secret.encode()).hexdigest()
