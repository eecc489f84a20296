"""A tiny plant, straight into the tables: what derivation and rollups need and no more."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest

from db.connect import Connection, Database, open_database
from db.migrate import migrate
from tests.db.policies import pause
from tests.timescale import MIGRATED

STATES = {
    "1": "running",
    "2": "down",
    "3": "idle",
    "4": "setup",
    "5": "starved",
    "6": "blocked",
    "7": "unknown",
}
STALE_AFTER_S = 5.0


@dataclass(frozen=True, slots=True)
class TinyPlant:
    """Ids of what was made. `tags`: machine id → role → tag id."""

    calendar: int
    source: int
    machines: tuple[int, ...]
    products: tuple[int, ...]
    tags: dict[int, dict[str, int]]
    states: dict[str, str]
    stale_after: timedelta


MakePlant = Callable[..., TinyPlant]


def _id(conn: Connection, query: str, **params: object) -> int:
    row = conn.execute(query, params).fetchone()
    assert row is not None
    return int(row[0])


def _make_plant(
    conn: Connection,
    machines: int = 1,
    roles: tuple[str, ...] = ("state", "good", "scrap"),
    modulus: float | None = 1000.0,
    kind: str = "total",
) -> TinyPlant:
    """A line of machines with a tag a role, two products, a source that falls silent after 5 s."""
    area = _id(conn, "insert into area (code, name, position) values ('S', '{}', 1) returning id")
    calendar = _id(conn, "insert into calendar (code) values ('three') returning id")
    line = _id(
        conn,
        "insert into line (code, area_id, name, target_oee, position)"
        " values ('L', %(area)s, '{}', 0.75, 1) returning id",
        area=area,
    )
    source = _id(
        conn,
        "insert into source (name, kind, stale_after_s) values ('s', 'opcua', %(s)s) returning id",
        s=STALE_AFTER_S,
    )
    products = tuple(
        _id(conn, "insert into product (code, name) values (%(c)s, '{}') returning id", c=code)
        for code in ("P", "Q")
    )
    for raw, state in STATES.items():
        conn.execute("insert into state_map (name, raw, state) values ('m', %s, %s)", [raw, state])
    made, tags = [], {}
    for number in range(machines):
        machine = _id(
            conn,
            "insert into machine (code, line_id, calendar_id, name, position)"
            " values (%(code)s, %(line)s, %(calendar)s, '{}', 1) returning id",
            code=f"M{number}",
            line=line,
            calendar=calendar,
        )
        made.append(machine)
        tags[machine] = {
            role: _id(
                conn,
                "insert into tag (code, machine_id, source_id, role, name, label, unit, counter,"
                " modulus, state_map) values (%(code)s, %(machine)s, %(source)s, %(role)s,"
                " %(role)s, '{}', '', %(kind)s, %(modulus)s, 'm') returning id",
                code=f"M{number}.{role}",
                machine=machine,
                source=source,
                role=role,
                kind=kind,
                modulus=modulus,
            )
            for role in roles
        }
    return TinyPlant(
        calendar, source, tuple(made), products, tags, STATES, timedelta(seconds=STALE_AFTER_S)
    )


@pytest.fixture(scope="session")
def make_plant() -> MakePlant:
    """The function that makes the tiny plant in a connection."""
    return _make_plant


WANTED = os.environ.get("TAKTBOARD_TEST_DATABASE_URLS", "").replace(" ", "").split(",")
NAMED = [url for url in WANTED if "://" in url]
"""Servers the contract tests run on too; each URL's role may create databases there."""


EMBEDDED, WEBASSEMBLY = "embedded", "webassembly"
"""At hand everywhere. The second is TimescaleDB Community with one session, and slow."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Who takes one of these runs on every server at hand."""
    servers = [EMBEDDED, *_webassembly(metafunc.definition), *range(len(NAMED))]
    for name in ("any_empty_url", "any_database"):
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, servers, indirect=True)


def _webassembly(test: pytest.Item) -> list[str]:
    """What Community does in its own way runs there, and where it was named all that can."""
    is_wanted = test.get_closest_marker("community") or WEBASSEMBLY in WANTED
    is_able = test.get_closest_marker("several_sessions") is None
    return [WEBASSEMBLY] if is_wanted and is_able else []


@pytest.fixture
def any_empty_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a fresh database without any tables, on each server."""
    if request.param == EMBEDDED:
        yield request.getfixturevalue("empty_url")
        return
    with _fresh(request) as url:
        yield url


@pytest.fixture
def any_database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """A fresh, migrated database on each server."""
    if request.param == EMBEDDED:
        yield request.getfixturevalue("database")
        return
    with _migrated(request) as url:
        opened = open_database(url, application="test")
        pause(opened)
        yield opened
        opened.close()


@contextmanager
def _migrated(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == WEBASSEMBLY:
        with request.getfixturevalue("migrated_timescale").fresh(MIGRATED) as url:
            yield url
        return
    with _fresh(request) as url:
        migrate(url)
        yield url


@contextmanager
def _fresh(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == WEBASSEMBLY:
        with request.getfixturevalue("timescale").fresh() as url:
            yield url
        return
    home = NAMED[request.param]
    name = f"taktboard_test_{uuid4().hex[:8]}"
    with psycopg.connect(home, autocommit=True) as conn:
        conn.execute(f"create database {name}")
    try:
        yield urlsplit(home)._replace(path=f"/{name}").geturl()
    finally:
        with psycopg.connect(home, autocommit=True) as conn:
            conn.execute(f"drop database {name} with (force)")
