"""Where the mails of an alarm are: waiting, sent (when) or refused (why), the worst of them first.

Takes the outbox' rows, gives what a live node shows.
"""

from __future__ import annotations

from dashboards.board import Scene
from dashboards.format import moment
from dashboards.texts import Texts
from db.alert_board import Mail, Mails

LONGEST_REASON = 60
"""Characters of a server's words in a row; all of them stand in its title."""


def mail_node(mails: Mails, scene: Scene, t: Texts) -> dict[str, object]:
    """Text, tone and title of the cell that tells of these mails; empty where there are none."""
    if not mails:
        return {"text": "", "tone": "normal", "title": ""}
    worst = min(mails, key=_rank)
    tone = ("warning", "planned", "normal")[_rank(worst)[0]]
    title = "\n".join(f"{_name(one, scene)}: {_said(one, scene, t)}" for one in mails)
    return {"text": _shortened(_said(worst, scene, t)), "tone": tone, "title": title}


def _rank(mail: Mail) -> tuple[int, float]:
    """Refused before waiting before sent; of each the last one."""
    if mail.failed_at:
        return 0, -mail.failed_at.timestamp()
    return (2, -mail.sent_at.timestamp()) if mail.sent_at else (1, 0.0)


def _said(mail: Mail, scene: Scene, t: Texts) -> str:
    zone = scene.plant.site.zone
    if mail.sent_at:
        at = moment(mail.sent_at, zone, scene.now, t.language)
        return t.text("mail sent {time}", time=at)
    why = " ".join((mail.error or "").split())
    if mail.failed_at:
        return t.text("mail refused: {why}", why=why) if why else t.text("mail refused")
    return t.text("mail waiting: {why}", why=why) if why else t.text("mail waiting")


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_REASON else f"{text[: LONGEST_REASON - 1].rstrip()}…"


def _name(mail: Mail, scene: Scene) -> str:
    """The recipient's name; its code, where the plant doesn't know it any more."""
    names = {one.code: one.name for one in scene.plant.recipients}
    return names.get(mail.recipient, mail.recipient)
