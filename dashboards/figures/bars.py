"""Columns over the hours, and the waterfall of losses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dashboards.figures.axes import Figure, axis, dotted, hatched, sheet


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar; `tone` is a token's name. A provisional one is hatched."""

    label: str
    value: float | None
    tone: str = "normal"
    text: str = ""
    is_provisional: bool = False


def columns(bars: Sequence[Bar], target: Sequence[float | None], *, step: float) -> Figure:
    """Columns with a dotted target over each; `step` between the ticks of the axis."""
    labels = list(range(len(bars)))
    top = max([1.0, *(b.value or 0.0 for b in bars), *(t or 0.0 for t in target)])
    data: list[object] = [
        {
            "type": "bar",
            "x": labels,
            "y": [None if b.value is None else round(b.value, 1) for b in bars],
            "marker": {
                "color": [f"${b.tone}" for b in bars],
                "cornerradius": "2u",
                "pattern": hatched(["x" if b.is_provisional else "" for b in bars]),
            },
        },
        dotted(*_steps(target)),
    ]
    layout = sheet({"t": "6u", "r": "2u", "b": "26u", "l": "60u"})
    layout["bargap"] = 0.24
    layout["xaxis"] = axis(tickvals=labels, ticktext=[b.label for b in bars], showgrid=False)
    layout["yaxis"] = axis(
        tickvals=_ticks(top, step), tickformat=",d", range=[0, round(1.06 * top, 1)]
    )
    return {"data": data, "layout": layout}


def waterfall(bars: Sequence[Bar]) -> Figure:
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
            "text": [b.text for b in bars],
            "textposition": "outside",
            "textangle": 0,
            "constraintext": "none",
            "cliponaxis": False,
            "textfont": {"size": "19u", "color": "$text-1", "weight": 600},
        }
    ]
    layout = sheet({"t": "4u", "r": "96u", "b": "4u", "l": "128u"})
    layout["bargap"] = 0.28
    top = max([1e-6, *(start + size for start, size in zip(base, height, strict=True))])
    # A hair wider than the bars: a label beside a bar that ends beyond the range is left out.
    layout["xaxis"] = axis(showgrid=False, showticklabels=False, range=[0, round(1.001 * top, 4)])
    layout["yaxis"] = axis(
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


def _steps(target: Sequence[float | None]) -> tuple[list[object], list[float | None]]:
    """A stair through the targets of columns 0, 1, 2 …"""
    x: list[object] = []
    y: list[float | None] = []
    for n, value in enumerate(target):
        x += [n - 0.5, n + 0.5]
        y += [None if value is None else round(value, 1)] * 2
    return x, y


def _ticks(top: float, step: float) -> list[float]:
    return [n * step for n in range(4) if n * step <= 1.06 * top]
