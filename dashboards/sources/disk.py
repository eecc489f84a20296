"""How long the database's disk lasts: one line of the sources board."""

from __future__ import annotations

from dashboards.format import number
from dashboards.rows import Nodes
from dashboards.texts import Texts
from db.storage import FARTHEST_DAYS, LEAST_FREE, Forecast

SOON_DAYS = 30.0
"""A disk that is full within so many days is lit."""


def nodes(found: Forecast, t: Texts) -> Nodes:
    """Hidden where the disk is not known; how long it lasts is known some hours later."""
    days, share = found.full_in_days, found.free_share
    if found.free is None or found.disk is None or share is None:
        return {"storage": {"text": "", "hidden": True}}
    free = t.text(
        "Disk of the database: {free} of {disk} GB free.",
        free=number(found.free / 1e9, t.language, 1),
        disk=number(found.disk / 1e9, t.language, 1),
    )
    is_soon = share < LEAST_FREE or (days is not None and days < SOON_DAYS)
    text = f"{free} {_full(days, t)}".strip()
    tone = "warning" if is_soon else "normal"
    return {"storage": {"text": text, "tone": tone, "hidden": False}}


def _full(days: float | None, t: Texts) -> str:
    if days is None:
        return ""
    if days >= FARTHEST_DAYS:
        return t.text("It does not fill up in the foreseeable future.")
    return t.text("At this rate it is full in {days} days.", days=number(days, t.language))
