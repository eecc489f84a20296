"""How a source does: connected, silent, not connected, never heard; what to do. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType

from dashboards.board import Scene
from dashboards.format import UNITS, duration_text, moment
from dashboards.parts import Tone
from dashboards.sources import remedies
from dashboards.sources.trouble import STOPPED
from dashboards.texts import Texts, msgid
from db.source_board import SourceRow

GOOD_FROM = 0.99
"""Share of good values below which quality is lit."""
LATE_FROM_S = 10.0
"""Delay from which it is lit."""
TONES: Mapping[str, Tone] = MappingProxyType(
    {
        "connected": "normal",
        "silent": "warning",
        "not connected": "critical",
        "never heard": "muted",
    }
)
"""By the state, which is its message id."""


def as_asked(row: SourceRow, quiet_since: datetime | None) -> SourceRow:
    """A row whose collector ended without a word reads as if it had said good-bye.

    What it said last of the source would blame the machines, or the network.
    """
    if quiet_since is None or row.since is None:
        return row
    since = quiet_since if row.connected else row.since
    return replace(row, connected=False, since=since, rate=0.0, error=STOPPED)


def state(row: SourceRow, scene: Scene) -> tuple[str, Tone]:
    """The word for a source's state (a message id) and its tone."""
    word = _word(row, scene)
    return word, TONES[word]


def _word(row: SourceRow, scene: Scene) -> str:
    if row.last_heard is None and not row.connected:
        return msgid("not connected") if row.error else msgid("never heard")
    if not row.connected:
        return msgid("not connected")
    return msgid("silent") if row.is_silent(scene.now) else msgid("connected")


def in_a_sentence(row: SourceRow, scene: Scene, t: Texts) -> str:
    """Since when it is so, and what that means for the boards."""
    word = _word(row, scene)
    if row.since is None:
        return t.text("The collector has not spoken of it yet.")
    since = moment(row.since, scene.plant.site.zone, scene.now, t.language)
    if word == "connected":
        return t.text("Connected since {time}.", time=since)
    if word == "silent":
        return t.text("Connected since {time}, and silent: its machines show no data.", time=since)
    return t.text("Not connected since {time}: its machines show no data.", time=since)


def age(row: SourceRow, scene: Scene, t: Texts) -> str:
    """How long ago it was heard: "2 s ago", "12 min ago"."""
    if row.last_heard is None:
        return "–"
    ago = max(0.0, (scene.now - row.last_heard).total_seconds())
    is_short = ago < 60
    shown = f"{int(ago)} {UNITS[t.language]['s']}" if is_short else duration_text(ago, t.language)
    return t.text("{age} ago", age=shown)


def is_bad(row: SourceRow) -> bool:
    """Whether too many of its values are of bad quality."""
    return row.bad_share is not None and 1 - row.bad_share < GOOD_FROM


def is_late(row: SourceRow) -> bool:
    """Whether its values come late."""
    return row.lag_s is not None and row.lag_s >= LATE_FROM_S


def remedy(row: SourceRow, scene: Scene, t: Texts) -> str:
    """What to do, of the gravest fault; empty where there is none."""
    word = _word(row, scene)
    found = ""
    if row.error:
        found = remedies.OF_ERROR.get(row.error.splitlines()[0], "")
    elif word == "never heard":
        found = remedies.NEVER
    elif word == "silent":
        found = remedies.OF_SILENCE[row.kind]
    elif word == "connected" and is_bad(row):
        found = remedies.BAD_VALUES
    elif word == "connected" and is_late(row):
        found = remedies.LATE
    return t.text(found) if found else ""
