"""How long the database's disk lasts: one line of the sources board."""

from __future__ import annotations

from dashboards.format import number
from dashboards.rows import Nodes
from dashboards.texts import Texts
from db.storage import FARTHEST_DAYS, Forecast

SOON_DAYS = 30.0
"""A disk that is full within so many days is lit."""


def nodes(found: Forecast, t: Texts) -> Nodes:
    """Hidden where the disk, or how the data grow, is not known."""
    days = found.full_in_days
    if days is None or found.free is None or found.disk is None:
        return {"storage": {"text": "", "hidden": True}}
    free = t.text(
        "Disk of the database: {free} of {disk} GB free.",
        free=number(found.free / 1e9, t.language, 1),
        disk=number(found.disk / 1e9, t.language, 1),
    )
    tone = "warning" if days < SOON_DAYS else "normal"
    return {"storage": {"text": f"{free} {_full(days, t)}", "tone": tone, "hidden": False}}


def _full(days: float, t: Texts) -> str:
    if days >= FARTHEST_DAYS:
        return t.text("It does not fill up in the foreseeable future.")
    return t.text("At this rate it is full in {days} days.", days=number(days, t.language))
