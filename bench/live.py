"""What it costs to derive a plant that speaks all the time, and how soon a minute knows a piece.

A writer stores what every machine counts each second, spread over the second; `ingest.deriver`
works beside it as in the worker. Deriving is charged with its threads and with everything the
database server does, its background work too, but for the writer's and the witness's connections.
"""

from __future__ import annotations

import threading
import time
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import numpy as np

from bench.factory import Factory, factory
from bench.figure import Figure, figure
from bench.plant_floor import Floor, Witness
from bench.processor import connections_s, server_s, threads_s
from db import retention
from db.derive import derive
from db.embedded import Embedded
from ingest.deriver import Deriver

MACHINES = 1000
GOAL_PERCENT, GOAL_MS = 15.0, 500.0
WARM_UP_S = 60.0
"""At most: until the witness has seen what a machine says in ten seconds."""
DERIVE_THREADS = ("taktboard-derive", "taktboard-listen")


def run(server: Embedded, options: Namespace) -> list[Figure]:
    """`options.pairs` stretches of `options.seconds` on one plant."""
    now = datetime.now(UTC)
    with factory(server, MACHINES, now - timedelta(hours=3), now + timedelta(hours=8)) as made:
        begin(made, now)
        with working(made) as (floor, witness):
            assert witness.is_warm.wait(WARM_UP_S), "the minutes don't know the pieces"
            turns = [
                _turn(server, made, floor, witness, options.seconds) for _ in range(options.pairs)
            ]
    storing, deriving, waits = (list(column) for column in zip(*turns, strict=True))
    name = f"{MACHINES} machines speak every second"
    return [
        figure(f"{name}: storing, of a core", storing, "%"),
        figure(
            f"{name}: deriving, of a core",
            deriving,
            "%",
            goal=GOAL_PERCENT,
            against=storing,
            of="storing",
        ),
        figure(f"{name}: source to minute, p95", waits, "ms", goal=GOAL_MS),
    ]


def begin(made: Factory, now: datetime) -> None:
    """Every machine runs since an hour, and that is derived."""
    with made.database.session() as session:
        retention.keep(session, now)
    with made.database.connection() as conn:
        Floor(made).begin(conn, now - timedelta(hours=1))
    more = True
    while more:
        with made.database.connection() as conn:
            more = derive(conn, datetime.now(UTC)).more


@contextmanager
def working(made: Factory) -> Iterator[tuple[Floor, Witness]]:
    """The machines speak, what they say is derived, and a witness looks; it ends with the block."""
    stop = threading.Event()
    floor, deriver = Floor(made), Deriver(made.database, stop)
    witness = Witness(made, floor)
    deriver.start()
    for thread in (witness, floor):
        thread.start()
    try:
        yield floor, witness
    finally:
        stop.set()
        deriver.wake()
        with made.database.connection() as conn:
            conn.execute("notify taktboard_fact")  # for its listener
        for thread in (floor, witness):
            thread.end()
        deriver.join(30.0)


def _turn(
    server: Embedded, made: Factory, floor: Floor, witness: Witness, seconds: float
) -> tuple[float, float, float]:
    """(% of a core storing, % deriving, p95 in ms)."""
    witness.waits_s.clear()
    begun, before = time.perf_counter(), _used(server, made)
    time.sleep(seconds)  # the stretch that is measured
    after, took = _used(server, made), time.perf_counter() - begun
    assert floor.late_s < 1.0, f"the writer is {floor.late_s:.1f} s behind: the machine is too busy"
    storing, deriving = (100 * (b - a) / took for a, b in zip(before, after, strict=True))
    return storing, deriving, 1000 * float(np.quantile(witness.waits_s, 0.95))


def _used(server: Embedded, made: Factory) -> tuple[float, float]:
    """Seconds of processor time so far: (storing, deriving)."""
    with made.database.connection() as conn:
        rows = conn.execute(
            "select pid, application_name from pg_stat_activity"
            " where application_name in ('taktboard-floor', 'taktboard-witness')"
        ).fetchall()
    writer = connections_s(pid for pid, name in rows if name == "taktboard-floor")
    watching = connections_s(pid for pid, name in rows if name == "taktboard-witness")
    everything = server_s(server.pid)
    return (
        writer + threads_s([Floor.NAME]),
        everything - writer - watching + threads_s(DERIVE_THREADS),
    )
