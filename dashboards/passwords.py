"""Passwords: hashed by argon2, and refused where they are too easy. Never logged, never kept."""

from __future__ import annotations

from functools import cache
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from dashboards.texts import msgid

SHORTEST, LONGEST = 10, 256
_HASHER = PasswordHasher()
_AT_ONCE = BoundedSemaphore(2)
"""A hash takes 64 MiB: two at a time, so that a flood of logins can't take the memory."""
_COMMON_WORDS = """
password passwort passw0rd qwerty qwertz qwertyui asdfgh zxcvbn letmein welcome admin
administrator operator manager viewer taktboard changeme iloveyou monkey dragon football
baseball master shadow sunshine princess superman batman trustno abcdef abcdefgh abcd woaini
default secret login guest root test testtest factory machine production pass hello michael
jordan charlie summer winter spring autumn
"""
_COMMON = frozenset(_COMMON_WORDS.split())


def hash_password(password: str) -> str:
    """The argon2id hash to keep."""
    with _AT_ONCE:
        return _HASHER.hash(password)


def matches(password_hash: str, password: str) -> bool:
    """Whether this is the password; takes the same time either way."""
    with _AT_ONCE:
        try:
            return _HASHER.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False


def is_outdated(password_hash: str) -> bool:
    """Whether the hash was made with weaker parameters than today's."""
    return _HASHER.check_needs_rehash(password_hash)


@cache
def nobody() -> str:
    """Compared where the user is unknown, so that the answer takes as long as for a known one."""
    return hash_password("nobody has this password")


def fault(password: str, user_name: str) -> str | None:
    """The message id of what is wrong with a new password; none where it will do."""
    if len(password) < SHORTEST:
        return msgid("The password needs at least {shortest} characters.")
    if len(password) > LONGEST:
        return msgid("The password may have at most {longest} characters.")
    bare = password.casefold().strip("0123456789!@#$%^&*._- ")
    if bare in _COMMON or bare == user_name.casefold() or len(set(password)) < 5:
        return msgid("This password is too easy to guess. A few unrelated words make a good one.")
    return None
