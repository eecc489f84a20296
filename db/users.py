"""Users: who may log in, and as what. Passwords arrive here hashed; never in the clear.

`epoch` is part of every session: raising it ends all sessions of a user at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from db.connect import Connection
from db.statements import statements

Role = Literal["viewer", "operator", "manager", "admin"]
ROLES: tuple[Role, ...] = ("viewer", "operator", "manager", "admin")

SQL = statements("users.sql")


class UserExists(ValueError):
    """A user of this name exists already."""


class LastAdmin(ValueError):
    """This is the only administrator left; make another one first."""


@dataclass(frozen=True, slots=True)
class User:
    """A row of app_user."""

    id: int
    name: str
    password_hash: str
    role: Role
    language: str
    epoch: int
    created_at: datetime
    disabled_at: datetime | None


def by_name(conn: Connection, name: str) -> User | None:
    """The user of this name (case matters), disabled or not."""
    row = conn.execute(SQL["by_name"], {"name": name}).fetchone()
    return User(*row) if row else None


def by_id(conn: Connection, user_id: int) -> User | None:
    """The user of this id, disabled or not."""
    row = conn.execute(SQL["by_id"], {"id": user_id}).fetchone()
    return User(*row) if row else None


def every(conn: Connection) -> list[User]:
    """All users, the disabled ones last."""
    return [User(*row) for row in conn.execute(SQL["every"])]


def create(
    conn: Connection, *, name: str, password_hash: str, role: Role, language: str, now: datetime
) -> int:
    """A new user; its id. Raises UserExists."""
    row = conn.execute(
        SQL["create"],
        {
            "name": name,
            "password_hash": password_hash,
            "role": role,
            "language": language,
            "now": now,
        },
    ).fetchone()
    if row is None:
        raise UserExists(name)
    return int(row[0])


def set_role(conn: Connection, user_id: int, role: Role) -> None:
    """Another role from now on; ends the user's sessions. Raises LastAdmin."""
    if role != "admin":
        _keep_an_admin(conn, user_id)
    conn.execute(SQL["set_role"], {"id": user_id, "role": role})


def set_password(conn: Connection, user_id: int, password_hash: str) -> None:
    """Another password; ends the user's sessions."""
    conn.execute(SQL["set_password"], {"id": user_id, "password_hash": password_hash})


def rehash(conn: Connection, user_id: int, password_hash: str) -> None:
    """The same password under newer hashing parameters; sessions go on."""
    conn.execute(SQL["rehash"], {"id": user_id, "password_hash": password_hash})


def set_language(conn: Connection, user_id: int, language: str) -> None:
    """The language where the browser didn't choose one."""
    conn.execute(SQL["set_language"], {"id": user_id, "language": language})


def disable(conn: Connection, user_id: int, now: datetime) -> None:
    """Nobody logs in as this user any more; ends its sessions. Raises LastAdmin."""
    _keep_an_admin(conn, user_id)
    conn.execute(SQL["disable"], {"id": user_id, "now": now})


def enable(conn: Connection, user_id: int) -> None:
    """The user may log in again."""
    conn.execute(SQL["enable"], {"id": user_id})


def end_sessions(conn: Connection, user_id: int) -> None:
    """Every session of this user, on every machine, ends."""
    conn.execute(SQL["end_sessions"], {"id": user_id})


def _keep_an_admin(conn: Connection, user_id: int) -> None:
    admins = [row[0] for row in conn.execute(SQL["lock_admins"])]
    if admins == [user_id]:
        raise LastAdmin
