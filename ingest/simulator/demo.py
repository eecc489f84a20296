"""The demo: an embedded database, a simulated plant with its history, and every process on top.

Starts, watches and ends the processes; starts one again that dies. Everything it keeps lies in the
data directory. Never shows a traceback for a port, a directory or a plant file at fault.
"""

from __future__ import annotations

import logging
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from db import embedded, master, migrate, sources
from db.clock import Clock, save_clock
from db.connect import Connection, Database, DatabaseUnavailable, open_database
from ingest.simulator.faults import CannotSimulate
from plant.check import read

log = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"
SEED = 1
WATCH_S = 0.1
PATIENCE_S = 60.0
PAUSE_S = 1.0
"""Before a process that died is started again."""
LAST_WORDS_S = 20.0
"""How long a process may take to put away what it holds."""


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


@dataclass(slots=True)
class _Child:
    """One process of the demo; ends by itself when we are gone: its standard input closes."""

    name: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    log_file: Path
    process: subprocess.Popen[bytes] | None = None
    not_before: float = field(default=0.0)

    def start(self) -> None:
        with self.log_file.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, str(ROOT / "app.py"), *self.arguments],
                cwd=ROOT,
                env={**self.environment, "TAKTBOARD_SUPERVISED": "1"},
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches us alone: we end them in order
            )

    def keep_up(self) -> None:
        """Start it again where it died."""
        if self.process is None or self.process.poll() is None:
            return
        now = time.monotonic()
        if not self.not_before:
            log.warning("%s ended by itself; see %s", self.name, self.log_file)
            self.not_before = now + PAUSE_S
        elif now >= self.not_before:
            self.not_before = 0.0
            self.start()

    def end(self) -> None:
        if self.process is None:
            return
        if self.process.stdin is not None:
            self.process.stdin.close()
        try:
            self.process.wait(LAST_WORDS_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@dataclass(slots=True)
class _Server:
    """The embedded database; another one takes its place where it was killed."""

    data_dir: Path
    running: embedded.Embedded

    def keep_up(self) -> None:
        if self.running.alive():
            return
        log.warning("the database ended by itself; it is started again")
        self.running.stop()
        self.running = embedded.start(self.data_dir)


def run(demo: Demo, stop: threading.Event) -> None:
    """Run until `stop` is set; every process has ended then, and nothing is lost.

    Raises CannotSimulate, EmbeddedFault, MigrationFault and PlantFaults, each in words for the
    user.
    """
    _check_port(demo.port)
    data_dir = demo.data_dir / "database"
    server = _Server(data_dir, embedded.start(data_dir))
    url = server.running.url
    children: list[_Child] = []
    try:
        migrate.migrate(url)
        database = open_database(url, application="demo", pool_size=2)
        try:
            plant_file, lines, clock = _prepare(demo, database)
            children = _children(demo, url, plant_file)
            for child in children:
                child.start()
            _welcome(demo, lines, stop)
            _start_history(demo, database, clock, stop)
            _watch(children, server, stop)
        finally:
            demo.say("stopping: what is in memory is being put away")
            for child in reversed(children):
                child.end()
            database.close()
    finally:
        server.running.stop()
    demo.say("stopped; the next start goes on from here")


def _check_port(port: int) -> None:
    if not _is_free(port):
        raise CannotSimulate(
            f"Port {port} of {HOST} is taken by another program, maybe another Taktboard. "
            "Stop that one, or choose another port: --port 8060."
        )


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _prepare(demo: Demo, database: Database) -> tuple[Path, list[str], Clock]:
    """Plant, clock and first user in the database, in one transaction."""
    text = _on_free_ports(demo.plant_file.read_text(encoding="utf-8"), demo.port)
    plant = read(text)
    with database.connection() as conn:
        clock = _clock(conn, demo.speed)
        master.apply(conn, plant, text, clock.now(), speed=demo.speed)
        lines = demo.prepare(conn, clock.now())
    plant_file = demo.data_dir / "plant.toml"
    plant_file.write_text(text, encoding="utf-8")
    return plant_file, lines, clock


def _on_free_ports(text: str, web_port: int) -> str:
    """The plant file with every loopback port that is taken replaced by a free one."""
    text = re.sub(rf'(boards_url\s*=\s*"http://{HOST}:)\d+', rf"\g<1>{web_port}", text)
    moved: dict[str, str] = {str(web_port): str(web_port)}

    def move(found: re.Match[str]) -> str:
        port = found[2]
        if port not in moved:
            moved[port] = port if _is_free(int(port)) else str(_any_port())
        return found[1] + moved[port]

    return re.sub(rf'(//{HOST}:|host\s*=\s*"{HOST}"\s*\nport\s*=\s*)(\d+)', move, text)


def _any_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _clock(conn: Connection, speed: float) -> Clock:
    """Plant time goes on where it was: a plant that ran fast is ahead of the wall."""
    wall = datetime.now(UTC)
    clock = Clock(wall, max([wall, *sources.last_heard(conn).values()]), speed)
    save_clock(conn, clock)
    return clock


def _children(demo: Demo, url: str, plant_file: Path) -> list[_Child]:
    environment = {
        **demo.environment,
        "TAKTBOARD_DATABASE_URL": url,
        "TAKTBOARD_DATA": str(demo.data_dir),
    }
    environment.pop("TAKTBOARD_ADMIN_PASSWORD", None)
    logs = demo.data_dir / "log"
    logs.mkdir(exist_ok=True)
    commands = {
        "simulate": ("--plant", str(plant_file), "--seed", str(SEED)),
        "serve": ("--port", str(demo.port)),
        "ingest": (),
        "alert": (),
    }
    return [
        _Child(name, (name, *options), environment, logs / f"{name}.log")
        for name, options in commands.items()
    ]


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


def _start_history(demo: Demo, database: Database, clock: Clock, stop: threading.Event) -> None:
    """The seven days before the first start, beside the live plant; taken up again if cut off."""
    done = demo.data_dir / "history.done"
    if done.exists():
        return
    load = threading.Thread(
        target=_load_history, args=(demo, database, clock, done, stop), name="history", daemon=True
    )
    load.start()


def _load_history(
    demo: Demo, database: Database, clock: Clock, done: Path, stop: threading.Event
) -> None:
    from ingest.simulator import history  # numpy and the plan: not before the boards are up

    said = 0

    def progress(share: float) -> None:
        nonlocal said
        if int(share * 10) > said:
            said = int(share * 10)
            demo.say(f"seven days of history: {share:.0%}")

    try:
        t0, t1 = history.span_of(clock.now())
        plant = read((demo.data_dir / "plant.toml").read_text(encoding="utf-8"))
        history.load(database, plant, seed=SEED, t0=t0, t1=t1, progress=progress)
        done.touch()
    except DatabaseUnavailable as error:
        if not stop.is_set():
            log.warning("the history was not loaded whole, the next start tries again: %s", error)


def _watch(children: list[_Child], server: _Server, stop: threading.Event) -> None:
    while not stop.wait(WATCH_S):
        server.keep_up()
        for child in children:
            child.keep_up()
