"""A publisher's connection to a broker: paho in its own thread, its events on our loop.

Reconnects by itself. Never decides what is published.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

log = logging.getLogger(__name__)

LONGEST_QUEUE = 50_000
"""Messages kept while the broker is away."""
KEEPALIVE_S = 15


class Link:
    """One client. `on_up`, `on_down`, `on_message(topic, payload)` are called on the loop that made
    it."""

    def __init__(
        self,
        host: str,
        port: int,
        client_id: str,
        *,
        on_up: Callable[[], None] = lambda: None,
        on_down: Callable[[], None] = lambda: None,
        on_message: Callable[[str, bytes], None] = lambda _topic, _payload: None,
        will: tuple[str, bytes] | None = None,
    ) -> None:
        self._address = host, port
        self._loop = asyncio.get_running_loop()
        self._on_up = on_up
        self._on_message = on_message
        self._client = Client(CallbackAPIVersion.VERSION2, client_id, clean_session=True)
        self._client.max_queued_messages_set(LONGEST_QUEUE)
        self._client.max_inflight_messages_set(200)
        self._client.reconnect_delay_set(min_delay=1, max_delay=5)
        self._client.on_connect = self._connected
        self._client.on_message = self._arrived
        self._client.on_disconnect = lambda *_: self._tell(on_down)
        self._client.on_publish = self._published
        self._on_their_way: dict[int, float] = {}
        """Packet id → when it was handed over (monotonic s), of what the broker has not yet."""
        if will is not None:
            self._client.will_set(*will, qos=1)

    def start(self) -> None:
        """Connect, and again whenever the connection is lost."""
        self._client.connect_async(*self._address, keepalive=KEEPALIVE_S)
        self._client.loop_start()

    def subscribe(self, *topics: str) -> None:
        """Ask for these topics."""
        self._client.subscribe([(topic, 1) for topic in topics])

    def publish(self, topic: str, payload: bytes, qos: int) -> None:
        """Send, or queue while the broker is away."""
        said = self._client.publish(topic, payload, qos)
        if qos:
            self._on_their_way[said.mid] = time.monotonic()

    @property
    def waiting(self) -> int:
        """How many messages the broker has not acknowledged yet."""
        return len(self._on_their_way)

    def settled_s(self) -> float:
        """What was handed over before this moment (monotonic s), the broker has."""
        return min(self._on_their_way.values(), default=time.monotonic())

    async def stop(self) -> None:
        """Disconnect and end the thread."""
        self._client.disconnect()
        await asyncio.to_thread(self._client.loop_stop)

    def _connected(
        self,
        _client: Client,
        _userdata: object,
        _flags: object,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            log.warning("the broker on %s:%d refuses: %s", *self._address, reason)
            return
        self._tell(self._on_up)

    def _arrived(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        topic, payload = message.topic, bytes(message.payload)
        self._tell(lambda: self._on_message(topic, payload))

    def _published(
        self,
        _client: Client,
        _userdata: object,
        mid: int,
        _reason: ReasonCode,
        _properties: Properties,
    ) -> None:
        self._tell(lambda: self._on_their_way.pop(mid, None))

    def _tell(self, what: Callable[[], object]) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(what)
