"""The live screens in a real browser: fast, true, honest about silence, and never growing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.dashboards.conftest import pausing
from tests.patience import Match, until

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.dashboards.conftest import Wall

DIFFERENCES = """
async (lang) => {
  const board = document.getElementById("board").dataset;
  const query = board.query ? "&" + board.query : "";
  const frame = await (await fetch(`/live/${board.board}?lang=${lang}${query}`)).json();
  const found = [];
  for (const [id, now] of Object.entries(frame.nodes)) {
    const node = document.querySelector(`[data-live="${CSS.escape(id)}"]`);
    if (!node) { found.push(`${id} is not on the page`); continue; }
    if (now.hidden !== undefined && node.hidden !== now.hidden) found.push(`${id} hidden`);
    if (now.tone !== undefined && node.dataset.tone !== now.tone) found.push(`${id} tone`);
    if (now.width !== undefined && node.style.width !== now.width + "%") found.push(`${id} width`);
    if (now.text === undefined || now.since || now.hidden) continue;
    const text = now.text + (now.unit || "");
    if (node.textContent !== text) found.push(`${id}: ${node.textContent} is not ${text}`);
  }
  return { found, count: Object.keys(frame.nodes).length };
}
"""
TICKS = """
async (count) => {
  const board = document.getElementById("board").dataset;
  const frame = await (await fetch(`/live/${board.board}?lang=${board.lang}`)).json();
  for (let n = 0; n < count; n += 1) {
    const next = structuredClone(frame);
    for (const id in next.nodes) {
      const node = next.nodes[id];
      if (node.text !== undefined && !node.since) node.text = String(n % 97);
      if (node.width !== undefined) node.width = n % 100;
      if (id.startsWith("tile-") && node.tone) node.tone = n % 2 ? "critical" : "normal";
    }
    document.dispatchEvent(new CustomEvent("takt:frame", { detail: next }));
    if (n % 20 === 0) await new Promise(requestAnimationFrame);
  }
}
"""


def opened(page: Page, wall: Wall, path: str) -> None:
    page.goto(wall.address + path)
    page.wait_for_selector("[data-live=oee] .unit")


def test_a_change_is_on_the_screen_within_a_second(wall: Wall, wall_page: Page) -> None:
    opened(wall_page, wall, "/?kiosk=1")
    tile = "document.querySelector('[data-live=tile-A02]').dataset.tone"
    assert wall_page.evaluate(tile) == "normal"
    loaded = wall_page.evaluate("performance.timeOrigin")
    begun = time.monotonic()
    wall.stop_machine("A02")
    wall_page.wait_for_selector("[data-live=tile-A02][data-tone=critical]", timeout=1000)
    assert time.monotonic() - begun < 1
    value = wall_page.locator("[data-live=tile-A02-value]")
    assert value.text_content() in ("0:00", "0:01", "0:02")
    wall_page.wait_for_selector("[data-live=tile-A02-value]:text-is('0:03')", timeout=5000)
    assert wall_page.locator("[data-live=count-down-n]").text_content() != "0"
    assert wall_page.evaluate("performance.timeOrigin") == loaded, "without loading the page anew"


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("path", ["/", "/oee?scope=line:B", "/oee?scope=machine:C03&window=24h"])
def test_the_screen_shows_what_live_answers(
    wall: Wall, wall_page: Page, path: str, lang: str
) -> None:
    opened(wall_page, wall, f"{path}{'&' if '?' in path else '?'}lang={lang}")
    seen: dict[str, Any] = {}

    def is_the_same() -> bool:
        seen.update(wall_page.evaluate(DIFFERENCES, lang))
        return not seen["found"]

    until(is_the_same, within_s=2, pause=pausing(wall_page))  # a minute may turn between the two
    assert seen["count"] > 30


@pytest.mark.parametrize("path", ["/?kiosk=1", "/oee", "/orders", "/alerts", "/sources"])
def test_nothing_is_asked_of_another_host(wall: Wall, wall_page: Page, path: str) -> None:
    asked: list[str] = []
    wall_page.on("request", lambda request: asked.append(request.url))
    with wall_page.expect_response(lambda answer: "/sse" in answer.url):
        wall_page.goto(wall.address + path)
    here = (wall.address, "data:", "blob:")
    assert len(asked) > 10
    assert [url for url in asked if not url.startswith(here)] == []


def test_charts_are_drawn_by_the_bundle_in_assets(wall: Wall, wall_page: Page) -> None:
    scripts: list[str] = []
    wall_page.on("request", lambda request: scripts.append(request.url))
    opened(wall_page, wall, "/oee?scope=line:A")
    for chart in ("losses", "hours", "timeline"):
        wall_page.wait_for_selector(f"[data-chart={chart}] .main-svg")
    plotly = [url for url in scripts if "plotly" in url]
    assert len(plotly) == 1
    assert "/assets/00-plotly-cartesian.min.js" in plotly[0]


@pytest.mark.parametrize("path", ["/?kiosk=1", "/", "/oee"])
def test_a_board_fits_its_screen(wall: Wall, wall_page: Page, path: str) -> None:
    opened(wall_page, wall, path)
    page = "document.documentElement"
    for width, height in ((1920, 1080), (3840, 2160), (1366, 768)):
        wall_page.set_viewport_size({"width": width, "height": height})
        assert wall_page.evaluate(f"{page}.scrollWidth") <= width
        assert wall_page.evaluate(f"{page}.scrollHeight") <= height + 1


@pytest.mark.parametrize("path", ["/", "/oee"])
def test_a_phone_scrolls_down_and_never_sideways(wall: Wall, wall_page: Page, path: str) -> None:
    wall_page.set_viewport_size({"width": 390, "height": 844})
    opened(wall_page, wall, path)
    assert wall_page.evaluate("document.documentElement.scrollWidth") == 390
    sizes = wall_page.evaluate(
        "[...document.querySelectorAll('[data-live]')]"
        ".filter((n) => n.offsetParent && n.textContent)"
        ".map((n) => parseFloat(getComputedStyle(n).fontSize))"
    )
    assert min(sizes) >= 13


def test_thousands_of_ticks_leave_nothing_behind(wall: Wall, wall_page: Page) -> None:
    opened(wall_page, wall, "/?kiosk=1")
    wall_page.wait_for_selector(".chart .main-svg")
    devtools = wall_page.context.new_cdp_session(wall_page)
    devtools.send("Performance.enable")

    def measured() -> dict[str, float]:
        devtools.send("HeapProfiler.collectGarbage")
        metrics = devtools.send("Performance.getMetrics")["metrics"]
        return {m["name"]: m["value"] for m in metrics}

    wall_page.evaluate(TICKS, 1500)  # until all of it is compiled
    before = measured()
    wall_page.evaluate(TICKS, 3000)
    most = {"Nodes": 50, "JSEventListeners": 2, "JSHeapUsedSize": 1_000_000}

    def grown() -> dict[str, float]:
        after = measured()
        return {n: after[n] - before[n] for n, more in most.items() if after[n] > before[n] + more}

    # A busy page lets go of the last frames a moment later.
    until(
        lambda: Match(grown(), {}),
        "nothing is left behind",
        within_s=20.0,
        pause=pausing(wall_page),
    )
    history = "window.dash_stores ? window.dash_stores[0].getState().history.past.length : 0"
    assert wall_page.evaluate(history) <= 2


def test_silence_is_shown_and_a_restart_survived(wall: Wall, wall_page: Page) -> None:
    opened(wall_page, wall, "/?kiosk=1&lang=en")
    wall_page.evaluate("window.still = 'the same page'")
    wall.kill()
    killed = time.monotonic()
    banner = wall_page.locator(".stale-banner")
    banner.wait_for(timeout=9000)
    assert time.monotonic() - killed > 3, "a short silence is no reason to cry"
    assert "No data since 16:3" in (banner.text_content() or "")
    assert wall_page.evaluate("getComputedStyle(document.getElementById('board')).filter") != "none"
    wall.start()
    banner.wait_for(state="detached", timeout=12000)
    assert wall_page.evaluate("window.still") == "the same page"
    wall.stop_machine("D03", "idle")
    wall_page.wait_for_selector("[data-live=tile-D03][data-tone=warning]", timeout=3000)
