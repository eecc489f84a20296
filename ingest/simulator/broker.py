"""The demo's MQTT broker, where the plant's port has none yet. Never keeps anything on disk."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from weakref import WeakSet

from amqtt.broker import Broker  # type: ignore[import-untyped]
from amqtt.errors import AMQTTError  # type: ignore[import-untyped]
from amqtt.plugins.base import BaseAuthPlugin  # type: ignore[import-untyped]
from amqtt.session import Session  # type: ignore[import-untyped]

from ingest.simulator.faults import CannotSimulate

log = logging.getLogger(__name__)

ANSWER_S = 1.0
SHUTDOWN_S = 5.0
CONNECT = bytes.fromhex("100d00044d5154540402000a000173")
"""MQTT 3.1.1 CONNECT: clean session, keep-alive 10 s, client id "s"."""
CONNACK = 0x20


class EverybodyKnown(BaseAuthPlugin):  # type: ignore[misc]
    """Lets everybody in by name: for the nameless ones the library keeps no messages."""

    async def authenticate(self, *, session: Session) -> bool:
        """Always."""
        session.is_anonymous = False
        return True


class DemoBroker(Broker):  # type: ignore[misc]
    """The library's broker, which knows its connections, so that none is left open at the end."""

    def __init__(self, config: dict[str, object]) -> None:
        super().__init__(config)
        self._writers: WeakSet[asyncio.StreamWriter] = WeakSet()

    async def stream_connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listener_name: str
    ) -> None:
        """Called for each new connection."""
        self._writers.add(writer)
        try:
            await super().stream_connected(reader, writer, listener_name)
        finally:
            writer.close()  # the library forgets those that went without a word

    def abort(self) -> None:
        """Cut every connection that is still there."""
        for writer in list(self._writers):
            writer.transport.abort()


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


async def _closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


async def stop(broker: DemoBroker) -> None:
    """Close the port and every connection."""
    try:
        await asyncio.wait_for(broker.shutdown(), SHUTDOWN_S)
    except (AMQTTError, TimeoutError) as error:
        log.warning("the simulated broker did not end in order: %r", error)
    broker.abort()


async def start(host: str, port: int) -> DemoBroker | None:
    """A broker on this port; none where one is there already. Raises CannotSimulate."""
    if await is_answered(host, port):
        log.info("the broker on %s:%d is used", host, port)
        return None
    broker = DemoBroker(_config(host, port))
    try:
        await broker.start()
    except (AMQTTError, OSError) as error:
        raise CannotSimulate(
            f"the simulated broker can't listen on {host}:{port}: {error}"
        ) from error
    return broker


def _config(host: str, port: int) -> dict[str, object]:
    return {
        "listeners": {"default": {"type": "tcp", "bind": f"{host}:{port}"}},
        "timeout_disconnect_delay": 0,
        "plugins": {
            f"{__name__}.{EverybodyKnown.__name__}": {},
        },
    }
