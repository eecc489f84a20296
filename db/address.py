"""Which database to use: TAKTBOARD_DATABASE_URL, itself or by a file. Never connects.

TAKTBOARD_BOARDS_URL may name a replica of it, which the boards read; TAKTBOARD_POOLER_URL a pooler
in front of it.
"""

from __future__ import annotations

from db.secret import secret

NAME = "TAKTBOARD_DATABASE_URL"
BOARDS_NAME = "TAKTBOARD_BOARDS_URL"
POOLER_NAME = "TAKTBOARD_POOLER_URL"


class NoAddress(ValueError):
    """No database was named, or not by a URL; says how to."""


def database_url() -> str:
    """The address of the database. Raises NoAddress, SecretUnreadable."""
    url = (secret(NAME) or "").strip()
    if not url:
        raise NoAddress(
            f"{NAME} is not set: say which database to use, as "
            "postgresql://taktboard:PASSWORD@HOST/taktboard, in that variable or in a file that "
            f"{NAME}_FILE names. `python app.py demo` needs none."
        )
    return checked(url, NAME)


def boards_url() -> str | None:
    """The address of a replica for the boards; none: they read where all is written.

    Raises NoAddress, SecretUnreadable.
    """
    return _optional(BOARDS_NAME)


def pooler_url() -> str | None:
    """The address of a pooler that takes the processes' transactions; none: there is none.

    Raises NoAddress, SecretUnreadable.
    """
    return _optional(POOLER_NAME)


def checked(url: str, name: str) -> str:
    """The address, if it is one. Raises NoAddress, which says in `name` where it stood."""
    if not url.startswith(("postgresql://", "postgres://")):
        raise NoAddress(
            f"{name} is no address of a PostgreSQL database: postgresql://USER:PASSWORD@HOST/NAME "
            "is expected, with characters such as @ : / in the password written %40 %3A %2F."
        )
    return url


def _optional(name: str) -> str | None:
    url = (secret(name) or "").strip()
    return checked(url, name) if url else None
