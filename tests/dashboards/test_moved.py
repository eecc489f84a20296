"""A machine that moved, or went, in the window: every board tells of it where it stood then."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from dashboards.why import link
from db.clock import Clock, save_clock
from db.kpi_facts import Scope
from db.master import apply
from plant.check import read
from tests.dashboards.test_stops_board import HOUR, at, derive_all, happen
from tests.web_site import NOW, Site

PLANT = (Path(__file__).resolve().parents[2] / "plant.toml").read_text(encoding="utf-8")
A01 = PLANT[PLANT.index('[[machines]]\ncode = "A01"') : PLANT.index('[[machines]]\ncode = "A02"')]
MOVED = PLANT.replace(A01, A01.replace('line = "A"', 'line = "B"'))
VALUE = re.compile(r'class="explain-value">([^<]+)<')


@pytest.fixture
def moved(site: Site) -> Site:
    """Nobody knows why A01 stood from 15:10 to 15:30; at 15:20 it came to line B."""
    with site.database.connection() as conn:
        save_clock(conn, Clock(NOW, NOW, 1e-9))
        happen(conn, *HOUR)
        apply(conn, read(MOVED), MOVED, at(20))
        derive_all(conn, NOW)
    return site


def nodes(client: FlaskClient, path: str) -> dict[str, dict[str, object]]:
    found = client.get(f"/live/{path}").json
    assert found is not None
    shown: dict[str, dict[str, object]] = found["nodes"]
    return shown


def listed(client: FlaskClient, board: str, line: str, prefix: str) -> set[object]:
    found = nodes(client, f"{board}?scope=line:{line}")
    rows = [f"{prefix}-{n}" for n in range(8) if not found[f"{prefix}-{n}"]["hidden"]]
    return {found[f"{row}-machine"]["text"] for row in rows}


@pytest.mark.parametrize("line", ["A", "B"])
def test_unexplained_minutes_are_those_that_are_explained(moved: Site, line: str) -> None:
    client = moved.client("vera")
    badge = nodes(client, f"stops?scope=line:{line}")["unexplained-n"]["text"]
    address = link("unexplained_s", Scope("line", line), "shift")
    told = VALUE.search(client.get(address, follow_redirects=True).text)
    assert told is not None
    assert badge == told[1].removesuffix(".0") == "10"


def test_its_stop_is_listed_on_both_lines(moved: Site) -> None:
    client = moved.client("vera")
    for board, prefix in (("stops", "stop"), ("oee", "last")):
        assert listed(client, board, "A", prefix) == {"A01", "A02"}
        assert listed(client, board, "B", prefix) == {"A01"}


def test_its_states_are_drawn_where_it_stood(moved: Site) -> None:
    client = moved.client("vera")
    for line, minutes in (("A", [10]), ("B", [10, 2])):
        told = client.get(f"/live/oee/full?scope=line:{line}").json
        assert told is not None
        (down,) = (
            kind
            for kind in told["figures"]["timeline"]["data"]
            if kind["marker"]["color"] == "$critical"
        )
        assert down["x"] == [n * 60 * 1000 for n in minutes]
        assert set(down["y"]) == {"A01"}
