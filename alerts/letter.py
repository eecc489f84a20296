"""One mail as it goes over the wire: headers, text and HTML, from the transitions that it tells.

What names and values contain can't leave its place: HTML is escaped, and a header is one line.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from alerts.texts import Texts
from alerts.wording import Item
from plant.model import Mail

TEMPLATES = Path(__file__).parent / "templates"
PRODUCT = "Taktboard"
LONGEST_SUBJECT = 150
MOST_ITEMS = 100
"""A digest shows the first so many, and the number of the others."""


def letter(
    items: Sequence[Item],
    *,
    say: Texts,
    mail: Mail,
    address: str,
    site: str,
    message_id: str,
    created_at: datetime,
    note: str = "",
) -> EmailMessage:
    """The mail that tells the items, under a note if there is one.

    Raises ValueError where an address is none.
    """
    message = EmailMessage(policy=SMTP)
    message["Subject"] = one_line(subject(items, say))[:LONGEST_SUBJECT]
    message["From"] = Address(f"{PRODUCT} {one_line(site)}", addr_spec=mail.sender)
    message["To"] = Address(addr_spec=address)
    message["Date"] = format_datetime(created_at)
    message["Message-ID"] = message_id
    message["Auto-Submitted"] = "auto-generated"
    message["Content-Language"] = "zh-CN" if say.language == "zh" else "en"
    content = {
        "say": say,
        "items": items[:MOST_ITEMS],
        "more": max(0, len(items) - MOST_ITEMS),
        "title": one_line(subject(items, say)),
        "site": site,
        "note": one_line(note),
        "board": f"{mail.boards_url.rstrip('/')}/alerts",
    }
    message.set_content(_rendered("mail.txt", content))
    message.add_alternative(_rendered("mail.html", content), subtype="html")
    return message


def subject(items: Sequence[Item], say: Texts) -> str:
    """The headline of the one item, or how many there are."""
    if len(items) == 1:
        return items[0].headline
    raised = sum(item.tone != "over" for item in items)
    return say.text(
        "{n} alarm messages: {raised} raised, {over} over",
        n=len(items),
        raised=raised,
        over=len(items) - raised,
    )


def one_line(text: str) -> str:
    """The text without line breaks and other control characters."""
    kept = "".join(
        " " if unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp") else char for char in text
    )
    return re.sub(r"\s+", " ", kept).strip()


def _rendered(template: str, content: dict[str, object]) -> str:
    return _templates().get_template(template).render(content)


@cache
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
