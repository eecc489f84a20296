"""The page on which the demo's mails are read: a list, and each mail in a sandboxed frame.

Escapes everything that a mail says; its HTML runs no script and loads nothing.
"""

from __future__ import annotations

from email import message_from_bytes, policy
from email.message import EmailMessage
from html import escape
from typing import Literal

from ingest.simulator.mail import Mailbox
from ingest.simulator.mes import Answer

PATH = "/mails"
HTML = "text/html; charset=utf-8"
_TEXTS = {
    "en": {"title": "Mails of the demo", "none": "No mail yet.", "back": "All mails"},
    "zh": {"title": "演示邮件", "none": "暂无邮件。", "back": "全部邮件"},
}
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;"
    "color:#151a22;background:#e9edf1}a{color:#0b5cad}td{padding:.3rem 1rem .3rem 0;"
    "vertical-align:top}pre{white-space:pre-wrap;background:#fff;padding:1rem}"
    "iframe{width:100%;height:34rem;border:0;background:#fff}"
)


class MailsPage:
    """Answers below /mails; `language` where the address gives none (?lang=zh)."""

    def __init__(self, mailbox: Mailbox, language: Literal["en", "zh"]) -> None:
        self._mailbox = mailbox
        self._language = language

    def answer(self, path: str, parameters: dict[str, str]) -> Answer | None:
        """The list, one mail, or one mail's HTML part."""
        language = parameters.get("lang", self._language)
        texts = _TEXTS.get(language, _TEXTS[self._language])
        match path.rstrip("/").split("/")[1:]:
            case ["mails"]:
                return 200, HTML, _page(texts["title"], self._list(texts), language)
            case ["mails", number]:
                return self._found(number, lambda mail: _one(mail, number, texts, language))
            case ["mails", number, "html"]:
                return self._found(number, _html_part)
        return None

    def _list(self, texts: dict[str, str]) -> str:
        rows = [
            f"<tr><td>{escape(str(mail['Date'] or ''))}<td>{escape(str(mail['To'] or ''))}"
            f'<td><a href="{PATH}/{number}">{escape(str(mail["Subject"] or "–"))}</a>'
            for number, mail in reversed(self._mails())
        ]
        return f"<table>{''.join(rows)}</table>" if rows else f"<p>{texts['none']}</p>"

    def _mails(self) -> list[tuple[str, EmailMessage]]:
        return [(path.stem, _parsed(path.read_bytes())) for path in self._mailbox.paths()]

    def _found(self, number: str, show: object) -> Answer | None:
        path = next((p for p in self._mailbox.paths() if p.stem == number), None)
        if path is None:
            return None
        assert callable(show)
        return 200, HTML, show(_parsed(path.read_bytes()))


def _parsed(body: bytes) -> EmailMessage:
    return message_from_bytes(body, policy=policy.default)


def _part(mail: EmailMessage, kind: Literal["html", "plain"]) -> str | None:
    part = mail.get_body((kind,))
    return None if part is None else str(part.get_content())


def _one(mail: EmailMessage, number: str, texts: dict[str, str], language: str) -> bytes:
    heads = "".join(
        f"<tr><td>{name}<td>{escape(str(mail[name] or ''))}" for name in ("Date", "From", "To")
    )
    html, text = _part(mail, "html"), _part(mail, "plain")
    frame = f'<iframe sandbox src="{PATH}/{number}/html"></iframe>' if html else ""
    plain = f"<pre>{escape(text)}</pre>" if text else ""
    back = f'<p><a href="{PATH}">← {texts["back"]}</a></p>'
    body = f"{back}<table>{heads}</table>{frame}{plain}"
    return _page(str(mail["Subject"] or "–"), body, language)


def _html_part(mail: EmailMessage) -> bytes:
    return (_part(mail, "html") or "").encode()


def _page(title: str, body: str, language: str) -> bytes:
    name = escape(title)
    lang = "zh" if language == "zh" else "en"
    return (
        f'<!doctype html><html lang="{lang}"><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{name}</title>'
        f"<style>{_STYLE}</style><h1>{name}</h1>{body}</html>"
    ).encode()
