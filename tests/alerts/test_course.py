"""The course of a stop, from the machine's states to the board: real rounds, mails and rows."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest

from alerts.mail import Sender
from alerts.pace import Pace
from dashboards.alerts.frame import frame
from dashboards.board import Frame, Scene
from db import alarm_timeline, alarms
from db.alarm_timeline import Course
from db.master import load
from plant.model import Language

DOWN = """
[[alerts]]
code = "down"
kind = "machine_down"
name = { en = "Machine down", zh = "设备停机" }
longer_than_s = 300.0
recipients = ["crew"]
"""


def state(works: Any, value: str, seconds: float) -> None:
    """The machine goes on for so long in a state, derived up to now."""
    begin = works.now
    works.tick(seconds)
    works.do(
        "insert into state_interval (machine_id, t0, t1, state)"
        " select id, %s, %s, %s::element from machine where code = 'A01'",
        begin, works.now, value,
    )  # fmt: skip


def send(works: Any) -> None:
    Sender(works.database, threading.Event(), Pace()).drain()


def acknowledge(works: Any) -> None:
    with works.database.connection() as conn:
        alarm_id = works.value("select id from alarm")
        assert alarms.acknowledge(conn, alarm_id, "eva", works.now)


def board(works: Any, language: Language = "en", **params: str) -> Frame:
    with works.database.connection() as conn:
        return frame(conn, Scene(load(conn).plant, works.now, language, params))


def steps(found: Frame) -> list[tuple[str, str, str]]:
    def text(node_id: str) -> str:
        return str(found.nodes[node_id]["text"])

    return [(text(f"step-{n}-word"), text(f"step-{n}-at"), text(f"step-{n}-after"))
            for n in range(5)]  # fmt: skip


def stops(works: Any, minutes_from: int, minutes_to: int) -> list[Course]:
    """Of the machine, in a stretch that is counted from the beginning."""
    began = works.start + timedelta(minutes=minutes_from)
    with works.database.connection() as conn:
        return alarm_timeline.stops(conn, "A01", began, works.start + timedelta(minutes=minutes_to))


def one_stop(works: Any) -> None:
    """10 min running, then a stop of 15 min: raised after 5, noticed after 9."""
    state(works, "running", 600)
    state(works, "down", 300)
    assert [cause for _, _, cause in works.go(0)] == ["raised"]
    works.tick(60)
    send(works)
    state(works, "down", 180)
    works.go(0)
    acknowledge(works)
    state(works, "down", 360)
    works.go(0)
    state(works, "running", 60)
    works.go(0)


@pytest.fixture
def plant(works: Any, smtp: Any) -> Any:
    works.port = smtp.port
    works.apply(DOWN)
    works.start = works.now  # 10:00 UTC, 18:00 in Shanghai
    return works


def test_a_stop_from_its_detection_to_its_end(plant: Any) -> None:
    one_stop(plant)
    [found] = stops(plant, 0, 60)
    after = {
        name: (getattr(found, name) - plant.start).total_seconds()
        for name in ("detected", "raised", "notified", "acknowledged", "fixed")
    }
    assert after == pytest.approx(
        {"detected": 600, "raised": 900, "notified": 960, "acknowledged": 1140, "fixed": 1500},
        abs=0.01,
    )
    assert found.actor == "eva"
    assert all(
        moment.utcoffset() == timedelta(0) for moment in (found.detected, found.fixed) if moment
    )
    shown = board(plant)
    assert steps(shown) == [
        ("detected", "18:10", ""),
        ("raised", "18:15", "+5:00"),
        ("notified", "18:16", "+1:00"),
        ("acknowledged · eva", "18:19", "+3:00"),
        ("fixed", "18:25", "+6:00"),
    ]
    assert shown.nodes["course-title"]["text"] == "A01 Lathe 1 · Machine down"
    assert [word for word, _, _ in steps(board(plant, "zh"))] == [
        "已检出", "触发", "已通知", "已确认 · eva", "已恢复",
    ]  # fmt: skip


def test_what_has_not_happened_comes_last_and_without_a_time(plant: Any) -> None:
    state(plant, "running", 600)
    state(plant, "down", 300)
    plant.go(0)
    assert steps(board(plant)) == [
        ("detected", "18:10", ""),
        ("raised", "18:15", "+5:00"),
        ("notified", "–", ""),
        ("acknowledged", "–", ""),
        ("fixed", "–", ""),
    ]


def test_a_stop_that_ended_before_anybody_saw_it(plant: Any) -> None:
    state(plant, "running", 600)
    state(plant, "down", 300)
    plant.go(0)
    state(plant, "unknown", 60)  # not known to be over
    state(plant, "running", 60)
    plant.go(0)
    plant.tick(120)
    acknowledge(plant)
    assert [word for word, at, _ in steps(board(plant)) if at != "–"] == [
        "detected", "raised", "fixed", "acknowledged · eva",
    ]  # fmt: skip
    assert steps(board(plant))[2] == ("fixed", "18:16", "+1:00")


def test_each_stop_has_its_own_course_and_stretch(plant: Any) -> None:
    one_stop(plant)
    first_ends = plant.now
    one_stop(plant)
    assert [one.raised > first_ends for one in stops(plant, 0, 120)] == [True, False]
    assert [one.raised > first_ends for one in stops(plant, 0, 20)] == [False]
    assert stops(plant, 26, 30) == []  # between the two
    assert len(stops(plant, 24, 37)) == 2  # the end of one, the beginning of the other
    with plant.database.connection() as conn:
        assert alarm_timeline.stops(conn, "A02", plant.start, plant.now) == []


def test_the_board_shows_the_course_of_the_alarm_in_its_address(plant: Any) -> None:
    assert board(plant).nodes["course-empty"]["hidden"] is False
    one_stop(plant)
    alarm_id = plant.value("select id from alarm")
    assert board(plant, alarm=str(alarm_id)).nodes["course-empty"]["hidden"] is True
    assert board(plant, alarm="999999").nodes["course-empty"]["hidden"] is False
    state(plant, "down", 300)
    plant.go(0)
    shown = board(plant, days="1").nodes
    assert shown["alert-0-link"] == {"href": f"/alerts?days=1&alarm={alarm_id}"}
