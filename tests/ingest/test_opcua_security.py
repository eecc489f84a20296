"""OPC UA with Basic256Sha256: two stacks, users, and servers that are not the ones we mean."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from asyncua import Server, ua
from asyncua.common.utils import ServiceError
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.ua import ApplicationDescription
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from ingest.feed import Feed
from ingest.reading import Channel
from plant.model import OpcUaSource
from tests.ingest.keeping import kept
from tests.patience import until_async

MakeFeed = Callable[..., Feed]
CHANNELS = [Channel(1, "A01.state", "state", "ns=2;s=A01.State", "")]
SERVER, CLIENT = "urn:press", "urn:taktboard"
NOT_ACCEPTED = "The certificate is not accepted"
LOGIN = "User name or password is not accepted"


@dataclass(frozen=True)
class Pki:
    """What a plant's two sides have."""

    server: Any
    client: Any
    port: int

    def source(self, **settings: Any) -> OpcUaSource:
        values = {
            "name": "press",
            "kind": "opcua",
            "url": f"opc.tcp://127.0.0.1:{self.port}/",
            "security": "basic256sha256_sign_encrypt",
            "certificate": self.client.file,
            "private_key": self.client.key_file,
            "server_certificate": self.server.file,
            "publishing_interval_ms": 50,
        }
        return OpcUaSource(**(values | settings))


@pytest.fixture
def pki(certify: Callable[..., Any], port: int) -> Pki:
    return Pki(certify("server", uri=SERVER), certify("client", uri=CLIENT), port)


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRESS_PASSWORD", "right")


class Users:
    """One user, and anonymous ones where they are welcome."""

    def __init__(self, *, anonymous: bool) -> None:
        self._anonymous = anonymous

    def get_user(
        self, _iserver: Any, username: str | None = None, password: str | None = None, **_: Any
    ) -> User | None:
        known = username is None if self._anonymous else (username, password) == ("op", "right")
        return User(role=UserRole.User) if known else None


@asynccontextmanager
async def machine(
    pki: Pki, *, shows: Any = None, trusts: x509.Certificate | None = None, anonymous: bool = True
) -> AsyncIterator[Server]:
    """asyncua's server; `shows` another certificate, `trusts` one client alone."""
    server = Server(user_manager=Users(anonymous=anonymous))  # type: ignore[arg-type]
    await server.init()
    await server.set_application_uri(SERVER)
    server.set_endpoint(f"opc.tcp://127.0.0.1:{pki.port}/")
    shown = shows or pki.server
    await server.load_certificate(shown.file)
    await server.load_private_key(shown.key_file, format="pem")
    server.set_security_policy(
        [
            ua.SecurityPolicyType.Basic256Sha256_Sign,
            ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt,
        ]
    )

    async def validate(certificate: x509.Certificate, _who: ApplicationDescription) -> None:
        if trusts is not None and certificate != trusts:
            raise ServiceError(ua.StatusCodes.BadCertificateUntrusted)

    server.set_certificate_validator(validate)
    await server.register_namespace(SERVER)
    node_id = ua.NodeId.from_string("ns=2;s=A01.State")
    await server.nodes.objects.add_variable(node_id, "State", ua.Variant(6, ua.VariantType.Int16))
    async with server:
        yield server


def error(feed: Feed) -> str:
    return feed.status().error or ""


@pytest.mark.parametrize("security", ["basic256sha256_sign", "basic256sha256_sign_encrypt"])
def test_values_come_signed_and_encrypted(
    make_feed: MakeFeed, shelf: Any, pki: Pki, security: str
) -> None:
    async def run() -> None:
        feed = make_feed(CHANNELS)
        async with machine(pki, trusts=pki.client.certificate) as server:
            async with kept(feed, pki.source(security=security)):
                await until_async(lambda: shelf.values(1) == [6.0])
                node = server.get_node("ns=2;s=A01.State")
                await node.write_value(ua.Variant(9, ua.VariantType.Int16))
                await until_async(lambda: shelf.values(1) == [6.0, 9.0])
            assert feed.connected

    asyncio.run(run())


def test_a_user_with_a_password(make_feed: MakeFeed, shelf: Any, pki: Pki) -> None:
    async def run() -> None:
        feed = make_feed(CHANNELS)
        settings = pki.source(user="op", password_env="PRESS_PASSWORD")
        async with machine(pki, anonymous=False), kept(feed, settings):
            await until_async(lambda: shelf.values(1) == [6.0])

    asyncio.run(run())


@pytest.mark.parametrize("settings", [{}, {"user": "op", "password_env": "PRESS_PASSWORD"}])
def test_who_may_not_come_in_is_told(
    make_feed: MakeFeed,
    shelf: Any,
    pki: Pki,
    settings: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PRESS_PASSWORD", "wrong")

    async def run() -> None:
        feed = make_feed(CHANNELS)
        async with machine(pki, anonymous=False), kept(feed, pki.source(**settings)):
            await until_async(lambda: error(feed).startswith(LOGIN))
        assert not shelf.rows

    asyncio.run(run())


def test_a_client_that_the_server_does_not_trust_is_told(
    make_feed: MakeFeed, pki: Pki, certify: Callable[..., Any]
) -> None:
    async def run() -> None:
        feed = make_feed(CHANNELS)
        other = certify("other", uri=CLIENT).certificate
        async with machine(pki, trusts=other), kept(feed, pki.source()):
            await until_async(lambda: error(feed).startswith(NOT_ACCEPTED))

    asyncio.run(run())


async def refused(
    feed: Feed, settings: OpcUaSource, pki: Pki, *details: str, shows: Any = None
) -> None:
    async with machine(pki, shows=shows), kept(feed, settings):
        await until_async(lambda: error(feed).startswith(NOT_ACCEPTED))
        for detail in details:
            assert detail in error(feed)
    assert not feed.was_up


def test_another_server_at_the_address_is_refused(
    make_feed: MakeFeed, shelf: Any, pki: Pki, certify: Callable[..., Any]
) -> None:
    impostor = certify("impostor", uri=SERVER)
    shown = impostor.certificate.fingerprint(SHA256()).hex(":")
    settings = pki.source(user="op", password_env="PRESS_PASSWORD")
    words = ("does not vouch for the server", shown)
    asyncio.run(refused(make_feed(CHANNELS), settings, pki, *words, shows=impostor))
    assert not shelf.rows


def test_an_expired_server_certificate_is_refused(
    make_feed: MakeFeed, pki: Pki, certify: Callable[..., Any]
) -> None:
    expired = certify("expired", uri=SERVER, ends=-timedelta(minutes=1))
    settings = pki.source(server_certificate=expired.file)
    words = "the server's certificate is valid from"
    asyncio.run(refused(make_feed(CHANNELS), settings, pki, words, shows=expired))


def test_without_a_named_certificate_the_fingerprint_is_told(make_feed: MakeFeed, pki: Pki) -> None:
    settings = pki.source(server_certificate=None)
    words = "server_certificate is not set; the server's has the SHA-256 "
    asyncio.run(refused(make_feed(CHANNELS), settings, pki, words))


def test_an_authority_vouches_for_its_servers_by_name(
    make_feed: MakeFeed, shelf: Any, pki: Pki, certify: Callable[..., Any]
) -> None:
    authority = certify("authority", is_authority=True)
    issued = certify("issued", issuer=authority, uri=SERVER)
    elsewhere = certify("elsewhere", issuer=authority, uri=SERVER, hosts=("10.0.0.5", "robot"))
    settings = pki.source(server_certificate=authority.file)

    async def run() -> None:
        async with machine(pki, shows=issued), kept(make_feed(CHANNELS), settings):
            await until_async(lambda: shelf.values(1) == [6.0])
        words = "does not vouch"
        await refused(make_feed(CHANNELS), settings, pki, words, shows=elsewhere)

    asyncio.run(run())


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"certificate": "/nowhere.pem"}, "/nowhere.pem"),
        ({"private_key": "/nowhere.key"}, "/nowhere.key"),
        ({"server_certificate": "/nowhere.pem"}, "/nowhere.pem"),
    ],
)
def test_files_that_are_not_there_are_named(
    make_feed: MakeFeed, pki: Pki, settings: dict[str, Any], words: str
) -> None:
    asyncio.run(refused(make_feed(CHANNELS), pki.source(**settings), pki, words))


def test_our_own_expired_certificate_is_told(
    make_feed: MakeFeed, pki: Pki, certify: Callable[..., Any]
) -> None:
    expired = certify("expired", uri=CLIENT, ends=-timedelta(minutes=1))
    settings = pki.source(certificate=expired.file, private_key=expired.key_file)
    words = "our own certificate is valid from"
    asyncio.run(refused(make_feed(CHANNELS), settings, pki, words))


def test_a_server_without_security_is_told(make_feed: MakeFeed, pki: Pki) -> None:
    async def run() -> None:
        feed = make_feed(CHANNELS)
        server = Server()
        await server.init()
        server.set_endpoint(f"opc.tcp://127.0.0.1:{pki.port}/")
        server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        async with server, kept(feed, pki.source()):
            await until_async(lambda: error(feed).startswith("The source's settings can't be used"))
            assert "the server offers None None_, not SignAndEncrypt" in error(feed)

    asyncio.run(run())


def peer_settings(pki: Pki, directory: Path, *, trusts: Any) -> str:
    return json.dumps(
        {
            "certificate": pki.server.file,
            "key": pki.server.key_file,
            "trusts": trusts.file,
            "store": str(directory / "store"),
            "user": {"op": "right"},
        }
    )


def test_another_stack_signed_encrypted_and_with_a_user(
    make_feed: MakeFeed,
    shelf: Any,
    pki: Pki,
    peer: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = peer_settings(pki, tmp_path, trusts=pki.client)
    server = peer("opcua_server.js", str(pki.port), "0", settings)
    server.read()

    async def run() -> None:
        feed = make_feed(CHANNELS)
        async with kept(feed, pki.source(user="op", password_env="PRESS_PASSWORD")):
            await until_async(lambda: shelf.values(1) == [0.0])
            await asyncio.to_thread(lambda: server.ask(write={"State": 6}))
            await until_async(lambda: shelf.values(1) == [0.0, 6.0])
        monkeypatch.setenv("PRESS_PASSWORD", "wrong")
        again = make_feed(CHANNELS)
        async with kept(again, pki.source(user="op", password_env="PRESS_PASSWORD")):
            await until_async(lambda: error(again).startswith(LOGIN))

    asyncio.run(run())
