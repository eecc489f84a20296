"""The rows of what was put in quarantine: of which source, why, how often, and what to do."""

from __future__ import annotations

from collections.abc import Sequence

from dashboards.board import Scene
from dashboards.format import moment, number
from dashboards.rows import Nodes, filled
from dashboards.sources import reasons, remedies
from dashboards.texts import Texts
from db.source_board import RefusedKind

ROWS = 8
UNMAPPED = frozenset({"unmapped", "unknown_address"})
"""Reasons for which an address lacks a tag, or a tag its address."""


def nodes(found: Sequence[RefusedKind], scene: Scene, t: Texts) -> Nodes:
    """The most frequent first; what does not fit is on the page of the quarantine."""
    rows = filled("refused-", ROWS, found, lambda row, one: _row(row, one, scene, t))
    return rows | {
        "refused-none": {"text": t.text("Nothing is in quarantine."), "hidden": bool(found)},
        "refused-more": {
            "text": t.text("and {count} more", count=len(found) - ROWS),
            "hidden": len(found) <= ROWS,
        },
    }


def _row(row: str, one: RefusedKind, scene: Scene, t: Texts) -> Nodes:
    reason = reasons.SENTENCES.get(one.reason)
    remedy = remedies.IN_QUARANTINE.get(one.reason)
    last = moment(one.last_at, scene.plant.site.zone, scene.now, t.language)
    return {
        row: {"hidden": False},
        f"{row}-source": {"text": one.source or "–"},
        f"{row}-count": {"text": number(one.things, t.language)},
        f"{row}-reason": {"text": t.text(reason) if reason else one.reason},
        f"{row}-remedy": {"text": t.text(remedy) if remedy else ""},
        f"{row}-address": {"text": one.address or ""},
        f"{row}-last": {"text": last},
    }
