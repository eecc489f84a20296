"""Writers, a refresher and the keeper of horizons at once, each killed again and again.

What was committed is kept a second time, in a table that nothing derives from and nothing drops:
afterwards every bucket of the rollups is held to it, of dropped readings too.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import psycopg
import pytest

from db.connect import Connection, Database, DatabaseUnavailable, Server, open_database
from db.embedded import start
from db.horizon import save
from db.migrate import migrate
from db.retention import keep
from db.rollups import advance, note_minutes, note_readings

T0 = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)
DAYS_A_SECOND = 0.25
RAW = 4 * DAY
LEVELS = {"tag_1m": "1 minute", "tag_1h": "1 hour"}
MACHINE_LEVELS = {"machine_15m": "15 minutes", "machine_1h": "1 hour"}


@dataclass
class Chaos:
    """A plant whose days are seconds, and those who work on it until `over` is set."""

    database: Database
    over: threading.Event = field(default_factory=threading.Event)
    begun: float = field(default_factory=time.monotonic)
    ended: float | None = None
    kills: int = 0
    written: int = 0

    def now(self) -> datetime:
        end = self.ended or time.monotonic()
        return T0 + (end - self.begun) * DAYS_A_SECOND * DAY

    def write(self, seed: int) -> None:
        chance = random.Random(seed)
        while not self.over.is_set():
            late = chance.choice([0.0, 0.0, 0.01, 1.0, 3.5]) * DAY
            with suppress(DatabaseUnavailable), self.database.connection() as conn:
                self._write(conn, chance, self.now() - late, 100 * seed)

    def _write(self, conn: Connection, chance: random.Random, at: datetime, tag: int) -> None:
        spread = timedelta(minutes=20)
        times = sorted(at - chance.random() * spread for _ in range(8))
        note_readings(conn, times[0], times[-1])
        note_minutes(conn, (times[0], times[-1]))
        floor = conn.execute("select max(ts) from retention_floor where relation = 'reading'")
        (oldest,) = floor.fetchone() or (None,)
        if oldest is not None and times[0] < oldest:
            return  # as ingest does with what is too old
        for number, ts in enumerate(times):
            row = [ts, tag + chance.randint(1, 3), float(chance.randint(-50, 50))]
            conn.execute("insert into reading values (%s, %s, %s, 0) on conflict do nothing", row)
            conn.execute("insert into truth values (%s, %s, %s) on conflict do nothing", row)
            if number == 4:
                self.over.wait(chance.choice([0, 0, 0.03]))  # a slow transaction, until all is over
        conn.execute(
            "insert into machine_1m select distinct date_trunc('minute', t), %s, 0, 0, 0, 0, 0, 0,"
            " 60, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0 from unnest(%s::timestamptz[]) t"
            " on conflict (machine_id, ts, operation_id, shift_id)"
            " do update set good = machine_1m.good + 1",
            [tag, times],
        )
        self.written += len(times)

    def refresh(self) -> None:
        while not self.over.is_set():
            with suppress(DatabaseUnavailable):
                self.roll_up()

    def roll_up(self, reach: timedelta = 2 * DAY) -> bool:
        """Whether work is left over. On Community, policies reach back so far."""
        if self.database.server is Server.COMMUNITY:
            with self.database.session() as conn:
                for level in (*LEVELS, *MACHINE_LEVELS):  # policies go by the server's clock
                    conn.execute(
                        "call refresh_continuous_aggregate(%s, %s::timestamptz, %s::timestamptz)",
                        [level, self.now() - reach, self.now() - timedelta(hours=2)],
                    )
        with self.database.session() as conn:
            return advance(conn, self.now()).more

    def keep_horizons(self) -> None:
        while not self.over.is_set():
            with suppress(DatabaseUnavailable), self.database.session() as conn:
                keep(conn, self.now())
                if self.database.server is Server.COMMUNITY:
                    self._run_policies(conn)
            self.over.wait(0.1)

    def _run_policies(self, conn: Connection) -> None:
        """What they do of their own: compress days into which late rows still come, and drop."""
        conn.execute(
            "select compress_chunk(c, if_not_compressed => true)"
            " from show_chunks('reading', older_than => %s::timestamptz) c",
            [self.now() - 2 * DAY],
        )
        oldest = self.now() - RAW - DAY  # a while after the horizon
        conn.execute("select drop_chunks('reading', %s::timestamptz)", [oldest])

    def run(self, kill: Callable[[], None], enough: Callable[[], bool], longest_s: float) -> None:
        """Let all work, and kill until it is enough; raises what anybody raised."""
        workers = [lambda: self.write(1), lambda: self.write(2), self.refresh, self.keep_horizons]
        with ThreadPoolExecutor(len(workers)) as pool:
            tasks = [pool.submit(work) for work in workers]
            try:
                latest = T0 + longest_s * DAYS_A_SECOND * DAY
                while not enough() and self.now() < latest and not any(t.done() for t in tasks):
                    kill()
                    self.kills += 1
            finally:
                self.over.set()
                self.ended = time.monotonic()
            for task in tasks:
                task.result()
        # Once more, and nobody dies. In life a policy that was killed comes again within a minute:
        # here days are seconds, so that it has to look further back for what it left undone.
        while self.roll_up(reach=RAW):
            pass
        with self.database.session() as conn:
            keep(conn, self.now())
        while self.roll_up(reach=RAW):
            pass

    def wrong(self) -> dict[str, int]:
        """Buckets that differ from what was committed, by level; none may be without rows."""
        with self.database.connection() as conn:
            found = {level: _wrong_tags(conn, level, step) for level, step in LEVELS.items()}
            for level, step in MACHINE_LEVELS.items():
                found[level] = _wrong_machines(conn, level, step)
        return found


def _wrong_tags(conn: Connection, level: str, step: str) -> int:
    row = conn.execute(
        "select count(*) from"
        " (select date_bin(%s::interval, ts, 'epoch') as ts, tag_id, count(*) as n, sum(value),"
        "  min(value), max(value), (array_agg(value order by ts desc))[1] as last"
        "  from truth group by 1, 2) t"
        f" full join {level} r on (r.ts, r.tag_id) = (t.ts, t.tag_id)"
        " where (t.n, t.sum, t.min, t.max, t.last)"
        " is distinct from (r.n, r.sum, r.min, r.max, r.last)",
        [step],
    ).fetchone()
    assert row is not None
    some = conn.execute(f"select count(*) from {level}").fetchone()
    assert some is not None
    assert some[0] > 0
    return int(row[0])


def _wrong_machines(conn: Connection, level: str, step: str) -> int:
    row = conn.execute(
        "select count(*) from (select date_bin(%s::interval, ts, 'epoch') as ts, machine_id,"
        " sum(good) as good from machine_1m group by 1, 2) t"
        f" full join {level} r on (r.ts, r.machine_id) = (t.ts, t.machine_id)"
        " where t.good is distinct from r.good",
        [step],
    ).fetchone()
    assert row is not None
    return int(row[0])


RIGHT = dict.fromkeys((*LEVELS, *MACHINE_LEVELS), 0)


def prepared(database: Database) -> Chaos:
    with database.connection() as conn:
        conn.execute(
            "create table truth (ts timestamptz, tag_id int, value float8, unique (tag_id, ts))"
        )
        save(conn, timedelta(days=730), RAW)
        if database.server is Server.COMMUNITY:
            # New policies were made, and they would drop by the server's clock.
            conn.execute(
                "select alter_job(job_id, scheduled => false) from timescaledb_information.jobs"
                " where hypertable_name is not null"
            )
    return Chaos(database)


@pytest.mark.timeout(180)
@pytest.mark.several_sessions("one ends the others")
def test_sessions_that_die_leave_no_wrong_bucket(any_database: Database) -> None:
    chance = random.Random(3)
    mortal = open_database(any_database.url, application="chaos", pool_size=8)
    prepared(any_database)
    chaos = Chaos(mortal)

    def kill() -> None:
        chaos.over.wait(chance.uniform(0.1, 0.8))
        with psycopg.connect(any_database.url) as conn:
            conn.execute(
                "select pg_terminate_backend(pid) from (select pid from pg_stat_activity"
                " where application_name = 'taktboard-chaos' and state <> 'idle'"
                " and datname = current_database() order by random() limit 1) one"
            )

    def enough() -> bool:
        return chaos.kills > 30 and chaos.written > 300 and chaos.now() > T0 + RAW + 3 * DAY

    chaos.run(kill, enough, longest_s=60.0)
    assert enough(), (chaos.kills, chaos.written, chaos.now())
    assert chaos.wrong() == RIGHT
    with any_database.connection() as conn:
        dropped = conn.execute(
            "select count(*) from truth t where not exists"
            " (select from reading r where (r.tag_id, r.ts) = (t.tag_id, t.ts))"
        ).fetchone()
        assert dropped is not None
        assert dropped[0] > 0, "horizons moved meanwhile"
    mortal.close()


@pytest.mark.timeout(180)
def test_a_server_that_dies_leaves_no_wrong_bucket(tmp_path: Path) -> None:
    """Killed as a whole in the middle of it all, twice, and recovered from its log."""
    running = start(tmp_path / "database")
    try:
        migrate(running.url)
        database = open_database(running.url, application="chaos", pool_size=8)
        chaos = prepared(database)

        def kill() -> None:
            nonlocal running
            before = chaos.written
            while chaos.written < before + 60 and not chaos.over.is_set():
                chaos.over.wait(0.05)
            _kill(running.pid)
            running.stop()
            running = start(tmp_path / "database")

        chaos.run(kill, lambda: chaos.kills >= 2, longest_s=60.0)
        assert chaos.kills >= 2
        assert chaos.wrong() == RIGHT
        database.close()
    finally:
        running.stop()


def _kill(pid: int) -> None:
    process = psutil.Process(pid)
    process.kill()
    process.wait(10)
