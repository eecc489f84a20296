"""Boards and pages through a pooler that gives each transaction another session."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from dashboards import web
from tests.dashboards.conftest import FAR, START
from tests.patience import Match, until
from tests.pooler import Pooler
from tests.web_site import Site


@pytest.fixture
def pooled(busy: Site, pooler: Pooler) -> Iterator[Site]:
    """The same site, served through the pooler."""
    server = web.make_server(busy.url, pooler_url=pooler.url(busy.url))
    yield replace(busy, server=server)
    web.close(server)


def tone(client: FlaskClient) -> str:
    frame = client.get("/live/overview?lang=en").json
    return str(frame["nodes"]["tile-A01"]["tone"]) if frame else ""


def test_every_board_is_read_and_wakes_at_a_word(pooled: Site) -> None:
    client = pooled.client("anna")
    for board in web.BOARDS:
        assert client.get(f"/live/{board.key}?lang=en").status_code == 200, board.key
    before = tone(client)
    with pooled.database.connection() as conn:
        conn.execute(
            "insert into state_interval (machine_id, t0, t1, state, is_open)"
            " select id, %s, %s, 'down', true from machine where code = 'A01'",
            [START, FAR],
        )
        conn.execute("select pg_notify('taktboard_live', 'derived')")
    until(lambda: Match(tone(client), "critical"), "the stop is on the board")
    assert before != "critical"


def test_pages_answer_and_people_write(pooled: Site) -> None:
    client = pooled.client("anna")
    for page in ("/kpis", "/corrections", "/admin/users", "/admin/audit", "/account", "/readyz"):
        for _ in range(7):  # more often than a statement is run before it would be prepared
            assert client.get(page).status_code == 200, page
    pooled.device("overview")
    assert ("anna", "login") in pooled.actions()
