"""Figures: pure functions from what is shown to a Plotly figure, as a plain dictionary.

Colours are names of the theme's tokens ("$normal") and lengths are in pixels of a 1920 px wide wall
("16u"); assets/20-nodes.js puts in what they are on a screen. Times must be shifted to the plant's
zone before: Plotly's axes know none. At most four ticks, labels at the lines instead of legends, a
dotted target, and only what misses its target is coloured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

Figure = dict[str, object]
FONT = "Inter, Noto Sans SC, sans-serif"


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar; `tone` is a token's name."""

    label: str
    value: float | None
    tone: str = "normal"
    text: str = ""


@dataclass(frozen=True, slots=True)
class Series:
    """One line over time, percent; labelled at its right end."""

    label: str
    at: Sequence[datetime]
    percent: Sequence[float | None]
    is_short: bool
    """It misses its target: coloured."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A coloured stretch of a timeline's lane."""

    lane: str
    t0: datetime
    t1: datetime
    tone: str
    pattern: str = ""


def columns(bars: Sequence[Bar], target: Sequence[float | None], *, step: float) -> Figure:
    """Columns with a dotted target over each; `step` between the ticks of the axis."""
    labels = list(range(len(bars)))
    top = max([1.0, *(b.value or 0.0 for b in bars), *(t or 0.0 for t in target)])
    data: list[object] = [
        {
            "type": "bar",
            "x": labels,
            "y": [None if b.value is None else round(b.value, 1) for b in bars],
            "marker": {"color": [f"${b.tone}" for b in bars], "cornerradius": "2u"},
        },
        _dotted(*_steps(target)),
    ]
    layout = _layout({"t": "6u", "r": "2u", "b": "26u", "l": "60u"})
    layout["bargap"] = 0.24
    layout["xaxis"] = _axis(tickvals=labels, ticktext=[b.label for b in bars], showgrid=False)
    layout["yaxis"] = _axis(
        tickvals=_ticks(top, step), tickformat=",d", range=[0, round(1.06 * top, 1)]
    )
    return {"data": data, "layout": layout}


def lines(series: Sequence[Series], target: float, at: tuple[datetime, datetime]) -> Figure:
    """Percent over time, the target dotted, each line labelled where it ends."""
    values = [p for s in series for p in s.percent if p is not None]
    low, high = _range(values, target)
    label_at = _apart([s.percent[-1] if s.percent else None for s in series], (high - low) / 5.2)
    data: list[object] = [_line(one, n) for n, one in enumerate(series)]
    data.append(_dotted([_time(at[0]), _time(at[1])], [target, target]))
    layout = _layout({"t": "8u", "r": "74u", "b": "26u", "l": "56u"})
    ticks = _thirds(low, high, target)
    layout["xaxis"] = _time_axis(at)
    layout["yaxis"] = _axis(
        tickvals=ticks, ticktext=[f"{tick:.0f}%" for tick in ticks], range=[low, high]
    )
    layout["annotations"] = [
        _end_label(one, y) for one, y in zip(series, label_at, strict=True) if y is not None
    ]
    return {"data": data, "layout": layout}


def waterfall(bars: Sequence[Bar], *, unit: str) -> Figure:
    """From the whole (first bar) over losses to what is left (last bar), downwards."""
    base, height = _falls([bar.value or 0.0 for bar in bars])
    rows = list(range(len(bars)))
    data: list[object] = [
        {
            "type": "bar",
            "orientation": "h",
            "y": rows,
            "x": height,
            "base": base,
            "marker": {"color": [f"${b.tone}" for b in bars], "cornerradius": "2u"},
            "text": [f"{b.text} {unit}" for b in bars],
            "textposition": "outside",
            "textangle": 0,
            "constraintext": "none",
            "cliponaxis": False,
            "textfont": {"size": "19u", "color": "$text-1", "weight": 600},
        }
    ]
    layout = _layout({"t": "4u", "r": "70u", "b": "4u", "l": "128u"})
    layout["bargap"] = 0.28
    top = max([1e-6, *(start + size for start, size in zip(base, height, strict=True))])
    layout["xaxis"] = _axis(showgrid=False, showticklabels=False, range=[0, round(top, 2)])
    layout["yaxis"] = _axis(
        tickvals=rows,
        ticktext=[b.label for b in bars],
        showgrid=False,
        range=[len(bars) - 0.5, -0.5],
    )
    return {"data": data, "layout": layout}


def _falls(values: Sequence[float]) -> tuple[list[float], list[float]]:
    """Where each bar begins and how long it is; the first and the last begin at zero."""
    base, left = [], values[0] if values else 0.0
    for n, value in enumerate(values):
        is_end = n in (0, len(values) - 1)
        left = left if is_end else left - value
        base.append(0.0 if is_end else round(left, 2))
    return base, [round(value, 2) for value in values]


def timeline(
    stretches: Sequence[Stretch], lanes: Sequence[str], at: tuple[datetime, datetime]
) -> Figure:
    """One lane a machine, coloured by state; a pattern beside the colour tells states apart."""
    kinds: Mapping[tuple[str, str], list[Stretch]] = {}
    for one in stretches:
        kinds.setdefault((one.tone, one.pattern), []).append(one)  # type: ignore[attr-defined]
    data = [_stretches(tone, pattern, found) for (tone, pattern), found in kinds.items()]
    width = "12u" if all(len(lane) < 2 for lane in lanes) else "74u"
    layout = _layout({"t": "2u", "r": "6u", "b": "28u", "l": width})
    layout["barmode"] = "overlay"
    layout["bargap"] = 0.22
    layout["xaxis"] = _time_axis(at, ticks=6)
    layout["yaxis"] = _axis(
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
        marker["pattern"] = {
            "shape": pattern,
            "fillmode": "overlay",
            "fgcolor": "$surface",
            "size": "8u",
            "solidity": 0.25,
        }
    return {
        "type": "bar",
        "orientation": "h",
        "y": [s.lane for s in found],
        "base": [_time(s.t0) for s in found],
        "x": [round(1000 * (s.t1 - s.t0).total_seconds()) for s in found],
        "marker": marker,
    }


def _layout(margin: dict[str, str]) -> dict[str, object]:
    return {
        "margin": {**margin, "pad": 0},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "showlegend": False,
        "hovermode": False,
        "font": {"family": FONT, "size": "19u", "color": "$text-2"},
    }


def _axis(**more: object) -> dict[str, object]:
    return {
        "fixedrange": True,
        "zeroline": False,
        "gridcolor": "$track",
        "gridwidth": 1,
        "ticks": "",
        "tickangle": 0,
        "tickfont": {"size": "19u", "color": "$text-2"},
        **more,
    }


def _time_axis(at: tuple[datetime, datetime], ticks: int = 4) -> dict[str, object]:
    return _axis(
        type="date",
        range=[_time(at[0]), _time(at[1])],
        nticks=ticks,
        tickformat="%H:%M",
        showgrid=False,
    )


def _line(one: Series, position: int) -> dict[str, object]:
    calm = "$normal" if position % 2 == 0 else "$normal-2"
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [_time(at) for at in one.at],
        "y": [None if p is None else round(p, 1) for p in one.percent],
        "line": {
            "width": "4u" if one.is_short else "3u",
            "color": "$warning" if one.is_short else calm,
        },
        "connectgaps": False,
    }


def _dotted(x: Sequence[object], y: Sequence[float | None]) -> dict[str, object]:
    return {
        "type": "scatter",
        "mode": "lines",
        "x": list(x),
        "y": list(y),
        "line": {"dash": "dot", "width": "2.5u", "color": "$text-1"},
    }


def _steps(target: Sequence[float | None]) -> tuple[list[object], list[float | None]]:
    """A stair through the targets of columns 0, 1, 2 …"""
    x: list[object] = []
    y: list[float | None] = []
    for n, value in enumerate(target):
        x += [n - 0.5, n + 0.5]
        y += [None if value is None else round(value, 1)] * 2
    return x, y


def _end_label(one: Series, y: float) -> dict[str, object]:
    last = next((p for p in reversed(one.percent) if p is not None), None)
    shown = "–" if last is None else f"{last:.0f}"
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


def _apart(values: Sequence[float | None], gap: float) -> list[float | None]:
    """The same heights, moved so far apart that labels don't overlap."""
    order = sorted((v, n) for n, v in enumerate(values) if v is not None)
    placed: list[float | None] = [None] * len(values)
    below = None
    for value, n in order:
        below = value if below is None else max(value, below + gap)
        placed[n] = below
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


def _ticks(top: float, step: float) -> list[float]:
    return [n * step for n in range(4) if n * step <= 1.06 * top]


def _time(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S")
