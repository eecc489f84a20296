"""The range of an ETA as a bar against the due date, on a line that begins now."""

from __future__ import annotations

from datetime import datetime

from dashboards.parts import Tone
from dashboards.rows import HIDDEN, Nodes
from plant.orders import Progress

ROOM = 1.08
"""The line is longer than the later of both by this much."""


def span_nodes(
    row_id: str, found: Progress, due: datetime | None, now: datetime, tone: Tone
) -> Nodes:
    """Where the range, its middle and the due date lie; nothing of what is over or unknown."""
    low, middle, high = found.eta_low, found.eta, found.eta_high
    names = [f"{row_id}-{part}" for part in ("range", "middle", "due-mark")]
    if low is None or middle is None or high is None or high <= now:
        return dict.fromkeys(names, HIDDEN)
    whole = ROOM * max((at - now).total_seconds() for at in (high, due or high))

    def place(at: datetime) -> float:
        return round(100 * max(0.0, (at - now).total_seconds()) / whole, 1)

    return {
        names[0]: {
            "tick": place(low),
            "width": max(1.0, round(place(high) - place(low), 1)),
            "tone": tone,
            "hidden": False,
        },
        names[1]: {"tick": place(middle), "hidden": False},
        names[2]: {"tick": place(due or now), "hidden": due is None},
    }
