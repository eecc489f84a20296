"""One client's connection to the demo's broker, from its CONNECT to its end.

Speaks MQTT 3.1.1 to the client; what is said goes to the hub. Never keeps what outlasts it: that is
the session's.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from paho.mqtt.client import topic_matches_sub

from ingest.simulator import mqtt_wire as wire
from ingest.simulator.mqtt_session import Session
from ingest.simulator.mqtt_wire import Connect, Kind, Message, WireError

LATE = 1.5
"""A client may be silent for this many times the keep-alive that it promised (§3.1.2.10)."""


class Hub(Protocol):
    """Where every message goes through."""

    @property
    def retained(self) -> Mapping[str, Message]:
        """By topic."""

    def publish(self, message: Message) -> None:
        """Hand it to every session that asked for it."""

    def asked(self) -> None:
        """A lasting session's subscriptions are others now."""


class Connection:
    """One client's connection, from its CONNECT to its end."""

    def __init__(
        self, broker: Hub, wishes: Connect, session: Session, writer: asyncio.StreamWriter
    ) -> None:
        self.session = session
        self.woken = asyncio.Event()
        """Set when there may be something to send."""
        self._broker = broker
        self._wishes = wishes
        self._writer = writer
        self._will = wishes.will
        self._sending: asyncio.Task[None] | None = None

    async def run(self, reader: asyncio.StreamReader) -> None:
        """Serve until the client goes, is cut off or falls silent."""
        self._sending = asyncio.create_task(self._send())
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
            self._sending.cancel()
            await asyncio.gather(self._sending, return_exceptions=True)

    def over(self) -> None:
        """Cut, and let the will be known, once."""
        if self._sending is not None:
            # At once: what the session has from now on is for whoever comes next under its name.
            self._sending.cancel()
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
        self._asked()
        self._writer.write(wire.suback(number, codes))
        for message in self._broker.retained.values():
            if any(topic_matches_sub(name, message.topic) for name, _ in wanted):
                again = replace(message, arrived_s=time.monotonic())
                self.session.offer(again, is_here=True)
        self.woken.set()

    def _unsubscribed(self, number: int, filters: list[str]) -> None:
        for unwanted in filters:
            self.session.subscriptions.pop(unwanted, None)
        self._asked()
        self._writer.write(wire.receipt(Kind.UNSUBACK, number))

    def _asked(self) -> None:
        if not self.session.is_clean:
            self._broker.asked()
