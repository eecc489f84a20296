"""What every room's tests share: one real embedded server a session, a fresh database a test."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from itertools import count
from uuid import uuid4

import psycopg
import pytest

from db.connect import Database, open_database
from db.embedded import Embedded, start
from db.migrate import migrate
from tests.memory_disk import fast_directory
from tests.ports import keep_port

pytest_plugins = [
    "tests.certificates",
    "tests.pooler",
    "tests.side_by_side",
    "tests.timescale",
    "tests.web_site",
]

# A test's server may lose data in a power cut, and only then.
TEST_SETTINGS = {"fsync": "off", "full_page_writes": "off", "max_connections": "100"}
TEMPLATE = "template_migrated"
YOUNG = 50_000
"""Objects made before the young ones are looked through for garbage. An OPC UA server's address
space has half a million that stay: with Python's own 700 a third of its tests' time went there."""
_numbers = count(1)


def pytest_collection() -> None:
    """What is imported now is no garbage."""
    gc.disable()


def pytest_collection_finish() -> None:
    """It lives to the end of the run, and need not be looked through again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG)
    gc.enable()


def database_url(url: str, name: str) -> str:
    """The same server, another database."""
    return f"{url.rpartition('/')[0]}/{name}"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """One embedded server for the whole session; stopped at its end."""
    with fast_directory(tmp_path_factory.mktemp("postgresql")) as place:
        embedded = start(keep_port(place / "server"), settings=TEST_SETTINGS)
        try:
            yield embedded
        finally:
            embedded.stop()


@pytest.fixture(scope="session")
def migrated_template(server: Embedded) -> str:
    """The name of a migrated database that `database` clones."""
    with psycopg.connect(server.url, autocommit=True) as conn:
        conn.execute(f"create database {TEMPLATE}")
    migrate(database_url(server.url, TEMPLATE))
    return TEMPLATE


@pytest.fixture
def empty_url(server: Embedded) -> Iterator[str]:
    """The URL of a fresh database without any tables."""
    yield from fresh(server, "template1")


@pytest.fixture
def database(server: Embedded, migrated_template: str) -> Iterator[Database]:
    """A fresh, migrated database; gone after the test."""
    for url in fresh(server, migrated_template):
        opened = open_database(url, application="test")
        try:
            yield opened
        finally:
            opened.close()


def fresh(server: Embedded, template: str) -> Iterator[str]:
    """The URL of a clone of a template; it is gone when the loop ends."""
    name = f"test_{next(_numbers)}_{uuid4().hex[:8]}"
    with psycopg.connect(server.url, autocommit=True) as conn:
        conn.execute(f"create database {name} template {template} strategy file_copy")
    try:
        yield database_url(server.url, name)
    finally:
        with psycopg.connect(server.url, autocommit=True) as conn:
            conn.execute(f"drop database {name} with (force)")
