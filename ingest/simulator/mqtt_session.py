"""What a broker keeps for one client: what it subscribed to, and what it has not acknowledged.

OASIS MQTT 3.1.1, §4.1 (stored state), §4.4 (delivery again), §4.6 (order). Never sends.
"""

from __future__ import annotations

import itertools
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from paho.mqtt.client import topic_matches_sub

from ingest.simulator.mqtt_wire import Message

WINDOW = 200
"""Messages on their way to a client that it has not acknowledged yet."""
LONGEST_QUEUE = 100_000
"""Messages kept for a client; with more, its session is forgotten, so that it knows of the loss."""
MOST_QOS = 1
REFUSED = 128


@dataclass(slots=True)
class Session:
    """One client's session. In order, at least once for QoS 1, at most once for QoS 0."""

    client_id: str
    is_clean: bool
    subscriptions: dict[str, int] = field(default_factory=dict)
    received: set[int] = field(default_factory=set)
    """Packet ids of QoS 2 messages from the client whose release has not come yet."""
    is_overrun: bool = False
    """Messages for this client had to be thrown away."""
    _waiting: deque[tuple[Message, bool]] = field(default_factory=deque)
    _in_flight: dict[int, Message] = field(default_factory=dict)
    _number: int = 0

    def subscribe(self, wanted: str, qos: int) -> int:
        """The QoS granted, or `REFUSED` (§4.7.1)."""
        *folders, last = wanted.split("/")
        if not wanted or any("#" in level for level in folders) or ("#" in last and last != "#"):
            return REFUSED
        if any("+" in level and level != "+" for level in (*folders, last)):
            return REFUSED
        self.subscriptions[wanted] = min(qos, MOST_QOS)
        return self.subscriptions[wanted]

    def offer(self, message: Message, *, is_here: bool) -> bool:
        """Queue a message where a subscription asks for it; nothing of QoS 0 for who is away."""
        granted = [q for f, q in self.subscriptions.items() if topic_matches_sub(f, message.topic)]
        if not granted:
            return False
        qos = min(message.qos, max(granted))
        if not qos and not is_here:
            return False
        if len(self._waiting) >= LONGEST_QUEUE:
            self.is_overrun |= bool(qos)
            return False
        self._waiting.append((replace(message, qos=qos), False))
        return True

    def sendable(self) -> Iterator[tuple[int, Message, bool]]:
        """(packet id, message, whether it was sent before) of what may be sent now."""
        while self._waiting and len(self._in_flight) < WINDOW:
            message, again = self._waiting.popleft()
            number = 0
            if message.qos:
                number = self._next_number()
                self._in_flight[number] = message
            yield number, message, again

    def acknowledged(self, number: int) -> None:
        """The client has it for good."""
        self._in_flight.pop(number, None)

    def leave(self) -> None:
        """The connection is over: what was on its way is to be sent again, before all else."""
        kept = [(message, again) for message, again in self._waiting if message.qos]
        on_their_way = [(message, True) for message in self._in_flight.values()]
        self._waiting = deque(on_their_way + kept)
        self._in_flight.clear()

    def settled_s(self) -> float:
        """What came before this moment (monotonic s) is acknowledged."""
        oldest = [message.arrived_s for message, _ in itertools.islice(self._waiting, 1)]
        oldest += [message.arrived_s for message in self._in_flight.values()]
        return min(oldest, default=time.monotonic())

    def _next_number(self) -> int:
        while True:
            self._number = self._number % 65535 + 1
            if self._number not in self._in_flight:
                return self._number
