"""Every kind of rule on a real database: raised once, cleared, silent where nothing is known."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest

from alerts.mail import Sender
from alerts.round import Rounds
from db.connect import Database, open_database
from db.roles import ALERT

TAG = """
[[alerts]]
code = "vib_high"
kind = "tag_limit"
name = "Vibration too high"
tag = "vib"
machines = ["A01"]
above = 7.0
deadband = 0.5
on_delay_s = 10.0
off_delay_s = 20.0
"""
DOWN = """
[[alerts]]
code = "down"
kind = "machine_down"
name = "Down"
longer_than_s = 300.0
"""
OEE = """
[[alerts]]
code = "oee"
kind = "line_oee"
name = "OEE"
below = 0.5
after_s = 600.0
"""
LATE = """
[[alerts]]
code = "late"
kind = "order_late"
name = "Late"
"""
SILENT = """
[[alerts]]
code = "silent"
kind = "source_silent"
name = "Silent"
longer_than_s = 30.0
"""
ANOMALY = """
[[alerts]]
code = "odd"
kind = "anomaly"
name = "Odd"
tag = "vib"
machines = ["A01"]
"""
RAISED = [("vib_high", "tag:A01.vib", "raised")]


def test_a_limit_respects_delays_and_deadband(works: Any) -> None:
    works.apply(TAG)
    works.say("A01.vib", 7.5)
    assert works.go() == []  # the on-delay begins
    assert works.go(9) == []
    assert works.go(1) == RAISED
    assert works.go(60) == []  # once
    works.say("A01.vib", 6.8)
    assert works.go(60) == []  # back, but not by the deadband
    works.say("A01.vib", 6.4)
    assert works.go(1) == []  # the off-delay begins
    assert works.go(19) == []
    assert works.go(1) == [("vib_high", "tag:A01.vib", "returned")]
    assert works.value("select value from alarm_event order by id limit 1") == 7.5


def test_a_short_excess_raises_nothing(works: Any) -> None:
    works.apply(TAG)
    works.say("A01.vib", 7.5)
    works.go()
    works.say("A01.vib", 6.9)
    works.go(5)
    works.say("A01.vib", 7.5)
    assert works.go(6) == []
    assert works.go(10) == RAISED


@pytest.mark.parametrize("how", ["silent", "bad", "empty"])
def test_a_limit_neither_raises_nor_clears_without_data(works: Any, how: str) -> None:
    works.apply(TAG)
    works.say("A01.vib", 8.0)
    works.go()
    assert works.go(10) == RAISED
    heard = how != "silent"
    works.tick()
    if how != "silent":
        works.say("A01.vib", 1.0 if how == "bad" else None, quality=2)
    for _ in range(4):
        assert works.go(30, heard=heard) == []
    assert works.value("select state from alarm") == "unacknowledged"
    assert works.value("select value from alarm") == 8.0


def test_a_restart_in_the_middle_of_an_on_delay_goes_on_counting(works: Any) -> None:
    works.apply(TAG)
    works.say("A01.vib", 8.0)
    assert works.go() == []
    assert works.go(6) == []
    works.restart()
    assert works.go(3) == []
    assert works.go(1) == RAISED


def test_a_rule_that_vanishes_clears_its_alarm(works: Any) -> None:
    works.apply(TAG)
    works.say("A01.vib", 8.0)
    works.go()
    assert works.go(10) == RAISED
    works.apply(DOWN)
    assert works.go() == [("vib_high", "tag:A01.vib", "cleared")]


def _interval(works: Any, machine: str, state: str, from_s: float, to_s: float) -> None:
    t0, t1 = (works.now + timedelta(seconds=s) for s in (from_s, to_s))
    works.do(
        "delete from state_interval using machine m"
        " where m.id = machine_id and m.code = %s and t0 >= %s",
        machine,
        t0,
    )
    works.do(
        "insert into state_interval (machine_id, t0, t1, state, reason_id, is_open)"
        " select m.id, %s, %s, %s::element, r.id, false from machine m"
        " left join reason r on %s = 'down' and r.code = 'jam' where m.code = %s",
        t0,
        t1,
        state,
        state,
        machine,
    )


def test_a_machine_down_longer_than(works: Any) -> None:
    works.apply(DOWN)
    _interval(works, "A01", "running", -900, -200)
    _interval(works, "A01", "down", -200, 0)
    _interval(works, "A02", "running", -900, 0)
    assert works.go(0) == []
    _interval(works, "A01", "down", 0, 101)  # the same stop, in two rows
    works.tick(101)
    assert works.go(0) == [("down", "machine:A01", "raised")]
    params = works.value("select params from alarm_event")
    assert params["reason"] == {"en": "Jam", "zh": "卡料"}
    assert params["limit"] == 300.0
    assert works.value("select value from alarm_event") == pytest.approx(301)
    _interval(works, "A01", "unknown", 0, 5)
    assert works.go(5) == []
    _interval(works, "A01", "running", 0, 5)
    assert works.go(5) == [("down", "machine:A01", "returned")]


def test_a_machine_that_is_down_at_the_weekend_is_no_alarm(works: Any) -> None:
    works.now += timedelta(days=4)  # a Sunday
    works.apply(DOWN)
    _interval(works, "A01", "running", -7200, -3600)
    _interval(works, "A01", "down", -3600, 0)
    assert works.go(0) == []


def test_what_is_derived_no_longer_says_nothing(works: Any) -> None:
    works.apply(DOWN)
    _interval(works, "A01", "down", -3600, 0)
    assert works.go(120) == []


def _minutes(works: Any, *, running: float, good: float, unknown: float = 0.0) -> None:
    """Ten minutes of both machines."""
    works.do(
        "insert into machine_1m select %s::timestamptz - n * interval '1 minute', m.id, 0, 0, s.id,"
        " 0, 0, 0, %s, %s, 0, 0, 0, %s, %s, 0, 0, %s, %s"
        " from machine m join shift_instance s on s.calendar_id = m.calendar_id"
        " and s.t0 <= %s and s.t1 > %s, generate_series(1, 10) n",
        works.now, running, 60 - running - unknown, unknown, good, good * 10, good * 10,
        works.now, works.now,
    )  # fmt: skip


def test_a_line_below_its_oee(works: Any) -> None:
    works.apply(OEE)
    _minutes(works, running=20, good=2)  # OEE 20/60
    assert works.go(0) == [("oee", "line:A", "raised")]
    assert works.value("select value from alarm_event") == pytest.approx(1 / 3)
    works.do("delete from machine_1m")
    _minutes(works, running=60, good=6)
    assert works.go() == [("oee", "line:A", "returned")]


def test_a_line_that_may_be_fine_is_not_judged(works: Any) -> None:
    works.apply(OEE)
    _minutes(works, running=20, good=2, unknown=30)  # between 20/60 and 50/60
    assert works.go(0) == []


def test_a_shift_is_not_judged_before_it_is_old_enough(works: Any) -> None:
    works.apply(OEE.replace("600.0", "601.0"))
    _minutes(works, running=20, good=2)
    assert works.go(0) == []


def _order(works: Any, code: str, planned: float, due_s: float, operation: str = "10") -> None:
    works.do(
        "insert into operation (source_id, order_code, operation, revision, at, machine_id,"
        " product_id, status, planned, good, scrap, due, started_at)"
        " select s.id, %s, %s, '1', %s, m.id, p.id, 'running', %s, 0, 0, %s, %s"
        " from source s, machine m, product p where m.code = 'A01'",
        code, operation, works.now, planned, works.now + timedelta(seconds=due_s), works.now,
    )  # fmt: skip


def test_an_order_that_will_be_late(works: Any) -> None:
    works.apply(LATE)
    _order(works, "WO-1", 5000, 3600)  # 13.5 h of work, one to go
    _order(works, "WO-2", 10, 1800)  # due before it: the machine takes it first
    assert works.go(0) == [("late", "order:WO-1", "raised")]
    assert works.go() == []
    works.do(
        "update operation set status = 'done', ended_at = %s where order_code = 'WO-1'", works.now
    )
    assert works.go() == [("late", "order:WO-1", "cleared")]


def test_an_order_of_which_two_operations_will_be_late_is_one_alarm(works: Any) -> None:
    """Named after the one that stands worst; over when the rest is in time."""
    works.apply(LATE)
    done = "update operation set status = 'done', ended_at = %s where operation = %s"
    _order(works, "WO-1", 10, 9e6, "10")
    _order(works, "WO-1", 5000, 3600, "20")
    _order(works, "WO-1", 5000, 3500, "30")
    assert works.go(0) == [("late", "order:WO-1", "raised")]
    assert works.value("select params->'subject'->>'en' from alarm") in ("WO-1/20", "WO-1/30")
    works.do(done, works.now, "20")
    assert works.go() == []
    works.do(done, works.now, "30")
    assert works.go() == [("late", "order:WO-1", "returned")]


def test_one_bad_order_row_stops_no_other_rule(
    works: Any, caplog: pytest.LogCaptureFixture
) -> None:
    works.apply(LATE + TAG.replace("10.0", "0.0"))
    _order(works, "WO-1", -5, 3600)  # no business system may plan less than nothing
    works.say("A01.vib", 8.0)
    assert works.go() == RAISED
    assert "order_late can't be judged" in caplog.text


def test_a_silent_source(works: Any) -> None:
    works.apply(SILENT)
    assert works.go() == []
    for _ in range(30):
        assert works.go(1, heard=False) == []
    assert works.go(1, heard=False) == [("silent", "source:opc", "raised")]
    assert works.go(1) == [("silent", "source:opc", "returned")]


def test_after_an_outage_of_ours_nobody_is_called_silent(works: Any) -> None:
    works.apply(SILENT)
    works.go()
    works.restart()
    assert works.go(3600, heard=False) == []  # nobody told us, because nobody could
    assert works.go(20, heard=False) == []
    assert works.go(1) == []


def _two_days_with_a_drift_in_the_last_hour(works: Any) -> None:
    works.do(
        "insert into state_interval (machine_id, t0, t1, state, is_open)"
        " select id, %s, %s, 'running', true from machine where code = 'A01'",
        works.now - timedelta(days=2),
        works.now,
    )
    works.do(
        "insert into reading (ts, tag_id, value, quality) select ts, t.id,"
        " 2 + 0.1 * sin(extract(epoch from ts)::bigint * 12.9898) + case when ts > %s then 0.02 *"
        " extract(epoch from ts - %s) / 60 else 0 end, 0"
        " from tag t, generate_series(%s::timestamptz, %s, interval '1 minute') ts"
        " where t.code = 'A01.vib'",
        works.now - timedelta(hours=1), works.now - timedelta(hours=1),
        works.now - timedelta(days=2), works.now,
    )  # fmt: skip


def test_an_anomaly_is_raised_by_what_was_learnt(works: Any) -> None:
    works.apply(ANOMALY)
    _two_days_with_a_drift_in_the_last_hour(works)
    causes = [one for _ in range(12) for one in works.go(1)]
    assert causes == [("odd", "tag:A01.vib", "raised")]
    params = works.value("select params from alarm_event")
    assert params["low"] < 2 < params["high"] < works.value("select value from alarm_event")
    assert works.value("select count(*) from anomaly_score") > 1000
    works.restart()
    assert works.go(1) == []  # what it knows outlives it


def test_history_that_comes_in_later_is_learnt_too(works: Any) -> None:
    works.apply(ANOMALY)
    assert works.go(1) == []
    _two_days_with_a_drift_in_the_last_hour(works)
    causes = [one for _ in range(12) for one in works.go(1)]
    assert causes == [("odd", "tag:A01.vib", "raised")]


def test_a_disk_that_will_be_full_is_told_in_time(works: Any) -> None:
    works.apply(
        '[[alerts]]\ncode = "disk"\nkind = "disk_full"\nname = "Disk"\nwithin_days = 30.0\n'
    )
    assert works.go() == []  # nobody knows yet
    with works.database.connection() as conn:
        conn.execute(
            "insert into storage_sample select layer, now() - n * interval '1 hour',"
            " (case layer when 'disk_free' then 20 else 10 - n / 24.0 end * 1e9)::bigint"
            " from unnest(array['raw', 'minutes', 'hours', 'facts', 'disk_free']) layer,"
            " generate_series(1, 48) n"
        )
    assert works.go() == [("disk", "disk:database", "raised")]
    assert works.value("select round(value) from alarm") == 5
    with works.database.connection() as conn:
        conn.execute("update storage_sample set bytes = 900e9 where layer = 'disk_free'")
    assert works.go() == [("disk", "disk:database", "returned")]


def test_a_disk_that_fills_up_overnight_is_told_by_mail(works: Any, smtp: Any) -> None:
    """Whatever the forecast says: two samples tell no rate yet."""
    works.port = smtp.port
    works.apply(
        '[[alerts]]\ncode = "disk"\nkind = "disk_full"\nname = "Disk"\nrecipients = ["crew"]\n'
    )
    sample = "insert into storage_sample values (%s, now() - %s * interval '1 hour', %s)"
    with works.database.connection() as conn:
        for layer, gb in (("disk_size", 500), ("disk_free", 250)):
            conn.execute(sample, [layer, 1, int(gb * 1e9)])
    assert works.go() == []
    with works.database.connection() as conn:
        for layer, gb in (("disk_size", 500), ("disk_free", 10)):
            conn.execute(sample, [layer, 0, int(gb * 1e9)])
    assert works.go() == [("disk", "disk:free", "raised")]
    assert Sender(works.database, threading.Event(), works.pace).drain() == 1
    [message] = smtp.taken
    assert message["Subject"] == "Warning: Database disk – Disk"
    assert (
        "Only 2.0 % of the database's disk is free." in message.get_body(("plain",)).get_content()
    )


DISK = """
[[alerts]]
code = "disk"
kind = "disk_full"
name = "Disk"
within_days = 30.0
"""


@pytest.fixture
def log_in_of_alerts(works: Any) -> Iterator[Database]:
    """The same database by a log-in that has the worker's role alone."""
    parts = urlsplit(works.database.url)
    name = f"alerts_of_{parts.path.removeprefix('/')}"
    works.do(f"create role {name} login password 'x' in role {ALERT}")
    at = f"{name}:x@{parts.hostname}:{parts.port}"
    database = open_database(urlunsplit(parts._replace(netloc=at)), application="alert")
    yield database
    database.close()
    works.do(f"drop role {name}")


def test_the_workers_own_role_judges_every_kind(
    works: Any, log_in_of_alerts: Database, caplog: pytest.LogCaptureFixture
) -> None:
    works.apply(TAG + DOWN + OEE + LATE + SILENT + ANOMALY + DISK)
    works.say("A01.vib", 8.0)
    _minutes(works, running=20, good=2)
    works.rounds = Rounds(log_in_of_alerts, works.pace)
    found = [*works.go(0), *works.go(10)]
    assert {("vib_high", "tag:A01.vib", "raised"), ("oee", "line:A", "raised")} <= set(found)
    assert "can't be judged" not in caplog.text
