"""What the plain pages (login, users, screens, account) have in common.

They are HTML forms without scripts, so that they work on any phone, and while Dash doesn't.
"""

from __future__ import annotations

from pathlib import Path

from flask import flash, request
from flask_wtf.csrf import generate_csrf
from markupsafe import Markup

from dashboards.preferences import language, switched, theme
from dashboards.texts import LANGUAGES, texts

ASSETS = Path(__file__).resolve().parents[1] / "assets"


def frame(title: str, **values: object) -> dict[str, object]:
    """What templates/base.html needs, and `values` for the page itself; `title` is a message id."""
    words = texts(language())
    return {
        "t": words.text,
        "token": _token,
        "title": title,
        "language": words.language,
        "languages": LANGUAGES,
        "theme": theme(),
        "switched": switched,
        "styles": sorted(path.name for path in ASSETS.glob("*.css")),
        **values,
    }


def _token() -> Markup:
    return Markup('<input type="hidden" name="csrf_token" value="{}">').format(generate_csrf())


def field(name: str, longest: int = 200) -> str:
    """A field of the posted form without control characters and surrounding blanks."""
    text = request.form.get(name, "")[: longest + 1]
    return "".join(c for c in text if c >= " " and c != "\x7f").strip()


def say(msgid: str, tone: str = "good", **params: object) -> None:
    """A message on the next page."""
    flash(texts(language()).text(msgid, **params), tone)
