"""What a source hands its readings to: the pipeline's face, as sources and their feeds see it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from db.quarantine import Refused
from ingest.reading import Reading

Ack = Callable[[], None]


class Sink(Protocol):
    """What a source hands its readings to."""

    def submit(self, rows: Sequence[Reading], refused: Sequence[Refused], ack: Ack | None) -> None:
        """Take rows; `ack` is called in the event loop once all of them are durable."""

    @property
    def has_room(self) -> bool:
        """Whether more may be submitted now."""

    async def room(self) -> None:
        """Wait until more may be submitted; call it before reading on from the network."""
