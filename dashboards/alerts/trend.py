"""An anomaly's trend: the tag's minutes over the band that its detector takes for normal.

Colours and lengths are the client's ("$name", "12u"; see assets/20-nodes.js).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from dashboards.board import Scene
from dashboards.figures.axes import time_ticks, written
from db.alert_board import Trend


def figure(trend: Trend, scene: Scene) -> dict[str, object]:
    """The chart as JSON-able data: the band as an area, the tag as a line, in colour outside."""
    band_x = [written(ts) for ts, _, _ in trend.band]
    x = [written(ts) for ts, _ in trend.points]
    y = [value for _, value in trend.points]
    return {
        "data": [
            _line(band_x, [low for _, low, _ in trend.band], "$track", "0u"),
            _line(band_x, [high for _, _, high in trend.band], "$track", "0u", fill="tonexty"),
            _line(x, y, "$normal", "2u"),
            _line(x, _outside(trend), "$warning", "4u"),
        ],
        "layout": _layout(time_ticks(_span(trend, scene), scene.plant.site.zone)),
    }


def _outside(trend: Trend) -> list[float | None]:
    """The values beyond the band of their time; none elsewhere, so that the line breaks."""
    band, at = trend.band, 0
    found: list[float | None] = []
    for ts, value in trend.points:
        while at + 1 < len(band) and band[at + 1][0] <= ts:
            at += 1
        is_out = value is not None and bool(band) and not band[at][1] <= value <= band[at][2]
        found.append(value if is_out else None)
    return found


def _line(
    x: list[str], y: Iterable[float | None], color: str, width: str, *, fill: str = "none"
) -> dict[str, object]:
    return {
        "type": "scatter",
        "mode": "lines",
        "x": x,
        "y": list(y),
        "line": {"width": width, "color": color},
        "fill": fill,
        "fillcolor": color,
    }


def _span(trend: Trend, scene: Scene) -> tuple[datetime, datetime]:
    moments = [*(ts for ts, _ in trend.points), *(ts for ts, _, _ in trend.band)]
    return min(moments, default=scene.now), max(moments, default=scene.now)


def _layout(ticks: dict[str, list[str]]) -> dict[str, object]:
    axis: dict[str, object] = {
        "tickfont": {"size": "18u", "color": "$text-3"},
        "zeroline": False,
        "fixedrange": True,
    }
    return {
        "margin": {"l": "62u", "r": "8u", "t": "10u", "b": "32u"},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "Inter, 'Noto Sans SC', sans-serif"},
        "showlegend": False,
        "xaxis": {**axis, "type": "date", "showgrid": False, **ticks},
        "yaxis": {**axis, "nticks": 4, "gridcolor": "$track"},
    }
