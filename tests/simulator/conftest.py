"""The sample plant on ports of its own, and the simulated plant behind its protocols."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from db import master
from db.clock import Clock, save_clock
from db.connect import Database
from ingest.simulator import serve
from ingest.simulator.plan import Plan
from plant.check import read
from plant.model import Plant
from tests.ports import free_port

SAMPLE = Path(__file__).parents[2] / "plant.toml"
SEED = 7
PORTS = (4840, 1883, 8081, 2525)
AT = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
"""Plant time at which a plant is started, so that a test sees the same plant every day."""


@dataclass
class Served:
    """A simulated plant that runs in a thread."""

    plant: Plant
    text: str
    clock: Clock
    truth_dir: Path
    ports: dict[int, int]
    """The sample's port → the one it has here."""
    errors: list[BaseException] = field(default_factory=list)
    ready: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None

    def start(self) -> None:
        """Until every port is open."""
        self.thread = threading.Thread(target=_run, args=(self,), daemon=True)
        self.thread.start()
        assert self.ready.wait(60), self.errors
        assert not self.errors, self.errors

    def stop(self) -> None:
        """As the demo's end does it; again: nothing."""
        self.over.set()
        assert self.thread is not None
        self.thread.join(15)
        assert not self.thread.is_alive()


Serve = Callable[..., Served]


@pytest.fixture(scope="session")
def sample_text() -> str:
    return SAMPLE.read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def sample(sample_text: str) -> Plant:
    return read(sample_text)


@pytest.fixture(scope="session")
def plan(sample: Plant) -> Plan:
    return Plan(sample, SEED)


@pytest.fixture
def apply(database: Database) -> Callable[[Plant, str, Clock], None]:
    """Put a plant and its clock into the database."""

    def put(plant: Plant, text: str, clock: Clock) -> None:
        with database.connection() as conn:
            master.apply(conn, plant, text, clock.now(), speed=clock.speed)
            save_clock(conn, clock)

    return put


@pytest.fixture
def serving(sample_text: str, tmp_path: Path) -> Iterator[Serve]:
    """Start the simulated sample plant at a speed, or one again that was stopped; stopped after
    the test."""
    started: list[Served] = []

    def start(
        *, speed: float = 1.0, at: datetime | None = None, again: Served | None = None
    ) -> Served:
        text, ports = (again.text, again.ports) if again else _moved(sample_text)
        clock = Clock(datetime.now(UTC), at or AT, speed)
        served = Served(read(text), text, clock, tmp_path / "simulated", ports)
        started.append(served)
        served.start()
        return served

    yield start
    for served in started:
        served.stop()


def _run(served: Served) -> None:
    try:
        serve.run(
            served.plant,
            seed=SEED,
            clock=served.clock,
            truth_dir=served.truth_dir,
            stop=served.over,
            ready=served.ready.set,
        )
    except BaseException as error:  # handed to the test, which fails with it
        served.errors.append(error)
    finally:
        served.ready.set()


def _moved(text: str) -> tuple[str, dict[int, int]]:
    """The plant file with free ports in place of the sample's."""
    ports = {}
    for port in PORTS:
        ports[port] = free_port()
        text = re.sub(rf"(127\.0\.0\.1:|port = ){port}\b", rf"\g<1>{ports[port]}", text)
    return text, ports
