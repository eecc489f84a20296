"""How soon the rollups know what is new: a minute of 1,000 tags, and one reading three hours late.

On the engine; and beside it, where `TAKTBOARD_TEST_DATABASE_URLS` names a server of TimescaleDB
Community, by its continuous aggregates, turn by turn in the same run. A minute is 60,000 readings.
The late one is right when its minute and its hour are.
"""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import numpy as np

from bench.community import community
from bench.factory import Factory, Home, factory
from bench.figure import Figure, figure
from db.connect import Connection, Server
from db.embedded import Embedded
from db.readings import Batch, batch_of, micros, store
from db.rollups import advance

MACHINES, TAGS = 334, 1000
"""Of three tags each."""
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
BEHIND = 20
"""Minutes that the tags have told of before, at the present hour and three before it."""
TURNS_A_PAIR = 10
SETTLED = 3 * MINUTE
"""After its end a minute is below the watermark."""
GOAL, GOAL_LATE_MS = 1.2, 10.0


def run(server: Embedded, options: Namespace) -> list[Figure]:
    """Medians over `options.pairs` times ten minutes."""
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - 2 * HOUR
    found = community()
    homes: list[Home] = [server] if found is None else [server, found]
    with ExitStack() as stack:
        made = [
            stack.enter_context(factory(home, MACHINES, hour - 4 * HOUR, hour + 4 * HOUR))
            for home in homes
        ]
        for one in made:
            _begin(one, hour)
        minutes = range(BEHIND, BEHIND + TURNS_A_PAIR * options.pairs)
        turns = [[_turn(one, hour, hour + number * MINUTE) for one in made] for number in minutes]
    return _figures(turns)


def _figures(turns: Sequence[Sequence[tuple[float, float]]]) -> list[Figure]:
    """Of each turn: (milliseconds of the minute, of the late reading) of each server."""
    engine = [turn[0] for turn in turns]
    live, late = (list(column) for column in zip(*engine, strict=True))
    name = f"a minute of {TAGS} tags each second in the rollups"
    figures = [figure(f"{name}: engine", live, "ms")]
    if len(turns[0]) > 1:
        others = [turn[1][0] for turn in turns]
        best = [min(pair) for pair in zip(live, others, strict=True)]
        times = [one / least for one, least in zip(live, best, strict=True)]
        figures += [
            figure(f"{name}: TimescaleDB Community", others, "ms"),
            figure(f"{name}: engine", times, "× the better of both", goal=GOAL),
        ]
    late_name = "one reading three hours late in its minute and hour: engine"
    return [*figures, figure(late_name, late, "ms", goal=GOAL_LATE_MS)]


def _begin(made: Factory, hour: datetime) -> None:
    """Each tag has told of two stretches, and those are rolled up."""
    with made.database.session() as conn:
        for start in (hour - 3 * HOUR, hour):
            for number in range(BEHIND):
                _tell(conn, made, start + number * MINUTE)
        if made.database.server is Server.COMMUNITY:
            _without_policies(conn)
            _refresh(conn, "tag_1m", hour - 3 * HOUR, hour + BEHIND * MINUTE)
            _refresh(conn, "tag_1h", hour - 3 * HOUR, hour)
        else:
            _advance(conn, hour + BEHIND * MINUTE)
        conn.execute("vacuum (analyze) reading")


def _without_policies(conn: Connection) -> None:
    """They would refresh what is to be measured."""
    conn.execute(
        "select alter_job(job_id, scheduled => false) from timescaledb_information.jobs"
        " where proc_name = 'policy_refresh_continuous_aggregate'"
    )


def _tell(conn: Connection, made: Factory, start: datetime) -> None:
    """A minute of readings, each second of every tag."""
    tags = np.array((*made.state, *made.good, *made.scrap)[:TAGS], dtype=np.int32)
    moments = micros(start) + np.arange(60, dtype=np.int64) * 1_000_000
    rows = TAGS * len(moments)
    quality, value = np.zeros(rows, dtype=np.int16), np.arange(rows) / 10
    store(conn, Batch(np.repeat(moments, TAGS), np.tile(tags, 60), value, quality), {})


def _turn(made: Factory, hour: datetime, start: datetime) -> tuple[float, float]:
    """Milliseconds until the minute is rolled up, and until a late reading is."""
    with made.database.session() as conn:
        _tell(conn, made, start)
        begun = time.perf_counter()
        if made.database.server is Server.COMMUNITY:
            _refresh(conn, "tag_1m", start, start + MINUTE)
            return 1000 * (time.perf_counter() - begun), 0.0
        _advance(conn, start + MINUTE)
        live = 1000 * (time.perf_counter() - begun)
        at = micros(hour - 3 * HOUR) + (start - hour) // MINUTE * 1_000_000 + 5
        store(conn, batch_of([(at, made.state[0], 1.0, 0)]), {})
        begun = time.perf_counter()
        _advance(conn, start + MINUTE)
        return live, 1000 * (time.perf_counter() - begun)


def _advance(conn: Connection, end: datetime) -> None:
    """What ends at `end` is rolled up afterwards."""
    while advance(conn, end + SETTLED - MINUTE).more:
        pass


def _refresh(conn: Connection, level: str, t0: datetime, t1: datetime) -> None:
    conn.execute(
        "call refresh_continuous_aggregate(%(level)s::regclass, %(t0)s::timestamptz,"
        " %(t1)s::timestamptz)",
        {"level": level, "t0": t0, "t1": t1},
    )
