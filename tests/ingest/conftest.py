"""What the ingest tests share: a shelf in the pipeline's place, real brokers, peers, a plant."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from db.clock import Clock, real_clock
from db.embedded import Embedded, start
from db.migrate import migrate
from db.quarantine import Refused
from ingest.feed import Feed
from ingest.reading import Channel, Reading
from ingest.sink import Ack
from tests.node_peer import absent, peers
from tests.patience import until, until_async
from tests.ports import free_port, keep_port
from tests.small_plant import SMALL_PLANT


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[list[Embedded]]:
    """A server of this test alone, to be killed; the list holds the one that runs."""
    servers = [start(keep_port(tmp_path / "server"))]
    migrate(servers[0].url)
    yield servers
    servers[-1].stop()


@dataclass
class Shelf:
    """Takes what a feed submits; acknowledges at once, or when told to."""

    rows: list[Reading] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    acks: list[Ack] = field(default_factory=list)
    holds: bool = False
    has_room: bool = True
    sought: int = 0
    """How often somebody looked for room in vain."""

    def submit(self, rows: Sequence[Reading], refused: Sequence[Refused], ack: Ack | None) -> None:
        self.rows += rows
        self.refused += refused
        if ack is None:
            return
        if self.holds:
            self.acks.append(ack)
        else:
            ack()

    async def room(self) -> None:
        def found() -> bool:
            self.sought += not self.has_room
            return self.has_room

        await until_async(found, "room on the shelf")

    def release(self) -> None:
        self.holds = False
        acks, self.acks = self.acks, []
        for ack in acks:
            ack()

    def values(self, tag_id: int) -> list[float | str | None]:
        return [row.value for row in self.rows if row.tag_id == tag_id]


class Broker:
    """A mosquitto of one's own."""

    def __init__(self, binary: str, directory: Path, extra: str = "") -> None:
        self._binary = binary
        self._directory = directory
        self._extra = extra
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        lines = [
            f"listener {self.port} 127.0.0.1",
            "" if "allow_anonymous" in self._extra else "allow_anonymous true",
            "persistence true",
            f"persistence_location {self._directory}/",
            "autosave_on_changes true",
            "autosave_interval 1",
            "max_queued_messages 0",
            "user root" if os.geteuid() == 0 else "",
            self._extra,  # after the listener: TLS belongs to it
        ]
        config = self._directory / "mosquitto.conf"
        config.write_text("\n".join(lines))
        log = (self._directory / "mosquitto.log").open("ab")
        self._process = subprocess.Popen([self._binary, "-c", config], stdout=log, stderr=log)
        log.close()
        _wait_for_port(self.port)

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)
        if number in (signal.SIGTERM, signal.SIGKILL):
            self._process.wait(10)

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
            self._process.wait(10)

    def log(self) -> str:
        """What it wrote so far."""
        return (self._directory / "mosquitto.log").read_text(errors="replace")

    def forget(self) -> None:
        """Delete what the broker keeps; it must not run."""
        for path in self._directory.glob("*.db*"):
            path.unlink()


def _wait_for_port(port: int) -> None:
    def reached() -> bool:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True

    until(reached, f"somebody listens on port {port}", within_s=10, despite=OSError)


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def make_feed(shelf: Shelf) -> Callable[..., Feed]:
    def make(channels: Sequence[Channel], clock: Clock | None = None) -> Feed:
        return Feed(1, channels, shelf, clock or real_clock())

    return make


@pytest.fixture
def make_broker(tmp_path: Path) -> Iterator[Callable[..., Broker]]:
    """Starts brokers, with more lines of configuration; they end with the test."""
    binary = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
    if binary is None:
        absent("mosquitto", "install it (Debian: apt install mosquitto)")
    assert binary is not None
    running: list[Broker] = []

    def make(extra: str = "") -> Broker:
        directory = tmp_path / f"broker{len(running)}"
        directory.mkdir()
        running.append(Broker(binary, directory, extra))
        running[-1].start()
        return running[-1]

    yield make
    for one in running:
        one.stop()


@pytest.fixture
def broker(make_broker: Callable[..., Broker]) -> Broker:
    return make_broker()


@pytest.fixture
def peer() -> Iterator[Callable[..., Any]]:
    """Starts Node scripts of tests/peers; they are killed after the test."""
    with peers("node-opcua") as start:
        yield start


PLANT = (
    SMALL_PLANT
    + """
[[state_maps]]
name = "packml"
values = { "6" = "running", "4" = "idle", "9" = "down" }

[[sources]]
name = "opcua"
kind = "opcua"
url = "opc.tcp://127.0.0.1:OPCUA/"
security = "none"
publishing_interval_ms = 100

[[sources]]
name = "unified"
kind = "mqtt"
host = "127.0.0.1"
port = MQTT
topics = ["plant/#"]

[[tags]]
name = "state"
machines = ["*"]
source = "opcua"
role = "state"
address = "ns=2;s={machine}.State"
state_map = "packml"

[[tags]]
name = "good"
machines = ["*"]
source = "unified"
role = "good"
address = "plant/{line}/{machine}/status"
path = "good"

[[tags]]
name = "speed"
machines = ["*"]
source = "unified"
role = "process"
address = "plant/{line}/{machine}/status"
path = "speed"
"""
)


@pytest.fixture
def plant_text() -> Callable[..., str]:
    """A plant of one machine, its state by OPC UA, the rest by MQTT."""

    def text(*, opcua: int = 1, mqtt: int = 1) -> str:
        return PLANT.replace("OPCUA", str(opcua)).replace("MQTT", str(mqtt))

    return text


@pytest.fixture
def publish() -> Iterator[Callable[[int, bytes], None]]:
    """Publishes to plant/A/A01/status at QoS 1; returns when the broker has it."""
    clients: dict[int, Client] = {}

    def say(port: int, payload: bytes) -> None:
        if port not in clients:
            clients[port] = Client(CallbackAPIVersion.VERSION2, client_id="machine")
            clients[port].connect("127.0.0.1", port)
            clients[port].loop_start()
        clients[port].publish("plant/A/A01/status", payload, qos=1).wait_for_publish(10)

    yield say
    for client in clients.values():
        client.disconnect()
        client.loop_stop()
