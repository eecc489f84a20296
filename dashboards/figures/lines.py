"""Percent over time, one line a series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from dashboards.figures.axes import Figure, axis, dotted, sheet, time_axis, written


@dataclass(frozen=True, slots=True)
class Series:
    """One line over time, percent; labelled at its right end."""

    label: str
    at: Sequence[datetime]
    percent: Sequence[float | None]
    is_short: bool
    """It misses its target: coloured."""
    is_provisional: bool = False
    """Its end is: marked."""


def lines(
    series: Sequence[Series], target: float, at: tuple[datetime, datetime], zone: ZoneInfo
) -> Figure:
    """Percent over time, the target dotted, each line labelled where it ends."""
    values = [p for s in series for p in s.percent if p is not None]
    low, high = _range(values, target)
    label_at = _apart([s.percent[-1] if s.percent else None for s in series], (low, high))
    data: list[object] = [_line(one, n) for n, one in enumerate(series)]
    data.append(dotted([written(at[0]), written(at[1])], [target, target]))
    layout = sheet({"t": "8u", "r": "74u", "b": "26u", "l": "56u"})
    ticks = _thirds(low, high, target)
    layout["xaxis"] = time_axis(at, zone)
    layout["yaxis"] = axis(
        tickvals=ticks, ticktext=[f"{tick:.0f}%" for tick in ticks], range=[low, high]
    )
    layout["annotations"] = [
        _end_label(one, y) for one, y in zip(series, label_at, strict=True) if y is not None
    ]
    return {"data": data, "layout": layout}


def _line(one: Series, position: int) -> dict[str, object]:
    calm = "$normal" if position % 2 == 0 else "$normal-2"
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [written(at) for at in one.at],
        "y": [None if p is None else round(p, 1) for p in one.percent],
        "line": {
            "width": "4u" if one.is_short else "3u",
            "color": "$warning" if one.is_short else calm,
        },
        "connectgaps": False,
    }


def _end_label(one: Series, y: float) -> dict[str, object]:
    last = next((p for p in reversed(one.percent) if p is not None), None)
    shown = "–" if last is None else f"{last:.0f}{' ~' if one.is_provisional else ''}"
    return {
        "x": 1,
        "xref": "paper",
        "xanchor": "left",
        "xshift": "8u",
        "y": round(y, 2),
        "yanchor": "middle",
        "showarrow": False,
        "text": f"<b>{one.label}</b> {shown}",
        "font": {"size": "20u", "color": "$warning-text" if one.is_short else "$text-1"},
    }


def _apart(values: Sequence[float | None], within: tuple[float, float]) -> list[float | None]:
    """The same heights, moved so far apart that labels don't overlap; none above the top."""
    low, high = within
    gap = (high - low) / 5.2
    order = sorted((v, n) for n, v in enumerate(values) if v is not None)
    placed: list[float | None] = [None] * len(values)
    below = None
    for value, n in order:
        below = value if below is None else max(value, below + gap)
        placed[n] = below
    above = high
    for _, n in reversed(order):
        above = min(placed[n] or 0.0, above)
        placed[n] = above
        above -= gap
    return placed


def _range(values: Sequence[float], target: float) -> tuple[float, float]:
    """Round limits around all values and the target, in steps of 5."""
    low = min([*values, target - 12.0])
    high = max([*values, target + 12.0])
    return max(0.0, 5 * (low // 5)), 5 * (high // 5 + 1)


def _thirds(low: float, high: float, target: float) -> list[float]:
    """At most three ticks: the target and what lies about half way to the limits."""
    span = max(target - low, high - target)
    step = next((s for s in (5, 10, 15, 20, 25, 40, 50) if s >= span / 2), 50)
    return [t for t in (target - step, target, target + step) if low <= t <= high]
