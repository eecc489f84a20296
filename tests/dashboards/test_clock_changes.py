"""Nights on which the clock is set: every hour has its own bar, every stop its own length."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from dashboards.board import Scene
from dashboards.figures.axes import time_ticks
from dashboards.oee.charts import timeline_of
from dashboards.oee.strip import Done
from dashboards.overview.charts import charts
from db.master import load
from db.settling import Lates
from tests.dashboards.conftest import FACTS
from tests.web_site import Site

BERLIN = "Europe/Berlin"
HOUR = timedelta(hours=1)
FALL = datetime(2026, 10, 25, 5, 30, tzinfo=UTC)
SPRING = datetime(2026, 3, 29, 4, 30, tzinfo=UTC)
"""Both at half past six in the morning."""
FALL_HOURS = "20 21 22 23 0 1 2 2 3 4 5 6"
SPRING_HOURS = "18 19 20 21 22 23 0 1 3 4 5 6"
A_MINUTE = 4
"""Pieces of each machine."""


def scene_at(site: Site, now: datetime) -> Scene:
    with site.database.connection() as conn:
        plant = load(conn).plant
    place = plant.site.model_copy(update={"time_zone": BERLIN})
    return Scene(plant.model_copy(update={"site": place}), now, "en", {})


def drawn(site: Site, now: datetime) -> tuple[Any, Any, Scene]:
    """The wall's charts of a night of steady work."""
    scene = scene_at(site, now)
    with site.database.connection() as conn:
        conn.execute(FACTS, {"t0": now - 14 * HOUR, "t1": now})
        found = charts(conn, scene, Lates({}))
    return found["output"], found["lines"], scene


@pytest.mark.parametrize(("now", "hours"), [(FALL, FALL_HOURS), (SPRING, SPRING_HOURS)])
def test_each_of_twelve_hours_has_its_bar(site: Site, now: datetime, hours: str) -> None:
    output, _, scene = drawn(site, now)
    an_hour = 60 * A_MINUTE * len(scene.plant.lines)
    assert output["layout"]["xaxis"]["ticktext"] == hours.split()
    assert output["data"][0]["y"] == [an_hour] * 11 + [an_hour / 2]


@pytest.mark.parametrize("now", [FALL, SPRING])
def test_quarters_of_a_line_stand_a_quarter_apart(site: Site, now: datetime) -> None:
    _, by_line, _ = drawn(site, now)
    at = [datetime.fromisoformat(x) for x in by_line["data"][0]["x"]]
    assert {b - a for a, b in pairwise(at)} == {timedelta(minutes=15)}


@pytest.mark.parametrize(
    ("now", "labels"),
    [
        (FALL, ["01:00", "02:00", "02:00", "03:00", "04:00"]),
        (SPRING, ["00:00", "01:00", "03:00", "04:00", "05:00"]),
    ],
)
def test_a_stop_over_the_change_is_as_long_as_it_was(
    site: Site, now: datetime, labels: list[str]
) -> None:
    """Both nights the clock is set at 01:00 UTC."""
    change = now.replace(hour=1, minute=0)
    begin, end = change - HOUR / 2, change + HOUR / 2
    stop = Done("A01", begin, end, "down", None)
    scene = Scene(scene_at(site, now).plant, change + 2 * HOUR, "en", {})
    figure: Any = timeline_of([stop], ["A01"], change - 2 * HOUR, scene)
    assert figure["data"][0]["x"] == [HOUR / timedelta(milliseconds=1)]
    assert figure["layout"]["xaxis"]["ticktext"] == labels


@pytest.mark.parametrize(
    ("length", "most", "labels"),
    [
        (timedelta(minutes=3), 6, ["06:30", "06:31", "06:32", "06:33"]),
        (8 * HOUR, 4, ["09:00", "12:00"]),
        (24 * HOUR, 6, ["12:00", "18:00", "00:00", "06:00"]),
    ],
)
def test_ticks_are_few_and_round(length: timedelta, most: int, labels: list[str]) -> None:
    now = datetime(2026, 6, 1, 4, 30, tzinfo=UTC)
    found = time_ticks((now, now + length), ZoneInfo(BERLIN), most)
    assert found["ticktext"] == labels
