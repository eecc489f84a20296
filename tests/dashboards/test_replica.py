"""Boards that read a streaming replica, made by PostgreSQL's own means from a real server."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from flask.testing import FlaskClient

from dashboards import web
from db import postgres_programs
from db.clock import Clock
from db.connect import Database, open_database
from db.embedded import Embedded, start
from db.migrate import migrate
from tests.dashboards.conftest import FAR, ROOT, START, apply_with_anna, work_since_noon
from tests.patience import Match, until
from tests.web_site import Site

STOP = """
insert into state_interval (machine_id, t0, t1, state, is_open)
select id, %(now)s, %(far)s, 'down', true from machine where code = 'A01'
"""


@dataclass
class Pair:
    """A site whose boards read `replica`."""

    site: Site
    main: Embedded
    replica: Embedded

    def on_replica(self, statement: str) -> None:
        with psycopg.connect(self.replica.url, autocommit=True) as conn:
            conn.execute(statement)


def follow(main: Embedded, directory: Path) -> None:
    """A copy of the server's cluster that follows it, in a data directory of its own."""
    cluster = directory / "cluster"
    directory.mkdir()
    with psycopg.connect(main.url) as conn:
        version = conn.info.server_version
    options = ("--pgdata", str(cluster), "--write-recovery-conf", "--checkpoint=fast", "--no-sync")
    postgres_programs.run("pg_basebackup", version, main.url, *options)
    owner = main.cluster.stat()
    for path in (cluster, *cluster.rglob("*")):
        os.chown(path, owner.st_uid, owner.st_gid)
    shutil.copy(main.cluster.parent / "password", directory / "password")


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    main = start(tmp_path / "main", settings={"fsync": "off"})
    migrate(main.url)
    follow(main, tmp_path / "replica")
    replica = start(tmp_path / "replica", settings={"fsync": "off"})
    database = open_database(main.url, application="test")
    apply_with_anna(database, (ROOT / "plant.toml").read_text(encoding="utf-8"))
    with database.connection() as conn:
        work_since_noon(conn, Clock(datetime.now(UTC), START))
    server = web.make_server(main.url, replica.url)
    made = Pair(Site(server, database, main.url), main, replica)
    yield made
    web.close(server)
    database.close()
    made.replica.stop()
    main.stop()


def stop_machine(database: Database) -> None:
    with database.connection() as conn:
        conn.execute(STOP, {"now": START, "far": FAR})
        conn.execute("select pg_notify('taktboard_live', 'derived')")


def tone(client: FlaskClient) -> str:
    frame = client.get("/live/overview?lang=en").json
    return str(frame["nodes"]["tile-A01"]["tone"]) if frame else ""


def number(client: FlaskClient) -> int:
    frame = client.get("/live/overview?lang=en").json
    return int(frame["seq"]) if frame else 0


def test_boards_show_what_the_replica_has_and_people_write_to_the_database(pair: Pair) -> None:
    client = pair.site.client("anna")  # the log-in is written down, on a server that may write
    before = until(lambda: tone(client), "the first frame")
    pair.on_replica("select pg_wal_replay_pause()")
    stop_machine(pair.site.database)
    seen = number(client)
    until(lambda: number(client) > seen, "a frame that was made after the stop")
    assert tone(client) == before
    pair.on_replica("select pg_wal_replay_resume()")
    until(lambda: Match(tone(client), "critical"), "the replica has it")


def test_without_its_replica_a_board_grows_old_and_comes_back(pair: Pair) -> None:
    client = pair.site.client("anna")
    until(lambda: tone(client), "the first frame")
    pair.replica.stop()
    assert client.get("/kpis").status_code == 200, "a page, read from the database itself"
    seen = number(client)
    stop_machine(pair.site.database)
    pair.replica = start(pair.replica.cluster.parent, settings={"fsync": "off"})
    until(lambda: Match(tone(client), "critical"), "the boards go on")
    assert number(client) > seen
