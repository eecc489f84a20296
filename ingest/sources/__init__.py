"""What readings and orders come from: one file a protocol, one line in the table below.

A source opens one connection, delivers to its feed until that is over, and says why. Trying again,
waiting in between and telling the boards is the same for all of them, in `ingest/supervise.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from ingest.feed import Feed
from ingest.reading import Refusal, Sample
from ingest.sources.mqtt import Mqtt
from ingest.sources.opcua import OpcUa
from ingest.sources.rest import Rest
from ingest.sources.sparkplug import Sparkplug
from plant.orders import Operation


class Source(Protocol):
    """One machine's or system's side."""

    async def session(self) -> None:
        """Connect, call `feed.up()`, deliver until the connection is over.

        Raises SourceDown with words for the user. Cancelled at the end of the process: it then
        closes what it opened within two seconds.
        """


class Retaking(Protocol):
    """A source whose refused messages can be read again, each by itself, with no connection."""

    def again(self, address: str, body: bytes) -> list[Sample] | Operation | Refusal:
        """What the message says by the plant file in force; raises whatever it makes it raise."""


KINDS: Mapping[str, Callable[[Any, Feed], Source]] = {
    "opcua": OpcUa,
    "mqtt": Mqtt,
    "rest": Rest,
    "sparkplug": Sparkplug,
}
"""Kind in the plant file → how to make it from its settings and its feed."""

RETAKING: Mapping[str, Callable[[Any, Feed], Retaking]] = {"mqtt": Mqtt, "rest": Rest}
"""The same for those kinds whose refused messages can be read again."""
