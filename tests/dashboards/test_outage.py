"""While the database is away: one request asks, the others are answered at once."""

from __future__ import annotations

import time

import pytest

from dashboards import outage, web
from dashboards.identity import Auth
from dashboards.outage import Outage
from dashboards.web import make_server
from db.connect import DatabaseUnavailable


def test_one_at_a_time_asks_for_a_database_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("dashboards.outage.time.monotonic", lambda: now)
    away = Outage()
    away.check()
    away.began(DatabaseUnavailable())
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


@pytest.mark.parametrize("secret_key", ["known", None], ids=["running", "just started"])
def test_screens_are_answered_at_once_during_an_outage(secret_key: str | None) -> None:
    server = make_server("postgresql://nobody@127.0.0.1:9/nothing")
    server.secret_key = secret_key
    client = server.test_client()
    client.set_cookie("taktboard_screen", "some token")
    began = time.monotonic()
    answer = client.get("/orders")  # waits for a connection
    assert time.monotonic() - began < 3.0
    assert answer.status_code == 503
    assert "The database can" in answer.text
    began = time.monotonic()
    for _ in range(20):
        assert client.get("/live/orders/sse").status_code == 503
    assert time.monotonic() - began < 1.0
    web.close(server)


def test_screens_that_go_on_asking_never_put_off_the_next_try(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = make_server("postgresql://nobody@127.0.0.1:9/nothing")
    server.secret_key = "known"
    now, asked = 100.0, []
    monkeypatch.setattr("dashboards.outage.time.monotonic", lambda: now)

    def unavailable(_: Auth, token: str) -> None:
        asked.append(now)
        raise DatabaseUnavailable(token)

    monkeypatch.setattr(Auth, "_screen_of_token", unavailable)
    client = server.test_client()
    client.set_cookie("taktboard_screen", "some token")
    for _ in range(40):
        assert client.get("/live/orders/sse").status_code == 503
        now += 0.1
    assert len(asked) == 4, "once a second, whoever asks in between"
    web.close(server)
