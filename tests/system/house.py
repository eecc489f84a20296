"""The whole house as a newcomer starts it: `app.py demo` in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from tests.patience import PATIENCE_S, until
from tests.system.visitor import Visitor

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "takt for the night shift"


@dataclass
class House:
    """A demo that runs: its process, what it said, and a browser's worth of cookies."""

    data: Path
    port: int
    speed: float
    process: subprocess.Popen[str]
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._visitor = Visitor(self.url)
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line.rstrip())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def log_in(self) -> None:
        self._visitor.log_in("admin", PASSWORD)

    def frame(self, board: str) -> dict[str, Any] | None:
        return self._visitor.frame(board)

    def database(self) -> psycopg.Connection[Any]:
        directory = self.data / "database"
        password = (directory / "password").read_text().strip()
        port = (directory / "port").read_text().strip()
        url = f"postgresql://taktboard:{password}@127.0.0.1:{port}/taktboard"
        return psycopg.connect(url, autocommit=True)

    def pids(self, command: str) -> list[int]:
        """The processes that the demo started as `app.py COMMAND`."""
        listed = subprocess.run(
            ["ps", "-o", "pid=,args=", "--ppid", str(self.process.pid)],
            capture_output=True,
            text=True,
            check=False,
        ).stdout
        return [int(line.split()[0]) for line in listed.splitlines() if f"app.py {command}" in line]

    def kill(self, command: str) -> None:
        """SIGKILL, and wait until another one has taken its place."""
        before = until(lambda: self.pids(command), f"{command} runs")
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        until(lambda: self.pids(command) and self.pids(command) != before, f"{command} is back")

    def kill_database(self) -> None:
        pid = int((self.data / "database" / "cluster" / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)
        until(lambda: not _alive(pid), "the database is gone")

    def stop(self) -> int:
        """As Ctrl-C does it."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.process.wait(PATIENCE_S)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def start(data: Path, port: int, *, speed: float = 1.0, password: str = PASSWORD) -> House:
    """`app.py demo`, without its week of history."""
    data.mkdir(parents=True, exist_ok=True)
    (data / "history.done").touch()
    command = [sys.executable, "app.py", "demo", "--data", str(data), "--port", str(port)]
    process = subprocess.Popen(
        [*command, "--speed", str(speed)],
        cwd=ROOT,
        env={**os.environ, "TAKTBOARD_ADMIN_PASSWORD": password},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return House(data, port, speed, process)
