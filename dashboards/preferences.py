"""Language and theme of a request: from the address, else the cookie, else what is known.

Never stores anything on the server; the choice travels in two readable cookies.
"""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlencode

from flask import Response, request
from flask_login import current_user

from dashboards.texts import LANGUAGES, Texts, is_language, texts
from db.connect import DatabaseUnavailable
from plant.model import Language

Theme = Literal["dark", "light"]
YEAR_S = 365 * 24 * 3600


def language() -> Language:
    """The language this request is answered in."""
    for choice in (request.args.get("lang"), request.cookies.get("lang")):
        if is_language(choice):
            return choice
    own = _language_of_user()
    if own:
        return own
    best = request.accept_languages.best_match(list(LANGUAGES), "en")
    return best if is_language(best) else "en"


def _language_of_user() -> Language | None:
    try:
        own = getattr(current_user, "language", None)
    except DatabaseUnavailable:
        return None
    return own if is_language(own) else None


def theme() -> Theme:
    """Dark or light; a wall is dark where nobody chose."""
    for choice in (request.args.get("theme"), request.cookies.get("theme")):
        if choice == "dark":
            return "dark"
        if choice == "light":
            return "light"
    return "dark" if request.args.get("kiosk") == "1" else "light"


def words() -> Texts:
    """The texts in the language of this request."""
    return texts(language())


def switched(**choice: str) -> str:
    """The present address with another choice in its query."""
    return f"{request.path}?{urlencode({**request.args.to_dict(), **choice})}"


def remember(response: Response) -> Response:
    """Keep what the address chose in cookies (readable: the client script needs the theme)."""
    for name, known in (("lang", tuple(LANGUAGES)), ("theme", ("dark", "light"))):
        choice = request.args.get(name, "")
        if choice in known:
            response.set_cookie(
                name, choice, max_age=YEAR_S, samesite="Lax", secure=request.is_secure
            )
    return response
