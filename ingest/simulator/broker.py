"""The demo's MQTT broker, where the plant's port has none yet: MQTT 3.1.1 on loopback.

Keeps for a client with a session what it has not acknowledged, however it went. Never asks who
comes, never writes to a disk: `kept` tells what is to be remembered.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from contextlib import suppress
from dataclasses import replace

from paho.mqtt.client import topic_matches_sub

from ingest.simulator import mqtt_wire as wire
from ingest.simulator.faults import CannotSimulate, port_trouble
from ingest.simulator.mqtt_session import Session
from ingest.simulator.mqtt_wire import Connect, Kind, Message, WireError

log = logging.getLogger(__name__)

ANSWER_S = 1.0
FIRST_WORD_S = 10.0
"""A connection that has not said CONNECT by then is ended."""
LATE = 1.5
"""A client may be silent for this many times the keep-alive that it promised (§3.1.2.10)."""
CONNECT = bytes.fromhex("100d00044d5154540402000a000173")
"""MQTT 3.1.1 CONNECT: clean session, keep-alive 10 s, client id "s"."""
CONNACK = 0x20

Subscriptions = dict[str, dict[str, int]]
"""Client id → filter → QoS."""


class Connection:
    """One client's connection, from its CONNECT to its end."""

    def __init__(
        self, broker: Broker, wishes: Connect, session: Session, writer: asyncio.StreamWriter
    ) -> None:
        self.session = session
        self.woken = asyncio.Event()
        """Set when there may be something to send."""
        self._broker = broker
        self._wishes = wishes
        self._writer = writer
        self._will = wishes.will

    async def run(self, reader: asyncio.StreamReader) -> None:
        """Serve until the client goes, is cut off or falls silent."""
        sending = asyncio.create_task(self._send())
        limit = self._wishes.keep_alive_s * LATE or None
        try:
            while True:
                async with asyncio.timeout(limit):
                    kind, flags, body = await wire.read(reader)
                if kind is Kind.DISCONNECT:
                    self._will = None
                    return
                self._heed(kind, flags, body)
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    def over(self) -> None:
        """Cut, and let the will be known, once."""
        self._writer.transport.abort()
        will, self._will = self._will, None
        if will is not None:
            self._broker.publish(replace(will, arrived_s=time.monotonic()))

    async def _send(self) -> None:
        while True:
            await self.woken.wait()
            self.woken.clear()
            for number, message, again in self.session.sendable():
                self._writer.write(wire.publish(message, number, again=again))
                await self._writer.drain()

    def _heed(self, kind: Kind, flags: int, body: bytes) -> None:
        if kind is Kind.PUBLISH:
            self._published(*wire.read_publish(flags, body, time.monotonic()))
        elif kind is Kind.PUBACK:
            self.session.acknowledged(wire.Fields(body).number())
            self.woken.set()
        elif kind is Kind.PUBREL:
            number = wire.Fields(body).number()
            self.session.received.discard(number)
            self._writer.write(wire.receipt(Kind.PUBCOMP, number))
        elif kind is Kind.SUBSCRIBE:
            self._subscribed(*wire.read_subscribe(body))
        elif kind is Kind.UNSUBSCRIBE:
            self._unsubscribed(*wire.read_unsubscribe(body))
        elif kind is Kind.PINGREQ:
            self._writer.write(wire.pingresp())
        else:
            raise WireError(f"{kind.name} from a client")

    def _published(self, number: int, message: Message) -> None:
        if message.qos < 2 or number not in self.session.received:
            self._broker.publish(message)
        if message.qos == 1:
            self._writer.write(wire.receipt(Kind.PUBACK, number))
        elif message.qos == 2:
            self.session.received.add(number)
            self._writer.write(wire.receipt(Kind.PUBREC, number))

    def _subscribed(self, number: int, wanted: list[tuple[str, int]]) -> None:
        codes = [self.session.subscribe(*one) for one in wanted]
        self._writer.write(wire.suback(number, codes))
        for message in self._broker.retained.values():
            if any(topic_matches_sub(name, message.topic) for name, _ in wanted):
                again = replace(message, arrived_s=time.monotonic())
                self.session.offer(again, is_here=True)
        self.woken.set()

    def _unsubscribed(self, number: int, filters: list[str]) -> None:
        for unwanted in filters:
            self.session.subscriptions.pop(unwanted, None)
        self._writer.write(wire.receipt(Kind.UNSUBACK, number))


class Broker:
    """Sessions, retained messages and the connections that are there."""

    def __init__(self, kept: Subscriptions | None = None) -> None:
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
        reader, writer = await asyncio.wait_for(asyncio.open_connection(host, port), ANSWER_S)
    except (OSError, TimeoutError):
        return False
    try:
        writer.write(CONNECT)
        answer = await asyncio.wait_for(reader.read(4), ANSWER_S)
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


async def start(host: str, port: int, kept: Subscriptions | None = None) -> Broker | None:
    """A broker on this port, with the sessions of an earlier one; none where one is there already.

    Raises CannotSimulate.
    """
    if await is_answered(host, port):
        log.info("the broker on %s:%d is used", host, port)
        return None
    broker = Broker(kept)
    try:
        await broker.start(host, port)
    except OSError as error:
        raise port_trouble("MQTT broker", host, port, error) from error
    return broker
