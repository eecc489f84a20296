"""What each machine did, lane by lane."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from dashboards.figures.axes import Figure, axis, hatched, sheet, time_axis, written


class Stretch(NamedTuple):
    """A coloured stretch of a timeline's lane."""

    lane: str
    t0: datetime
    t1: datetime
    tone: str
    pattern: str = ""


def timeline(
    stretches: Sequence[Stretch],
    lanes: Sequence[str],
    at: tuple[datetime, datetime],
    zone: ZoneInfo,
    *,
    left: str = "",
) -> Figure:
    """One lane a machine, coloured by state; a pattern beside the colour tells states apart.

    `left`: the width kept for the lanes' names; enough for a machine's code where none is given.
    """
    kinds: dict[tuple[str, str], list[Stretch]] = {}
    for one in stretches:
        kinds.setdefault((one.tone, one.pattern), []).append(one)
    data = [_stretches(tone, pattern, found) for (tone, pattern), found in kinds.items()]
    width = left or ("12u" if all(len(lane) < 2 for lane in lanes) else "74u")
    layout = sheet({"t": "2u", "r": "6u", "b": "28u", "l": width})
    layout["barmode"] = "overlay"
    layout["bargap"] = 0.22
    layout["xaxis"] = time_axis(at, zone, ticks=6)
    layout["yaxis"] = axis(
        type="category",
        categoryarray=list(reversed(lanes)),
        tickvals=list(lanes),
        showgrid=False,
        range=[-0.5, len(lanes) - 0.5],
    )
    return {"data": data, "layout": layout}


def _stretches(tone: str, pattern: str, found: Sequence[Stretch]) -> dict[str, object]:
    marker: dict[str, object] = {"color": f"${tone}", "line": {"width": 0}}
    if pattern:
        marker["pattern"] = hatched(pattern)
    return {
        "type": "bar",
        "orientation": "h",
        "y": [s.lane for s in found],
        "base": [written(s.t0) for s in found],
        "x": [round(1000 * (s.t1 - s.t0).total_seconds()) for s in found],
        "marker": marker,
    }
