"""Alert workers that are stopped or killed for real: another takes over, and another one tells."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from alerts.guard import UNWATCHED, Guard
from alerts.mail import Sender
from alerts.pace import Pace
from alerts.stillness import Stillness
from db import heartbeat
from db.connect import DatabaseUnavailable
from db.heartbeat import Beat, Deposed
from tests.patience import until

ROOT = Path(__file__).parents[2]
TAG = """
[[alerts]]
code = "vib_high"
kind = "tag_limit"
name = "Vibration too high"
tag = "vib"
above = 7.0
priority = "critical"
recipients = ["crew", "banzhang"]
"""
ENGINE = """
import sys, threading
from alerts import watch
from alerts.pace import Pace
from db.connect import open_database
watch.run(open_database(sys.argv[1], application="alert"), threading.Event(),
          pace=Pace(tick_s=0.1, gap_s=0.02, takeover_s=1.5, lease_s=2.0))
"""
GUARDED_INGEST = """
import os, sys
import app
from alerts import guard
from alerts.pace import Pace
guard.DEFAULT = Pace(tick_s=0.1, dead_man_s=1.0)
sys.exit(app.main(["ingest"]))
"""
HEART = "select value ->> 'pid' from setting where key = 'alert_heartbeat'"
MARKED = "select count(*) from mail_outbox where sent_at is not null"
FAST = Pace(tick_s=0.05, dead_man_s=0.6, first_retry_s=0.05, longest_retry_s=0.2)
Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def run(works: Any) -> Iterator[Start]:
    """Run a script as a process of its own on the test's database; killed at the end."""
    running: list[subprocess.Popen[bytes]] = []

    def start(script: str = ENGINE, **environment: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-c", script, works.database.url],
            cwd=ROOT,
            env=os.environ | environment,
            stderr=subprocess.DEVNULL,
        )
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.wait()


def leader(works: Any) -> int | None:
    rows = works.rows(HEART)
    return int(rows[0][0]) if rows else None


def test_a_stopped_leader_is_deposed_and_no_mail_comes_twice(
    works: Any, smtp: Any, run: Start
) -> None:
    works.port = smtp.port
    works.apply(TAG)
    first = run()
    until(lambda: leader(works) == first.pid, within_s=30)
    second = run()
    works.say("A01.vib", 8.0)
    works.hear()
    until(lambda: works.value(MARKED) == 2, within_s=30)
    os.kill(first.pid, signal.SIGSTOP)
    works.tick()
    works.say("A02.vib", 8.0)
    works.hear()
    until(lambda: leader(works) == second.pid, within_s=30)
    until(lambda: len(smtp.taken) == 4, within_s=30)
    os.kill(first.pid, signal.SIGCONT)
    works.tick()
    works.say("A01.vib", 1.0)
    works.say("A02.vib", 1.0)
    works.hear()
    until(lambda: len(smtp.taken) == 8, within_s=30)
    until(lambda: works.value(MARKED) == 8)
    assert leader(works) == second.pid
    assert first.poll() is None
    assert works.rows("select cause, count(*) from alarm_event group by 1 order by 1") == [
        ("raised", 2), ("returned", 2),
    ]  # fmt: skip
    ids = [str(one["Message-ID"]) for one in smtp.taken]
    assert len(set(ids)) == len(ids) == 8


def test_a_leader_stopped_within_a_round_holds_nobody_up(works: Any, run: Start) -> None:
    """The worst moment: its transaction has the alarms' rows and the round's lock."""
    works.apply(TAG)
    term: heartbeat.Term | None = None
    with (
        contextlib.suppress(DatabaseUnavailable),  # both sessions are ended from outside
        works.database.session() as session,
        works.database.session() as judging,
    ):
        term = heartbeat.lead(session)
        assert term
        with works.database.connection() as conn:
            heartbeat.beat(conn, works.now)
        judging.execute("begin")
        term.fence(judging)
        judging.execute("lock table alarm in exclusive mode")
        works.say("A01.vib", 8.0)
        works.hear()
        second = run()
        until(lambda: works.value("select count(*) from alarm_event") == 1, within_s=30)
    assert leader(works) == second.pid
    assert term
    with pytest.raises(Deposed), works.database.connection() as conn:
        term.fence(conn)


def test_a_term_ends_with_its_session(works: Any) -> None:
    with works.database.session() as first, works.database.session() as second:
        term = heartbeat.lead(first)
        assert term
        assert heartbeat.lead(second) is None
        with works.database.connection() as conn:
            term.fence(conn)
            assert heartbeat.depose(conn) == 1
        following = heartbeat.lead(second)
        assert following
        with works.database.connection() as conn:
            following.fence(conn)
            with pytest.raises(Deposed):
                term.fence(conn)


def test_a_dead_worker_is_mailed_once_and_so_is_its_return(
    works: Any, smtp: Any, run: Start
) -> None:
    works.port = smtp.port
    works.apply(TAG)
    guard = Guard(works.database, threading.Event(), FAST)

    def look_until(holds: Callable[[], object]) -> None:
        def look() -> object:
            guard.look()
            return holds()

        until(look, within_s=30)

    engine = run()
    until(lambda: leader(works) == engine.pid, within_s=30)
    os.kill(engine.pid, signal.SIGSTOP)
    look_until(lambda: len(smtp.taken) == 2)
    [english] = [one for one in smtp.taken if one["To"] == "crew@example.com"]
    [chinese] = [one for one in smtp.taken if one["To"] == "banzhang@example.com"]
    assert english["Subject"] == "Critical: Alert worker – Alarms are not watched"
    assert chinese["Subject"] == "紧急：报警进程 – 报警无人监视"
    assert "has not looked at the plant for" in english.get_body(("plain",)).get_content()
    state = "select state from alarm where rule = %s"
    assert works.value(state, UNWATCHED.rule) == "unacknowledged"
    os.kill(engine.pid, signal.SIGCONT)
    look_until(lambda: works.value(state, UNWATCHED.rule) == "returned")
    until(lambda: len(smtp.taken) == 4, within_s=30)  # the engine sends them itself
    assert sorted(one.split(":")[0] for one in map(str, smtp.subjects()[2:])) == [
        "Over",
        "已恢复：报警进程 – 报警无人监视",
    ]
    assert works.value("select count(*) from mail_outbox") == 4


def test_a_guard_that_just_started_does_not_take_back_what_another_said(works: Any) -> None:
    works.apply(TAG)
    with works.database.connection() as conn:
        heartbeat.beat(conn, works.now)
    still = Guard(works.database, threading.Event(), Pace(dead_man_s=0.0))
    still.look()
    still.look()
    assert works.value("select state from alarm") == "unacknowledged"
    Guard(works.database, threading.Event(), Pace()).look()
    assert works.value("select state from alarm") == "unacknowledged"


def test_the_engine_leaves_the_guards_alarm_alone(works: Any) -> None:
    works.apply(TAG)
    guard = Guard(works.database, threading.Event(), Pace(dead_man_s=0.0))
    guard.look()
    guard.look()
    assert works.go() == []
    assert works.value("select state from alarm") == "unacknowledged"


def test_without_rules_nobody_is_missed(works: Any) -> None:
    works.apply("")
    guard = Guard(works.database, threading.Event(), Pace(dead_man_s=0.0))
    guard.look()
    guard.look()
    assert works.value("select count(*) from alarm") == 0


def test_the_ingest_process_is_the_one_that_tells(
    works: Any, smtp: Any, run: Start, tmp_path: Path
) -> None:
    works.port = smtp.port
    works.apply(TAG)
    ingest = run(
        GUARDED_INGEST,
        TAKTBOARD_DATABASE_URL=works.database.url,
        TAKTBOARD_DATA=str(tmp_path),
    )
    until(lambda: len(smtp.taken) == 2, within_s=60)
    ingest.terminate()
    assert ingest.wait(30) == 0


def test_a_mail_that_was_frozen_past_its_lease_is_left_to_others(
    works: Any, smtp: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    works.port = smtp.port
    works.apply(TAG)
    works.say("A01.vib", 8.0)
    works.go()
    late = Sender(works.database, threading.Event(), Pace(lease_s=-1.0))
    claims = iter([late._claim(), None])
    monkeypatch.setattr(late, "_claim", lambda: next(claims))
    assert late.drain() == 0
    assert smtp.taken == []


def test_stillness_is_counted_by_the_watchers_own_clock() -> None:
    now = 100.0
    heart = Stillness(lambda: now)
    old = Beat(datetime(2026, 3, 4, tzinfo=UTC), datetime(2026, 3, 4, tzinfo=UTC), 9999.0)
    assert heart.seconds(old) == 0.0
    assert not heart.is_beating
    now += 7
    assert heart.seconds(old) == 7.0
    moved = Beat(old.at - timedelta(hours=1), old.plant_at, -3600.0)  # a clock set back
    assert heart.seconds(moved) == 0.0
    assert heart.is_beating
    heart.forget()
    now += 50
    assert heart.seconds(moved) == 0.0
    assert not heart.is_beating
