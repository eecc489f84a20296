"""A real broker dies by force: the sources board says so within seconds, and that it is back."""

from __future__ import annotations

import json
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from db.embedded import Embedded
from tests.dashboards.conftest import Wall, collected_wall, eventually
from tests.ingest.conftest import Broker
from tests.node_peer import absent
from tests.patience import until
from tests.small_plant import SMALL_PLANT

if TYPE_CHECKING:
    from playwright.sync_api import Browser

WITHIN_S = 5.0
PLANT = (
    SMALL_PLANT
    + """
[[state_maps]]
name = "words"
values = { "RUN" = "running", "STOP" = "down" }
[[sources]]
name = "hall"
kind = "mqtt"
host = "127.0.0.1"
port = PORT
topics = ["plant/#"]
[[tags]]
name = "state"
machines = ["*"]
source = "hall"
role = "state"
address = "plant/{machine}/status"
path = "state"
state_map = "words"
"""
)
SHOWN = """
(word) => document.querySelector("[data-live=source-hall-state-word]")?.textContent === word
  && [Date.now(), document.querySelector("[data-live=source-hall]").dataset.tone,
      document.querySelector("[data-live=source-hall-remedy]").textContent]
"""


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[Broker]:
    """A mosquitto of one's own with a machine that says twice a second how it is."""
    binary = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
    if binary is None:
        absent("mosquitto", "apt-get install mosquitto")
    broker = Broker(str(binary), tmp_path)
    broker.start()
    machine = Client(CallbackAPIVersion.VERSION2, client_id="machine")
    machine.reconnect_delay_set(1, 1)
    machine.connect("127.0.0.1", broker.port)
    machine.loop_start()
    over = threading.Event()
    speaking = threading.Thread(target=speak, args=(machine, over))
    speaking.start()
    yield broker
    over.set()
    speaking.join()
    machine.loop_stop()
    broker.stop()


def speak(machine: Client, over: threading.Event) -> None:
    while not over.wait(0.5):
        said = {"timestamp_ms": int(time.time() * 1000), "state": "RUN"}
        machine.publish("plant/A01/status", json.dumps(said))


def connected(wall: Wall) -> bool:
    with wall.database.connection() as conn:
        row = conn.execute("select connected from source_status").fetchone()
    return row is not None and bool(row[0])


def seconds_until(condition: Callable[[], bool]) -> float:
    begun = time.monotonic()
    until(condition)
    return time.monotonic() - begun


def test_a_broker_that_was_killed_is_told_within_five_seconds(
    server: Embedded,
    migrated_template: str,
    hall: Broker,
    tmp_path: Path,
    web_browser: Browser,
    record_property: Callable[[str, object], None],
) -> None:
    text = PLANT.replace("PORT", str(hall.port))
    with collected_wall(server, migrated_template, text, tmp_path) as wall:
        page = web_browser.new_page(viewport={"width": 1920, "height": 1080})
        wall.log_in(page.context)
        page.goto(f"{wall.address}/sources")
        eventually(page, SHOWN, "connected", within_s=60)
        killed_ms = 1000 * time.time()
        hall.signal(signal.SIGKILL)
        in_database_s = seconds_until(lambda: not connected(wall))
        at_ms, tone, remedy = eventually(page, SHOWN, "not connected")
        on_page_s = (at_ms - killed_ms) / 1000
        assert (tone, bool(remedy)) == ("critical", True)
        assert in_database_s < WITHIN_S
        assert on_page_s < WITHIN_S
        hall.start()
        seconds_until(lambda: connected(wall))
        _, tone, _ = eventually(page, SHOWN, "connected")
        assert tone == "normal"
        page.close()
    record_property("broker_lost_s", [round(in_database_s, 2), round(on_page_s, 2)])
