"""While the database is away: one request asks, the others are answered at once."""

from __future__ import annotations

import time

import pytest

from dashboards import outage
from dashboards.outage import Outage
from dashboards.web import make_server
from db.connect import DatabaseUnavailable


def test_one_at_a_time_asks_for_a_database_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("dashboards.outage.time.monotonic", lambda: now)
    away = Outage()
    away.check()
    away.began()
    with pytest.raises(DatabaseUnavailable):
        away.check()
    now += outage.PAUSE_S
    away.check()  # this one asks
    with pytest.raises(DatabaseUnavailable):
        away.check()  # this one doesn't
    now += outage.PROBE_S
    away.check()  # the first one never came back
    away.ended()
    away.check()
    away.check()


def test_screens_are_answered_at_once_during_an_outage() -> None:
    server = make_server("postgresql://nobody@127.0.0.1:9/nothing")
    server.secret_key = "known"
    client = server.test_client()
    client.set_cookie("taktboard_screen", "some token")
    answer = client.get("/orders")  # waits for a connection
    assert answer.status_code == 503
    assert "The database can" in answer.text
    began = time.monotonic()
    for _ in range(20):
        assert client.get("/live/orders/sse").status_code == 503
    assert time.monotonic() - began < 1.0
