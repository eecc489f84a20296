"""An anomaly's trend: the tag's minutes over the band that its detector takes for normal."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from dashboards.board import Scene
from db.alert_board import Trend


def figure(trend: Trend, scene: Scene) -> dict[str, object]:
    """The chart as JSON-able data; times are the plant's local ones, for Plotly knows no zone."""
    zone = scene.plant.site.zone
    band_x = _local((ts for ts, _, _ in trend.band), zone)
    return {
        "data": [
            _line(band_x, [low for _, low, _ in trend.band], width=0),
            _line(band_x, [high for _, _, high in trend.band], width=0, fill="tonexty"),
            _line(
                _local((ts for ts, _ in trend.points), zone),
                [value for _, value in trend.points],
                width=2.5,
            ),
        ],
        "layout": {"yaxis": {"title": {"text": trend.unit}}, "showlegend": False},
    }


def _line(
    x: list[str], y: Iterable[float | None], *, width: float, fill: str = "none"
) -> dict[str, object]:
    return {
        "type": "scatter",
        "mode": "lines",
        "x": x,
        "y": list(y),
        "line": {"width": width},
        "fill": fill,
        "hoverinfo": "skip",
    }


def _local(moments: Iterable[datetime], zone: ZoneInfo) -> list[str]:
    return [ts.astimezone(zone).replace(tzinfo=None).isoformat() for ts in moments]
