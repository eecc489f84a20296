"""The simulated plant speaks to clients that know nothing of it."""

from __future__ import annotations

import asyncio
import json
import re
import smtplib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Protocol

import httpx
import pytest
from asyncua import Client as OpcUaClient
from asyncua import Node, ua
from paho.mqtt.client import Client as MqttClient
from paho.mqtt.client import MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from db.clock import Clock, real_clock
from ingest.simulator import serve
from ingest.simulator.days import to_ms
from ingest.simulator.faults import CannotSimulate
from ingest.simulator.live import events
from ingest.simulator.plan import Plan
from ingest.simulator.signals import Signals
from ingest.simulator.sparkplug import HEARTBEAT_S
from ingest.sparkplug_payload import DataType, Payload, decode
from plant.check import read
from plant.model import Plant
from tests.patience import until, until_async
from tests.ports import free_port

SEED = 7
NODE = "spBv1.0/Suzhou1/{}/D"
STATE = "spBv1.0/STATE/taktboard"


class Served(Protocol):
    plant: Plant
    clock: Clock
    truth_dir: Path
    ports: dict[int, int]


Serve = Callable[..., Served]


class Listener:
    """An MQTT client that keeps what it hears."""

    def __init__(self, port: int, *topics: str) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self._client = MqttClient(CallbackAPIVersion.VERSION2)
        self._client.on_message = self._keep
        self.heard_at = time.monotonic()
        subscribed = threading.Event()
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._client.subscribe([(topic, 1) for topic in topics])
        assert subscribed.wait(10)

    def _keep(self, _client: MqttClient, _data: object, message: MQTTMessage) -> None:
        self.heard.append((message.topic, bytes(message.payload)))
        self.heard_at = time.monotonic()

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        self._client.publish(topic, payload, 1, retain).wait_for_publish(10)

    def wait(self, enough: Callable[[list[tuple[str, bytes]]], bool], what: str) -> None:
        until(lambda: enough(self.heard), what)

    def wait_for_silence(self, seconds: float) -> None:
        until(lambda: time.monotonic() - self.heard_at >= seconds, f"{seconds} s without a message")

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@contextmanager
def listening(port: int, *topics: str) -> Iterator[Listener]:
    listener = Listener(port, *topics)
    try:
        yield listener
    finally:
        listener.close()


def said_of(served: Served, code: str, t0: int, t1: int, step_ms: int) -> dict[int, object]:
    """What the plan has a tag say in [t0, t1)."""
    signals = Signals(Plan(served.plant, SEED), step_ms)
    return {e.ts: e.raw for e in events(signals, [signals.tags[code]], t0, t1)}


def test_opcua_tells_states_counts_and_values_with_their_time(serving: Serve) -> None:
    served = serving(speed=60.0)
    asyncio.run(_read_opcua(served))


async def _read_opcua(served: Served) -> None:
    class Heard:
        def __init__(self) -> None:
            self.values: dict[str, dict[int, object]] = {}

        def datachange_notification(self, node: object, value: object, data: object) -> None:
            given = data.monitored_item.Value  # type: ignore[attr-defined]
            ms = to_ms(given.SourceTimestamp.replace(tzinfo=UTC))
            self.values.setdefault(str(node.nodeid.Identifier), {})[ms] = value  # type: ignore[attr-defined]

    heard = Heard()
    names = ("B01.State", "B01.Good", "B01.Vibration", "A03.State", "A03.Good")
    async with OpcUaClient(f"opc.tcp://127.0.0.1:{served.ports[4840]}") as client:
        subscription = await client.create_subscription(100, heard)
        nodes = [client.get_node(f"ns=2;s={name}") for name in names]
        await subscription.subscribe_data_change(nodes, queuesize=100)
        t0 = to_ms(served.clock.now())
        await until_async(lambda: len(heard.values.get("B01.Vibration", {})) >= 8)
        t1 = to_ms(served.clock.now()) - 60_000
        said = {name: said_of(served, code(name), t0, t1, serve.sample_ms(60.0)) for name in names}
        with suppress(pytest.fail.Exception):  # what lacks is named below
            await until_async(
                lambda: all(said[n].keys() <= heard.values.get(n, {}).keys() for n in names),
                within_s=20,
            )
    for name in names:
        got = {ms: v for ms, v in heard.values[name].items() if t0 <= ms < t1}
        assert got == said[name], name
        assert heard.values[name], name


def code(node: str) -> str:
    """B01.State → B01.state."""
    machine, _, name = node.partition(".")
    return f"{machine}.{name.lower()}"


def test_opcua_tells_its_history_in_pages_and_no_future(serving: Serve) -> None:
    served = serving()
    asyncio.run(_read_history(served))


async def _read_history(served: Served) -> None:
    now = served.clock.now()
    t0, t1 = now - timedelta(hours=12), now - timedelta(hours=1)
    expected = said_of(served, "A01.good", to_ms(t0) + 1, to_ms(t1) + 1, 5000)
    async with OpcUaClient(f"opc.tcp://127.0.0.1:{served.ports[4840]}") as client:
        node = client.get_node("ns=2;s=A01.Good")
        got = await _pages(node, t0, t1, size=100)
        future = await node.read_raw_history(now, now + timedelta(hours=3))
        level = await node.get_access_level()
    found = {source_ms(value): value.Value and value.Value.Value for value in got}
    assert len(got) > 100
    assert found == expected
    assert all(source_ms(value) <= to_ms(served.clock.now()) for value in future)
    assert ua.AccessLevel.HistoryRead in level
    assert ua.AccessLevel.CurrentWrite not in level


def source_ms(value: ua.DataValue) -> int:
    assert value.SourceTimestamp is not None
    return to_ms(value.SourceTimestamp.replace(tzinfo=UTC))


async def _pages(node: Node, t0: datetime, t1: datetime, *, size: int) -> list[ua.DataValue]:
    """Everything of [t0, t1], a page at a time."""
    details = ua.ReadRawModifiedDetails(
        StartTime=ua.DateTime.fromisoformat(t0.isoformat()),
        EndTime=ua.DateTime.fromisoformat(t1.isoformat()),
        NumValuesPerNode=ua.UInt32(size),
    )
    found: list[ua.DataValue] = []
    page = None
    for _ in range(200):
        result = await node.history_read(details, page)
        found += result.HistoryData.DataValues
        page = result.ContinuationPoint
        if page is None:
            return found
    raise AssertionError("the pages don't end")


def test_mqtt_tells_every_change_and_gives_signs_of_life(serving: Serve) -> None:
    served = serving(speed=60.0)
    topic = "suzhou1/C/C02/status"
    with listening(served.ports[1883], "suzhou1/C/+/status") as listener:
        listener.wait(lambda heard: len(heard) > 200, "200 documents")
        heard = [json.loads(body) for name, body in listener.heard if name == topic]
        assert {name for name, _ in listener.heard} == {
            f"suzhou1/C/C0{n}/status" for n in range(1, 7)
        }
    times = [document["timestamp_ms"] for document in heard]
    assert times == sorted(times)
    good = {d["timestamp_ms"]: d["counters"]["good"] for d in heard}
    expected = said_of(served, "C02.good", times[0] + 1, times[-1] + 1, 5000)
    assert {ms: good.get(ms) for ms in expected} == expected
    assert all(d["state"] in served.plant.state_maps[1].values for d in heard)


def test_mqtt_repeats_itself_where_nothing_happens(serving: Serve) -> None:
    served = serving(at=datetime(2026, 11, 22, 18, 5, tzinfo=UTC))  # the break of the night shift
    with listening(served.ports[1883], "suzhou1/C/C01/status") as listener:
        begun = time.monotonic()
        listener.wait(lambda heard: len(heard) >= 3, "three documents")
        assert time.monotonic() - begun < 6.5


def rebirth() -> bytes:
    payload = Payload()
    payload.timestamp = 1
    metric = payload.metrics.add()
    metric.name, metric.datatype = "Node Control/Rebirth", DataType.BOOLEAN
    metric.boolean_value = True
    return bytes(payload.SerializeToString())


def state(*, online: bool) -> bytes:
    return json.dumps({"online": online, "timestamp": time.time_ns() // 1_000_000}).encode()


def kinds(heard: list[tuple[str, bytes]]) -> list[str]:
    return [topic.split("/")[2] for topic, _ in heard]


def test_sparkplug_is_born_with_aliases_and_counts_its_messages(serving: Serve) -> None:
    served = serving(speed=60.0)
    with listening(served.ports[1883], "spBv1.0/Suzhou1/#") as listener:
        listener.publish(STATE, state(online=True), retain=True)
        listener.wait(lambda heard: kinds(heard).count("DDATA") > 20, "data")
        heard = list(listener.heard)
    first = kinds(heard).index("NBIRTH")
    heard = heard[first:]
    assert kinds(heard)[:7] == ["NBIRTH", *["DBIRTH"] * 6]
    payloads = [decode(body) for _, body in heard]
    assert [p.seq for p in payloads] == [n % 256 for n in range(len(payloads))]
    assert "bdSeq" in [m.name for m in payloads[0].metrics]
    names = {m.alias: m.name for p in payloads[1:7] for m in p.metrics}
    assert len(names) == 24
    assert set(names.values()) >= {"Status/State", "Counters/Good", "Process/Temperature"}
    data = [
        m
        for p, kind in zip(payloads, kinds(heard), strict=True)
        if kind == "DDATA"
        for m in p.metrics
    ]
    assert all(m.alias in names and not m.name and not m.is_historical for m in data)


def test_sparkplug_is_born_again_on_command(serving: Serve) -> None:
    served = serving()
    with listening(served.ports[1883], "spBv1.0/Suzhou1/#") as listener:
        listener.publish(STATE, state(online=True), retain=True)
        listener.wait(lambda heard: "NBIRTH" in kinds(heard), "a birth")
        listener.publish(NODE.format("NCMD"), rebirth())
        listener.wait(lambda heard: kinds(heard).count("NBIRTH") == 2, "another birth")
        listener.wait(lambda heard: kinds(heard).count("DBIRTH") == 12, "all devices again")
        again = [decode(b) for t, b in listener.heard if t.split("/")[2] == "NBIRTH"]
    assert [p.seq for p in again] == [0, 0]


def good_of_d03(heard: list[tuple[str, bytes]]) -> dict[int, tuple[int, bool]]:
    """Time → (running total, historical) as D03's data told it."""
    births = [decode(body) for topic, body in heard if topic.endswith("DBIRTH/D/D03")]
    aliases = {m.alias for p in births for m in p.metrics if m.name == "Counters/Good"}
    data = [decode(body) for topic, body in heard if topic.endswith("DDATA/D/D03")]
    return {
        m.timestamp: (m.long_value, m.is_historical)
        for payload in data
        for m in payload.metrics
        if m.alias in aliases
    }


def told_both_ways(heard: list[tuple[str, bytes]]) -> bool:
    return {historical for _, historical in good_of_d03(heard).values()} == {True, False}


def test_sparkplug_keeps_its_data_while_the_host_is_away(serving: Serve) -> None:
    served = serving(speed=60.0)
    with listening(served.ports[1883], "spBv1.0/Suzhou1/#") as listener:
        listener.publish(STATE, state(online=True), retain=True)
        listener.wait(lambda heard: kinds(heard).count("DDATA") > 10, "data")
        listener.publish(STATE, state(online=False), retain=True)
        listener.wait_for_silence(HEARTBEAT_S + 0.5)  # it would have given a sign of life
        listener.publish(STATE, state(online=True), retain=True)
        listener.wait(lambda heard: kinds(heard).count("NBIRTH") == 2, "a birth")
        listener.wait(told_both_ways, "missed and live pieces of D03")
        good = good_of_d03(listener.heard)
    expected = said_of(served, "D03.good", min(good), max(good) + 1, 5000)
    assert {ms: value for ms, (value, _) in good.items()} == expected
    assert {historical for _, historical in good.values()} == {True, False}


def test_the_mes_tells_orders_in_pages_and_what_changed(serving: Serve) -> None:
    served = serving()
    url = f"http://127.0.0.1:{served.ports[8081]}/api/operations"
    with httpx.Client() as client:
        items, address, pages = [], url, 0
        while address:
            answer = client.get(address).raise_for_status()
            items += answer.json()["items"]
            further = answer.json()["next"]
            address, pages = (
                f"http://127.0.0.1:{served.ports[8081]}{further}" if further else "",
                pages + 1,
            )
        newest = max(item["last_change"] for item in items)
        changed = client.get(url, params={"changed_since": newest}).json()["items"]
        recent = {item["last_change"] for item in changed}
        broken = client.get(url, params={"changed_since": "yesterday"})
    assert pages > 1
    assert len({(i["wo_id"], i["oper_id"]) for i in items}) == len(items)
    assert {i["state"] for i in items} >= {"RELEASED", "IN_PROCESS", "COMPLETE"}
    assert recent
    assert min(recent) >= newest
    assert broken.status_code == 400
    assert {"resource", "item", "qty_reqd", "qty_prod", "qty_rejected", "req_finish"} <= set(
        items[0]
    )


def test_the_mes_answers_304_where_nothing_changed(serving: Serve) -> None:
    served = serving()
    url = f"http://127.0.0.1:{served.ports[8081]}/api/operations"
    since = {"changed_since": (served.clock.now() + timedelta(days=1)).isoformat()}
    with httpx.Client() as client:
        first = client.get(url, params=since)
        again = client.get(url, params=since, headers={"If-None-Match": first.headers["ETag"]})
    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")


def test_mails_are_kept_and_shown_without_running_anything(serving: Serve) -> None:
    served = serving()
    mail = EmailMessage()
    mail["Subject"], mail["From"] = "主轴过载 <script>alert(1)</script>", "a@example.com"
    mail["To"] = "maintenance@example.com"
    mail.set_content("B04 <b>stands</b>")
    mail.add_alternative("<p>B04 <script>alert(2)</script></p>", subtype="html")
    with smtplib.SMTP("127.0.0.1", served.ports[2525], timeout=10) as smtp:
        smtp.send_message(mail)
    kept = list((served.truth_dir / "mails").glob("*.eml"))
    base = f"http://127.0.0.1:{served.ports[8081]}/mails"
    listed, one, html = (httpx.get(base + path) for path in ("", "/1", "/1/html"))
    assert len(kept) == 1
    for page in (listed, one):
        assert "主轴过载" in page.text
        assert "<script>" not in page.text
    assert "&lt;b&gt;stands" in one.text
    assert "<iframe sandbox " in one.text
    assert "default-src 'none'" in html.headers["Content-Security-Policy"]
    assert httpx.get(base + "/2").status_code == 404
    assert "演示邮件" in httpx.get(base, params={"lang": "zh"}).text


@pytest.mark.parametrize(
    ("port", "named"), [(4840, "OPC UA"), (1883, "MQTT"), (8081, "MES"), (2525, "mail")]
)
def test_a_taken_port_is_named(sample_text: str, tmp_path: Path, port: int, named: str) -> None:
    """Of the broker's port only where what answers there is no broker."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        ports = {own: free_port() for own in (4840, 1883, 8081, 2525)}
        plant = moved(sample_text, ports | {port: int(other.getsockname()[1])})
        with pytest.raises(CannotSimulate, match=named) as error:
            serve.run(
                plant,
                seed=SEED,
                clock=real_clock(),
                truth_dir=tmp_path / "second",
                stop=threading.Event(),
                ready=lambda: None,
            )
    assert "plant.toml" in str(error.value)


def test_a_broker_that_is_there_already_is_used(
    serving: Serve, sample_text: str, tmp_path: Path
) -> None:
    served = serving()
    stop = threading.Event()
    ports = {own: free_port() for own in served.ports} | {1883: served.ports[1883]}
    serve.run(
        moved(sample_text, ports),
        seed=SEED,
        clock=real_clock(),
        truth_dir=tmp_path / "second",
        stop=stop,
        ready=stop.set,
    )
    with listening(served.ports[1883], "suzhou1/#") as listener:
        listener.wait(lambda heard: len(heard) > 0, "the first plant still speaks")


def moved(text: str, ports: dict[int, int]) -> Plant:
    """The sample plant on other ports."""
    for own, port in ports.items():
        text = re.sub(rf"(127\.0\.0\.1:|port = ){own}\b", rf"\g<1>{port}", text)
    return read(text)
