"""Two sites and a headquarters, joined by the commands of docs/scale.md as they stand there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from db.connect import Connection, Database, open_database
from db.embedded import Embedded, start
from db.migrate import migrate
from db.rollups import advance, note_minutes
from tests.conftest import TEST_SETTINGS, database_url
from tests.db.conftest import MakePlant, TinyPlant
from tests.patience import Match, until
from tests.ports import keep_port

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "scale.md"
T0 = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
CODES = ("S1", "S2")
MINUTES = """
insert into machine_1m
select t, %(machine)s, 0, %(product)s, 0, 0, 0, 0, 60, 0, 0, 0, 0, 0, %(good)s, 0, 0, 50, 50
from generate_series(%(t0)s::timestamptz, %(t0)s + interval '119 minutes', interval '1 minute') t
"""
HOURS = "select machine, product, ts, good from {} order by 1, 3"


@dataclass
class Joined:
    """The sites' databases by code, their plants, and the address of the headquarters' own."""

    sites: dict[str, tuple[Database, TinyPlant]]
    headquarters: str

    def hours(self, code: str) -> list[tuple[object, ...]]:
        """What the headquarters sees of a site: (machine, product, hour, good)."""
        return _rows(self.headquarters, HOURS.format(f"machine_hour where site = '{code}'"))

    def at_home(self, code: str) -> list[tuple[object, ...]]:
        """The same at the site itself."""
        return _rows(self.sites[code][0].url, HOURS.format("report.machine_hour"))

    def is_whole(self, code: str) -> Match:
        """Whether the headquarters sees what the site has."""
        return Match(self.hours(code), self.at_home(code))


def commands() -> list[str]:
    """The chapter's blocks of SQL: site, its copy, all in one, the view, kept hours, each night."""
    text = DOCUMENT.read_text(encoding="utf-8")
    chapter = text.partition("\n## Headquarters\n")[2].partition("\n## ")[0]
    return re.findall(r"^ *```sql\n(.*?)^ *```$", chapter, re.MULTILINE | re.DOTALL)


def carry_out(url: str, block: str, instead: Mapping[str, str]) -> None:
    """As psql does: a statement after the other, with this test's words `instead` of some."""
    for here, there in instead.items():
        block = block.replace(here, there)
    with psycopg.connect(url, autocommit=True) as conn:
        for statement in block.split(";\n"):
            if statement.strip():
                conn.execute(statement)


def _rows(url: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as conn:
        return conn.execute(query).fetchall()


@pytest.fixture(scope="module")
def site_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """As step 1 tells."""
    settings = {"wal_level": "logical", "max_slot_wal_keep_size": "10GB"}
    place = keep_port(tmp_path_factory.mktemp("site"))
    embedded = start(place, settings=TEST_SETTINGS | settings)
    yield embedded
    embedded.stop()


@pytest.fixture(scope="module")
def joined(site_server: Embedded, server: Embedded, make_plant: MakePlant) -> Iterator[Joined]:
    blocks = commands()
    with ExitStack() as stack:
        sites = {}
        stack.enter_context(_databases(server, "headquarters", *(f"site_{c}" for c in CODES)))
        stack.enter_context(_databases(site_server, *CODES))
        for number, code in enumerate(CODES):
            sites[code] = stack.enter_context(_site(site_server, code, make_plant, number))
            _join(code, blocks, site_server, server)
            stack.callback(_part, database_url(server.url, f"site_{code.lower()}"), code)
        joined = Joined(sites, database_url(server.url, "headquarters"))
        carry_out(joined.headquarters, blocks[3], {})
        yield joined


@contextmanager
def _databases(server: Embedded, *names: str) -> Iterator[None]:
    _each(server, "create database {}", names)
    try:
        yield
    finally:
        _each(server, "drop database {} with (force)", names)


def _each(server: Embedded, command: str, names: Iterable[str]) -> None:
    with psycopg.connect(server.url, autocommit=True) as conn:
        for name in names:
            conn.execute(command.format(name))


@contextmanager
def _site(
    server: Embedded, code: str, make_plant: MakePlant, number: int
) -> Iterator[tuple[Database, TinyPlant]]:
    """Ids are the same at each site; the second one has a machine more and makes other numbers."""
    url = database_url(server.url, code.lower())
    migrate(url)
    database = open_database(url, application="test")
    with database.connection() as conn:
        plant = make_plant(conn, machines=1 + number)
        for machine in plant.machines:
            _work(conn, plant, machine, good=float(machine + 10 * number))
    _settle(database)
    yield database, plant
    database.close()


def _work(conn: Connection, plant: TinyPlant, machine: int, good: float) -> None:
    """Two hours of a machine, so many pieces a minute."""
    values = {"machine": machine, "product": plant.products[0], "t0": T0, "good": good}
    note_minutes(conn, (T0, T0 + 2 * HOUR))
    conn.execute(MINUTES, values)


def _settle(database: Database) -> None:
    more = True
    while more:
        with database.session() as conn:
            more = advance(conn, T0 + timedelta(days=2)).more


def _join(code: str, blocks: list[str], site_server: Embedded, server: Embedded) -> None:
    at_site, copy, together = blocks[:3]
    site, home = urlsplit(site_server.url), urlsplit(server.url)
    copy_url = database_url(server.url, f"site_{code.lower()}")
    names = {"s1": code.lower(), "S1": code, " hq ": f" hq_{code} ", "to hq;": f"to hq_{code};"}
    carry_out(database_url(site_server.url, code.lower()), at_site, names)
    migrate(copy_url)
    there = f"host=127.0.0.1 port={site.port} dbname={code.lower()} user=hq_{code.lower()}"
    carry_out(copy_url, copy, {"host=SITE port=5432 dbname=taktboard user=hq": there} | names)
    whom = {"user 'bi', password 'PASSWORD'": f"user '{home.username}', password '{home.password}'"}
    address = whom | {"port '5432'": f"port '{home.port}'"}
    carry_out(database_url(server.url, "headquarters"), together, address | names)


def _part(url: str, code: str) -> None:
    """A subscription is given up before its database goes; the slot at the site with it."""
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(f"drop subscription {code.lower()}")


def test_the_headquarters_sees_each_site_and_what_is_corrected_late(joined: Joined) -> None:
    for code in CODES:
        assert len(joined.at_home(code)) == 2 * len(joined.sites[code][1].machines)
        until(partial(joined.is_whole, code), "all hours")
    before = joined.hours("S1")
    database, plant = joined.sites["S2"]
    with database.connection() as conn:
        note_minutes(conn, (T0, T0 + 2 * HOUR))
        conn.execute("update machine_1m set good = 0 where machine_id = %s", [plant.machines[1]])
    _settle(database)
    assert 0.0 in [good for *_, good in joined.at_home("S2")]
    until(partial(joined.is_whole, "S2"), "what was corrected")
    assert joined.hours("S1") == before, "the other site's rows of the same ids"


def test_hours_can_be_taken_over_each_night_too(joined: Joined) -> None:
    until(partial(joined.is_whole, "S1"), "all hours")
    for block in commands()[4:]:
        carry_out(joined.headquarters, block, {"now()": "timestamptz '2026-03-03'"})
    kept = _rows(joined.headquarters, HOURS.format("s1.kept"))
    assert kept == joined.at_home("S1")
