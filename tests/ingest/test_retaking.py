"""What was refused is taken again: after the plant file, a clock or the database was mended."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

import app
from db.connect import Database, DatabaseUnavailable
from db.quarantine import Choice, Wanted, chosen, quarantine
from db.readings import micros
from ingest.crew import Job
from ingest.feed import Feed
from ingest.offload import Offload
from ingest.reading import Channel, Reading, Reason, Refusal, Sample
from ingest.refused import of_reading, of_sample, reading_in, sample_in
from ingest.retaking import Retaker
from plant.model import RestSource
from plant.orders import Operation
from tests.patience import until
from tests.working import set_up, working

CHANNEL = Channel(7, "A01.good", "good", "plant/a", "good")
ARRIVED_US = 1_767_600_000_000_000
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()


@given(raw=SCALARS, ts_us=st.integers(0, 2**53), quality=st.sampled_from([0, 1, 2]))
def test_a_refused_sample_comes_back_as_it_was(raw: object, ts_us: int, quality: int) -> None:
    sample = Sample(CHANNEL, ts_us, raw, quality)
    refused = of_sample(sample, Refusal(Reason.BAD_TYPE, "so"), 3, ARRIVED_US)
    assert refused.form == "sample"
    assert sample_in(refused.payload or b"", [CHANNEL], 1) == sample._replace(historical=True)


@pytest.mark.parametrize(
    "raw", [b"\0", 10**5000, object(), {1: {2}}, [[b""]]], ids=lambda raw: type(raw).__name__
)
def test_what_json_cant_hold_is_kept_to_be_read(raw: object) -> None:
    refused = of_sample(Sample(CHANNEL, 5, raw, 0), Refusal(Reason.BAD_TYPE, "so"), 3, ARRIVED_US)
    assert refused.form is None
    assert orjson.loads(refused.payload or b"")["tag"] == "A01.good"


def test_a_sample_without_a_time_is_of_the_moment_at_which_it_arrived() -> None:
    refused = of_sample(Sample(CHANNEL, None, 1, 0), Refusal(Reason.BAD_TYPE, ""), 3, ARRIVED_US)
    found = sample_in(refused.payload or b"", [CHANNEL], ARRIVED_US)
    assert isinstance(found, Sample)
    assert found.ts_us == ARRIVED_US
    gone = sample_in(refused.payload or b"", [], ARRIVED_US)
    assert isinstance(gone, Refusal)
    assert "A01.good" in gone.detail


@given(st.none() | st.floats(allow_nan=False) | st.text())
def test_a_refused_reading_comes_back_as_it_was(value: float | str | None) -> None:
    row = Reading(ARRIVED_US, 7, value, 1)
    assert reading_in(of_reading(row, "so").payload or b"") == row


def readings(database: Database) -> list[tuple[int, float]]:
    """(ms, value) of what was counted."""
    with database.connection() as conn:
        return conn.execute(
            "select (extract(epoch from ts) * 1000)::bigint, value from reading "
            "join tag on tag.id = tag_id where code = 'A01.good' order by ts"
        ).fetchall()


def reasons(database: Database) -> list[tuple[str, bool]]:
    """(reason, whether somebody waits for another try) of what is in quarantine."""
    with database.connection() as conn:
        return [(row.reason, row.retry_at is not None) for row in chosen(conn, Choice(), 100)]


def is_connected(database: Database) -> bool:
    with database.connection() as conn:
        return conn.execute(
            "select connected from source_status join source on source.id = source_id "
            "where name = 'unified'"
        ).fetchone() == (True,)


@pytest.fixture
def command(
    database: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """Runs `app.py quarantine …`: (exit status, what it said)."""
    monkeypatch.setenv("TAKTBOARD_DATABASE_URL", database.url)

    def run(*words: str) -> tuple[int, str]:
        status = app.main(["quarantine", *words])
        said = capsys.readouterr()
        return status, said.out + said.err

    return run


def test_messages_and_samples_are_taken_once_the_plant_file_is_mended(
    database: Database, tmp_path: Path, broker: Any, plant_text: Any, publish: Any, command: Any
) -> None:
    right = plant_text(mqtt=broker.port)
    wrong = right.replace('path = "good"', 'path = "ok"\nscale = 1e15')
    at_ms = int(time.time() * 1000) - 5000
    with working(database, tmp_path):
        set_up(database, wrong)
        until(lambda: is_connected(database))
        publish(broker.port, orjson.dumps({"timestamp_ms": at_ms, "good": 5}))
        publish(broker.port, orjson.dumps({"timestamp_ms": at_ms + 1, "good": 9, "ok": 700}))
        publish(broker.port, b'{"good": ')
        until(lambda: len(reasons(database)) == 3)
        status, said = command("list")
        assert status == 0
        assert re.search(r"unified +unmapped +yes +plant/A/A01/status: none of the tags'", said)
        assert re.search(r"unified +out_of_range +yes", said)
        heard = last_heard(database)
        assert command("retry", "--all", "--by", "mario") == (0, "3 are tried again as soon as "
            "the ingest worker runs; what is left then is listed\n")  # fmt: skip
        until(lambda: not any(waits for _, waits in reasons(database)))
        assert len(reasons(database)) == 3  # nothing was mended yet
        set_up(database, right.replace('path = "good"', 'path = "good"\nscale = 1.0'))
        assert command("retry", "--all", "--by", "m")[0] == 0
        until(lambda: len(readings(database)) == 2)
        until(lambda: reasons(database) == [("bad_json", False)])
        assert last_heard(database) >= heard
    assert readings(database) == [(at_ms, 5.0), (at_ms + 1, 700.0)]
    with database.connection() as conn:
        noted = conn.execute(
            "select actor, detail ->> 'count' from audit where action = 'quarantine_retried'"
        ).fetchall()
    assert noted[:2] == [("mario", "3"), ("m", "3")]


def test_a_wish_waits_for_a_worker_that_knows_the_plant(
    database: Database, tmp_path: Path, broker: Any, plant_text: Any, publish: Any, command: Any
) -> None:
    """Asked while no worker runs: the next one starts its sources before it judges."""
    right = plant_text(mqtt=broker.port)
    at_ms = int(time.time() * 1000) - 5000
    set_up(database, right.replace('path = "good"', 'path = "ok"'))
    with working(database, tmp_path):
        until(lambda: is_connected(database))
        publish(broker.port, orjson.dumps({"timestamp_ms": at_ms, "good": 5}))
        until(lambda: len(reasons(database)) == 1)
    set_up(database, right)
    assert command("retry", "--all", "--by", "mario")[0] == 0
    with working(database, tmp_path):
        until(lambda: not any(waits for _, waits in reasons(database)))
    assert reasons(database) == []
    assert readings(database) == [(at_ms, 5.0)]


def test_a_reading_of_a_time_that_is_kept_no_longer_stays(
    database: Database, tmp_path: Path, plant_text: Any, command: Any
) -> None:
    set_up(database, plant_text())
    long_ago = Reading(micros(datetime.now(UTC) - timedelta(days=20)), 1, 5.0, 0)
    refused = of_reading(long_ago, "so")
    with database.connection() as conn:
        quarantine(conn, [refused])
    assert command("retry", "--all", "--by", "mario")[0] == 0
    with working(database, tmp_path):
        until(lambda: reasons(database) == [("too_old", False)])
    assert readings(database) == []


def test_a_shorter_horizon_holds_from_the_next_message_on(
    database: Database, tmp_path: Path, broker: Any, plant_text: Any, publish: Any
) -> None:
    """Nothing else about the source has changed: it goes on without a restart."""
    text = plant_text(mqtt=broker.port)
    then_ms = int(time.time() * 1000) - 10 * 86_400_000
    set_up(database, text + "[horizon]\nraw_days = 30\n")
    with working(database, tmp_path):
        until(lambda: is_connected(database))
        publish(broker.port, orjson.dumps({"timestamp_ms": then_ms, "good": 5}))
        until(lambda: readings(database) == [(then_ms, 5.0)])
        set_up(database, text + "[horizon]\nraw_days = 5\n")

        def refused() -> list[str]:
            publish(broker.port, orjson.dumps({"timestamp_ms": then_ms + 1, "good": 6}))
            return [reason for reason, _ in reasons(database)]

        until(lambda: "too_old" in refused())


def test_a_retained_message_of_a_topic_without_tags_is_not_tried_again(
    database: Database, tmp_path: Path, broker: Any, plant_text: Any, command: Any
) -> None:
    """It may be weeks old; taken later, it would pass for the moment at which it arrived."""
    client = Client(CallbackAPIVersion.VERSION2, client_id="old")
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    client.publish("plant/A/A09/status", b'{"good": 5}', qos=1, retain=True).wait_for_publish(10)
    client.disconnect()
    client.loop_stop()
    set_up(database, plant_text(mqtt=broker.port))
    with working(database, tmp_path):
        until(lambda: reasons(database) == [("unmapped", False)])
    status, said = command("retry", "--all", "--by", "mario")
    assert (status, "nothing that can be tried again" in said) == (1, True)


def last_heard(database: Database) -> datetime:
    with database.connection() as conn:
        row = conn.execute("select max(last_heard) from source_status").fetchone()
    assert row is not None
    assert isinstance(row[0], datetime)
    return row[0]


def test_what_the_database_refuses_once_more_stays(
    database: Database, tmp_path: Path, broker: Any, plant_text: Any, publish: Any, command: Any
) -> None:
    set_up(database, plant_text(mqtt=broker.port))
    with database.connection() as conn:
        conn.execute("alter table reading add constraint small check (value < 100)")
    at_ms = int(time.time() * 1000) - 5000
    with working(database, tmp_path):
        until(lambda: is_connected(database))
        publish(broker.port, orjson.dumps({"timestamp_ms": at_ms, "good": 100}))
        until(lambda: reasons(database) == [("refused", False)])
        assert command("retry", "--reason", "refused", "--by", "mario")[0] == 0
        until(lambda: reasons(database) == [("refused", False)])
        assert readings(database) == []
        with database.connection() as conn:
            conn.execute("alter table reading drop constraint small")
        assert command("retry", "--reason", "refused", "--by", "mario")[0] == 0
        until(lambda: reasons(database) == [])
    assert readings(database) == [(at_ms, 100.0)]


def test_the_command_shows_drops_and_says_what_it_lacks(
    database: Database, tmp_path: Path, broker: Any, plant_text: Any, publish: Any, command: Any
) -> None:
    set_up(database, plant_text(mqtt=broker.port))
    with working(database, tmp_path):
        until(lambda: is_connected(database))
        publish(broker.port, b'{"good": "\x1b[2J"')
        until(lambda: reasons(database))
    with database.connection() as conn:
        (row,) = chosen(conn, Choice(), 1)
    status, said = command("show", str(row.id))
    assert status == 0
    assert "bad_json" in said
    assert "\x1b" not in said
    assert command("show", "999999") == (1, "taktboard: there is no number 999999 in quarantine\n")
    for deed in ("retry", "drop"):
        assert command(deed, "--by", "mario") == (
            1,
            "taktboard: say which: numbers from the list, --source, --reason, or --all\n",
        )
        status, said = command(deed, "--source", "nobody", "--by", "mario")
        assert (status, "of the source nobody" in said) == (1, True)
    assert command("drop", str(row.id), "--by", "mario") == (0, "1 dropped\n")
    assert command("list") == (1, "taktboard: there is nothing in quarantine\n")


class Orders:
    """A crew of one business system, and records that remember."""

    def __init__(self, feed: Feed, statuses: dict[str, str]) -> None:
        source = RestSource(
            name="mes",
            kind="rest",
            url="http://127.0.0.1:1/",
            interval_s=1,
            mark="at",
            mark_parameter="since",
            items="items",
            fields={"order": "no", "operation": "op", "status": "state", "planned": "qty"},
            statuses=statuses,
        )
        self.member = (Job(1, source, ()), feed)
        self.outcome: tuple[list[int], dict[int, tuple[str, str]]] = ([], {})
        self.left = [Wanted(4, datetime.now(UTC), 1, "bad_order", "x", BODY, "order")]

    def at_work(self, _source_id: int | None) -> tuple[Job, Feed]:
        return self.member

    def settle(self, taken: list[int], refused: dict[int, tuple[str, str]]) -> None:
        self.outcome = taken, refused


BODY = orjson.dumps({"no": "W1", "op": 10, "state": "XX", "qty": 5, "at": "2026-01-05T08:00:00Z"})


@pytest.mark.parametrize(("statuses", "is_taken"), [({"XX": "running"}, True), ({}, False)])
def test_an_order_is_taken_once_its_status_is_mapped(
    make_feed: Callable[..., Feed], statuses: dict[str, str], is_taken: bool
) -> None:
    feed, got = make_feed([]), list[Operation]()

    async def keep_orders(operations: Any, _mark: Any) -> None:
        got.extend(operations)

    feed.keep_orders = keep_orders
    orders = Orders(feed, statuses)
    asyncio.run(tried(orders, feed))
    taken, refused = orders.outcome
    assert [one.order for one in got] == (["W1"] if is_taken else [])
    assert (taken, list(refused)) == (([4], []) if is_taken else ([], [4]))


def test_while_the_database_is_away_the_wish_stays(make_feed: Callable[..., Feed]) -> None:
    async def keep_orders(_operations: Any, _mark: Any) -> None:
        raise DatabaseUnavailable("away")

    feed = make_feed([])
    feed.keep_orders = keep_orders
    orders = Orders(feed, {"XX": "running"})
    with pytest.raises(DatabaseUnavailable):
        asyncio.run(tried(orders, feed))
    assert orders.outcome == ([], {})


async def tried(orders: Any, feed: Feed) -> None:
    asides = Offload("aside")
    try:
        await Retaker(orders, orders, feed._sink, asides).go(orders.left, feed.clock.now())
    finally:
        asides.close()
