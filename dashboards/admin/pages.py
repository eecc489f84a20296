"""What the admin pages share: their frame, and reading a posted form."""

from __future__ import annotations

from datetime import datetime

from flask import abort, render_template

from dashboards import auth, forms


def page(template: str, title: str, here: str, **values: object) -> str:
    """A signed-in page; `here` is the entry of the navigation that is lit."""
    frame = forms.frame(title, here=here, is_admin=auth.may("administer"), shown=shown, **values)
    return render_template(template, **frame)


def shown(at: datetime | None) -> str:
    """A moment of the wall clock in the server's zone, which these pages are read in."""
    return at.astimezone().strftime("%Y-%m-%d %H:%M") if at else "–"


def number(name: str) -> int:
    """A posted id. 400 where it isn't one."""
    text = forms.field(name, longest=12)
    if not (text.isdecimal() and len(text) < 10):
        abort(400)
    return int(text)


def short_text(name: str, longest: int = 60) -> str:
    """A posted name: printable, not empty, not long. 400 otherwise."""
    text = forms.field(name)
    if not text or len(text) > longest or not text.isprintable():
        abort(400)
    return text
