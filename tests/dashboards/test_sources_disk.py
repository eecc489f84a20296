"""The sources board says how long the database's disk lasts, and is silent where nobody knows."""

from __future__ import annotations

from dashboards.board import Scene
from dashboards.sources.disk import nodes
from dashboards.sources.layout import layout
from dashboards.texts import texts
from db.master import load
from db.storage import FARTHEST_DAYS, Forecast
from tests.web_site import NOW, Site

GB = 1_000_000_000


def test_a_disk_that_is_full_before_long_is_lit() -> None:
    shown = nodes(Forecast((), 12 * GB, 500 * GB, 9.0), texts("en"))["storage"]
    assert shown["text"] == (
        "Disk of the database: 12.0 of 500.0 GB free. At this rate it is full in 9 days."
    )
    assert (shown["tone"], shown["hidden"]) == ("warning", False)
    said = nodes(Forecast((), GB, GB, 9.0), texts("zh"))["storage"]["text"]
    assert "9 天后写满" in str(said)


def test_its_light_is_seen(site: Site) -> None:
    """A tone colours what is `toned`."""
    with site.database.connection() as conn:
        scene = Scene(load(conn).plant, NOW, "en")
    with site.server.test_request_context():
        children = vars(layout(scene))["children"]
    (line,) = [vars(one) for one in children if vars(one).get("data-live") == "storage"]
    assert "toned" in line["className"].split()


def test_a_disk_that_lasts_is_not() -> None:
    shown = nodes(Forecast((), 120 * GB, 500 * GB, float(FARTHEST_DAYS)), texts("en"))["storage"]
    assert "does not fill up" in str(shown["text"])
    assert shown["tone"] == "normal"


def test_a_disk_that_is_nearly_full_is_lit_whatever_the_forecast() -> None:
    for days in (None, float(FARTHEST_DAYS)):
        shown = nodes(Forecast((), 24 * GB, 500 * GB, days), texts("en"))["storage"]
        assert "24.0 of 500.0 GB free." in str(shown["text"])
        assert (shown["tone"], shown["hidden"]) == ("warning", False)


def test_before_there_is_a_forecast_the_disk_alone_is_told() -> None:
    shown = nodes(Forecast((), 250 * GB, 500 * GB, None), texts("en"))["storage"]
    assert shown["text"] == "Disk of the database: 250.0 of 500.0 GB free."
    assert shown["tone"] == "normal"


def test_nothing_is_said_where_nobody_knows() -> None:
    assert nodes(Forecast((), None, None, None), texts("en"))["storage"]["hidden"] is True
