"""The demo's MQTT broker, where the plant's port has none yet: MQTT 3.1.1 on loopback.

Keeps for a client with a session what it has not acknowledged, however it went. Never asks who
comes, never writes to a disk: `kept` tells what is to be remembered, `on_asked` when.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from ingest.simulator import mqtt_wire as wire
from ingest.simulator.faults import CannotSimulate, port_trouble
from ingest.simulator.mqtt_connection import Connection
from ingest.simulator.mqtt_session import Session
from ingest.simulator.mqtt_wire import Connect, Kind, Message, WireError

log = logging.getLogger(__name__)

ANSWER_S = 1.0
FIRST_WORD_S = 10.0
"""A connection that has not said CONNECT by then is ended."""
CONNECT = bytes.fromhex("100d00044d5154540402000a000173")
"""MQTT 3.1.1 CONNECT: clean session, keep-alive 10 s, client id "s"."""
CONNACK = 0x20

Subscriptions = dict[str, dict[str, int]]
"""Client id → filter → QoS."""


class Broker:
    """Sessions, retained messages and the connections that are there."""

    def __init__(
        self, kept: Subscriptions | None = None, on_asked: Callable[[], None] = lambda: None
    ) -> None:
        self.asked = on_asked
        """Called when `kept` changed, before the client is told that its subscriptions hold."""
        self.retained: dict[str, Message] = {}
        self._sessions = {
            client: Session(client, is_clean=False, subscriptions=dict(filters))
            for client, filters in (kept or {}).items()
        }
        self._connections: dict[str, Connection] = {}
        self._writers: set[asyncio.StreamWriter] = set()
        self._names = itertools.count(1)
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> None:
        """Listen. Raises OSError."""
        self._server = await asyncio.start_server(self._serve, host, port)

    async def stop(self) -> None:
        """Close the port and every connection."""
        if self._server is not None:
            self._server.close()
            for writer in list(self._writers):
                writer.transport.abort()
            await self._server.wait_closed()

    @property
    def kept(self) -> Subscriptions:
        """The sessions that outlast their connections, to be given to the next broker."""
        lasting = (s for s in self._sessions.values() if not s.is_clean and not s.is_overrun)
        return {session.client_id: dict(session.subscriptions) for session in lasting}

    def settled_s(self) -> float:
        """What came before this moment (monotonic s), each lasting session has acknowledged."""
        lasting = (s for s in self._sessions.values() if not s.is_clean)
        return min((s.settled_s() for s in lasting), default=time.monotonic())

    def publish(self, message: Message) -> None:
        """Hand a message to every session that asked for it, and retain it where it says so."""
        if message.retain:
            self.retained.pop(message.topic, None)
            if message.payload:
                self.retained[message.topic] = message
        for client, session in self._sessions.items():
            there = self._connections.get(client)
            fresh = replace(message, retain=False)
            if session.offer(fresh, is_here=there is not None) and there is not None:
                there.woken.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            connection = await self._welcome(reader, writer)
            if connection is not None:
                await self._attend(connection, reader)
        except (EOFError, OSError, TimeoutError):
            log.debug("a client is gone")
        except WireError as error:
            log.warning("a client is cut off: %s", error)
        finally:
            self._writers.discard(writer)
            await _closed(writer)

    async def _welcome(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> Connection | None:
        async with asyncio.timeout(FIRST_WORD_S):
            kind, _, body = await wire.read(reader)
        if kind is not Kind.CONNECT:
            raise WireError(f"{kind.name} before CONNECT")
        wishes = wire.read_connect(body)
        if isinstance(wishes, int):
            writer.write(wire.connack(wishes, is_known=False))
            return None
        wishes = wishes if wishes.client_id else replace(wishes, client_id=self._made_up())
        self._end(wishes.client_id)
        session, is_known = self._session(wishes)
        writer.write(wire.connack(wire.ACCEPTED, is_known=is_known))
        return Connection(self, wishes, session, writer)

    async def _attend(self, connection: Connection, reader: asyncio.StreamReader) -> None:
        client = connection.session.client_id
        self._connections[client] = connection
        connection.woken.set()  # what waited since the last time
        try:
            await connection.run(reader)
        finally:
            if self._connections.get(client) is connection:
                self._end(client)

    def _end(self, client: str) -> None:
        """The client's connection is over, or another one takes its place."""
        connection = self._connections.pop(client, None)
        if connection is None:
            return
        connection.session.leave()
        if connection.session.is_clean:
            self._sessions.pop(client, None)
        connection.over()

    def _session(self, wishes: Connect) -> tuple[Session, bool]:
        """(the client's session, whether it was there already)."""
        found = self._sessions.get(wishes.client_id)
        if found is not None and not wishes.is_clean and not found.is_overrun:
            return found, True
        fresh = self._sessions[wishes.client_id] = Session(wishes.client_id, wishes.is_clean)
        return fresh, False

    def _made_up(self) -> str:
        return f"\0unnamed-{next(self._names)}"  # no client may send a NUL


async def _closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


async def is_answered(host: str, port: int) -> bool:
    """Whether an MQTT broker answers there. Raises CannotSimulate where something else does."""
    try:
        async with asyncio.timeout(ANSWER_S):
            reader, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError):
        return False
    try:
        writer.write(CONNECT)
        async with asyncio.timeout(ANSWER_S):
            answer = await reader.read(4)
    except (OSError, TimeoutError):
        answer = b""
    finally:
        await _closed(writer)
    if not answer or answer[0] != CONNACK:
        raise CannotSimulate(
            f"what listens on {host}:{port} is not an MQTT broker; stop it, or give the MQTT and "
            "Sparkplug sources another port in plant.toml"
        )
    return True


async def start(
    host: str,
    port: int,
    kept: Subscriptions | None = None,
    on_asked: Callable[[], None] = lambda: None,
) -> Broker | None:
    """A broker on this port, with the sessions of an earlier one; none where one is there already.

    Raises CannotSimulate.
    """
    if await is_answered(host, port):
        log.info("the broker on %s:%d is used", host, port)
        return None
    broker = Broker(kept, on_asked)
    try:
        await broker.start(host, port)
    except OSError as error:
        raise port_trouble("MQTT broker", host, port, error) from error
    return broker
