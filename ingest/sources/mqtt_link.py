"""One connection to an MQTT broker: paho driven by the event loop, acknowledged by hand.

Shared by plain MQTT and Sparkplug. A link is used for one connection and thrown away, so that a
late acknowledgement can never meet a message of the next one. Never parses a payload.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from paho.mqtt.client import Client, ConnectFlags, MQTTMessage
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from ingest.feed import Feed
from ingest.offload import Offload
from ingest.sources.mqtt_client import CONNECT_S, Will, client_of
from ingest.words import SourceDown, Words, trouble_of_network
from plant.model import MqttSource, SparkplugSource

if TYPE_CHECKING:
    from paho.mqtt.client import SocketLike

KEEP_ALIVE_S = 2
"""A ping after this much silence; without an answer for as long again, the link is dead."""
TICK_S = 0.5
LAST_WORD_S = 1.0
OnMessage = Callable[[MQTTMessage], None]


class Link:
    """A connection: `open`, `subscribe`, `run` until it is lost, `close`."""

    def __init__(
        self,
        source: MqttSource | SparkplugSource,
        feed: Feed,
        on_message: OnMessage,
        *,
        persistent: bool,
        will: Will | None = None,
        on_room: Callable[[bool], None] = lambda _has_room: None,
    ) -> None:
        self.leaving = False
        """The last word is said: what comes now is of no use any more."""
        self._source = source
        self._on_room = on_room
        self._feed = feed
        self._on_message = on_message
        self._client = client_of(source, persistent=persistent, will=will)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_disconnect = self._on_disconnect
        self._client.on_socket_close = self._on_socket_close
        self._client.on_message = lambda _client, _userdata, message: self._on_message(message)
        self._loop = asyncio.get_running_loop()
        self._connected: asyncio.Future[bool] = self._loop.create_future()
        self._subscribed: asyncio.Future[list[ReasonCode]] = self._loop.create_future()
        self._lost: asyncio.Future[None] = self._loop.create_future()
        self._resuming: asyncio.Task[None] | None = None
        self._reading = False
        self._closed = False

    async def open(self) -> bool:
        """Connect; True where the broker kept our session. Raises SourceDown."""
        # The library's connect blocks, name look-up and TLS included. A thread of its own: of many
        # brokers that hang none may hold up another.
        thread = Offload("taktboard-connect")
        try:
            await thread.submit(self._connect)
            self._resume()
            async with asyncio.timeout(CONNECT_S):
                return await asyncio.shield(self._connected)
        except (OSError, ValueError) as error:
            raise trouble_of_network(error) from error
        finally:
            thread.close()

    def _connect(self) -> None:
        """In a thread; whoever waited for it may have left meanwhile."""
        self._client.connect(self._source.host, self._source.port, keepalive=KEEP_ALIVE_S)
        if self._closed:
            self._close_socket()

    async def subscribe(self, topics: Sequence[str], qos: int) -> None:
        """Ask for topics; asked again on each connection, whatever the broker remembers.

        Returns when the broker has them: what is said from then on comes. Raises SourceDown.
        """
        self._client.subscribe([(topic, qos) for topic in topics])
        self._write()
        try:
            async with asyncio.timeout(CONNECT_S):
                answers = await asyncio.shield(self._subscribed)
        except TimeoutError as error:
            raise trouble_of_network(error) from error
        refused = [t for t, answer in zip(topics, answers, strict=False) if answer.is_failure]
        if refused:
            raise SourceDown(Words.REFUSED_BY_SERVER, f"not subscribed: {', '.join(refused)}")

    def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool = False) -> None:
        """Say something (Sparkplug's STATE and rebirth requests; nothing else)."""
        self._client.publish(topic, payload, qos=qos, retain=retain)
        self._write()

    async def publish_last(self, topic: str, payload: bytes) -> None:
        """Say something retained before leaving, and wait until the broker has it."""
        self.leaving = True
        if not self._client.is_connected():
            return
        said = self._client.publish(topic, payload, qos=1, retain=True)
        self._write()
        deadline = self._loop.time() + LAST_WORD_S
        while not said.is_published() and not self._lost.done() and self._loop.time() < deadline:
            await asyncio.sleep(LAST_WORD_S / 100)

    def ack(self, mid: int, qos: int) -> None:
        """Acknowledge a message of this very connection."""
        if qos and not self._lost.done():
            self._client.ack(mid, qos)
            self._loop.call_soon(self._write)  # never from within one of the library's callbacks

    async def run(self) -> None:
        """Read, write, ping until the connection is lost; raises SourceDown then."""
        while not self._lost.done():
            if self._reading:
                self._client.loop_misc()
            self._write()
            await asyncio.wait([self._lost], timeout=TICK_S)
        self._lost.result()

    async def close(self) -> None:
        """Say good-bye, so that the broker does not publish the will; then cut."""
        if self._resuming is not None:
            self._resuming.cancel()
        if self._client.is_connected():
            self._client.disconnect()
            self._write()
        self._pause()
        for future in (self._connected, self._subscribed, self._lost):
            if not future.done():
                future.cancel()
            elif not future.cancelled():
                future.exception()
        self._closed = True
        self._close_socket()

    def _close_socket(self) -> None:
        if (sock := self._client.socket()) is not None:
            sock.close()

    def _on_connect(
        self,
        _client: Client,
        _userdata: object,
        flags: ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if self._connected.done():
            return
        if not reason.is_failure:
            self._connected.set_result(flags.session_present)
            return
        words = Words.LOGIN if reason.value in (134, 135) else Words.REFUSED_BY_SERVER
        self._connected.set_exception(SourceDown(words, str(reason)))

    def _on_subscribe(
        self,
        _client: Client,
        _userdata: object,
        _mid: int,
        reasons: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        if not self._subscribed.done():
            self._subscribed.set_result(reasons)

    def _on_disconnect(self, *_arguments: object) -> None:
        down = SourceDown(Words.CUT)
        for future in (self._connected, self._subscribed, self._lost):
            if not future.done():
                future.set_exception(down)

    def _resume(self) -> None:
        if (sock := self._client.socket()) is not None and not self._reading:
            self._reading = True
            self._loop.add_reader(sock.fileno(), self._readable)
            self._write()

    def _pause(self) -> None:
        if (sock := self._client.socket()) is not None:
            self._loop.remove_reader(sock.fileno())
            self._loop.remove_writer(sock.fileno())
        self._reading = False

    def _readable(self) -> None:
        if not self._reading:
            return
        self._feed.heard()
        self._client.loop_read()
        if not self._feed.has_room and self._resuming is None:
            self._on_room(False)
            self._pause()
            self._resuming = self._loop.create_task(self._when_there_is_room())
        elif isinstance(sock := self._client.socket(), ssl.SSLSocket) and sock.pending():
            self._loop.call_soon(self._readable)

    async def _when_there_is_room(self) -> None:
        await self._feed.room()
        self._resuming = None
        self._resume()
        self._on_room(True)

    def _write(self) -> None:
        sock = self._client.socket()
        if sock is None:
            return
        if self._client.want_write():
            self._client.loop_write()
        if self._client.socket() is None:
            return
        if self._client.want_write():
            self._loop.add_writer(sock.fileno(), self._write)
        else:
            self._loop.remove_writer(sock.fileno())

    def _on_socket_close(self, _client: Client, _userdata: object, sock: SocketLike) -> None:
        self._reading = False
        if sock.fileno() < 0:  # closed before, when `_pause` had let go of it; a client dies late
            return
        self._loop.remove_reader(sock.fileno())
        self._loop.remove_writer(sock.fileno())
