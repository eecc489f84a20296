"""What the layers of the data take on the disk, how they grow, and when the disk is full.

Samples are taken once an hour by whoever keeps the house; a forecast follows from those of the last
week. A layer with a horizon grows until it is as old as that. Never deletes anything but samples.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, TypeAlias

from psycopg.types.json import Jsonb

from db.clock import load_clock
from db.connect import Connection
from db.horizon import counts_horizon, raw_horizon
from db.server_kind import Server, server_of
from db.statements import statements

SQL = statements("storage.sql")

LAYERS: Final = ("raw", "minutes", "hours", "facts")
FREE, SIZE = "disk_free", "disk_size"
OTHERS = "others"
"""What else grows on the disk: write-ahead log that a replica has not fetched, other programs."""
LEAST_FREE = 0.05
"""Share of the disk below which it counts as full before long, whatever the forecast says."""
EVERY = timedelta(hours=1)
KEPT = timedelta(days=90)
WINDOW = timedelta(days=7)
"""Of samples that a rate is taken from."""
LEAST, LEAST_OF_OTHERS = timedelta(hours=3), timedelta(days=1)
"""Samples over less say nothing. (At first the write-ahead log grows up to its usual size.)"""
FARTHEST_DAYS = 3650
DAY_S = 86_400.0
STORES: Mapping[str, tuple[str, ...]] = {
    "raw": ("reading", "reading_text"),
    "minutes": ("machine_1m", "tag_1m"),
    "hours": ("tag_1h", "machine_15m", "machine_1h"),
}


Samples: TypeAlias = list[tuple[datetime, int]]
"""When, and how many bytes; the oldest first."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer: its size in bytes, its growth in bytes a day (None: not yet known), and for how
    many days it goes on growing before its horizon stops it (None: for ever).
    """

    name: str
    size: int
    rate: float | None
    grows_days: float | None


@dataclass(frozen=True, slots=True)
class Forecast:
    """The disk's figures in bytes (None: not known), and in how many days it is full.

    `full_in_days` is None where that is not known, FARTHEST_DAYS where it is not foreseeable.
    """

    layers: tuple[Layer, ...]
    free: int | None
    disk: int | None
    full_in_days: float | None

    @property
    def free_share(self) -> float | None:
        """Of the disk."""
        return self.free / self.disk if self.free is not None and self.disk else None


def sample(conn: Connection) -> bool:
    """Take a sample where the last one is an hour old; whether one was taken.

    By the server's clock. Wants a transaction of its own, and may take a second on many chunks.
    """
    row = conn.execute(SQL["is_due"], {"every": EVERY}).fetchone()
    if row is None or not row[0]:
        return False
    found = sizes(conn) | disk(conn)
    conn.execute(SQL["add"], {"layers": list(found), "bytes": list(found.values())})
    conn.execute(SQL["forget"], {"kept": KEPT})
    return True


def save(conn: Connection, disk_gb: float | None) -> None:
    """Make it the disk's size for every process; None: as far as it can be seen."""
    conn.execute(SQL["save_disk"], {"value": Jsonb({"disk_gb": disk_gb})})


def sizes(conn: Connection) -> dict[str, int]:
    """Layer → bytes, indexes included; what belongs to none of the others is `facts`."""
    name = "size_of_table" if server_of(conn) is Server.PLAIN else "size_of_hypertable"
    found = {
        layer: sum(_number(conn, name, relation=relation) for relation in _stores(conn, layer))
        for layer in STORES
    }
    return found | {"facts": max(_number(conn, "size_of_database") - sum(found.values()), 0)}


def disk(conn: Connection) -> dict[str, int]:
    """The disk's size and what is free of it: as the plant file says, else as this machine sees it.

    Empty where neither is known: a server elsewhere does not tell.
    """
    row = conn.execute(SQL["disk_size"]).fetchone()
    if row is not None and row[0] is not None:
        size = int(row[0] * 1e9)
        return {SIZE: size, FREE: max(size - _number(conn, "size_of_database"), 0)}
    directory = _directory(conn)
    if directory is None:
        return {}
    usage = shutil.disk_usage(directory)
    # One without a size holds no data: /proc, where a descriptor of the server's is barred.
    return {SIZE: usage.total, FREE: usage.free} if usage.total else {}


def forecast(conn: Connection) -> Forecast:
    """From the samples of the last week."""
    rows = conn.execute(SQL["samples"], {"window": WINDOW}).fetchall()
    series: dict[str, Samples] = {}
    for layer, at, size in rows:
        series.setdefault(layer, []).append((at, int(size)))
    grows = _grows_days(conn)
    layers = tuple(
        Layer(name, series[name][-1][1], rate(series[name]), grows.get(name))
        for name in LAYERS
        if name in series
    ) + _others(series)
    free, size = (series[name][-1][1] if name in series else None for name in (FREE, SIZE))
    return Forecast(layers, free, size, full_in_days(layers, free))


def _others(series: Mapping[str, Samples]) -> tuple[Layer, ...]:
    """What fills the disk beside our layers, where it grows."""
    by_time = [dict(series.get(name, ())) for name in (SIZE, FREE, *LAYERS)]
    times = sorted(set.intersection(*(set(one) for one in by_time)))
    sizes = [(at, by_time[0][at] - sum(one[at] for one in by_time[1:])) for at in times]
    speed = rate(sizes, LEAST_OF_OTHERS)
    return (Layer(OTHERS, sizes[-1][1], speed, None),) if speed is not None and speed > 0 else ()


def rate(samples: Samples, least: timedelta = LEAST) -> float | None:
    """Bytes a day by least squares; None where the samples span too little."""
    if not samples or samples[-1][0] - samples[0][0] < least:
        return None
    days = [(at - samples[0][0]).total_seconds() / DAY_S for at, _ in samples]
    mean_day = sum(days) / len(days)
    mean_size = sum(size for _, size in samples) / len(samples)
    spread = sum((day - mean_day) ** 2 for day in days)
    shared = sum(
        (day - mean_day) * (size - mean_size) for day, (_, size) in zip(days, samples, strict=True)
    )
    return shared / spread


def full_in_days(layers: Iterable[Layer], free: int | None) -> float | None:
    """When the layers have taken what is free, each growing at its rate until its horizon."""
    known = [(layer.rate, layer.grows_days) for layer in layers]
    if free is None or not known or any(speed is None for speed, _ in known):
        return None
    growing = [(speed, end) for speed, end in known if speed is not None and speed > 0]
    left, day = float(free), 0.0
    for end in [*sorted({end for _, end in growing if end is not None}), float(FARTHEST_DAYS)]:
        speed = sum(speed for speed, last in growing if last is None or last > day)
        if speed > 0 and left <= speed * (end - day):
            return min(day + left / speed, float(FARTHEST_DAYS))
        left, day = left - speed * max(end - day, 0.0), max(day, end)
    return float(FARTHEST_DAYS)


def _grows_days(conn: Connection) -> dict[str, float]:
    """Layers with a horizon → wall days until their oldest rows reach it, at most.

    How old they are is known no better than since when there are samples.
    """
    row = conn.execute(SQL["begin"]).fetchone()
    age = row[0] if row is not None and row[0] is not None else timedelta(0)
    speed = load_clock(conn).speed
    ends = {"raw": raw_horizon(conn), "minutes": counts_horizon(conn)}
    return {
        name: max(horizon.total_seconds() / speed - age.total_seconds(), 0.0) / DAY_S
        for name, horizon in ends.items()
    }


def _stores(conn: Connection, layer: str) -> list[str]:
    """The tables that hold a layer's rows."""
    held = []
    for relation in STORES[layer]:
        row = conn.execute(SQL["store"], {"relation": relation}).fetchone()
        if server_of(conn) is Server.COMMUNITY:
            row = conn.execute(SQL["aggregate_store"], {"relation": relation}).fetchone() or row
        assert row is not None
        held.append(str(row[0]))
    return held


def _directory(conn: Connection) -> Path | None:
    """Where the server's data lies, if that is on this machine."""
    if conn.info.host not in ("127.0.0.1", "::1", "localhost") and not conn.info.host.startswith(
        "/"
    ):
        return None
    row = conn.execute(SQL["data_directory"]).fetchone()
    return None if row is None or row[0] is None else _on_its_disk(Path(row[0]))


def _on_its_disk(directory: Path) -> Path | None:
    """The directory, or where we may not look, what is above it.

    None where it is not there: behind a tunnel to this machine, the server is another's.
    """
    for place in (directory, *directory.parents[:-1]):
        try:
            place.stat()
        except PermissionError:
            continue
        except OSError:
            return None
        return place
    return None


def _number(conn: Connection, name: str, **values: object) -> int:
    row = conn.execute(SQL[name], values).fetchone()
    return 0 if row is None or row[0] is None else int(row[0])
