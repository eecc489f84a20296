"""The simulated plant, live: every server and publisher that the plant file's sources name.

One event loop; plant time comes from the clock, pauses are wall time. Listens where the plant file
says, and only there. Never touches the database.
"""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from db.clock import Clock
from ingest.simulator import broker, mail, truth
from ingest.simulator.days import to_ms
from ingest.simulator.mail import Mailbox
from ingest.simulator.mails_page import MailsPage
from ingest.simulator.memory import Memory, Remembered
from ingest.simulator.mes import HttpServer, Mes, Pages
from ingest.simulator.mqtt import Mqtt
from ingest.simulator.opcua import OpcUa
from ingest.simulator.plan import Plan
from ingest.simulator.signals import Signals
from ingest.simulator.sparkplug import edge_nodes
from plant.model import MqttSource, OpcUaSource, Plant, RestSource, SparkplugSource

log = logging.getLogger(__name__)

TICK_S = 0.1
REMEMBER_S = 2.0
"""Between two times at which the edge's memory is kept: a killed one repeats that much."""
SAMPLE_MS = 5000
"""Between two samples of a process value."""
UNHURRIED = 10.0
"""A plant faster than this many times samples less often."""
LAST_CALLS, LAST_CALLS_S = 4, 0.02
TRUTH_EVERY = timedelta(hours=1)
LOUD = ("asyncua", "mail.log")


class Speaker(Protocol):
    """What brings a source to life."""

    async def start(self) -> None: ...
    async def tick(self, now: int) -> None: ...
    def told(self, settled_s: float) -> Mapping[str, int]: ...
    async def stop(self) -> None: ...


def run(
    plant: Plant,
    *,
    seed: int,
    clock: Clock,
    truth_dir: Path,
    stop: threading.Event,
    ready: Callable[[], None],
) -> None:
    """Serve until `stop` is set, also where it still starts; `ready`: every port is open.

    Keeps the truth (one file an hour of plant time), the mails and what the edge remembers in
    `truth_dir`. Raises CannotSimulate, in words for the user, where a port can't be had.
    """
    for name in LOUD:
        logging.getLogger(name).setLevel(logging.ERROR)
    asyncio.run(_serve(plant, seed, clock, truth_dir, stop, ready))


def sample_ms(speed: float) -> int:
    """Plant time between two samples of a process value: a fast plant samples less often."""
    return SAMPLE_MS * max(1, math.ceil(speed / UNHURRIED))


async def _serve(
    plant: Plant,
    seed: int,
    clock: Clock,
    truth_dir: Path,
    stop: threading.Event,
    ready: Callable[[], None],
) -> None:
    plan = Plan(plant, seed)
    signals = Signals(plan, sample_ms(clock.speed))
    memory = Memory(truth_dir / "edge.json", clock)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(_let_go)
        if stop.is_set():
            return
        await _start_brokers(stack, plant, memory)
        await _start_desk(stack, plan, clock, truth_dir)
        speakers = _speakers(plant, signals, clock, memory.before)
        memory.tellers.extend(speakers)
        for speaker in speakers:
            if stop.is_set():
                return
            await speaker.start()
            stack.push_async_callback(speaker.stop)
        ready()
        stack.callback(memory.keep)
        await _keep_going(speakers, plan, clock, truth_dir / "truth", memory, stop)


async def _keep_going(
    speakers: list[Speaker],
    plan: Plan,
    clock: Clock,
    directory: Path,
    memory: Memory,
    stop: threading.Event,
) -> None:
    due = clock.now() + TRUTH_EVERY
    due = due.replace(minute=0, second=0, microsecond=0)
    remember_at = 0.0
    while not stop.is_set():
        now = to_ms(clock.now())
        for speaker in speakers:
            await speaker.tick(now)
        if clock.now() >= due:
            truth.write(plan, directory, due - TRUTH_EVERY, due)
            due += TRUTH_EVERY
        if time.monotonic() >= remember_at:
            memory.keep()
            remember_at = time.monotonic() + REMEMBER_S
        await asyncio.sleep(TICK_S)


async def _let_go() -> None:
    """End what libraries left running, and let the loop close their connections."""
    for _ in range(LAST_CALLS):
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await asyncio.sleep(LAST_CALLS_S)


def _speakers(plant: Plant, signals: Signals, clock: Clock, before: Remembered) -> list[Speaker]:
    found: list[Speaker] = []
    for source in plant.sources:
        if isinstance(source, OpcUaSource):
            found.append(OpcUa(source, signals, clock))
        elif isinstance(source, MqttSource):
            found.append(Mqtt(source, signals, clock, before.told_to(source.name)))
        elif isinstance(source, SparkplugSource):
            found += edge_nodes(source, signals, clock, before)
    return found


async def _start_brokers(stack: AsyncExitStack, plant: Plant, memory: Memory) -> None:
    """Those that have to be started, with the sessions that they had before.

    A session is kept before it is promised: a kill right after must not lose it.
    """
    sources = [s for s in plant.sources if isinstance(s, MqttSource | SparkplugSource)]
    for host, port in dict.fromkeys((s.host, s.port) for s in sources):
        sessions = memory.before.sessions_of(len(memory.brokers))
        started = await broker.start(host, port, sessions, memory.keep)
        if started is not None:
            stack.push_async_callback(started.stop)
            memory.brokers.append(started)


async def _start_desk(stack: AsyncExitStack, plan: Plan, clock: Clock, directory: Path) -> None:
    """The MES and the mails: HTTP and SMTP."""
    mailbox = Mailbox(directory / "mails")
    page = MailsPage(mailbox, plan.plant.site.language)
    addresses: dict[tuple[str, int], list[Pages]] = {}
    for source in plan.plant.sources:
        if isinstance(source, RestSource):
            where = urlsplit(source.url)
            address = where.hostname or "127.0.0.1", where.port or 80
            mes = Mes(source, plan, clock)
            addresses.setdefault(address, [page.answer]).append(mes.answer)
    for (host, port), pages in addresses.items():
        stack.callback(HttpServer(host, port, pages).stop)
    if plan.plant.mail is not None:
        server = await mail.start(plan.plant.mail, mailbox)
        stack.callback(server.close)
