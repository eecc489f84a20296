"""A line that is down: whose stop it is, on its OEE board and beside its name on the wall."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from dashboards import oee, overview
from dashboards.board import Scene
from dashboards.rows import Nodes
from db.master import load
from tests.web_site import NOW

if TYPE_CHECKING:
    from db.connect import Connection
    from plant.model import Language
    from tests.web_site import Site

STOPPED = """
with said as (
    insert into state_interval (machine_id, t0, t1, state, reason_id, is_open)
    select m.id, %(t0)s, %(t1)s, %(state)s,
           (select id from reason where code = %(reason)s), %(open)s
    from machine m where m.code = %(machine)s
    returning *
)
insert into stop_span
select machine_id, t0, case when is_open then null else t1 end, state, reason_id,
       case when reason_id is not null then 'machine' end, false, 0
from said where state <> 'running'
"""


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def day(conn: Connection, machine: str, *said: tuple[float, str, str | None]) -> None:
    """What a machine said since an hour ago: (minute from now, state, reason)."""
    ends = [*(minute for minute, _, _ in said[1:]), 0.0]
    for (minute, state, reason), end in zip(said, ends, strict=True):
        values = {"t0": at(minute), "t1": at(end), "open": end == 0, "machine": machine}
        conn.execute(STOPPED, {**values, "state": state, "reason": reason})
    conn.execute(
        "insert into derive_tail (machine_id, upto) select id, %s from machine where code = %s",
        [NOW, machine],
    )


@pytest.fixture
def stopped(site: Site) -> Site:
    """Line A, whose constraint is A04: starved by A02 for 15 minutes; it had a jam of its own."""
    with site.database.connection() as conn:
        for machine in ("A01", "A05", "A06"):
            day(conn, machine, (-60, "running", None))
        day(conn, "A02", (-60, "running", None), (-20, "down", "tool_breakage"))
        day(conn, "A03", (-60, "running", None), (-18, "starved", "no_material"))
        day(
            conn,
            "A04",
            (-60, "running", None),
            (-40, "down", "jam"),
            (-38, "running", None),
            (-15, "starved", "no_material"),
        )
    return site


def frames(site: Site, language: Language, scope: str) -> tuple[Nodes, Nodes]:
    """The nodes of the OEE board and of the wall."""
    with site.database.connection() as conn:
        scene = Scene(load(conn).plant, NOW, language, {"scope": scope})
        return oee.BOARD.frame(conn, scene).nodes, overview.BOARD.frame(conn, scene).nodes


@pytest.mark.parametrize(
    ("language", "names", "summary"),
    [
        ("en", ["Tool breakage", "Jam"], "17 min, 28 % of the planned time. Constraint: A04"),
        ("zh", ["刀具断裂", "卡料"], "17 分，占计划时间 28 %。瓶颈设备：A04"),
    ],
)
def test_the_line_says_whose_stop_it_is(
    stopped: Site, language: Language, names: list[str], summary: str
) -> None:
    board, wall = frames(stopped, language, "line:A")
    shown = [
        (board[f"cause-{n}-machine"]["text"], board[f"cause-{n}-name"]["text"]) for n in (0, 1)
    ]
    assert shown == [("A02", names[0]), ("A04", names[1])]
    assert [board[f"cause-{n}-value"]["text"] for n in (0, 1)] == ["15 · 1×", "2 · 1×"]
    assert board["cause-2"] == {"hidden": True}
    assert board["line-down"]["text"] == summary
    assert wall["line-A-down"]["hidden"] is False
    assert wall["line-A-down"]["tone"] == "critical"
    assert names[0] in str(wall["line-A-down"]["title"])
    assert wall["line-A-down-machine"]["text"] == "A02"
    assert wall["line-A-down-time"]["since"] == at(-15).timestamp() * 1000
    assert wall["line-B-down"] == {"hidden": True}, "no machine of it has said anything"


def test_a_machine_has_no_line_of_its_own(stopped: Site) -> None:
    board, _ = frames(stopped, "en", "machine:A04")
    assert not any(name.startswith("cause") for name in board)


def test_a_line_that_runs_again_shows_no_note(stopped: Site) -> None:
    with stopped.database.connection() as conn:
        conn.execute(
            "update state_interval set t1 = %s, is_open = false where t1 = %s", [at(-2), NOW]
        )
        conn.execute("update stop_span set t1 = %s where t1 is null", [at(-2)])
        conn.execute(
            "insert into state_interval (machine_id, t0, t1, state, is_open)"
            " select id, %s, %s, 'running', true from machine where code like 'A%%'",
            [at(-2), NOW],
        )
    board, wall = frames(stopped, "en", "line:A")
    assert wall["line-A-down"] == {"hidden": True}
    assert board["cause-0-value"]["text"] == "13 · 1×"
