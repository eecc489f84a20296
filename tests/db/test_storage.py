"""What the layers take, how they grow, and when the disk is full."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from psycopg import sql

from db import storage
from db.connect import Connection, Database
from db.storage import FARTHEST_DAYS, Layer, full_in_days, rate
from tests.db.filled import fill, roll_up

NOW = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
DAY = timedelta(days=1)
GB = 1_000_000_000
NOBODY = 65534


@pytest.mark.community
def test_every_byte_belongs_to_a_layer(any_database: Database) -> None:
    with any_database.connection() as conn:
        fill(conn)
        conn.execute(
            "insert into reading select ts + interval '1 hour', tag_id + 10 * n, value, quality"
            " from reading, generate_series(1, 20) n"
        )
    roll_up(any_database)
    with any_database.connection() as conn:
        found = storage.sizes(conn)
        total = conn.execute("select pg_database_size(current_database())").fetchone()
    assert total is not None
    assert found.keys() == set(storage.LAYERS)
    assert abs(sum(found.values()) - total[0]) < 0.1 * total[0]
    assert found["raw"] > 20 * 3240 * 60  # bytes of a row and of its index
    assert min(found.values()) > 0


@pytest.mark.parametrize(
    ("hours_and_bytes", "expected"),
    [
        ([(0, 100), (24, 200)], 100.0),
        ([(0, 100), (12, 150), (24, 200)], 100.0),
        ([(0, 300), (24, 100)], -200.0),
        ([(0, 100), (2, 200)], None),  # over two hours nothing can be said
        ([(0, 100)], None),
        ([], None),
    ],
)
def test_a_rate_is_in_bytes_a_day(
    hours_and_bytes: list[tuple[int, int]], expected: float | None
) -> None:
    found = rate([(NOW + timedelta(hours=hours), size) for hours, size in hours_and_bytes])
    assert found == (None if expected is None else pytest.approx(expected))


def layer(gb_a_day: float | None, grows_days: float | None = None) -> Layer:
    return Layer("x", 0, None if gb_a_day is None else gb_a_day * GB, grows_days)


@pytest.mark.parametrize(
    ("layers", "free_gb", "expected"),
    [
        ([layer(1)], 30, 30.0),
        ([layer(1), layer(2)], 30, 10.0),
        ([layer(2, 5.0), layer(1)], 30, 20.0),  # 5 days of 3 GB, then 15 of 1 GB
        ([layer(2, 5.0), layer(1, 10.0)], 30, FARTHEST_DAYS),  # 15 + 5 GB, then no more
        ([layer(2, 0.0)], 30, FARTHEST_DAYS),  # as old as its horizon already
        ([layer(-1), layer(1)], 30, 30.0),  # what shrinks now is not counted on
        ([layer(0)], 30, FARTHEST_DAYS),
        ([layer(1)], 0, 0.0),
        ([layer(1), layer(None)], 30, None),
        ([layer(1)], None, None),
        ([], 30, None),
    ],
)
def test_the_disk_is_full_when_the_layers_have_taken_it(
    layers: list[Layer], free_gb: float | None, expected: float | None
) -> None:
    free = None if free_gb is None else int(free_gb * GB)
    found = full_in_days(layers, free)
    assert found == (None if expected is None else pytest.approx(expected))


def samples(conn: Connection, layer: str, first: int, a_day: int) -> None:
    """A sample an hour over the last two days."""
    conn.execute(
        "insert into storage_sample"
        " select %s, now() - n * interval '1 hour', %s::bigint - n * %s::bigint / 24"
        " from generate_series(1, 48) n",
        [layer, first, a_day],
    )


def test_a_forecast_follows_from_the_samples(database: Database) -> None:
    with database.connection() as conn:
        assert storage.forecast(conn).full_in_days is None
        fill(conn)
        conn.execute("delete from storage_sample")
        for name in storage.LAYERS:
            samples(conn, name, 50 * GB, GB)
        samples(conn, storage.FREE, 100 * GB, 0)
        found = storage.forecast(conn)
    assert [one.name for one in found.layers] == list(storage.LAYERS)
    assert [round((one.rate or 0) / GB, 6) for one in found.layers] == [1, 1, 1, 1]
    raw, minutes, hours, facts = found.layers
    assert (hours.grows_days, facts.grows_days) == (None, None)
    assert raw.grows_days == pytest.approx(5.0, rel=0.01)
    assert minutes.grows_days == pytest.approx(728.0, rel=0.01)
    assert found.full_in_days == pytest.approx(5 + (100 - 4 * 5) / 3, rel=0.01)


def test_what_others_put_on_the_disk_counts_too(database: Database) -> None:
    """Write-ahead log that a replica doesn't fetch is in none of the layers."""
    with database.connection() as conn:
        for name in storage.LAYERS:
            samples(conn, name, 10 * GB, 0)
        samples(conn, storage.SIZE, 500 * GB, 0)
        samples(conn, storage.FREE, 100 * GB, -20 * GB)
        found = storage.forecast(conn)
        assert [one.name for one in found.layers] == [*storage.LAYERS, storage.OTHERS]
        assert (found.layers[-1].rate or 0) / GB == pytest.approx(20)
        assert found.full_in_days == pytest.approx(5, rel=0.05)
        conn.execute("delete from storage_sample where at < now() - interval '20 hours'")
        assert storage.forecast(conn).full_in_days == FARTHEST_DAYS, "the log at its usual size"


def test_a_sample_an_hour(database: Database) -> None:
    with database.connection() as conn:
        assert storage.sample(conn)
        assert not storage.sample(conn)
        taken = conn.execute("select layer from storage_sample order by 1").fetchall()
        assert {name for (name,) in taken} == {*storage.LAYERS, storage.FREE, storage.SIZE}
        conn.execute("update storage_sample set at = at - interval '91 days'")
        assert storage.sample(conn)
        old = conn.execute(
            "select count(*) from storage_sample where at < now() - interval '1 day'"
        )
        assert old.fetchone() == (0,)


def test_the_disk_is_as_large_as_the_plant_file_says(database: Database) -> None:
    with database.connection() as conn:
        seen = storage.disk(conn)
        assert 0 < seen[storage.FREE] <= seen[storage.SIZE]
        storage.save(conn, 500.0)
        told = storage.disk(conn)
    assert told[storage.SIZE] == 500 * GB
    assert 499 * GB < told[storage.FREE] < 500 * GB


def lie_in(conn: Connection, directory: Path) -> None:
    """For this session, the server says that its data lie there."""
    conn.execute("create schema elsewhere")
    conn.execute(
        sql.SQL(
            "create function elsewhere.current_setting(text) returns text language sql as {select}"
        ).format(select=sql.Literal(f"select '{directory}'"))
    )
    conn.execute("set local search_path = elsewhere, pg_catalog, public")


@contextmanager
def as_anybody() -> Iterator[None]:
    """Root may look everywhere."""
    mine = os.geteuid()
    os.seteuid(mine or NOBODY)
    try:
        yield
    finally:
        os.seteuid(mine)


def test_the_disk_of_a_server_behind_a_tunnel_is_not_ours(
    database: Database, tmp_path: Path
) -> None:
    """It answers at this machine, and what is above its directory there is here as well."""
    with database.connection() as conn:
        lie_in(conn, tmp_path / "postgresql" / "17" / "main")
        assert storage.disk(conn) == {}


def test_a_directory_that_we_may_not_look_into_is_on_the_disk_of_what_is_above_it(
    database: Database, tmp_path: Path
) -> None:
    (tmp_path / "shut").mkdir(mode=0)
    with database.connection() as conn:
        lie_in(conn, tmp_path / "shut" / "main")
        with as_anybody():
            seen = storage.disk(conn)
    (tmp_path / "shut").chmod(0o700)
    assert seen[storage.SIZE] == shutil.disk_usage(tmp_path).total
