"""A wall to look at: the real web server as its own process, on a database with facts."""

from __future__ import annotations

import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from dashboards.passwords import hash_password
from db import master, retention, users
from db.clock import Clock, save_clock
from db.connect import Connection, Database, open_database
from db.embedded import Embedded
from plant.check import read
from tests.patience import until
from tests.ports import free_port
from tests.web_site import NOW, PASSWORD, Site, log_in

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

ROOT = Path(__file__).resolve().parents[2]
START = NOW + timedelta(minutes=30)
"""Plant time at the start of a test: half past four in the afternoon, in the late shift."""
_numbers = count(1)

FACTS = """
insert into machine_1m
select t, m.id, 0, 0, 0, 0, 0, 0, 54, 6, 0, 0, 0, 0, 4, 0, 0, 45, 45
from machine m,
    generate_series(%(t0)s::timestamptz, %(t1)s - interval '1 minute', interval '1 minute') t;
"""
STATES = """
insert into state_interval (machine_id, t0, t1, state, is_open)
select id, %(t0)s, %(t1)s, 'running', true from machine;
"""
TAILS = """
insert into derive_tail (machine_id, upto) select id, %(t1)s from machine;
"""


@dataclass
class Wall:
    """The server, its address, its database; it can be killed and started again."""

    database: Database
    url: str
    port: int
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def address(self) -> str:
        """Where a browser finds it."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start the server and wait until it answers."""
        command = [sys.executable, "-m", "gunicorn", "--no-control-socket", "-k", "gthread"]
        command += ["--threads", "40", "--graceful-timeout", "1", "-b", f"127.0.0.1:{self.port}"]
        command += [f"dashboards.web:make_server('{self.url}')"]
        self.processes.append(subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL))
        until(self._answers, "the server answers", within_s=30)

    def kill(self) -> None:
        """End it at once, worker and all."""
        for process in self.processes:
            process.terminate()
            process.wait(timeout=10)
        self.processes.clear()

    def log_in(self, window: BrowserContext) -> None:
        """All its pages are an administrator's."""
        log_in(window, self.address, "anna")

    def lose_database(self) -> None:
        """The database goes away, for everyone."""
        self._allow_connections("false")
        with psycopg.connect(self._maintenance_url(), autocommit=True) as conn:
            conn.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s",
                [self.url.rpartition("/")[2]],
            )

    def give_database_back(self) -> None:
        """And is there again."""
        self._allow_connections("true")

    def _allow_connections(self, allowed: str) -> None:
        with psycopg.connect(self._maintenance_url(), autocommit=True) as conn:
            name = self.url.rpartition("/")[2]
            conn.execute(f"alter database {name} with allow_connections {allowed}")

    def _maintenance_url(self) -> str:
        return f"{self.url.rpartition('/')[0]}/template1"

    def stop_machine(self, code: str, state: str = "down") -> None:
        """The machine says that it stopped, now; committed and told, as derivation does."""
        with self.database.connection() as conn:
            conn.execute(
                "insert into state_interval (machine_id, t0, t1, state, is_open, reason_id) "
                "select m.id, %(now)s, %(far)s, %(state)s, true, (select min(id) from reason) "
                "from machine m where m.code = %(code)s",
                {"now": self.now(), "far": FAR, "state": state, "code": code},
            )
            conn.execute("select pg_notify('taktboard_live', 'derived')")

    def now(self) -> datetime:
        """Plant time."""
        from db.clock import load_clock

        with self.database.connection() as conn:
            return load_clock(conn).now()

    def _answers(self) -> bool:
        try:
            urllib.request.urlopen(f"{self.address}/healthz", timeout=1).close()
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False
        return True


WORKER = """
import sys, threading
from pathlib import Path
from db.connect import open_database
from ingest import worker
worker.run(open_database(sys.argv[1], application="worker"), Path(sys.argv[2]), threading.Event())
"""
FAR = START + timedelta(hours=2)
"""Up to here everything is taken as derived, so that no test depends on how long it takes."""


@pytest.fixture(scope="module")
def wall(server: Embedded, web_template: str) -> Iterator[Wall]:
    """A running server whose plant has run since noon."""
    base, name = server.url.rpartition("/")[0], f"wall_{next(_numbers)}"
    with psycopg.connect(server.url, autocommit=True) as conn:
        conn.execute(f"create database {name} template {web_template} strategy file_copy")
    database = open_database(f"{base}/{name}", application="test")
    _fill(database)
    found = Wall(database, f"{base}/{name}", free_port())
    try:
        found.start()
        yield found
    finally:
        found.kill()
        database.close()
        with psycopg.connect(server.url, autocommit=True) as conn:
            conn.execute(f"drop database {name} with (force)")


@contextmanager
def collected_wall(
    server: Embedded, template: str, plant_text: str, directory: Path
) -> Iterator[Wall]:
    """A database with this plant, the real worker that fills it, the real web server."""
    url = f"{server.url.rpartition('/')[0]}/collected_{next(_numbers)}"
    name = url.rpartition("/")[2]
    with psycopg.connect(server.url, autocommit=True) as conn:
        conn.execute(f"create database {name} template {template}")
    database = open_database(url, application="test")
    apply_with_anna(database, plant_text)
    wall = Wall(database, url, free_port())
    command = [sys.executable, "-c", WORKER, url, str(directory / "spool")]
    with (directory / "worker.log").open("wb") as log:
        worker = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
    try:
        wall.start()
        yield wall
    finally:
        wall.kill()
        worker.terminate()
        worker.wait(20)
        database.close()
        with psycopg.connect(server.url, autocommit=True) as conn:
            conn.execute(f"drop database {name} with (force)")


def apply_with_anna(database: Database, plant_text: str) -> None:
    """A plant, and an administrator."""
    now = datetime.now(UTC)
    with database.connection() as conn:
        master.apply(conn, read(plant_text), plant_text, now)
        password_hash = hash_password(PASSWORD)
        users.create(
            conn, name="anna", password_hash=password_hash, role="admin", language="en", now=now
        )
    with database.session() as session:
        retention.keep(session, now)


@pytest.fixture(scope="module")
def wall_context(wall: Wall, web_browser: Browser) -> Iterator[BrowserContext]:
    """A browser that has logged in."""
    opened = web_browser.new_context(viewport={"width": 1920, "height": 1080})
    wall.log_in(opened)
    yield opened
    opened.close()


@pytest.fixture
def wall_page(wall_context: BrowserContext) -> Iterator[Page]:
    """A page of its own; an error on its console or a blocked script fails the test."""
    page = wall_context.new_page()
    said: list[str] = []
    page.on("console", lambda m: said.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    yield page
    page.close()
    assert [line for line in said if "net::ERR_" not in line] == []


def _fill(database: Database) -> None:
    with database.connection() as conn:
        work_since_noon(conn, Clock(datetime.now(UTC), START))


def work_since_noon(conn: Connection, clock: Clock) -> None:
    """Every machine ran since half past twelve: four good pieces a minute, 6 s of it down."""
    save_clock(conn, clock)
    conn.execute(FACTS, {"t0": START - timedelta(hours=4), "t1": START})
    conn.execute(STATES, {"t0": START - timedelta(hours=4), "t1": FAR})
    conn.execute(TAILS, {"t1": FAR})


@pytest.fixture
def busy(site: Site) -> Site:
    """A plant that works since half past twelve; its time stands still at half past four."""
    with site.database.connection() as conn:
        work_since_noon(conn, Clock(NOW, START, 1e-9))
    return site


def eventually(page: Page, expression: str, arg: object = None, within_s: float = 30.0) -> Any:
    """What the expression gives as soon as that is true.

    Not wait_for_function: that evaluates a string in the page, which the page's policy forbids.
    """
    from playwright.sync_api import Error

    return until(
        lambda: page.evaluate(expression, arg),
        expression,
        within_s=within_s,
        despite=Error,  # the page may be loading anew
        pause=pausing(page),
    )


def pausing(page: Page) -> Callable[[float], None]:
    """Let time pass between two looks at a condition, while the page is attended to.

    time.sleep would hold up what the page tells the test: its answers, errors and requests.
    """
    return lambda seconds: page.wait_for_timeout(1000 * seconds)
