"""Every board in both languages, both themes, on three screens: whole, in place, translated.

One load a board and language; theme and size change on the open page, as they do for users. The
pages of figures, their explanations and the counts' corrections too, on a tablet besides.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from dashboards.web import BOARDS
from tests.dashboards.conftest import START, eventually

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.dashboards.conftest import Wall

SCREENS = ((1920, 1080), (3840, 2160), (390, 844))
TABLET = (1024, 768)
PAGES = (
    "/kpis?period=today&rows=line&show=oee",
    "/kpis?period=today&rows=machine&show=ratios",
    "/kpis?period=today&rows=hour&show=losses",
    "/explain?kpi=mtbf&scope=line:A&window=shift",
    "/explain?kpi=good&scope=machine:A01&window=shift&view=messages",
    "/corrections?machine=A01",
    "/kpis?period=today&rows=machine&show=capability",
)
FILL = """
insert into operation (source_id, order_code, operation, revision, at, machine_id, product_id,
    status, planned, good, scrap, planned_start, due, started_at)
select (select min(id) from source), 'WO-9431' || m.id, '10', '1', %(now)s, m.id,
    (select min(id) from product), 'running', 530, 300, 4, %(begin)s, %(due)s, %(begin)s
from machine m;
insert into reading
select %(now)s::timestamptz - n * interval '1 minute', id, 44 + id %% 9 + n %% 7, 0
from tag, generate_series(1, 60) n where role = 'process';
insert into alarm (rule, kind, subject, priority, state, since, raised_at, value, params)
select 'down', 'machine_down', m.code, 'critical', 'unacknowledged', %(begin)s, %(begin)s, 700,
    jsonb_build_object('name', '{"en": "Machine down", "zh": "设备停机"}'::jsonb,
        'subject', jsonb_build_object('en', m.code || ' ' || (m.name ->> 'en'),
        'zh', m.code || ' ' || (m.name ->> 'zh')))
from machine m where m.code like 'A0%%';
"""
FILLED = r"""
() => [...document.querySelectorAll("#board .number, #board [data-live] .n, #board dd")]
  .some((node) => /\d/.test(node.textContent))
"""
FAULTS = """
() => {
  const found = [], wide = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth > wide) found.push("the page scrolls sideways");
  const texts = [...document.querySelectorAll("#board *, .plain-main *")].filter((node) =>
    node.checkVisibility() && !node.closest("svg, .chart, nav")
    && [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim()));
  const boxes = new Map();
  for (const node of texts) {
    const name = `${node.dataset.live || node.className} "${node.textContent}"`;
    const style = getComputedStyle(node), range = document.createRange();
    range.selectNodeContents(node);
    const box = range.getBoundingClientRect();
    const is_cut = node.clientWidth && node.scrollWidth > node.clientWidth + 1;
    if (is_cut && style.overflowX !== "visible")
      found.push(`${name} is cut: ${node.scrollWidth} of ${node.clientWidth} px`);
    if (box.right > wide + 1 || box.left < -1) found.push(`${name} lies outside`);
    if (parseFloat(style.fontSize) < 11) found.push(`${name} is too small: ${style.fontSize}`);
    const parent = node.parentElement;
    for (const [other, at] of boxes.get(parent) || []) {
      const x = Math.min(box.right, at.right) - Math.max(box.left, at.left);
      const y = Math.min(box.bottom, at.bottom) - Math.max(box.top, at.top);
      if (x > 2 && y > 0.4 * Math.min(box.height, at.height)) found.push(`${name} over ${other}`);
    }
    boxes.set(parent, [...(boxes.get(parent) || []), [name, box]]);
  }
  return found;
}
"""
WORDS = """
() => [...document.querySelectorAll("body *")].filter((node) => node.checkVisibility()
  && !node.closest("svg, [lang=en]:not(html), .shell-brand, .shell-menu"))
  .flatMap((node) => [...node.childNodes].filter((child) => child.nodeType === 3))
  .flatMap((text) => text.data.match(/[A-Za-z][a-z]{2,}/g) || [])
"""


@pytest.fixture(scope="module", autouse=True)
def busy(wall: Wall) -> None:
    """Orders and alarms, so that no list is empty."""
    hour = timedelta(hours=1)
    span = {"now": START, "begin": START - hour, "due": START + 3 * hour}
    with wall.database.connection() as conn:
        for statement in FILL.split(";\n"):
            if statement.strip():
                conn.execute(statement, span)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("board", [board.key for board in BOARDS])
def test_a_board_is_whole_on_every_screen(
    wall: Wall, wall_page: Page, board: str, language: str
) -> None:
    path = next(one.path for one in BOARDS if one.key == board)
    wall_page.goto(f"{wall.address}{path}?lang={language}&theme=dark")
    eventually(wall_page, FILLED)
    assert faults_of(wall_page, SCREENS) == []
    if language == "zh":
        assert untranslated(wall, wall_page) == set()


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("path", PAGES)
def test_a_page_of_figures_is_whole_on_every_screen(
    wall: Wall, wall_page: Page, path: str, language: str
) -> None:
    wall_page.set_viewport_size({"width": 1920, "height": 1080})
    answer = wall_page.goto(f"{wall.address}{path}&lang={language}&theme=dark")
    assert answer is not None
    assert answer.status == 200
    assert faults_of(wall_page, (*SCREENS, TABLET)) == []
    if language == "zh":
        assert untranslated(wall, wall_page) == set()


@pytest.mark.parametrize(("path", "width"), [(PAGES[0], 1024), (PAGES[0], 390), (PAGES[3], 390)])
def test_a_table_in_cards_is_read_out_as_a_table(
    wall: Wall, wall_page: Page, path: str, width: int
) -> None:
    """With the heads of its columns, which nobody sees there."""
    wall_page.set_viewport_size({"width": width, "height": 844})
    wall_page.goto(f"{wall.address}{path}&lang=en")
    said = roles_of(wall_page)
    assert said["table"] > 0
    assert said["columnheader"] > 2
    assert said["row"] > 2
    assert said["cell"] > said["row"]
    assert faults_of(wall_page, [(width, 844)]) == []


def roles_of(page: Page) -> Counter[str]:
    """What the browser tells a screen reader."""
    told = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")
    return Counter(one["role"]["value"] for one in told["nodes"] if not one["ignored"])


def faults_of(page: Page, screens: Iterable[tuple[int, int]]) -> list[str]:
    """What is cut, too small, outside, or over something else, in both themes."""
    faults = []
    for theme in ("dark", "light"):
        page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", theme)
        for width, height in screens:
            page.set_viewport_size({"width": width, "height": height})
            faults += [f"{theme} {width}: {fault}" for fault in page.evaluate(FAULTS)]
    return faults


def untranslated(wall: Wall, page: Page) -> set[str]:
    """English words on a Chinese page."""
    known = _codes(wall)
    return {word for word in page.evaluate(WORDS) if word not in known}


def _codes(wall: Wall) -> str:
    """What stands in any language: names of sources and their kinds, symbols of formulas."""
    with wall.database.connection() as conn:
        names = [row[0] for row in conn.execute("select name from source")]
    return " ".join([*names, "OPC UA MQTT Sparkplug REST", "Cpk min"])
