"""Figures: plain dictionaries, few ticks, only what misses its target is coloured."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest

from dashboards.figures import Bar, Series, Stretch, columns, lines, timeline, waterfall

AT = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
ZONE = ZoneInfo("Asia/Shanghai")


def axis(figure: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = figure["layout"][name]
    return found


def series(label: str, *percent: float | None, is_short: bool = False) -> Series:
    return Series(
        label, [AT + n * timedelta(hours=1) for n in range(len(percent))], percent, is_short
    )


@pytest.mark.parametrize(
    "figure",
    [
        columns([Bar("7", 1100.0), Bar("8", None)], [1000.0, None], step=500),
        lines([series("A", 80.0, None)], 75.0, (AT, AT + timedelta(hours=8)), ZONE),
        waterfall([Bar("Planned", 8.0), Bar("Setup", 1.0), Bar("Valuable", 7.0)]),
        timeline(
            [Stretch("A01", AT, AT + timedelta(hours=1), "critical")], ["A01"], (AT, AT), ZONE
        ),
    ],
)
def test_a_figure_is_plain_data(figure: dict[str, Any]) -> None:
    assert orjson.loads(orjson.dumps(figure)).keys() == {"data", "layout"}
    assert figure["layout"]["showlegend"] is False


@pytest.mark.parametrize(("top", "step"), [(1.0, 1.0), (90.0, 50.0), (4200.0, 2000.0)])
def test_columns_have_at_most_four_ticks(top: float, step: float) -> None:
    figure = columns([Bar("7", top)], [0.9 * top], step=step)
    assert 1 <= len(axis(figure, "yaxis")["tickvals"]) <= 4


def test_the_target_of_columns_is_a_dotted_stair() -> None:
    figure: dict[str, Any] = columns([Bar("7", 5.0), Bar("8", 6.0)], [4.0, None], step=5)
    target = figure["data"][1]
    assert target["line"]["dash"] == "dot"
    assert target["x"] == [-0.5, 0.5, 0.5, 1.5]
    assert target["y"] == [4.0, 4.0, None, None]


def test_only_the_line_that_misses_its_target_is_coloured() -> None:
    found = [series("A", 80.0), series("B", 60.0, is_short=True)]
    figure: dict[str, Any] = lines(found, 75.0, (AT, AT + timedelta(hours=8)), ZONE)
    colours = [trace["line"]["color"] for trace in figure["data"][:2]]
    assert colours == ["$normal", "$warning"]
    assert [a["text"] for a in figure["layout"]["annotations"]] == ["<b>A</b> 80", "<b>B</b> 60"]


def test_labels_of_lines_that_end_high_stay_within_the_figure() -> None:
    found = [series(n, value) for n, value in zip("ABCD", (71, 72, 77, 82), strict=True)]
    figure: dict[str, Any] = lines(found, 75.0, (AT, AT + timedelta(hours=1)), ZONE)
    low, high = axis(figure, "yaxis")["range"]
    heights = sorted(a["y"] for a in figure["layout"]["annotations"])
    assert len(heights) == 4
    assert low <= heights[0]
    assert heights[-1] <= high
    assert min(b - a for a, b in pairwise(heights)) > (high - low) / 6


def test_labels_at_the_ends_never_overlap() -> None:
    found = [series(code, 75.0 + n / 10) for n, code in enumerate("ABCD")]
    figure: dict[str, Any] = lines(found, 75.0, (AT, AT + timedelta(hours=8)), ZONE)
    low, high = axis(figure, "yaxis")["range"]
    heights = sorted(a["y"] for a in figure["layout"]["annotations"])
    assert min(b - a for a, b in pairwise(heights)) >= (high - low) / 6


def test_a_waterfall_ends_where_its_last_loss_left_it() -> None:
    bars = [Bar("Planned", 8.0), Bar("Down", 1.5), Bar("Slow", -0.5), Bar("Valuable", 7.0)]
    figure: dict[str, Any] = waterfall(bars)
    trace = figure["data"][0]
    # 8 − 1.5 = 6.5; a negative loss (faster than ideal) leads back up: 6.5 + 0.5 = 7
    assert trace["base"] == [0.0, 6.5, 7.0, 0.0]
    assert trace["x"] == [8.0, 1.5, -0.5, 7.0]


def test_a_timeline_has_a_trace_a_look_and_a_lane_a_machine() -> None:
    hour = timedelta(hours=1)
    found = [
        Stretch("A01", AT, AT + hour, "critical"),
        Stretch("A02", AT, AT + hour, "warning", "/"),
        Stretch("A02", AT + hour, AT + 2 * hour, "critical"),
    ]
    figure: dict[str, Any] = timeline(found, ["A01", "A02"], (AT, AT + 2 * hour), ZONE)
    assert len(figure["data"]) == 2
    assert figure["data"][0]["x"] == [3_600_000, 3_600_000]
    assert figure["data"][1]["marker"]["pattern"]["shape"] == "/"
    assert axis(figure, "yaxis")["tickvals"] == ["A01", "A02"]
