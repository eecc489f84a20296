"""How a site's database does: what is well, what asks for attention, what is wrong.

Each examination looks at one thing and gives its findings; one that fails is itself a finding.
Changes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import psycopg

from db import storage
from db.clock import load_clock
from db.connect import Connection, connect
from db.horizon import counts_horizon, raw_horizon
from db.migrate import migrations
from db.roles import ROLES
from db.server_kind import Server, WrongServer, check, server_of
from db.statements import statements

SQL = statements("doctor.sql")
Grade = Literal["well", "look", "wrong"]

CLOCK_LOOK_S, CLOCK_WRONG_S = 1.0, 30.0
LAG_LOOK_S, LAG_WRONG_S = 30.0, 300.0
"""Wall seconds that derivation may be behind."""
HEART_WRONG_S = 60.0
IDLE_WRONG_S = 60.0
POOL_LOOK = 0.8
"""Share of the server's connections in use."""
FULL_LOOK_DAYS, FULL_WRONG_DAYS = 60.0, 14.0
SLOW_MS = 50.0
"""What a board's query may take."""
POLICIES = {
    "policy_refresh_continuous_aggregate": "rolling up",
    "policy_compression": "compressing",
    "policy_retention": "dropping what is old of",
}
"""TimescaleDB's name of a job → what it does."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is said of one subject. `wrong`: somebody must act; `look`: somebody should look."""

    grade: Grade
    subject: str
    words: str


def examine(url: str) -> list[Finding]:
    """Everything there is to say of the database of `url`."""
    begun = time.monotonic()
    try:
        with connect(url, application="doctor") as conn:
            took_ms = (time.monotonic() - begun) * 1000
            conn.execute(SQL["patience"])
            first = Finding("well", "connection", f"as {conn.info.user}, {took_ms:.0f} ms")
            return [first, *_fitness(conn)]
    except psycopg.OperationalError as error:
        return [Finding("wrong", "connection", str(error).strip())]


def _fitness(conn: Connection) -> Iterator[Finding]:
    yield _server(conn)
    missing = _migrations(conn)
    yield missing
    if missing.grade == "wrong":
        return
    for examination in EXAMINATIONS:
        yield from _examined(conn, examination)


def _examined(
    conn: Connection, examination: Callable[[Connection], Iterator[Finding]]
) -> list[Finding]:
    subject = examination.__name__.strip("_").replace("_", " ")
    try:
        with conn.transaction():
            return list(examination(conn))
    except psycopg.errors.InsufficientPrivilege:
        return [Finding("look", subject, f"{conn.info.user} may not look at it; ask as the owner")]
    except psycopg.Error as error:
        return [Finding("wrong", subject, str(error).strip())]


def _server(conn: Connection) -> Finding:
    version, timescaledb, licence = _row(conn, "server")
    words = f"PostgreSQL {version}"
    if timescaledb:
        words += f", TimescaleDB {timescaledb}, licence {licence}"
    try:
        check(conn)
    except WrongServer as error:
        return Finding("wrong", "server", f"{words}. {error}")
    return Finding("well", "server", f"{words}; kind: {server_of(conn).value}")


def _migrations(conn: Connection) -> Finding:
    if not _row(conn, "has_ledger")[0]:
        return Finding("wrong", "migrations", "none yet: run `python app.py migrate`")
    done = {number for (number,) in conn.execute(SQL["migrations"])}
    known = {migration.number for migration in migrations()}
    if known - done:
        numbers = ", ".join(f"{number:04}" for number in sorted(known - done))
        return Finding("wrong", "migrations", f"{numbers} missing: run `python app.py migrate`")
    if done - known:
        return Finding("wrong", "migrations", "the database is of a newer Taktboard: install it")
    return Finding("well", "migrations", f"{len(done)}, up to {max(done):04}")


def _roles(conn: Connection) -> Iterator[Finding]:
    there = {name for (name,) in conn.execute(SQL["roles"], {"names": list(ROLES)})}
    missing = sorted(set(ROLES) - there)
    if missing:
        yield Finding(
            "look", "roles", f"{', '.join(missing)} missing: processes log in as the owner"
        )
    else:
        yield Finding("well", "roles", "all there")


def _clock(conn: Connection) -> Iterator[Finding]:
    (theirs,) = _row(conn, "now")
    apart_s = abs((datetime.now(UTC) - theirs).total_seconds())
    clock = load_clock(conn)
    words = f"the server's differs from this machine's by {apart_s:.1f} s"
    if clock.speed != 1.0:
        words += f"; plant time {clock.now():%Y-%m-%d %H:%M:%S} UTC, {clock.speed:g} times life"
    yield Finding(_grade(apart_s, CLOCK_LOOK_S, CLOCK_WRONG_S), "clock", words)


def _plant(conn: Connection) -> Iterator[Finding]:
    version, applied_at = _row(conn, "plant")
    if version is None:
        yield Finding("wrong", "plant", "none: run `python app.py migrate --plant FILE`")
    else:
        yield Finding("well", "plant", f"version {version}, applied {applied_at:%Y-%m-%d %H:%M}")


def _derivation(conn: Connection) -> Iterator[Finding]:
    oldest, dirty, rollups = _row(conn, "derivation")
    clock = load_clock(conn)
    if oldest is None:
        yield Finding("look", "derivation", "nothing derived yet: does ingest run?")
        return
    lag_s = max((clock.now() - oldest).total_seconds() / clock.speed, 0.0)
    yield Finding(
        _grade(lag_s, LAG_LOOK_S, LAG_WRONG_S),
        "derivation",
        f"{_length(lag_s)} behind, {dirty} stretches and {rollups} rollup ranges to do",
    )


def _retention(conn: Connection) -> Iterator[Finding]:
    words = (
        f"raw readings {raw_horizon(conn).days} days, minutes {counts_horizon(conn).days} days, "
        "hours and facts for ever"
    )
    floors = conn.execute(SQL["floors"]).fetchall()
    kept = "; ".join(f"{name} since {at:%Y-%m-%d}" for name, at in floors)
    yield Finding("well", "retention", f"{words}{'; ' if kept else ''}{kept}")


def _policies(conn: Connection) -> Iterator[Finding]:
    """Of Community: boards stay right without them, but grow slow, and the disk fills up."""
    if server_of(conn) is not Server.COMMUNITY:
        return
    idle = conn.execute(SQL["policies"]).fetchall()
    for job, relation, policy, is_scheduled, has_failed in idle:
        words = f"{POLICIES.get(policy, policy)} {relation} (job {job})"
        if not is_scheduled:
            words += f" is off: `select alter_job({job}, scheduled => true)`"
        elif has_failed:
            words += " failed: see timescaledb_information.job_errors"
        else:
            words += " does not run: see timescaledb.max_background_workers"
        yield Finding("wrong", "policies", words)
    if not idle:
        yield Finding("well", "policies", "all at work")


def _processes(conn: Connection) -> Iterator[Finding]:
    there: dict[str, int] = dict(conn.execute(SQL["processes"]).fetchall())
    for name in ("ingest", "alert", "web"):
        count = there.get(f"taktboard-{name}", 0)
        words = f"{count} connections" if count else "not connected to this database"
        yield Finding("well" if count else "look", name, words)
    (silent_s,) = _row(conn, "heartbeat")
    if silent_s is not None:
        grade: Grade = "wrong" if silent_s > HEART_WRONG_S else "well"
        yield Finding(grade, "alert heartbeat", f"{_length(silent_s)} ago")


def _leases(conn: Connection) -> Iterator[Finding]:
    overdue, failed = _row(conn, "mails")
    if overdue:
        yield Finding(
            "wrong", "mails", f"{overdue} wait for longer than ten minutes: see alert's log"
        )
    if failed:
        yield Finding("look", "mails", f"{failed} were refused for good within a week")
    longest = {"longest": timedelta(seconds=IDLE_WRONG_S)}
    for pid, name, seconds in conn.execute(SQL["idle"], longest).fetchall():
        yield Finding(
            "wrong",
            "sessions",
            f"{name} (pid {pid}) holds a transaction open for {_length(seconds)}",
        )
    for pid, name, seconds, others in conn.execute(SQL["blocked"]).fetchall():
        yield Finding("look", "locks", f"{name} (pid {pid}) waits {_length(seconds)} for {others}")
    if not overdue and not failed:
        yield Finding("well", "leases", "no mail overdue")


def _pools(conn: Connection) -> Iterator[Finding]:
    used, most = _row(conn, "connections")
    yield Finding(
        "look" if used > POOL_LOOK * most else "well",
        "connections",
        f"{used} of {most} that the server allows",
    )


def _disk(conn: Connection) -> Iterator[Finding]:
    sizes, forecast = storage.sizes(conn), storage.forecast(conn)
    layers = {layer.name: layer for layer in forecast.layers}
    for name in storage.LAYERS:
        yield Finding("well", f"disk, {name}", _size(sizes[name], layers.get(name)))
    if others := layers.get(storage.OTHERS):
        yield Finding("look", "disk, others", f"{_size(others.size, others)}: none of our layers")
    yield _forecast(forecast, storage.disk(conn))


def _size(size: int, layer: storage.Layer | None) -> str:
    words = f"{size / 1e6:.1f} MB"
    if layer is None or layer.rate is None:
        return words
    words += f", {layer.rate / 1e6:+.1f} MB a day"
    if layer.grows_days is None:
        return words
    return f"{words}{f', for {layer.grows_days:.0f} days more' if layer.grows_days else ''}"


def _forecast(found: storage.Forecast, disk: dict[str, int]) -> Finding:
    if not disk:
        return Finding(
            "look", "disk", "its size is not known from here: say [storage] disk_gb in plant.toml"
        )
    words = f"{disk[storage.FREE] / 1e9:.1f} of {disk[storage.SIZE] / 1e9:.1f} GB free"
    days = found.full_in_days
    if disk[storage.FREE] < storage.LEAST_FREE * disk[storage.SIZE]:
        return Finding("wrong", "disk", f"{words}: nearly full")
    if days is None:
        return Finding("well", "disk", f"{words}; no forecast before ingest has run for some hours")
    if days >= storage.FARTHEST_DAYS:
        return Finding("well", "disk", f"{words}; not full within ten years")
    grade: Grade = (
        "wrong" if days < FULL_WRONG_DAYS else "look" if days < FULL_LOOK_DAYS else "well"
    )
    return Finding(grade, "disk", f"{words}; full in {days:.0f} days at this rate")


def _slowest(conn: Connection) -> Iterator[Finding]:
    if not _row(conn, "has_statistics")[0]:
        yield Finding(
            "well", "queries", "pg_stat_statements is not in this database: no slowest named"
        )
        return
    for mean_ms, calls, text in conn.execute(SQL["slowest"]).fetchall():
        grade: Grade = "look" if mean_ms > SLOW_MS else "well"
        yield Finding(grade, "query", f"{mean_ms:.1f} ms on average of {calls}: {text}")


EXAMINATIONS = (
    _roles,
    _clock,
    _plant,
    _derivation,
    _retention,
    _policies,
    _processes,
    _leases,
    _pools,
    _disk,
    _slowest,
)


def _grade(value: float, look: float, wrong: float) -> Grade:
    return "wrong" if value > wrong else "look" if value > look else "well"


def _length(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 60 else str(timedelta(seconds=round(seconds)))


def _row(conn: Connection, name: str) -> tuple[Any, ...]:
    row = conn.execute(SQL[name]).fetchone()
    assert row is not None
    return row
