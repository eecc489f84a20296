"""MQTT over TLS and with a user, against Mosquitto: verified or refused, in clear words."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from ingest.feed import Feed
from ingest.reading import Channel
from plant.model import MqttSource, SparkplugSource
from tests.ingest.keeping import kept
from tests.patience import until_async

MakeFeed = Callable[..., Feed]
CHANNELS = [Channel(1, "C01.oven", "process", "plant/oven", "")]
CERTIFICATE = "The certificate is not accepted"
LOGIN = "User name or password is not accepted"


@dataclass(frozen=True)
class Secured:
    """A broker with TLS and one user, and who vouches for it."""

    broker: Any
    authority: Any

    def source(self, **settings: Any) -> MqttSource:
        values = {
            "name": "unified",
            "kind": "mqtt",
            "host": "127.0.0.1",
            "topics": ("plant/#",),
            "tls": True,
            "ca_file": self.authority.file,
            "user": "taktboard",
            "password_env": "BROKER_PASSWORD",
        }
        return MqttSource(port=self.broker.port, **(values | settings))


@pytest.fixture
def secure(
    make_broker: Callable[..., Any], certify: Callable[..., Any], tmp_path: Path
) -> Callable[..., Secured]:
    """Starts Mosquitto with a certificate of a new authority and the user taktboard."""

    def make(**certificate: Any) -> Secured:
        authority = certify("authority", is_authority=True)
        own = certify("broker", issuer=authority, **certificate)
        lines = [
            f"cafile {authority.file}",
            f"certfile {own.file}",
            f"keyfile {own.key_file}",
            "allow_anonymous false",
            f"password_file {_passwords(tmp_path)}",
        ]
        return Secured(make_broker("\n".join(lines)), authority)

    return make


def _passwords(directory: Path) -> Path:
    file = directory / "passwords"
    tool = shutil.which("mosquitto_passwd") or "/usr/bin/mosquitto_passwd"
    subprocess.run([tool, "-c", "-b", file, "taktboard", "right"], check=True)
    file.chmod(0o600)
    return file


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROKER_PASSWORD", "right")


def error(feed: Feed) -> str:
    return feed.status().error or ""


def test_values_come_over_tls_with_a_user(
    make_feed: MakeFeed, shelf: Any, secure: Callable[..., Secured]
) -> None:
    secured = secure()
    machine = Client(CallbackAPIVersion.VERSION2, client_id="machine")
    machine.tls_set(ca_certs=secured.authority.file)
    machine.username_pw_set("taktboard", "right")
    machine.connect("127.0.0.1", secured.broker.port)
    machine.loop_start()

    async def run() -> None:
        feed = make_feed(CHANNELS)
        async with kept(feed, secured.source()):
            await until_async(lambda: feed.connected)
            for number in range(500):  # more than a TLS record holds
                machine.publish("plant/oven", str(number), qos=1)
            await until_async(lambda: shelf.values(1) == [float(n) for n in range(500)])

    asyncio.run(run())
    machine.disconnect()
    machine.loop_stop()


def test_sparkplug_over_tls(make_feed: MakeFeed, secure: Callable[..., Secured]) -> None:
    secured = secure()
    settings = SparkplugSource(
        name="spb",
        kind="sparkplug",
        host="127.0.0.1",
        port=secured.broker.port,
        group="G",
        tls=True,
        ca_file=secured.authority.file,
        user="taktboard",
        password_env="BROKER_PASSWORD",
    )

    async def run() -> None:
        feed = make_feed([])
        async with kept(feed, settings):
            await until_async(lambda: feed.connected)

    asyncio.run(run())


@pytest.mark.parametrize(
    ("broker_has", "we_have"),
    [
        ({}, {"ca_file": "other"}),
        ({}, {"ca_file": None}),  # the authorities of the system
        ({"ends": -timedelta(minutes=1)}, {}),
        ({"hosts": ("broker.elsewhere",)}, {}),
        ({}, {"ca_file": "/nowhere.pem"}),
        ({}, {"ca_file": __file__}),
    ],
    ids=[
        "another-authority",
        "the-systems",
        "expired",
        "another-host",
        "no-file",
        "no-certificate",
    ],
)
def test_a_broker_that_is_not_ours_is_refused(
    make_feed: MakeFeed,
    secure: Callable[..., Secured],
    certify: Callable[..., Any],
    broker_has: dict[str, Any],
    we_have: dict[str, Any],
) -> None:
    secured = secure(**broker_has)
    if we_have.get("ca_file") == "other":
        we_have = {"ca_file": certify("other", is_authority=True).file}

    async def run() -> None:
        feed = make_feed(CHANNELS)
        async with kept(feed, secured.source(**we_have)):
            await until_async(lambda: error(feed).startswith(CERTIFICATE))
            assert "\n" in error(feed)  # with the library's own words
        assert not feed.was_up

    asyncio.run(run())
    assert "taktboard-unified" not in secured.broker.log()  # no name and no password went there


async def refuse_topics(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A broker that lets everybody in and subscribes nobody; Mosquitto can't be told to."""
    try:
        await reader.read(4096)
        writer.write(b"\x20\x02\x00\x00")  # CONNACK
        while packet := await reader.read(4096):
            if packet[0] == 0x82:
                writer.write(b"\x90\x03" + packet[2:4] + b"\x80")  # SUBACK: failure
    finally:
        writer.transport.abort()


def test_topics_that_the_broker_refuses_are_named(make_feed: MakeFeed) -> None:
    async def run() -> None:
        feed = make_feed(CHANNELS)
        server = await asyncio.start_server(refuse_topics, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        settings = MqttSource(
            name="unified", kind="mqtt", host="127.0.0.1", port=port, topics=("plant/#",)
        )
        async with kept(feed, settings):
            await until_async(lambda: "The server refuses" in error(feed))
            assert error(feed).endswith("not subscribed: plant/#")
        server.close()

    asyncio.run(run())


def test_a_wrong_password_is_told_and_tried_more_and_more_rarely(
    make_feed: MakeFeed,
    secure: Callable[..., Secured],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BROKER_PASSWORD", "wrong")
    secured = secure()

    def refusals() -> int:
        return str(secured.broker.log()).count("not authori")

    async def run() -> None:
        feed = make_feed(CHANNELS)
        async with kept(feed, secured.source()):
            began = time.monotonic()
            await until_async(lambda: refusals() >= 4)
            # Pauses of at least half of 0.25, 0.5 and 1 s.
            assert time.monotonic() - began > 0.875
            assert error(feed).startswith(LOGIN)
            monkeypatch.setenv("BROKER_PASSWORD", "right")
            await until_async(lambda: feed.connected and not error(feed))

    asyncio.run(run())
