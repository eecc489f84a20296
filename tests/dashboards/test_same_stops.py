"""The same stops on every board: when each began, how long it stood, why; and since when a tile."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dashboards import oee, overview
from dashboards.board import Board, Scene
from dashboards.format import duration_text
from dashboards.rows import Nodes
from dashboards.stops import BOARD
from db.derive import touch
from db.master import load
from plant.model import Language
from tests.dashboards.test_stops_board import ABORTED, RUNNING, at, derive_all, happen
from tests.web_site import Site

BREAK = -300.0
"""Minutes: ten o'clock in the early shift, whose break lasts half an hour."""
THEN = at(BREAK + 50)
MORNING = (
    ("A01", BREAK - 120, RUNNING),
    ("A01", BREAK - 10, ABORTED),
    ("A01", BREAK + 40, RUNNING),
    ("A02", BREAK - 120, RUNNING),
    ("A02", BREAK - 5, ABORTED),
    ("A03", BREAK - 120, RUNNING),
    ("A03", BREAK - 60, ABORTED),
    ("A03", BREAK - 50, RUNNING),
    ("A03", BREAK - 45, ABORTED),
    ("A03", BREAK - 30, RUNNING),
    ("A04", BREAK - 120, RUNNING),
    ("A04", BREAK + 35, ABORTED),
    ("A04", BREAK + 43, RUNNING),
    ("A04", BREAK + 46, ABORTED),
)
MERGED = """
insert into stop_edit (key, machine_id, kind, t0, t1, actor, at)
select m.code, m.id, 'merge', %(t0)s, %(t1)s, 'olga', %(t1)s
from machine m where m.code = %(machine)s
returning machine_id
"""


@pytest.fixture
def morning(site: Site) -> Site:
    """A01 stood over the break, A02 still does; two stops of A03 are one, and two of A04."""
    with site.database.connection() as conn:
        happen(conn, *MORNING, now=THEN)
        for machine, t0, t1 in (
            ("A03", at(BREAK - 60), at(BREAK - 30)),
            ("A04", at(BREAK + 35), THEN),
        ):
            values = {"machine": machine, "t0": t0, "t1": t1}
            for (machine_id,) in conn.execute(MERGED, values).fetchall():
                touch(conn, machine_id, t0, t1)
        derive_all(conn, THEN)
    return site


def nodes(site: Site, board: Board, language: Language, **params: str) -> Nodes:
    with site.database.connection() as conn:
        return board.frame(conn, Scene(load(conn).plant, THEN, language, params)).nodes


def listed(found: Nodes, prefix: str) -> dict[object, tuple[object, ...]]:
    """By machine: begin, length, since when it counts on, reason."""
    rows = [f"{prefix}-{n}" for n in range(8) if not found[f"{prefix}-{n}"]["hidden"]]
    return {
        found[f"{row}-machine"]["text"]: (
            str(found[f"{row}-at"]["text"]).partition("–")[0],
            *found[f"{row}-length"].values(),
            found[f"{row}-reason"]["text"],
        )
        for row in rows
    }


@pytest.mark.parametrize("language", ["en", "zh"])
def test_both_boards_list_the_same(morning: Site, language: Language) -> None:
    board = listed(nodes(morning, oee.BOARD, language, scope="line:A"), "last")
    stops = listed(nodes(morning, BOARD, language, scope="line:A"), "stop")
    assert board == stops
    assert [begin for begin, *_ in (board[code] for code in ("A01", "A02", "A03", "A04"))] == [
        "09:50", "09:55", "09:00", "10:35",
    ]  # fmt: skip
    lengths = {code: length for code, (_, length, *_) in board.items()}
    minutes = {"A01": 50, "A02": 55, "A03": 25, "A04": 12}
    assert lengths == {code: duration_text(60 * n, language) for code, n in minutes.items()}


def test_the_newest_come_first_on_the_oee_board(morning: Site) -> None:
    found = nodes(morning, oee.BOARD, "en", scope="line:A")
    shown = [found[f"last-{n}-machine"]["text"] for n in range(4)]
    assert shown == ["A04", "A02", "A01", "A03"]


@pytest.mark.parametrize(("machine", "minutes"), [("A02", 55), ("A04", 12)])
def test_a_tile_stands_as_long(morning: Site, machine: str, minutes: int) -> None:
    wall = nodes(morning, overview.BOARD, "en")
    board = listed(nodes(morning, oee.BOARD, "en", scope=f"machine:{machine}"), "last")
    since = (THEN - timedelta(minutes=minutes)).timestamp() * 1000
    assert wall[f"tile-{machine}-value"]["since"] == board[machine][2] == since
