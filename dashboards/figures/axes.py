"""The sheet every figure is drawn on: its axes, its letters, the dotted target."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from plant.periods import quarter_start

Figure = dict[str, object]
FONT = "Inter, Noto Sans SC, sans-serif"
MINUTE = timedelta(minutes=1)
STEPS_MIN = (1, 2, 5, 10, 15, 30, 60, 120, 180, 240, 360, 720, 1440)
"""Between the ticks of an axis of time."""


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


def time_axis(at: tuple[datetime, datetime], zone: ZoneInfo, ticks: int = 4) -> dict[str, object]:
    """From the first to the last of `at`, labelled with the hours and minutes of the plant's clock.

    The axis itself is UTC: an hour that the clock repeats has its own place, one that it leaves
    out has none.
    """
    return axis(
        type="date",
        range=[written(at[0]), written(at[1])],
        showgrid=False,
        **time_ticks(at, zone, ticks),
    )


def time_ticks(
    at: tuple[datetime, datetime], zone: ZoneInfo, most: int = 4
) -> dict[str, list[str]]:
    """The ticks of such an axis: where they stand, and what the clock says there."""
    found = _ticks(at, zone, most)
    return {
        "tickvals": [written(moment) for moment in found],
        "ticktext": [f"{moment.astimezone(zone):%H:%M}" for moment in found],
    }


def _ticks(at: tuple[datetime, datetime], zone: ZoneInfo, most: int) -> list[datetime]:
    """Round times of the plant's clock; an hour that it repeats may add one to the most."""
    t0, t1 = at
    step = next((s for s in STEPS_MIN if (t1 - t0) // (s * MINUTE) < most), STEPS_MIN[-1])
    begin, grain = quarter_start(t0), MINUTE if step < 15 else 15 * MINUTE
    every = (begin + n * grain for n in range((t1 - begin) // grain + 1))
    return [moment for moment in every if moment >= t0 and _minute(moment, zone) % step == 0]


def _minute(at: datetime, zone: ZoneInfo) -> int:
    local = at.astimezone(zone)
    return 60 * local.hour + local.minute


def dotted(x: Sequence[object], y: Sequence[float | None]) -> dict[str, object]:
    """The target."""
    return {
        "type": "scatter",
        "mode": "lines",
        "x": list(x),
        "y": list(y),
        "line": {"dash": "dot", "width": "2.5u", "color": "$text-1"},
    }


def hatched(shape: str | list[str]) -> dict[str, object]:
    """A pattern over a bar's colour, or over each of several; "" leaves it plain."""
    return {
        "shape": shape,
        "fillmode": "overlay",
        "fgcolor": "$surface",
        "size": "8u",
        "solidity": 0.25,
    }


def written(at: datetime) -> str:
    """A moment as Plotly, which knows no zone, reads it: UTC."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
