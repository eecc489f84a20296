"""A factory of any number of machines: its plant file, its database, a stretch of its past.

Every machine works round the clock on orders of eight hours, makes a piece about every thirty
seconds, one in fifty of them scrap, and changes its state about every ten minutes. On the first
line neighbours explain who waits. Never derives.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Protocol

import numpy as np
import psycopg

from db import master, order_events, retention
from db.connect import Connection, Database, open_database
from db.migrate import migrate
from db.readings import Batch, Int64s, micros
from plant.check import read
from plant.orders import Operation

RUNNING, DOWN, IDLE, STARVED = 1.0, 2.0, 3.0, 4.0
PIECE_S, STATE_S, SCRAP_SHARE = 30.0, 600.0, 0.02
ROLES = ("state", "good", "scrap")
ORDER = timedelta(hours=8)
DAY_US = 86_400_000_000
_numbers = count(1)

HEAD = """
[site]
code = "bench"
name = "Bench"
time_zone = "UTC"

[[areas]]
code = "hall"
name = "Hall"

[[calendars]]
code = "always"

[[calendars.shifts]]
code = "day"
name = "Day"
start = "06:00"
end = "18:00"
breaks = [{ start = "12:00", end = "12:30" }]

[[calendars.shifts]]
code = "night"
name = "Night"
start = "18:00"
end = "06:00"

[[state_maps]]
name = "numbers"

[state_maps.values]
1 = "running"
2 = "down"
3 = "idle"
4 = "starved"

[[sources]]
name = "opcua"
kind = "opcua"
url = "opc.tcp://127.0.0.1:1"
security = "none"

[[tags]]
name = "state"
machines = ["*"]
source = "opcua"
role = "state"
state_map = "numbers"
address = "ns=2;s={machine}.state"
"""
COUNTER = """
[[tags]]
name = "{role}"
machines = ["*"]
source = "opcua"
role = "{role}"
address = "ns=2;s={{machine}}.{role}"
"""
LINE = """
[[lines]]
code = "{code}"
area = "hall"
name = "{code}"
calendar = "always"
infer_flow = {infers}
"""
PRODUCT = """
[[products]]
code = "P"
name = "Product"
ideal_cycle_s = {{ {cycles} }}
"""
MACHINE = """
[[machines]]
code = "{code}"
line = "{line}"
name = "{code}"
"""


class Home(Protocol):
    """A server; its URL's role may create databases there."""

    @property
    def url(self) -> str:
        """Of a database that is there already."""
        ...


@dataclass(frozen=True, slots=True)
class Factory:
    """A migrated database with the plant applied. Tag ids are in the order of `machines`."""

    database: Database
    source: int
    machines: tuple[int, ...]
    state: tuple[int, ...]
    good: tuple[int, ...]
    scrap: tuple[int, ...]
    machine_of: dict[int, int]
    """As `db.readings.store` asks for it."""

    def past(self, t0: datetime, days: int, chance: np.random.Generator) -> Iterator[Batch]:
        """A batch a day of what every machine said, the oldest first."""
        for day in range(days):
            start = micros(t0) + day * DAY_US
            parts = [self._machine(row, start, day, chance) for row in range(len(self.machines))]
            ts, tag, value = (np.concatenate(column) for column in zip(*parts, strict=True))
            order = np.argsort(ts, kind="stable")
            quality = np.zeros(len(ts), dtype=np.int16)
            yield Batch(ts[order], tag[order].astype(np.int32), value[order], quality)

    def _machine(
        self, row: int, start: int, day: int, chance: np.random.Generator
    ) -> tuple[Int64s, Int64s, np.ndarray[tuple[int], np.dtype[np.float64]]]:
        pieces = _moments(start, PIECE_S, chance)
        rejects = pieces[chance.random(len(pieces)) < SCRAP_SHARE] + 1
        states = _moments(start, STATE_S, chance)
        said = chance.choice([RUNNING, DOWN, IDLE, STARVED], len(states), p=[0.7, 0.1, 0.1, 0.1])
        before = day * 100_000.0  # the counters' standing at midnight
        ids = (self.good[row], self.scrap[row], self.state[row])
        series = (pieces, rejects, states)
        return (
            np.concatenate(series),
            np.repeat(np.array(ids, dtype=np.int64), [len(one) for one in series]),
            np.concatenate(
                [before + np.arange(len(pieces)), before + np.arange(len(rejects)), said]
            ),
        )


def _moments(start: int, every_s: float, chance: np.random.Generator) -> Int64s:
    """Moments of a day about `every_s` apart, in µs, on a raster so that none comes twice."""
    step = int(every_s * 1e6)
    raster = np.arange(start, start + DAY_US, step, dtype=np.int64)
    return raster + chance.integers(0, step // 2, len(raster)) // 10 * 10


@contextmanager
def factory(
    server: Home, machines: int, t0: datetime, t1: datetime, lines: int = 1
) -> Iterator[Factory]:
    """A new database with a factory whose orders reach from `t0` to `t1`; gone at the end."""
    name = f"bench_{next(_numbers)}"
    with psycopg.connect(server.url, autocommit=True) as conn:
        conn.execute(f"create database {name}")
    url = f"{server.url.rpartition('/')[0]}/{name}"
    migrate(url)
    database = open_database(url, application="bench")
    try:
        with database.connection() as conn:
            made = _apply(conn, database, _plant(machines, lines), t0)
            _orders(conn, made, t0, t1)
        with database.session() as session:
            retention.keep(session, t0)
        yield made
    finally:
        database.close()
        with psycopg.connect(server.url, autocommit=True) as conn:
            conn.execute(f"drop database {name} with (force)")


def _plant(machines: int, lines: int) -> str:
    """The plant file; a machine stands on the line of its number, modulo `lines`."""
    codes = [f"L{number}" for number in range(lines)]
    return "".join(
        [
            HEAD,
            *(
                LINE.format(code=code, infers="false" if number else "true")
                for number, code in enumerate(codes)
            ),
            PRODUCT.format(cycles=", ".join(f"{code} = 25.0" for code in codes)),
            *(COUNTER.format(role=role) for role in ROLES[1:]),
            *(
                MACHINE.format(code=f"M{number:04}", line=codes[number % lines])
                for number in range(machines)
            ),
        ]
    )


def _apply(conn: Connection, database: Database, text: str, t0: datetime) -> Factory:
    plant = read(text)
    master.apply(conn, plant, text, t0)
    ids = master.load(conn)
    codes = [machine.code for machine in plant.machines]
    rows = tuple(ids.machines[code] for code in codes)
    tags = [tuple(ids.tags[f"{code}.{role}"] for code in codes) for role in ROLES]
    machine_of = {tag: row for some in tags for tag, row in zip(some, rows, strict=True)}
    state, good, scrap = tags
    return Factory(database, ids.sources["opcua"], rows, state, good, scrap, machine_of)


def _orders(conn: Connection, made: Factory, t0: datetime, t1: datetime) -> None:
    ids = master.load(conn)
    operations = [
        Operation(
            order=f"WO-{code}-{number}",
            operation="10",
            revision="1",
            at=t0,
            status="running",
            planned=1000.0,
            machine=code,
            product="P",
            started_at=t0 + number * ORDER,
            ended_at=t0 + (number + 1) * ORDER,
        )
        for code in ids.machines
        for number in range(-(-(t1 - t0) // ORDER))
    ]
    order_events.append(
        conn, made.source, operations, machines=ids.machines, products=ids.products, now=t0
    )
