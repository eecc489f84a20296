"""Each process logs in with a role of its own, and none of them misses a right."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

import psycopg
import pytest
from psycopg import sql

from dashboards.web import BOARDS
from tests.patience import until
from tests.ports import free_port
from tests.system.production import Site
from tests.system.readme import blocks, command
from tests.system.visitor import Visitor

pytestmark = pytest.mark.timeout(300)

PASSWORD = "seven looms in the hall"


ROLES = ("ingest", "alert", "web")


def as_role(site: Site, role: str) -> Site:
    """The same site for a process that logs in as a member of one role."""
    url = f"postgresql://{login(site, role)}:x@{site.database.rpartition('@')[2]}"
    kept = {key: value for key, value in site.environment.items() if "DATABASE_URL" not in key}
    return replace(site, environment=kept | {"TAKTBOARD_DATABASE_URL": url})


def login(site: Site, role: str) -> str:
    return f"{site.database.rpartition('/')[2]}_{role}"


@pytest.fixture
def shared(migrated_template: str, site: Site) -> Iterator[Site]:
    """A migrated site on a server where the roles are, with a login for each process."""
    done = site.run(*command("python app.py migrate"))
    assert done.returncode == 0, done.stderr
    with psycopg.connect(site.database, autocommit=True) as conn:
        for role in ROLES:
            names = sql.Identifier(login(site, role)), sql.Identifier(f"taktboard_{role}")
            conn.execute(sql.SQL("create role {} login password 'x' in role {}").format(*names))
    yield site
    with psycopg.connect(site.database, autocommit=True) as conn:
        for role in ROLES:
            conn.execute(sql.SQL("drop role {}").format(sql.Identifier(login(site, role))))


def test_every_process_does_its_work_with_its_own_role(shared: Site) -> None:
    site = shared
    done = as_role(site, "web").run(
        *command("python app.py user admin --role admin"), say=PASSWORD + "\n"
    )
    assert done.returncode == 0, done.stderr
    (gunicorn,) = blocks("In production")[0]
    port = free_port()
    web = command(gunicorn, **{"127.0.0.1:8050": f"127.0.0.1:{port}"})
    environment = {
        "simulate": (site, command("python app.py simulate")),
        "ingest": (as_role(site, "ingest"), command("python app.py ingest")),
        "alert": (as_role(site, "alert"), command("python app.py alert")),
    }
    with ExitStack() as stack:
        for name, (home, words) in environment.items():
            stack.enter_context(home.running(*words, name=name))
        stack.enter_context(as_role(site, "web").running(*web, name="web"))
        visitor = Visitor(f"http://127.0.0.1:{port}")
        until(lambda: visitor.answers("/readyz"), "the boards answer")
        assert visitor.log_in("admin", PASSWORD) == "/"
        until(lambda: rows(site, "machine_1m") > 0, "minutes are derived")
        until(lambda: rows(site, "order_event") > 0, "orders came in")
        until(lambda: beats(site), "the alert worker looks at the plant")
        for board in BOARDS:
            until(partial(visitor.frame, board.key), board.key)
    for name in ("ingest", "alert", "web"):
        said = site.said(name)
        assert "permission denied" not in said, said
        assert "must be owner" not in said, said


def rows(site: Site, relation: str) -> int:
    with psycopg.connect(site.database) as conn:
        query = sql.SQL("select count(*) from {}").format(sql.Identifier(relation))
        row = conn.execute(query).fetchone()
        assert row is not None
        return int(row[0])


def beats(site: Site) -> bool:
    with psycopg.connect(site.database) as conn:
        query = "select from setting where key = 'alert_heartbeat'"
        return conn.execute(query).fetchone() is not None
