"""Where the windows of boards begin, and that every board means the same by them."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from dashboards.windows import begin_of
from db.boards import present
from db.clock import Clock, save_clock
from db.master import load
from tests.dashboards.conftest import START
from tests.web_site import NOW, Site

HOUR = timedelta(hours=1)
MIDNIGHT = START + 8 * HOUR - HOUR / 2
"""Between the second and the third of March, in Shanghai; the night shift works from ten to six."""


@pytest.mark.parametrize(
    ("window", "now", "begin"),
    [
        ("shift", MIDNIGHT - 3 * HOUR, MIDNIGHT - 10 * HOUR),
        ("shift", MIDNIGHT + HOUR, MIDNIGHT - 2 * HOUR),
        ("today", MIDNIGHT - 3 * HOUR, MIDNIGHT - 18 * HOUR),
        ("today", MIDNIGHT + HOUR, MIDNIGHT - 18 * HOUR),
        ("today", MIDNIGHT + 6 * HOUR, MIDNIGHT + 6 * HOUR),
        ("24h", MIDNIGHT + timedelta(seconds=70), MIDNIGHT - 24 * HOUR + timedelta(minutes=1)),
        ("7d", MIDNIGHT, MIDNIGHT - 7 * 24 * HOUR),
    ],
)
def test_a_window_begins(site: Site, window: str, now: datetime, begin: datetime) -> None:
    with site.database.connection() as conn:
        zone = load(conn).plant.site.zone
        assert begin_of(conn, window, now, zone, ["A01"]) == begin
        assert begin_of(conn, window, now, zone) == begin


def test_outside_of_every_shift(site: Site) -> None:
    """Eight hours stand for the shift; the day begins where the last of the day before ends."""
    with site.database.connection() as conn:
        zone = load(conn).plant.site.zone
        conn.execute("delete from shift_instance where t0 >= %s", [MIDNIGHT - 2 * HOUR])
        assert begin_of(conn, "shift", MIDNIGHT - HOUR, zone) == MIDNIGHT - 9 * HOUR
        assert begin_of(conn, "today", MIDNIGHT - HOUR, zone) == MIDNIGHT - 18 * HOUR
        assert begin_of(conn, "today", MIDNIGHT + HOUR, zone) == MIDNIGHT, (
            "nobody works: its own day"
        )
        assert present(conn, MIDNIGHT + HOUR, zone) == (None, date(2026, 3, 3), MIDNIGHT)


@pytest.mark.parametrize("window", ["shift", "today", "24h"])
def test_the_boards_and_what_explains_them_mean_the_same(busy: Site, window: str) -> None:
    """In the night shift, whose production day is the one before."""
    with busy.database.connection() as conn:
        save_clock(conn, Clock(NOW, MIDNIGHT + HOUR, 1e-9))
    client = busy.client("vera")
    oee = client.get(f"/live/oee?scope=line:A&window={window}&lang=en").json
    stops = client.get(f"/live/stops?scope=line:A&window={window}&lang=en").json
    assert oee is not None
    assert stops is not None
    assert oee["nodes"]["oee-span"]["text"] == stops["nodes"]["stops-span"]["text"]
    good = oee["nodes"]["fact-good"]["text"].replace(",", "")
    page = client.get(f"/explain?kpi=good&scope=line:A&window={window}", follow_redirects=True)
    assert f">{good}<" in page.text.replace(",", "")
    if window == "today":
        rows = client.get("/kpis/data.json?period=today&scope=line:A&show=pieces").json
        assert rows is not None
        assert rows["rows"][-1]["good"] == float(good)
