"""A machine set up for production as README says, beside a database server that is not ours."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psycopg
from psycopg import sql

from db.embedded import Embedded
from tests.ports import free_port
from tests.system.readme import ROOT

PASSWORD_OF_THE_DATABASE = "p@ss:w/ord"


@dataclass
class Site:
    """Environment, plant file, what its processes wrote, and its database's address for us."""

    environment: dict[str, str]
    plant: Path
    logs: Path
    database: str

    def run(self, *words: str, say: str = "") -> subprocess.CompletedProcess[str]:
        """A command that ends by itself."""
        return subprocess.run(
            words,
            cwd=ROOT,
            env=self.environment,
            input=say,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    @contextmanager
    def running(self, *words: str, name: str) -> Iterator[subprocess.Popen[bytes]]:
        """A command that goes on; killed at the end where it still does."""
        with (self.logs / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                words, cwd=ROOT, env=self.environment, stdout=log, stderr=subprocess.STDOUT
            )
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def said(self, name: str) -> str:
        """What a process that went on wrote."""
        return (self.logs / f"{name}.log").read_text("utf-8", "replace")


@contextmanager
def settled(server: Embedded, directory: Path) -> Iterator[Site]:
    """A database of an ordinary role's own on somebody's server; the sample plant on free ports."""
    name = f"factory_{uuid4().hex[:8]}"
    with psycopg.connect(server.url, autocommit=True) as conn:
        who, secret = sql.Identifier(name), sql.Literal(PASSWORD_OF_THE_DATABASE)
        conn.execute(sql.SQL("create role {} login password {}").format(who, secret))
        conn.execute(sql.SQL("create database {} owner {}").format(who, who))
    plant = directory / "plant.toml"
    plant.write_text(_on_free_ports((ROOT / "plant.toml").read_text("utf-8")), "utf-8")
    url = f"{server.url.rpartition('/')[0]}/{name}"
    yield Site(_environment(server, name, directory, plant), plant, directory, url)
    with psycopg.connect(server.url, autocommit=True) as conn:
        conn.execute(sql.SQL("drop database {} with (force)").format(who))
        conn.execute(sql.SQL("drop role {}").format(who))


def _environment(server: Embedded, name: str, directory: Path, plant: Path) -> dict[str, str]:
    address = server.url.rpartition("@")[2].rpartition("/")[0]
    url = directory / "database-url"
    url.write_text(f"postgresql://{name}:p%40ss%3Aw%2Ford@{address}/{name}\n", "utf-8")
    others = {key: value for key, value in os.environ.items() if not key.startswith("TAKTBOARD_")}
    return others | {
        "TAKTBOARD_DATABASE_URL_FILE": str(url),
        "TAKTBOARD_DATA": str(directory / "data"),
        "TAKTBOARD_PLANT": str(plant),
    }


def _on_free_ports(text: str) -> str:
    """One free port for each that the plant's sources and its mail server name."""
    ports: dict[str, str] = {}

    def free(found: re.Match[str]) -> str:
        return found[1] + ports.setdefault(found[2], str(free_port()))

    return re.sub(r'(//127\.0\.0\.1:|host\s*=\s*"127\.0\.0\.1"\s*\nport\s*=\s*)(\d+)', free, text)
