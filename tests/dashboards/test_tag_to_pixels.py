"""From the machine to the eye: a tag changes in a real OPC UA server, a real browser shows it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from asyncua import ua
from asyncua.sync import Server, SyncNode

from db.embedded import Embedded
from tests.dashboards.conftest import Wall, collected_wall, eventually
from tests.ports import free_port
from tests.small_plant import SMALL_PLANT

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

RUNNING, DOWN = 6, 9
RUNS = "low"
"""How its tile looks while it runs: it makes nothing, which is an OEE of 0 %."""
CHANGES = 7
PLANT = (
    SMALL_PLANT
    + """
[[state_maps]]
name = "packml"
values = { "6" = "running", "9" = "down" }
[[sources]]
name = "opcua"
kind = "opcua"
url = "opc.tcp://127.0.0.1:PORT/"
security = "none"
publishing_interval_ms = 100
[[tags]]
name = "state"
machines = ["*"]
source = "opcua"
role = "state"
address = "ns=2;s={machine}.State"
state_map = "packml"
"""
)
TONE = "document.querySelector('[data-live=tile-A01]').dataset.tone"
WATCH = """
() => {
  window.seen = [];
  const tile = document.querySelector("[data-live=tile-A01]");
  new MutationObserver(() => requestAnimationFrame(() =>
    window.seen.push([tile.dataset.tone, Date.now()])
  )).observe(tile, { attributeFilter: ["data-tone"] });
}
"""


SEEN = """
([tone, count]) => window.seen.length > count && window.seen.at(-1)[0] === tone
  && window.seen.at(-1)[1]
"""


@dataclass(frozen=True)
class Machine:
    """A machine's state in an OPC UA server."""

    node: SyncNode

    def say(self, state: int) -> float:
        """It changes its state; when, in epoch milliseconds."""
        at = 1000 * time.time()
        self.node.write_value(ua.Variant(state, ua.VariantType.Int16))
        return at


@pytest.fixture
def machine_port() -> Iterator[tuple[Machine, int]]:
    """A real OPC UA server, in a thread of its own."""
    port = free_port()
    server = Server()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{port}/")
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    server.register_namespace("urn:press")
    node = server.nodes.objects.add_variable(
        ua.NodeId.from_string("ns=2;s=A01.State"), "State", ua.Variant(6, ua.VariantType.Int16)
    )
    server.start()
    try:
        yield Machine(node), port
    finally:
        server.stop()


@pytest.fixture
def live_wall(
    server: Embedded, migrated_template: str, machine_port: tuple[Machine, int], tmp_path: Path
) -> Iterator[Wall]:
    """A database with one machine, the real worker that fills it, the real web server."""
    text = PLANT.replace("PORT", str(machine_port[1]))
    with collected_wall(server, migrated_template, text, tmp_path) as wall:
        yield wall


def test_a_tag_is_on_the_screen_within_a_second(
    live_wall: Wall,
    machine_port: tuple[Machine, int],
    web_browser: Browser,
    record_property: Callable[[str, object], None],
) -> None:
    machine = machine_port[0]
    page = web_browser.new_page(viewport={"width": 1920, "height": 1080})
    live_wall.log_in(page.context)
    page.goto(live_wall.address)
    eventually(page, f"{TONE} === '{RUNS}'", within_s=60)
    page.evaluate(WATCH)
    took = [_ms_until_seen(page, machine, n) for n in range(CHANGES)]
    page.close()
    record_property("tag_to_pixels_ms", [round(ms) for ms in took])
    assert statistics.median(took) < 1000, took


def _ms_until_seen(page: Page, machine: Machine, number: int) -> float:
    state, tone = ((DOWN, "critical"), (RUNNING, RUNS))[number % 2]
    said_at = machine.say(state)
    seen = eventually(page, SEEN, [tone, number])
    return float(seen) - said_at
