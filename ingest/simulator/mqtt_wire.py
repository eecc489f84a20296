"""MQTT 3.1.1 on the wire: packets as a broker reads and writes them.

OASIS MQTT 3.1.1, §2 (packet format) and §3 (control packets). Never keeps a state.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

LARGEST_BYTES = 1 << 20
"""A longer packet ends its connection: nothing of a plant's is that long."""
PROTOCOL = b"\x00\x04MQTT\x04"
ACCEPTED, WRONG_PROTOCOL, NO_CLIENT_ID = 0, 1, 2


class Kind(IntEnum):
    """The control packets of §2.2.1."""

    CONNECT = 1
    CONNACK = 2
    PUBLISH = 3
    PUBACK = 4
    PUBREC = 5
    PUBREL = 6
    PUBCOMP = 7
    SUBSCRIBE = 8
    SUBACK = 9
    UNSUBSCRIBE = 10
    UNSUBACK = 11
    PINGREQ = 12
    PINGRESP = 13
    DISCONNECT = 14


class WireError(ValueError):
    """What came is no MQTT 3.1.1; the connection must be ended (§4.8)."""


@dataclass(frozen=True, slots=True)
class Message:
    """What is published; `arrived_s`: when the broker got it (monotonic)."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    arrived_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Connect:
    """A client's first packet. `keep_alive_s` 0: it promises no sign of life."""

    client_id: str
    is_clean: bool
    keep_alive_s: int
    will: Message | None


class Fields:
    """The fields of a packet's body, read one after another. Raises WireError at its end."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    @property
    def is_over(self) -> bool:
        """Whether nothing is left."""
        return self._at >= len(self._body)

    def take(self, size: int) -> bytes:
        """The next bytes."""
        found = self._body[self._at : self._at + size]
        if len(found) < size:
            raise WireError("a packet ends too early")
        self._at += size
        return found

    def byte(self) -> int:
        """One byte."""
        return self.take(1)[0]

    def number(self) -> int:
        """Two bytes, the high one first."""
        return int.from_bytes(self.take(2), "big")

    def data(self) -> bytes:
        """Bytes after their length."""
        return self.take(self.number())

    def text(self) -> str:
        """UTF-8 after its length."""
        try:
            return self.data().decode()
        except UnicodeDecodeError as error:
            raise WireError("a text is not UTF-8") from error

    def rest(self) -> bytes:
        """Everything that is left."""
        return self.take(len(self._body) - self._at)


async def read(reader: asyncio.StreamReader) -> tuple[Kind, int, bytes]:
    """(kind, flags, body) of the next packet. Raises WireError; EOFError where there is none."""
    head = (await reader.readexactly(1))[0]
    body = await reader.readexactly(await _length(reader))
    try:
        return Kind(head >> 4), head & 0x0F, body
    except ValueError as error:
        raise WireError(f"packet type {head >> 4}") from error


async def _length(reader: asyncio.StreamReader) -> int:
    length = 0
    for place in range(4):
        byte = (await reader.readexactly(1))[0]
        length |= (byte & 0x7F) << (7 * place)
        if length > LARGEST_BYTES:
            break
        if not byte & 0x80:
            return length
    raise WireError("a packet is too long")


def read_connect(body: bytes) -> Connect | int:
    """The client's wishes; else the return code with which it is refused. Raises WireError."""
    fields = Fields(body)
    if fields.take(len(PROTOCOL)) != PROTOCOL:
        return WRONG_PROTOCOL
    flags, keep_alive_s, client_id = fields.byte(), fields.number(), fields.text()
    is_clean = bool(flags & 0x02)
    will = None
    if flags & 0x04:
        topic, payload = fields.text(), fields.data()
        will = Message(topic, payload, flags >> 3 & 3, bool(flags & 0x20))
    if not client_id and not is_clean:
        return NO_CLIENT_ID
    return Connect(client_id, is_clean, keep_alive_s, will)


def read_publish(flags: int, body: bytes, arrived_s: float) -> tuple[int, Message]:
    """(packet id, message); 0 for QoS 0, which has none. Raises WireError."""
    fields, qos = Fields(body), flags >> 1 & 3
    topic = fields.text()
    if qos == 3 or not topic or set(topic) & set("+#\0"):
        raise WireError(f"QoS {qos}, topic {topic!r}")
    number = fields.number() if qos else 0
    return number, Message(topic, fields.rest(), qos, bool(flags & 1), arrived_s)


def read_subscribe(body: bytes) -> tuple[int, list[tuple[str, int]]]:
    """(packet id, filters with the QoS asked for). Raises WireError."""
    fields = Fields(body)
    number, found = fields.number(), []
    while not fields.is_over:
        found.append((fields.text(), fields.byte() & 3))
    return number, found


def read_unsubscribe(body: bytes) -> tuple[int, list[str]]:
    """(packet id, filters). Raises WireError."""
    fields = Fields(body)
    number, found = fields.number(), []
    while not fields.is_over:
        found.append(fields.text())
    return number, found


def connack(code: int, *, is_known: bool) -> bytes:
    """The answer to CONNECT; `is_known`: the session was kept."""
    return _packet(Kind.CONNACK, 0, bytes((is_known, code)))


def publish(message: Message, number: int, *, again: bool) -> bytes:
    """A message to a client; `again`: it may have got it before."""
    flags = again << 3 | message.qos << 1 | message.retain
    name = message.topic.encode()
    head = struct.pack(">H", len(name)) + name
    if message.qos:
        head += struct.pack(">H", number)
    return _packet(Kind.PUBLISH, flags, head + message.payload)


def receipt(kind: Kind, number: int) -> bytes:
    """PUBACK, PUBREC, PUBCOMP or UNSUBACK."""
    return _packet(kind, 0, struct.pack(">H", number))


def suback(number: int, codes: Sequence[int]) -> bytes:
    """The QoS granted to each filter, 128 where it is refused."""
    return _packet(Kind.SUBACK, 0, struct.pack(">H", number) + bytes(codes))


def pingresp() -> bytes:
    """The answer to a sign of life."""
    return _packet(Kind.PINGRESP, 0, b"")


def _packet(kind: Kind, flags: int, body: bytes) -> bytes:
    head, left = bytearray((kind << 4 | flags,)), len(body)
    while left > 0x7F:
        head.append(left & 0x7F | 0x80)
        left >>= 7
    head.append(left)
    return bytes(head) + body
