"""The engine as a whole: one leads, another takes over, the database may go away and come back."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from alerts.pace import Pace
from db.connect import Database, DatabaseUnavailable, open_database
from db.embedded import start
from db.migrate import migrate
from tests.patience import until
from tests.ports import keep_port

FAST = Pace(tick_s=0.1, gap_s=0.02)
TAG = """
[[alerts]]
code = "vib_high"
kind = "tag_limit"
name = "Vibration too high"
tag = "vib"
above = 7.0
"""
LEADERS = (
    "select count(*) from pg_locks where locktype = 'advisory' and objid = 7228021 and granted"
)


def test_one_leads_and_another_takes_over(works: Any, watching: Any) -> None:
    works.apply(TAG)
    other = open_database(works.database.url, application="second")
    try:
        with watching(works.database, FAST) as first:
            until(lambda: works.value("select count(*) from setting where key = 'alert_heartbeat'"))
            with watching(other, FAST):
                assert works.value(LEADERS) == 1
                first.set()
                until(
                    lambda: works.value(LEADERS) == 0 or works.value(_LEADER) == "second",
                    within_s=10,
                )
                until(lambda: works.value(LEADERS) == 1)
                works.say("A01.vib", 8.0)
                works.hear()
                until(lambda: works.value("select count(*) from alarm_event") == 1)
    finally:
        other.close()


_LEADER = (
    "select coalesce(max(replace(application_name, 'taktboard-', '')), '') from pg_stat_activity"
    " join pg_locks using (pid) where locktype = 'advisory' and objid = 7228021"
)


def test_it_survives_the_loss_of_every_connection(works: Any, watching: Any) -> None:
    works.apply(TAG)
    with watching(works.database, FAST):
        until(lambda: works.value(LEADERS) == 1)
        works.do(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )
        works.say("A02.vib", 8.0)
        works.hear()
        until(lambda: works.value("select count(*) from alarm_event") == 1)


def test_a_changed_plant_is_judged_at_once(works: Any, watching: Any) -> None:
    works.apply(TAG)
    works.say("A01.vib", 6.0)
    works.hear()
    with watching(works.database, FAST):
        until(lambda: works.value(LEADERS) == 1)
        works.apply(TAG.replace("7.0", "5.0"))
        until(lambda: works.value("select count(*) from alarm where state = 'unacknowledged'") == 1)


def test_before_a_plant_is_applied_it_waits(works: Any, watching: Any) -> None:
    with watching(works.database, FAST):
        until(lambda: works.value("select count(*) from setting where key = 'alert_heartbeat'"))
        assert works.value("select count(*) from alarm") == 0


def test_news_are_judged_sooner_than_the_tick(works: Any, watching: Any) -> None:
    works.apply(TAG)
    with watching(works.database, Pace(tick_s=5.0, gap_s=0.02)):
        until(lambda: works.value(LEADERS) == 1)
        works.say("A01.vib", 8.0)
        works.hear()
        works.do("select pg_notify('taktboard_live', 'reading')")
        until(lambda: works.value("select count(*) from alarm_event") == 1, within_s=3.0)


def test_stopping_is_quick(works: Any, watching: Any) -> None:
    works.apply(TAG)
    with watching(works.database, FAST) as stop:
        assert isinstance(stop, threading.Event)
        assert not stop.is_set()


def test_it_waits_for_a_database_that_restarts(
    tmp_path: Path, works_on: Callable[[Database], Any], watching: Any
) -> None:
    server = start(keep_port(tmp_path / "data"))
    migrate(server.url)
    database = open_database(server.url, application="test")
    try:
        works = works_on(database)
        works.apply(TAG)
        works.say("A01.vib", 6.0)
        works.hear()
        with watching(database, FAST):
            until(lambda: works.value(LEADERS) == 1)
            url = server.url
            server.stop()
            server = start(tmp_path / "data")
            assert server.url == url
            until(lambda: _said(works))
            until(lambda: works.value("select count(*) from alarm_event") == 1, within_s=20)
    finally:
        database.close()
        server.stop()


def _said(works: Any) -> bool:
    try:
        works.say("A01.vib", 8.0)
        works.hear()
    except DatabaseUnavailable:
        return False
    return True
