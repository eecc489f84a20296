"""Users made from outside the browser: the first one, and those of the command line.

Never asks for a password, and never tells one that was not made up here.
"""

from __future__ import annotations

import secrets
from datetime import datetime
from pathlib import Path

from dashboards.passwords import LONGEST, SHORTEST, fault, hash_password
from dashboards.texts import texts
from db import users
from db.connect import Connection

ADMIN = "admin"


class PasswordRefused(ValueError):
    """The password is too short, too long or too easy; says which."""


def first_admin(conn: Connection, now: datetime, given: str | None, kept: Path) -> list[str]:
    """Make the first user, or give it the password that was set; what to tell.

    `kept` is the file of a made-up password, for as long as that one holds.
    """
    admin = users.by_name(conn, ADMIN)
    if admin is None and not users.every(conn):
        _create(conn, ADMIN, given or _made_up(kept), "admin", now)
    elif given and admin is not None:
        users.set_password(conn, admin.id, hash_password(given))
    if given:
        kept.unlink(missing_ok=True)
        return [f"log in as {ADMIN} with the password of TAKTBOARD_ADMIN_PASSWORD"]
    if kept.exists():
        made_up = kept.read_text(encoding="utf-8").strip()
        return [f"log in as {ADMIN} with the password {made_up}  (kept in {kept})"]
    return [f"log in as {ADMIN}"]


def enrol(
    conn: Connection, name: str, password: str, role: users.Role | None, now: datetime
) -> str:
    """Add a user (a viewer, unless said otherwise), or give one a new password; what was done.

    Raises PasswordRefused, LastAdmin.
    """
    _judge(password, name)
    found = users.by_name(conn, name)
    if found is None:
        _create(conn, name, password, role or "viewer", now)
        return f"{name} was added as {role or 'viewer'}"
    users.set_password(conn, found.id, hash_password(password))
    if role:
        users.set_role(conn, found.id, role)
    return f"{name} has a new password; open sessions have ended"


def _judge(password: str, name: str) -> None:
    trouble = fault(password, name)
    if trouble:
        words = texts("en").text(trouble, shortest=SHORTEST, longest=LONGEST)
        raise PasswordRefused(words)


def _create(conn: Connection, name: str, password: str, role: users.Role, now: datetime) -> None:
    hashed = hash_password(password)
    users.create(conn, name=name, password_hash=hashed, role=role, language="en", now=now)


def _made_up(kept: Path) -> str:
    password = secrets.token_urlsafe(9)
    kept.touch(mode=0o600)
    kept.write_text(password + "\n", encoding="utf-8")
    return password
