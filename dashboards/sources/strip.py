"""The strip of one source: when of the last day nobody heard it, and what that comes to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from dashboards.board import Scene
from dashboards.figures import Figure, Stretch, timeline
from db.source_board import WINDOW, SourceRow, Unheard

STEP = timedelta(minutes=10)
"""The axis moves on in steps, what was heard by minutes: it is not sent anew each second."""
MINUTE = timedelta(minutes=1)


def gaps(
    row: SourceRow, found: Sequence[Unheard], now: datetime
) -> list[tuple[datetime, datetime]]:
    """The stretches of the last day without a word, the one that goes on now included; apart."""
    spans = [(one.t0, one.t1) for one in found if one.source == row.name]
    if row.is_silent(now) or not row.connected:
        spans.append((max(row.last_heard or now - WINDOW, now - WINDOW), now))
    apart: list[tuple[datetime, datetime]] = []
    for t0, t1 in sorted(span for span in spans if span[0] < span[1]):
        if apart and t0 <= apart[-1][1]:
            apart[-1] = (apart[-1][0], max(apart[-1][1], t1))
        else:
            apart.append((t0, t1))
    return apart


def strip(spans: Sequence[tuple[datetime, datetime]], scene: Scene) -> Figure:
    """Heard is grey, a gap is lit and hatched, wide enough to be seen; what is to come is bare."""
    end = _rounded(scene.now)
    whole = Stretch("", end - WINDOW, _minute(scene.now), "normal-2")
    lit = [
        Stretch("", t0, max(_minute(t1) + MINUTE, t0 + 4 * MINUTE), "critical", "/")
        for t0, t1 in spans
    ]
    at = end - WINDOW, end
    return timeline([whole, *lit], [""], at, scene.plant.site.zone, left="6u")


def _rounded(at: datetime) -> datetime:
    """The next full ten minutes."""
    return at - timedelta(seconds=at.timestamp() % STEP.total_seconds()) + STEP


def _minute(at: datetime) -> datetime:
    """The last full minute."""
    return at.replace(second=0, microsecond=0)
