"""One Sparkplug edge node as the host sees it: births, aliases, order of messages, deaths.

Pure: messages go in with a moment (monotonic seconds), what is to be done comes out. Never drops
data by its sequence number alone: real nodes repeat them.
Sparkplug 3.0, §5 (edge node and device sessions), §6.4.20 (metrics).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

REORDER_S = 1.0
"""How long a message that came too early waits for the ones before it."""
REBIRTH_S = 5.0
"""Births are asked for at most this often."""
SEQUENCE = 256
AHEAD = 128


class Message(NamedTuple):
    """One message of a node: NBIRTH, DBIRTH, NDATA, DDATA, DDEATH; device '' is the node itself."""

    kind: str
    device: str
    payload: Any


class Metric(NamedTuple):
    """A metric with its name found; the datatype is the birth's where the message has none."""

    device: str
    name: str
    datatype: int
    body: Any
    payload: Any


@dataclass(slots=True)
class Node:
    """What is known of one edge node since its birth."""

    born: bool = False
    bd_seq: int | None = None
    wants_birth: bool = False
    """Something is missing that only a birth can tell."""
    _next: int = 0
    _early: dict[int, Message] = field(default_factory=dict)
    _early_since: float = 0.0
    _aliases: dict[int, tuple[str, str, int]] = field(default_factory=dict)
    _types: dict[tuple[str, str], int] = field(default_factory=dict)
    _asked_at: float = float("-inf")

    def receive(self, message: Message, now_s: float) -> Iterator[Message]:
        """The messages that may be read now, in order."""
        seq = int(message.payload.seq)
        if message.kind == "NBIRTH":
            self._be_born(message, seq)
            yield message
            return
        if not self.born:
            self.wants_birth = True
        ahead = (seq - self._next) % SEQUENCE
        if self.born and message.payload.HasField("seq") and 0 < ahead < AHEAD:
            self._keep(message, seq, now_s)
            return
        yield message
        if ahead == 0:
            self._next = (seq + 1) % SEQUENCE
            yield from self._followers()

    def overdue(self, now_s: float) -> Iterator[Message]:
        """What waited too long for the messages before it: read all the same, and a birth asked."""
        if not self._early or now_s - self._early_since < REORDER_S:
            return
        self.wants_birth = True
        start = self._next
        for seq in sorted(self._early, key=lambda early: (early - start) % SEQUENCE):
            self._next = (seq + 1) % SEQUENCE
            yield self._early.pop(seq)

    def should_ask(self, now_s: float) -> bool:
        """Whether to ask for a birth now; counts as asked."""
        if not self.wants_birth or now_s - self._asked_at < REBIRTH_S:
            return False
        self._asked_at = now_s
        return True

    def dies(self, payload: Any) -> bool:
        """Whether an NDEATH is this birth's: an older will that comes late is not."""
        told = _bd_seq(payload)
        if self.bd_seq is not None and told is not None and told != self.bd_seq:
            return False
        self.born = False
        self._early.clear()
        return True

    def metrics(self, message: Message) -> Iterator[Metric]:
        """The metrics of a message with their names; of a birth, learnt first."""
        is_birth = message.kind.endswith("BIRTH")
        for body in message.payload.metrics:
            if is_birth:
                self._learn(message.device, body)
            found = self._named(message.device, body)
            if found is None:
                self.wants_birth = True
            else:
                device, name, datatype = found
                yield Metric(device, name, datatype, body, message.payload)

    def _be_born(self, message: Message, seq: int) -> None:
        self.born, self.wants_birth = True, False
        self.bd_seq = _bd_seq(message.payload)
        self._next = (seq + 1) % SEQUENCE
        self._early.clear()
        self._aliases.clear()
        self._types.clear()

    def _keep(self, message: Message, seq: int, now_s: float) -> None:
        if not self._early:
            self._early_since = now_s
        self._early[seq] = message

    def _followers(self) -> Iterator[Message]:
        while (message := self._early.pop(self._next, None)) is not None:
            self._next = (self._next + 1) % SEQUENCE
            yield message

    def _learn(self, device: str, body: Any) -> None:
        self._types[device, body.name] = body.datatype
        if body.HasField("alias"):
            self._aliases[body.alias] = (device, body.name, body.datatype)

    def _named(self, device: str, body: Any) -> tuple[str, str, int] | None:
        if body.name:
            datatype = body.datatype or self._types.get((device, body.name), 0)
            return device, body.name, datatype
        return self._aliases.get(body.alias) if body.HasField("alias") else None


def _bd_seq(payload: Any) -> int | None:
    for body in payload.metrics:
        if body.name == "bdSeq":
            return int(value_of(body, 8) or 0)  # type: ignore[call-overload, no-any-return]
    return None


_SIGN_BITS: Mapping[int, int] = {1: 8, 2: 16, 3: 32, 4: 64}


def value_of(body: Any, datatype: int) -> object:
    """The value of a metric as Python's; integers get the sign that their datatype gives them."""
    which = body.WhichOneof("value")
    if body.is_null or which is None:
        return None
    raw: object = getattr(body, which)
    bits = _SIGN_BITS.get(datatype)
    if bits is None or not isinstance(raw, int) or isinstance(raw, bool):
        return raw
    raw &= (1 << bits) - 1
    return raw - (1 << bits) if raw >> (bits - 1) else raw
