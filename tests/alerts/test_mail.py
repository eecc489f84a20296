"""Mails against a real SMTP server: what they say, and that each is sent once and surely."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from alerts.mail import Sender
from alerts.pace import Pace
from alerts.smtp import TransportError
from tests.patience import until

ROOT = Path(__file__).parents[2]
TAG = """
[[alerts]]
code = "vib_high"
kind = "tag_limit"
name = {{ en = "Vibration too high", zh = "振动过高" }}
tag = "vib"
machines = ["A01"]
above = 7.0
priority = "critical"
recipients = [{recipients}]
"""
LATE = """
[[alerts]]
code = "late"
kind = "order_late"
name = "Late"
recipients = ["crew"]
"""
FAST = Pace(
    tick_s=0.1, gap_s=0.02, flood_window_s=0.5, lease_s=1.0, smtp_timeout_s=2.0,
    first_retry_s=0.05, longest_retry_s=0.2,
)  # fmt: skip


def raise_one(works: Any, recipients: str = '"crew"') -> None:
    works.apply(TAG.format(recipients=recipients))
    works.say("A01.vib", 8.25)
    assert len(works.go()) == 1


def sender(works: Any, pace: Pace = FAST) -> Sender:
    return Sender(works.database, threading.Event(), pace)


def parts(message: Any) -> tuple[str, str]:
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    return plain.get_content(), html.get_content()


def test_a_mail_says_what_where_and_since_when_in_both_languages(works: Any, smtp: Any) -> None:
    works.port = smtp.port
    raise_one(works, '"crew", "banzhang"')
    assert sender(works).drain() == 2
    english, chinese = sorted(smtp.taken, key=lambda one: str(one["To"]), reverse=True)
    assert english["Subject"] == "Critical: A01 Lathe 1 – Vibration too high"
    assert chinese["Subject"] == "紧急：A01 车床1 – 振动过高"
    text, html = parts(english)
    assert "Vibration is 8.25 mm/s, above the limit of 7 mm/s." in text
    assert "2026-03-04 18:00:01" in text  # the plant's clock, not UTC
    assert "http://boards.example:8050/alerts?alarm=" in text
    assert "8.25 mm/s" in html
    assert "Test &lt;works&gt;" in html
    text, html = parts(chinese)
    assert "振动为 8.25 mm/s，高于限值 7 mm/s。" in text
    assert "打开报警看板" in html


def test_the_end_of_an_alarm_is_told_too_and_an_acknowledgement_is_not(
    works: Any, smtp: Any
) -> None:
    from db import alarms

    works.port = smtp.port
    raise_one(works)
    with works.database.connection() as conn:
        alarm_id = works.value("select id from alarm")
        assert alarms.acknowledge(conn, alarm_id, "eva", works.now)
        assert not alarms.acknowledge(conn, alarm_id, "eva", works.now)
    works.say("A01.vib", 1.0)
    works.tick(90)
    works.say("A01.vib", 1.0)
    assert works.go() == [("vib_high", "tag:A01.vib", "cleared")]
    sender(works).drain()
    assert [one.split(":")[0] for one in smtp.subjects()] == ["Critical", "Over"]
    assert "Lasted: 1 min 31 s" in parts(smtp.taken[1])[0]
    assert works.rows("select actor from alarm_event where cause = 'acknowledged'") == [("eva",)]
    assert works.value("select count(*) from alarm_event where not processed") == 0


def test_no_name_breaks_out_of_its_header(works: Any, smtp: Any) -> None:
    works.port = smtp.port
    rule = TAG.format(recipients='"crew"').replace(
        "Vibration too high", "<b>x\\r\\nBcc: all@example.com"
    )
    works.apply(rule)
    works.say("A01.vib", 8.25)
    works.go()
    assert sender(works).drain() == 1
    [message] = smtp.taken
    assert message["Bcc"] is None
    assert message["Subject"] == "Critical: A01 Lathe 1 – <b>x Bcc: all@example.com"
    assert "<b>" not in parts(message)[1]


def test_a_server_that_was_away_gets_each_mail_once(works: Any, smtp: Any, port: int) -> None:
    works.port = port
    raise_one(works)
    away = sender(works)
    with pytest.raises(TransportError) as refused:
        away.drain()
    assert refused.value.is_server
    assert "refused" in works.value("select error from mail_outbox")
    works.port = smtp.port
    works.apply(TAG.format(recipients='"crew"') + "\n# moved\n")
    works.do("update mail_outbox set next_attempt = clock_timestamp()")
    assert away.drain() == 1
    assert away.drain() == 0
    assert len(smtp.taken) == 1
    assert smtp.taken[0]["Message-ID"] == works.value("select message_id from mail_outbox")
    assert works.value("select error is null and sent_at is not null from mail_outbox")


def test_4xx_is_tried_again_and_5xx_is_given_up(works: Any, smtp: Any) -> None:
    works.port = smtp.port
    raise_one(works, '"crew", "banzhang"')
    answers = {"crew@example.com": "451 busy", "banzhang@example.com": "550 no such user"}
    smtp.answer = lambda envelope: answers[envelope.rcpt_tos[0]]
    assert sender(works).drain() == 0
    rows = works.rows("select recipient, error, failed_at is not null from mail_outbox order by 1")
    assert rows == [("banzhang", "550 no such user", True), ("crew", "451 busy", False)]
    answers["crew@example.com"] = "250 OK"
    works.do("update mail_outbox set next_attempt = clock_timestamp()")
    assert sender(works).drain() == 1
    assert [str(one["To"]) for one in smtp.taken] == ["crew@example.com"]


def test_what_is_refused_for_good_goes_once_to_the_fallback(works: Any, smtp: Any) -> None:
    works.port, works.mail = smtp.port, 'fallback = "banzhang"\n'
    raise_one(works, '"crew", "banzhang"')
    answers = {"crew@example.com": "550 no such user <b>", "banzhang@example.com": "250 OK"}
    smtp.answer = lambda envelope: answers[envelope.rcpt_tos[0]]
    assert sender(works).drain() == 2
    assert sender(works).drain() == 0
    noted = [one for one in smtp.taken if "本应发给" in parts(one)[0]]
    assert [str(one["To"]) for one in smtp.taken] == ["banzhang@example.com"] * 2
    assert len(noted) == 1
    text, html = parts(noted[0])
    assert "此邮件本应发给 Crew <crew@example.com>，但无法送达：550 no such user <b>" in text
    assert "550 no such user &lt;b&gt;" in html
    assert "振动为 8.25 mm/s" in text
    rows = works.rows(
        "select mail.recipient, mail.sent_at is not null, refused.recipient, refused.error"
        " from mail_outbox mail join mail_outbox refused on refused.id = mail.fallback_for"
    )
    assert rows == [("banzhang", True, "crew", "550 no such user <b>")]
    assert works.value("select count(*) from mail_outbox_event") == 3


def test_a_fallback_that_is_refused_too_ends_there(works: Any, smtp: Any) -> None:
    works.port, works.mail = smtp.port, 'fallback = "banzhang"\n'
    raise_one(works, '"crew", "banzhang"')
    smtp.answer = lambda _: "554 5.7.1 no mail from there"
    assert sender(works).drain() == 0
    assert sender(works).drain() == 0
    rows = works.rows(
        "select recipient, failed_at is not null, fallback_for is not null"
        " from mail_outbox order by id"
    )
    assert rows == [("crew", True, False), ("banzhang", True, False), ("banzhang", True, True)]


def test_what_may_pass_later_is_not_diverted(works: Any, smtp: Any) -> None:
    works.port, works.mail = smtp.port, 'fallback = "banzhang"\n'
    raise_one(works)
    smtp.answer = lambda _: "451 busy"
    assert sender(works).drain() == 0
    assert works.value("select count(*) from mail_outbox") == 1


def test_a_black_hole_does_not_stop_the_watch(works: Any, watching: Any, port: int) -> None:
    with socket.socket() as hole:
        hole.bind(("127.0.0.1", port))
        hole.listen()
        works.port = port
        raise_one(works)
        with watching(works.database, FAST):
            until(lambda: works.value("select coalesce(max(attempts), 0) from mail_outbox") >= 1)
            works.say("A01.vib", 1.0)
            works.hear()
            until(lambda: works.value("select state from alarm") == "returned", within_s=1.5)
    assert works.value("select count(*) from mail_outbox where sent_at is not null") == 0


def test_a_flood_becomes_one_digest(works: Any, smtp: Any, watching: Any) -> None:
    works.port = smtp.port
    works.apply(LATE)
    insert = (
        "insert into operation (source_id, order_code, operation, revision, at, machine_id, status,"
        " planned, good, scrap, due) select s.id, %s || n, '10', '1', %s, m.id, 'running', 9, 0, 0,"
        " %s from source s, machine m, generate_series(1, 200) n where m.code = 'A01'"
    )
    works.hear()
    with watching(works.database, FAST):
        works.do(insert, "A", works.now, works.now)
        until(lambda: works.value("select count(*) from mail_outbox_event") == 200)
        works.do(insert, "B", works.now, works.now)
        until(lambda: works.value("select count(*) from mail_outbox_event") == 400)
        until(lambda: works.value("select bool_and(sent_at is not null) from mail_outbox"))
    assert len(smtp.taken) <= 2
    counts = [int(subject.split()[0]) for subject in smtp.subjects()]
    assert sum(counts) == 400
    assert "and 100 more" in parts(smtp.taken[0])[1] or "and 300 more" in parts(smtp.taken[0])[1]


ENGINE = """
import sys, threading
from alerts import watch
from alerts.pace import Pace
from db.connect import open_database
watch.run(open_database(sys.argv[1], application="alert"), threading.Event(),
          pace=Pace(tick_s=0.1, lease_s=1.0, smtp_timeout_s=5.0))
"""


def engine(url: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", ENGINE, url], cwd=ROOT, stderr=subprocess.DEVNULL
    )


def test_killed_after_data_the_mail_comes_again_under_the_same_id(works: Any, smtp: Any) -> None:
    works.port = smtp.port
    raise_one(works)
    received: list[str] = []
    first = engine(works.database.url)

    def kill(envelope: Any) -> str:
        received.append(works_message_id(envelope))
        if len(received) == 1:
            os.kill(first.pid, signal.SIGKILL)
        return "250 OK"

    smtp.answer = kill
    try:
        first.wait(20)
        second = engine(works.database.url)
        try:
            until(lambda: works.value("select sent_at is not null from mail_outbox"), within_s=20)
        finally:
            second.kill()
            second.wait()
    finally:
        first.kill()
        first.wait()
    assert len(received) == 2
    assert len(set(received)) == 1


def works_message_id(envelope: Any) -> str:
    lines: list[str] = envelope.content.decode("utf-8", "replace").splitlines()
    return next(line for line in lines if line.lower().startswith("message-id:"))
