"""The OEE board: scope and window as asked for, the facts of just these, stops cut by calendars."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dashboards import oee
from dashboards.board import Scene
from dashboards.oee.scope import scope_of, window_of
from dashboards.oee.strip import cut
from db.boards import Interval, ShiftSpan, Slice
from db.master import load
from plant.check import read
from plant.model import Element, Label
from tests.dashboards.conftest import START
from tests.web_site import NOW

if TYPE_CHECKING:
    from tests.dashboards.conftest import Wall

SAMPLE = read((Path(__file__).resolve().parents[2] / "plant.toml").read_text(encoding="utf-8"))
SHIFT = ShiftSpan(
    "late", Label(en="Late", zh="中班"), NOW - timedelta(hours=2), NOW + timedelta(hours=6)
)


def at(minute: int) -> datetime:
    return NOW + timedelta(minutes=minute)


def interval(state: Element, t0: int, t1: int, machine: str = "A01") -> Interval:
    return Interval(machine, at(t0), at(t1), state, None)


WORK = [
    Slice("A01", at(0), at(60), "work"),
    Slice("A01", at(60), at(80), "break"),
    Slice("A01", at(80), at(120), "work"),
]


@pytest.mark.parametrize(
    ("scope", "codes"),
    [
        ("machine:B02", ["B02"]),
        ("line:B", ["B01", "B02", "B03", "B04", "B05", "B06"]),
        ("line:nowhere", ["A01", "A02", "A03", "A04", "A05", "A06"]),
        ("", ["A01", "A02", "A03", "A04", "A05", "A06"]),
    ],
)
def test_the_address_names_the_machines(scope: str, codes: list[str]) -> None:
    assert list(scope_of({"scope": scope}, SAMPLE).codes) == codes


def test_a_window_that_it_does_not_offer_is_the_shift() -> None:
    assert [window_of({"window": name}) for name in ("today", "7d", "nonsense")] == [
        "today",
        "shift",
        "shift",
    ]


def test_a_stop_is_cut_by_the_calendar() -> None:
    done = cut([interval("down", 50, 130)], WORK)
    found = [(d.element, int(d.seconds // 60)) for d in done]
    # 50–60 down, 60–80 break, 80–120 down, after the shift not scheduled
    assert found == [("down", 10), ("planned_stop", 20), ("down", 40), ("not_scheduled", 10)]


def test_running_wins_over_the_calendar() -> None:
    assert [d.element for d in cut([interval("running", 50, 130)], WORK)] == ["running"]


def test_a_machine_shows_its_own_facts(wall: Wall) -> None:
    with wall.database.connection() as conn:
        scene = Scene(load(conn).plant, wall.now(), "en", {"scope": "machine:A01"})
        frame = oee.BOARD.frame(conn, scene)
    # the shift began at 14:00, facts reach to 16:30: 150 minutes, 4 pieces and 45 ideal s each
    nodes = frame.nodes
    assert nodes["oee"]["text"] == "75.0"
    assert nodes["oee-target"]["text"] == "Target 78 %"
    assert nodes["oee"]["tone"] == "normal", "3 points below it are no matter"
    assert nodes["performance"]["tone"] == "warning", "83 % where 93 % are asked for"
    assert nodes["fact-good"]["text"] == "600"
    assert nodes["fact-ideal"]["text"] == "11.2"
    assert nodes["fact-actual"]["text"] == "13.5"
    assert nodes["fact-best"]["text"] == "13.5", "every quarter of an hour is alike"
    losses: Any = frame.charts["losses"]
    assert losses["data"][0]["x"][0] == 2.5
    assert losses["data"][0]["x"][-1] == pytest.approx(0.75 * 2.5, abs=0.01)


def test_one_product_that_is_too_fast_is_called_out(wall: Wall) -> None:
    """The other one is slow, so that their sum has no performance above 100 %."""
    with wall.database.connection() as conn, conn.transaction(force_rollback=True):
        conn.execute(
            "update machine_1m set product_id = (select min(id) from product),"
            " ideal_s = 1.25 * running_s, good = 5 where ts >= %s",
            [START - timedelta(hours=1)],
        )
        scene = Scene(load(conn).plant, wall.now(), "en", {"scope": "machine:A01"})
        nodes = oee.BOARD.frame(conn, scene).nodes
    assert float(str(nodes["performance"]["text"])) == pytest.approx(100.0, abs=0.1)
    assert nodes["fact-best"]["tone"] == "warning"
    assert "ideal cycle" in str(nodes["fact-best"]["title"])
    # an hour of five pieces, an hour and a half of four, 54 s of running a minute
    assert nodes["fact-best"]["text"] == "12.3"


def test_faster_than_ideal_is_told(wall: Wall) -> None:
    with wall.database.connection() as conn, conn.transaction(force_rollback=True):
        conn.execute("update machine_1m set ideal_s = 1.25 * running_s")
        scene = Scene(load(conn).plant, wall.now(), "en", {"scope": "line:A"})
        node = oee.BOARD.frame(conn, scene).nodes["oee-mark"]
    assert "ideal cycle too long" in str(node["text"])
