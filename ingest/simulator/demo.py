"""The demo: an embedded database, a simulated plant with its history, and every process on top.

Everything it keeps lies in the data directory. Never shows a traceback for a port, a directory or
a plant file at fault.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from db import embedded, master, migrate, sources
from db.clock import Clock, save_clock
from db.connect import Connection, Database, open_database
from ingest.simulator import ports
from ingest.simulator.faults import CannotSimulate
from ingest.simulator.first_days import FirstDays, loading
from ingest.simulator.ports import HOST
from ingest.simulator.supervisor import WATCH_S, Server, Supervisor
from plant.check import read
from plant.model import Plant

SEED = 1
OTHERS = (
    "TAKTBOARD_ADMIN_PASSWORD",
    "TAKTBOARD_BOARDS_URL",
    "TAKTBOARD_BOARDS_URL_FILE",
    "TAKTBOARD_POOLER_URL",
    "TAKTBOARD_POOLER_URL_FILE",
)
"""What the demo's processes need not know: a secret, replica and pooler of another plant."""
PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Demo:
    """What a demo is made of; `say` tells the user a line, `prepare` makes the first user."""

    plant_file: Path
    data_dir: Path
    port: int
    speed: float
    environment: Mapping[str, str]
    say: Callable[[str], None]
    prepare: Callable[[Connection, datetime], list[str]]


@dataclass(frozen=True, slots=True)
class _Prepared:
    """The plant as it is served, in its file and read; its time; what to tell the user."""

    plant: Plant
    plant_file: Path
    clock: Clock
    lines: list[str]


def run(demo: Demo, stop: threading.Event) -> None:
    """Run until `stop` is set; every process has ended then, and nothing is lost.

    Raises CannotSimulate, EmbeddedFault, MigrationFault and PlantFaults, each in words for the
    user.
    """
    ports.check(demo.port)
    try:
        with ExitStack() as stack:
            _run(demo, stack, stop)
            demo.say("stopping: what is in memory is being put away")
    except OSError as error:
        raise _unwritable(demo, error) from error
    demo.say("stopped; the next start goes on from here")


def _run(demo: Demo, stack: ExitStack, stop: threading.Event) -> None:
    data_dir = demo.data_dir / "database"
    server = Server(data_dir, embedded.start(data_dir))
    stack.callback(lambda: server.running.stop())
    url = server.running.url
    migrate.migrate(url)
    database = open_database(url, application="demo", pool_size=2)
    stack.callback(database.close)
    prepared = _prepare(demo, database)
    supervisor = Supervisor(_commands(demo, prepared.plant_file))
    stack.callback(supervisor.end)
    supervisor.start(_environment(demo, url), demo.data_dir / "log", stop)
    _welcome(demo, prepared.lines, stop)
    first_days = FirstDays(
        database,
        loading(database, prepared.plant, prepared.clock, SEED),
        done=demo.data_dir / "history.done",
        say=demo.say,
        stop=stop,
    )
    stack.callback(first_days.end)
    first_days.start()
    supervisor.watch(server, stop)


def _unwritable(demo: Demo, error: OSError) -> Exception:
    """What a file of the data directory that refuses us is called; any other fault stays itself."""
    if error.filename is None or not Path(str(error.filename)).is_relative_to(demo.data_dir):
        return error
    return CannotSimulate(
        f"{error.filename} can't be written: {error.strerror}. Give this user the right to write "
        "there, make room on the disk, or choose another data directory: --data DIR."
    )


def _prepare(demo: Demo, database: Database) -> _Prepared:
    """Plant, clock and first user in the database, in one transaction."""
    text = ports.moved(demo.plant_file.read_text(encoding="utf-8"), demo.port)
    plant = read(text)
    with database.connection() as conn:
        clock = _clock(conn, demo.speed)
        master.apply(conn, plant, text, clock.now(), speed=demo.speed)
        lines = demo.prepare(conn, clock.now())
    plant_file = demo.data_dir / "plant.toml"
    plant_file.write_text(text, encoding="utf-8")
    return _Prepared(plant, plant_file, clock, lines)


def _clock(conn: Connection, speed: float) -> Clock:
    """Plant time goes on where it was: a plant that ran fast is ahead of the wall."""
    wall = datetime.now(UTC)
    clock = Clock(wall, max([wall, *sources.last_heard(conn).values()]), speed)
    save_clock(conn, clock)
    return clock


def _environment(demo: Demo, url: str) -> dict[str, str]:
    environment = {
        **demo.environment,
        "TAKTBOARD_DATABASE_URL": url,
        "TAKTBOARD_DATA": str(demo.data_dir),
    }
    return {name: value for name, value in environment.items() if name not in OTHERS}


def _commands(demo: Demo, plant_file: Path) -> dict[str, tuple[str, ...]]:
    return {
        "simulate": ("--plant", str(plant_file), "--seed", str(SEED)),
        "serve": ("--port", str(demo.port)),
        "ingest": (),
        "alert": (),
    }


def _welcome(demo: Demo, lines: list[str], stop: threading.Event) -> None:
    """Say where the boards are once they answer."""
    deadline = time.monotonic() + PATIENCE_S
    while not stop.is_set() and not _answers(demo.port):
        if time.monotonic() > deadline:
            raise CannotSimulate(
                f"The boards did not answer on port {demo.port} within {PATIENCE_S:.0f} s; "
                f"{demo.data_dir / 'log' / 'serve.log'} says why."
            )
        stop.wait(WATCH_S)
    if not stop.is_set():
        demo.say(f"Taktboard is at http://{HOST}:{demo.port}")
        for line in lines:
            demo.say(line)
        demo.say("Ctrl-C stops it; the next start goes on where it was")


def _answers(port: int) -> bool:
    try:
        with urlopen(f"http://{HOST}:{port}/readyz", timeout=2) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False
