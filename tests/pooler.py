"""A real PgBouncer in transaction mode, by the configuration that ships, in front of our server."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from db.embedded import Embedded
from tests.node_peer import absent
from tests.patience import until
from tests.ports import free_port

SHIPPED = Path(__file__).resolve().parents[1] / "deploy" / "pgbouncer.ini"
POOL_SIZE = 3
"""So few that what follows each other meets other sessions."""


class Pooler:
    """Turns addresses of the server's databases into those of the pooler."""

    def __init__(self, port: int) -> None:
        self._port = port

    def url(self, direct: str) -> str:
        """The same log-in and database, through the pooler."""
        parts = urlsplit(direct)
        host = f"{parts.username}:{parts.password}@127.0.0.1:{self._port}"
        return parts._replace(netloc=host).geturl()


@pytest.fixture(scope="session")
def pooler(server: Embedded) -> Iterator[Pooler]:
    """In front of the session's server, for its owner."""
    found = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if found is None:
        absent("pgbouncer", "install it to test transactions through a pooler")
        return
    port = free_port()
    with tempfile.TemporaryDirectory() as name, _running(found, Path(name), server, port):
        made = Pooler(port)
        until(lambda: _answers(made.url(server.url)), "the pooler answers")
        yield made


@contextmanager
def _running(program: str, at: Path, server: Embedded, port: int) -> Iterator[None]:
    """As somebody who is not root: the pooler refuses that, as the server does."""
    file, account = _configuration(at, server, port), None
    if os.getuid() == 0:
        account = pwd.getpwnam("nobody").pw_uid
        for path in (at, *at.iterdir()):
            os.chown(path, account, -1)
    with (at / "pgbouncer.log").open("wb") as log:
        process = subprocess.Popen([program, str(file)], user=account, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def _configuration(at: Path, server: Embedded, port: int) -> Path:
    """The file as it ships, with this machine's ports and log-ins, and few connections."""
    text, direct = SHIPPED.read_text(encoding="utf-8"), urlsplit(server.url)
    for here, there in {
        "taktboard = host=127.0.0.1 port=5432": f"* = host=127.0.0.1 port={direct.port}",
        "listen_port = 6432": f"listen_port = {port}\nunix_socket_dir =",
        "/etc/pgbouncer/userlist.txt": f"{at}/userlist.txt",
        "default_pool_size = 8": f"default_pool_size = {POOL_SIZE}",
    }.items():
        assert here in text, f"{SHIPPED.name} has no {here!r} any more"
        text = text.replace(here, there)
    (at / "userlist.txt").write_text(f'"{direct.username}" "{direct.password}"\n')
    (at / "pgbouncer.ini").write_text(text)
    return at / "pgbouncer.ini"


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True
