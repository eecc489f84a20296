"""The wall: any plant is laid out, and every machine is shown as what it is, or as unknown."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dashboards import overview, teams
from dashboards.board import Scene
from dashboards.overview.charts import outputs
from dashboards.overview.pages import MOST_COLUMNS, MOST_TILES, pages
from dashboards.standing import standing
from db.boards import MachineNow
from db.master import load
from plant.check import read
from plant.kpi import Facts, kpis
from plant.model import Element, Language, Plant
from plant.periods import Slot
from tests.dashboards.conftest import START
from tests.web_site import NOW

if TYPE_CHECKING:
    from tests.dashboards.conftest import Wall

MADE = """
select m.code, sum(good) from machine_1m f join machine m on m.id = f.machine_id
where ts >= %(t0)s and ts < %(t1)s group by m.code
"""
MORE_BY_A05 = """
update {table} set good = good + 7
where machine_id = (select id from machine where code = 'A05') and ts = %(t0)s
"""
SAMPLE = Path(__file__).resolve().parents[2] / "plant.toml"


def plant_of(*machines: int) -> Plant:
    """The sample with other lines: so many machines on each."""
    sample = read(SAMPLE.read_text(encoding="utf-8"))
    lines = tuple(
        sample.lines[0].model_copy(update={"code": f"L{n}"}) for n in range(len(machines))
    )
    found = tuple(
        sample.machines[0].model_copy(update={"code": f"L{line}-{n}", "line": f"L{line}"})
        for line, count in enumerate(machines)
        for n in range(count)
    )
    return sample.model_copy(update={"lines": lines, "machines": found})


def said(state: Element | None = "down", **more: object) -> MachineNow:
    values: dict[str, object] = {
        "machine": "A01",
        "line": "A",
        "state": state,
        "since": NOW - timedelta(minutes=5),
        "upto": NOW,
        "stale_from": None,
        "reason": None,
        "calendar": "work",
    }
    return MachineNow(**(values | more))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "machines", [(1,), (6, 6, 6, 6), (30,), (3, 17, 1), (8,) * 12, (2,) * 9, (0, 4)]
)
def test_every_machine_of_any_plant_has_one_tile(machines: tuple[int, ...]) -> None:
    plant = plant_of(*machines)
    found = pages(plant)
    tiles = [m.code for page in found for row in page.rows for m in row.machines]
    assert tiles == [m.code for m in plant.machines]
    assert all(len(row.machines) <= MOST_COLUMNS for page in found for row in page.rows)
    assert all(len(page.rows) * page.columns <= MOST_TILES + MOST_COLUMNS for page in found)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (said("running"), "running"),
        (said("down"), "down"),
        (said("idle", calendar="break"), "planned_stop"),
        (said("down", calendar=None), "not_scheduled"),
        (said("running", calendar=None), "running"),  # running wins over the calendar
        (said("unknown"), "unknown"),
        (said(None, since=None, upto=None), "unknown"),  # never said anything
        (said("running", stale_from=NOW - timedelta(seconds=1)), "unknown"),
        (said("running", upto=NOW - timedelta(seconds=30)), "unknown"),  # derivation stands still
    ],
)
def test_a_machine_stands_as_it_is_known(now: MachineNow, expected: str) -> None:
    assert standing(now, NOW).element == expected


def test_a_fast_plant_is_not_called_silent() -> None:
    behind = said("running", upto=NOW - timedelta(seconds=300))
    assert standing(behind, NOW, speed=60.0).element == "running"


@pytest.mark.parametrize(
    ("common", "by_line", "said"),
    [
        ((), {}, ""),
        (("red",), {"A": ("red",), "B": ("red",)}, "Red team"),
        (("red",), {"A": ("red",), "B": ("blue", "gone"), "C": ("blue", "gone")},
         "Red team · B, C Blue team + gone"),
        ((), {"B": ("gold",), "C": ("red",)}, "B Gold team · C Red team"),
    ],
)  # fmt: skip
def test_teams_are_named_once(
    common: tuple[str, ...], by_line: dict[str, tuple[str, ...]], said: str
) -> None:
    sample = read(SAMPLE.read_text(encoding="utf-8"))
    assert teams.of_site(common, by_line, sample, "en") == said


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_wall_shows_the_kpis_of_the_facts(wall: Wall, language: Language) -> None:
    with wall.database.connection() as conn:
        plant = load(conn).plant
        scene = Scene(plant, wall.now(), language)
        nodes = overview.BOARD.frame(conn, scene).nodes
    # each minute: 54 s running, 6 s down, 45 ideal seconds → A 90 %, E 45/54, Q 100 %, OEE 75 %
    minute = kpis(Facts(running_s=54, down_s=6, ideal_s=45, ideal_good_s=45, good=4))
    assert minute.oee == 0.75
    assert nodes["oee"] == {"text": "75.0", "unit": "%", "tone": "normal"}
    assert nodes["availability"]["text"] == "90.0"
    assert nodes["performance"]["text"] == "83.3"
    assert nodes["quality"]["text"] == "100.0"
    assert nodes["line-A"]["text"] == "75"
    # the first day of the four teams' cycle: blue works late, on the one line that has teams
    shift, team = ("Late shift", "Blue team") if language == "en" else ("中班", "蓝班")
    assert nodes["shift"]["text"] == f"{shift} 14:00–22:00 · B {team}"
    assert all(f"tile-{machine.code}-value" in nodes for machine in plant.machines)


def test_output_is_what_comes_off_the_lines_ends(wall: Wall) -> None:
    span = {"t0": START - timedelta(hours=1), "t1": START}
    with wall.database.connection() as conn:
        plant = load(conn).plant
        for table in ("machine_1m", "machine_15m_done"):  # or A05 and A06 would have made the same
            conn.execute(MORE_BY_A05.format(table=table), span)
        found = outputs(conn, [Slot(span["t0"], span["t1"])], plant)
        made = dict(conn.execute(MADE, span))
        conn.rollback()
    alike = Counter((m.line, plant.calendar_of(m)) for m in plant.machines)
    usual = {line: calendar for (line, calendar), _ in reversed(alike.most_common())}
    ends = {m.line: m.code for m in plant.machines if plant.calendar_of(m) == usual[m.line]}
    assert ends["A"] == "A05"  # A06 works other shifts than the rest of its line
    output: dict[str, float] = {}
    for one in found:
        output[one.line] = output.get(one.line, 0) + one.good
    assert made["A05"] != made["A06"]
    assert output == {line: made[machine] for line, machine in ends.items()}
