"""Where to go after the login: an address of this site, whatever the link said."""

from __future__ import annotations

from urllib.parse import urlsplit

HOME = "/"


def local_target(asked: str | None) -> str:
    """`asked` where it is a path of this site, else the first board.

    Browsers read "\\" as "/", drop tabs and line breaks, and take "//host" for another site.
    """
    if not asked or len(asked) > 2000 or not asked.startswith("/"):
        return HOME
    if asked.startswith("//") or "\\" in asked or any(ord(c) < 33 or ord(c) == 127 for c in asked):
        return HOME
    try:
        parts = urlsplit(asked)
    except ValueError:
        return HOME
    if parts.scheme or parts.netloc or parts.path.startswith(("//", "/logout", "/login")):
        return HOME
    return asked
