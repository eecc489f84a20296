"""What a reading takes on the disk, with its index: in the rows of a day, and in the columnstore.

Two kinds of readings: process values to a tenth, told each second and some milliseconds later, and
what machines say of states and counts. They are stored in the order in which they arrive, and
thousands of a tag, as in a day: fewer leave its index half empty. The columnstore is measured where
`TAKTBOARD_TEST_DATABASE_URLS` names a server of TimescaleDB Community. Other indexes that a day
might have are measured on the embedded server, with the time of what derivation, trends and rollups
ask of them.
"""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final, LiteralString

import numpy as np

from bench.community import community
from bench.factory import Factory, Home, factory
from bench.figure import Figure, figure
from db import retention, storage
from db.connect import Connection, Server
from db.embedded import Embedded
from db.readings import Batch, micros, store

MACHINES, TAGS = 100, 200
"""Of three tags each."""
SECONDS = 3000
AT_ONCE = 50
BATCH = 10_000
ASKED = 7
"""Times that each question is asked."""
GOAL_ROWS, GOAL_COLUMNS = 95.0, 10.0

COLUMNS: Final = """
create table alternative (ts timestamptz, value double precision, tag_id integer, quality smallint)
"""
FILL: Final = """
insert into alternative (ts, tag_id, value, quality)
select ts, tag_id, value, quality from reading, (select date_bin('1 day', min(ts), 'epoch')
    from reading) d (t0)
where ts >= t0 + %(at)s and ts < t0 + %(upto)s
"""
BY_TAG: Final = "create unique index on alternative (tag_id, ts)"
INDEXES: Final = {
    "by tag": (BY_TAG,),
    "by tag, BRIN by time": (BY_TAG, "create index on alternative using brin (ts)"),
    "by tag with the values": (f"{BY_TAG} include (value, quality)",),
    "by time and tag": ("create unique index on alternative (ts, tag_id)",),
    "BRIN by time alone": ("create index on alternative using brin (ts)",),
}
MEASURED: Final = """
select pg_total_relation_size('alternative'), count(*),
       date_bin('1 minute', min(ts) + (max(ts) - min(ts)) / 2, 'epoch'), min(tag_id)
from alternative
"""
QUESTIONS: Final = {
    "a tag's five minutes": "select ts, value from alternative where tag_id = %(tag)s"
    " and ts between %(t0)s - interval '150 seconds' and %(t0)s + interval '150 seconds'",
    "a tag's last before a moment": "select ts, value from alternative where tag_id = %(tag)s"
    " and ts < %(t0)s order by ts desc limit 1",
    "all tags' minute": "select tag_id, sum(value), max(value) from alternative"
    " where ts >= %(t0)s and ts < %(t0)s + interval '1 minute' group by tag_id",
}
"""Of derivation and trends; of derivation; of rollups."""


def run(server: Embedded, _: Namespace) -> list[Figure]:
    """Bytes are counted once: they are the same each time."""
    day = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
    found = community()
    homes: list[Home] = [server] if found is None else [server, found]
    figures = [_figure(home, name, told, day) for home in homes for name, told in KINDS.items()]
    with _filled(server, _process_values, day) as made, made.database.session() as conn:
        return figures + [
            one for name, indexes in INDEXES.items() for one in _alternative(conn, name, indexes)
        ]


def _figure(home: Home, kind: str, told: Told, day: datetime) -> Figure:
    """Bytes a reading on this server."""
    with _filled(home, told, day) as made, made.database.session() as conn:
        if made.database.server is Server.COMMUNITY:
            conn.execute("select compress_chunk(c) from show_chunks('reading') c")
            name, goal = "in the columnstore", GOAL_COLUMNS
        else:
            name, goal = "in rows with their indexes", GOAL_ROWS
        (rows,) = _row(conn, "select count(*) from reading")
        size = storage.sizes(conn)["raw"]
    return figure(f"a reading, {kind}, {name}", [size / rows], "bytes", goal=goal)


@contextmanager
def _filled(home: Home, told: Told, day: datetime) -> Iterator[Factory]:
    with factory(home, MACHINES, day, day + timedelta(days=1)) as made:
        with made.database.session() as session:
            retention.keep(session, day)
        for batch in told(made, day):
            for at in range(0, len(batch), BATCH):
                with made.database.connection() as conn:
                    store(conn, _part(batch, slice(at, at + BATCH)), {})
        yield made


def _part(batch: Batch, rows: slice) -> Batch:
    return Batch(batch.ts_us[rows], batch.tag_id[rows], batch.value[rows], batch.quality[rows])


def _process_values(made: Factory, day: datetime) -> Iterator[Batch]:
    """Each second of each tag, in order of arrival."""
    chance = np.random.default_rng(1)
    tags = np.array((*made.state, *made.good, *made.scrap)[:TAGS], dtype=np.int32)
    level = chance.normal(100.0, 20.0, TAGS)
    for second in range(0, SECONDS, AT_ONCE):
        steps = chance.normal(0.0, 0.1, (AT_ONCE, TAGS)).cumsum(axis=0)
        late_ms = np.abs(np.rint(chance.normal(50.0, 5.0, (AT_ONCE, TAGS)))).astype(np.int64)
        ts_us = micros(day) + 1_000_000 * (second + np.arange(AT_ONCE))[:, None] + late_ms * 1000
        value = np.round((level + steps).ravel(), 1)
        yield Batch(
            ts_us.ravel(), np.tile(tags, AT_ONCE), value, np.zeros(len(value), dtype=np.int16)
        )
        level = level + steps[-1]


def _states_and_counts(made: Factory, day: datetime) -> Iterator[Batch]:
    return made.past(day, 1, np.random.default_rng(1))


Told = Callable[[Factory, datetime], Iterator[Batch]]
KINDS: dict[str, Told] = {
    "process values": _process_values,
    "states and counts": _states_and_counts,
}


def _alternative(conn: Connection, name: str, indexes: Sequence[LiteralString]) -> list[Figure]:
    """Bytes a reading with these indexes, and milliseconds of each question."""
    conn.execute("drop table if exists alternative")
    conn.execute(COLUMNS)
    for index in indexes:
        conn.execute(index)
    for at in range(0, SECONDS, 50):  # as they arrive, not sorted for an index
        conn.execute(FILL, {"at": timedelta(seconds=at), "upto": timedelta(seconds=at + 50)})
    conn.execute("vacuum (analyze) alternative")
    size, rows, middle, tag = _row(conn, MEASURED)
    return [
        figure(f"indexes {name}: a reading", [size / rows], "bytes"),
        *(
            figure(
                f"indexes {name}: {asked}", _asked(conn, question, {"t0": middle, "tag": tag}), "ms"
            )
            for asked, question in QUESTIONS.items()
        ),
    ]


def _asked(conn: Connection, question: LiteralString, values: dict[str, object]) -> list[float]:
    """Milliseconds, each time that it is asked."""
    times = []
    for _ in range(ASKED):
        begun = time.perf_counter()
        conn.execute(question, values).fetchall()
        times.append(1000 * (time.perf_counter() - begun))
    return times


def _row(conn: Connection, query: LiteralString) -> tuple[Any, ...]:
    row = conn.execute(query).fetchone()
    assert row is not None
    return row
