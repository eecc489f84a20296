"""The sheet every figure is drawn on: its axes, its letters, the dotted target."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

Figure = dict[str, object]
FONT = "Inter, Noto Sans SC, sans-serif"


def sheet(margin: dict[str, str]) -> dict[str, object]:
    """A transparent sheet with these margins; nothing on it moves under the pointer."""
    return {
        "margin": {**margin, "pad": 0},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "showlegend": False,
        "hovermode": False,
        "font": {"family": FONT, "size": "19u", "color": "$text-2"},
    }


def axis(**more: object) -> dict[str, object]:
    """An axis without zero line and tick marks; `more` goes to Plotly as it is."""
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


def time_axis(at: tuple[datetime, datetime], ticks: int = 4) -> dict[str, object]:
    """From the first to the last of `at`, plant time, labelled as hours and minutes.

    No two ticks stand in the same minute: a window of a few minutes has fewer.
    """
    minutes = max(1, int((at[1] - at[0]).total_seconds() // 60))
    return axis(
        type="date",
        range=[written(at[0]), written(at[1])],
        nticks=min(ticks, minutes),
        tickformat="%H:%M",
        showgrid=False,
    )


def dotted(x: Sequence[object], y: Sequence[float | None]) -> dict[str, object]:
    """The target."""
    return {
        "type": "scatter",
        "mode": "lines",
        "x": list(x),
        "y": list(y),
        "line": {"dash": "dot", "width": "2.5u", "color": "$text-1"},
    }


def written(at: datetime) -> str:
    """A moment as Plotly reads it."""
    return at.strftime("%Y-%m-%d %H:%M:%S")
