"""The worker whole: killed at any moment, without a database, changed plants, fast enough."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest
from asyncua import Server, ua

from db.connect import Database, open_database
from db.embedded import Embedded, start
from tests.patience import until, until_async
from tests.working import set_up, working

ROOT = Path(__file__).parent.parent.parent
KILLS = 5
PUBLISHING_S = 0.1
SCRIPT = """
import sys, threading
from pathlib import Path
from db.connect import open_database
from ingest import worker
worker.run(open_database(sys.argv[1], application="worker"), Path(sys.argv[2]), threading.Event())
"""


def one(database: Database, query: str) -> Any:
    with database.connection() as conn:
        row = conn.execute(query).fetchone()
    return None if row is None else row[0]


def values(database: Database, tag: str) -> list[float]:
    with database.connection() as conn:
        rows = conn.execute(
            "select value from reading join tag on tag.id = tag_id where code = %s order by ts",
            [tag],
        ).fetchall()
    return [row[0] for row in rows]


def connected(database: Database, source: str) -> bool:
    return bool(
        one(
            database,
            "select connected from source_status join source on source.id = source_id "
            f"where name = '{source}'",
        )
    )


def status(good: int, **more: object) -> bytes:
    return orjson.dumps({"timestamp_ms": time.time() * 1000, "good": good} | more)


def test_killed_at_any_moment_nothing_accepted_is_missing_or_twice(
    database: Database,
    tmp_path: Path,
    broker: Any,
    plant_text: Callable[..., str],
    publish: Callable[[int, bytes], None],
) -> None:
    set_up(database, plant_text(mqtt=broker.port))
    chance = random.Random(7)
    ledger: list[tuple[int, int]] = []  # (ms, value) that the broker took
    over = threading.Event()

    def machine() -> None:
        at_ms = int(time.time() * 1000)
        while not over.is_set():
            at_ms = max(at_ms + 1, int(time.time() * 1000))
            bad = len(ledger) % 50 == 49
            good: object = "?" if bad else len(ledger)
            publish(broker.port, orjson.dumps({"timestamp_ms": at_ms, "good": good}))
            ledger.append((at_ms, len(ledger)))

    process = _spawn(database.url, tmp_path)
    until(lambda: connected(database, "unified"))
    publisher = threading.Thread(target=machine)
    publisher.start()
    for _ in range(KILLS):
        wait_for_messages(ledger, chance.randint(10, 150))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process = _spawn(database.url, tmp_path)
    wait_for_messages(ledger, max(600 - len(ledger), 50))
    over.set()
    publisher.join()
    expected = [float(value) for _, value in ledger if value % 50 != 49]
    try:
        until(lambda: len(values(database, "A01.good")) >= len(expected))
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert values(database, "A01.good") == expected  # all of them, once, in order
    refused = one(database, "select count(*) from quarantine")
    assert refused == len(ledger) - len(expected)
    assert len(ledger) > 500


def wait_for_messages(ledger: list[tuple[int, int]], count: int) -> None:
    """Until the machine has said so much more: any moment of the worker's life, however slow."""
    wanted = len(ledger) + count
    until(lambda: len(ledger) >= wanted, within_s=30)


def _spawn(url: str, directory: Path) -> subprocess.Popen[bytes]:
    log = (directory / "worker.log").open("ab")
    arguments = [sys.executable, "-c", SCRIPT, url, str(directory / "spool")]
    process = subprocess.Popen(arguments, cwd=ROOT, stdout=log, stderr=log)
    log.close()
    return process


def test_a_change_at_the_machine_is_durable_within_half_a_second(
    database: Database, tmp_path: Path, port: int, plant_text: Callable[..., str]
) -> None:
    set_up(database, plant_text(opcua=port))
    delays: list[float] = []

    async def machine() -> None:
        server = Server()
        await server.init()
        server.set_endpoint(f"opc.tcp://127.0.0.1:{port}/")
        server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        await server.register_namespace("urn:press")
        node = await server.nodes.objects.add_variable(
            ua.NodeId.from_string("ns=2;s=A01.State"), "State", ua.Variant(4, ua.VariantType.Int16)
        )
        async with server:
            await asyncio.to_thread(until, lambda: connected(database, "opcua"))
            for number in range(10):
                await until_async(partial(in_phase, number / 10))
                await node.write_value(ua.Variant(10 + number, ua.VariantType.Int16))
                began = time.monotonic()
                await asyncio.to_thread(until, partial(seen, 10.0 + number))
                delays.append(time.monotonic() - began)

    def in_phase(part: float) -> bool:
        """The machine changes at any moment between two of its server's publishings."""
        return part <= time.monotonic() / PUBLISHING_S % 1 < part + 0.5

    def seen(value: float) -> bool:
        return value in values(database, "A01.state")

    with working(database, tmp_path):
        asyncio.run(machine())
    assert max(delays) < 0.5, delays


def test_the_state_is_derived_and_the_source_told(
    database: Database, tmp_path: Path, broker: Any, plant_text: Any, publish: Any
) -> None:
    by_opcua = 'source = "opcua"\nrole = "state"\naddress = "ns=2;s={machine}.State"'
    by_mqtt = 'source = "unified"\nrole = "state"\npath = "state"\naddress = '
    by_mqtt += '"plant/{line}/{machine}/status"'
    set_up(database, plant_text(mqtt=broker.port).replace(by_opcua, by_mqtt))
    with working(database, tmp_path):
        until(lambda: connected(database, "unified"))
        publish(broker.port, status(1, state=6))
        publish(broker.port, status(4, state=6))
        publish(broker.port, b"{")
        until(lambda: (one(database, "select sum(good) from machine_1m") or 0) == 3)
        until(lambda: one(database, "select reason from quarantine") == "bad_json")
        error = one(
            database,
            "select error from source_status join source on source.id = source_id "
            "where name = 'opcua'",
        )
        assert error.startswith("Nobody answers at the address")
        broker.signal(signal.SIGKILL)
        until(lambda: not connected(database, "unified"), within_s=5)
    assert one(database, "select bool_or(connected) from source_status") is False


def test_a_changed_plant_is_taken_over(
    database: Database, tmp_path: Path, broker: Any, plant_text: Any, publish: Any
) -> None:
    set_up(database, plant_text(mqtt=broker.port))
    with working(database, tmp_path):
        until(lambda: connected(database, "unified"))
        set_up(database, plant_text(mqtt=broker.port).replace('path = "good"', 'path = "ok"'))
        publish(broker.port, orjson.dumps({"ok": 7}))
        until(lambda: _says(database, broker, publish))


def _says(database: Database, broker: Any, publish: Any) -> bool:
    publish(broker.port, orjson.dumps({"ok": 7}))
    return 7.0 in values(database, "A01.good")


def test_without_a_database_it_waits_and_through_its_death_it_goes_on(
    own_server: list[Embedded],
    tmp_path: Path,
    broker: Any,
    plant_text: Any,
    publish: Callable[[int, bytes], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    database = open_database(own_server[0].url, application="test")
    set_up(database, plant_text(mqtt=broker.port))
    own_server[0].stop()
    with working(database, tmp_path / "spool"):
        until(lambda: "the database can't be used now" in caplog.text)  # it finds nobody
        own_server.append(start(tmp_path / "server"))
        until(lambda: connected(database, "unified"), within_s=20)
        for number in range(100):
            publish(broker.port, status(number))
        os.kill(own_server[-1].pid, signal.SIGKILL)
        own_server[-1].stop()
        for number in range(100, 200):
            publish(broker.port, status(number))
        own_server.append(start(tmp_path / "server"))
        for number in range(200, 300):
            publish(broker.port, status(number))
        until(lambda: len(values(database, "A01.good")) >= 300, within_s=30)
        assert values(database, "A01.good") == [float(n) for n in range(300)]
    database.close()
