"""Every board says when nobody watches the alarms, since when, and only then."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dashboards import watch
from dashboards.board import Scene
from dashboards.web import BOARDS
from db import heartbeat
from db.clock import Clock, save_clock
from db.connect import Connection
from db.heartbeat import Beat
from db.master import load
from tests.web_site import NOW, Site

SINCE = NOW - timedelta(minutes=5)  # 07:55 UTC, 15:55 in Suzhou


def age(conn: Connection, seconds: float) -> None:
    """The heart beat last so many seconds of the wall ago."""
    heartbeat.beat(conn, SINCE)
    conn.execute(
        """update setting
        set value = value || jsonb_build_object('at', clock_timestamp() - make_interval(secs => %s))
        where key = 'alert_heartbeat'""",
        [seconds],
    )


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "Alerts have not been watched since 15:55"),
        ("zh", "自 15:55 起报警无人监视"),
    ],
)
@pytest.mark.parametrize("board", [board.key for board in BOARDS])
def test_a_heart_that_stands_still_is_told_on_every_board(
    site: Site, board: str, language: str, words: str
) -> None:
    with site.database.connection() as conn:
        save_clock(conn, Clock(datetime.now(UTC), NOW, 1e-9))
        age(conn, 31)
    answer = site.client("vera").get(f"/live/{board}?lang={language}")
    nodes = answer.get_json()["nodes"]
    assert nodes["unwatched"] == {"hidden": False, "tone": "warning"}
    assert nodes["unwatched-text"]["text"] == words


@pytest.mark.parametrize(("age_s", "hidden"), [(0, True), (29, True), (31, False), (-3600, False)])
def test_it_is_told_from_half_a_minute_on_and_when_the_clock_was_set_back(
    site: Site, age_s: float, hidden: bool
) -> None:
    with site.database.connection() as conn:
        scene = Scene(load(conn).plant, NOW, "en")
    assert watch.nodes(Beat(NOW, NOW, age_s), scene)["unwatched"]["hidden"] is hidden


def test_a_worker_that_never_came_is_missed_where_there_are_rules(site: Site) -> None:
    with site.database.connection() as conn:
        plant = load(conn).plant
    shown = watch.nodes(None, Scene(plant, NOW, "en"))
    assert shown["unwatched-text"]["text"] == "Alerts are not watched"
    bare = plant.model_copy(update={"alerts": ()})
    assert watch.nodes(None, Scene(bare, NOW, "en")) == {"unwatched": {"hidden": True}}
