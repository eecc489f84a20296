"""Readings into the database: once each, whatever comes twice, and what they wake."""

from __future__ import annotations

import math
import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from db.connect import Connection, Database, Server
from db.readings import Batch, RowsRefused, Stored, batch_of, micros, moment, store, watermarks
from tests.patience import until

T0 = datetime(2026, 1, 5, 8, tzinfo=UTC)
US = micros(T0)


def rows(conn: Connection) -> list[tuple[object, ...]]:
    return conn.execute("select ts, tag_id, value, quality from reading order by 2, 1").fetchall()


def machine(conn: Connection, code: str = "A01") -> int:
    """A machine row with all it refers to."""
    found = conn.execute(
        """with a as (insert into area (code, name, position) values (%(c)s, '{}', 1) returning id),
           c as (insert into calendar (code) values (%(c)s) returning id),
           l as (insert into line (code, area_id, name, target_oee, position)
                 select %(c)s, id, '{}', 0.8, 1 from a returning id)
           insert into machine (code, line_id, calendar_id, name, position)
           select %(c)s, l.id, c.id, '{}', 1 from l, c returning id""",
        {"c": code},
    ).fetchone()
    assert found is not None
    return int(found[0])


def test_values_of_every_kind_come_back_as_they_went(database: Database) -> None:
    batch = batch_of(
        [(US, 1, 1.5, 0), (US + 1, 1, None, 2), (US + 2, 1, -0.0, 1), (US, 2, "RUN", 0)]
    )
    with database.connection() as conn:
        assert store(conn, batch, {}) == Stored(4, 0, 0)
    with database.connection() as conn:
        assert rows(conn) == [
            (T0, 1, 1.5, 0),
            (T0 + timedelta(microseconds=1), 1, None, 2),
            (T0 + timedelta(microseconds=2), 1, -0.0, 1),
        ]
        assert conn.execute("select ts, tag_id, value, quality from reading_text").fetchall() == [
            (T0, 2, "RUN", 0)
        ]


@pytest.mark.parametrize(
    ("second", "expected", "kept"),
    [
        ([(US, 1, 1.0, 0), (US + 9, 1, 2.0, 0)], Stored(1, 0, 1), 1.0),  # repeated
        ([(US, 1, 7.0, 0)], Stored(0, 1, 0), 7.0),  # another value in the same microsecond
        ([(US, 1, 7.0, 0), (US, 1, 8.0, 0)], Stored(0, 1, 1), 8.0),  # the last by arrival
        ([(US, 1, None, 2)], Stored(0, 1, 0), None),
        ([(US, 1, 1.0, 2)], Stored(0, 1, 0), 1.0),  # of another quality
    ],
)
def test_a_microsecond_holds_one_value_of_a_tag(
    database: Database,
    second: list[tuple[int, int, float | None, int]],
    expected: Stored,
    kept: float | None,
) -> None:
    with database.connection() as conn:
        store(conn, batch_of([(US, 1, 1.0, 0)]), {})
        assert store(conn, batch_of(second), {}) == expected
        assert rows(conn)[0][2] == kept


@pytest.mark.community
def test_what_comes_again_of_a_compressed_day(any_database: Database) -> None:
    """Repeated, changed and new rows of more tags than the server unpacks by itself at once."""
    tags = range(1, 131)
    day = [(US + second * 1_000_000, tag, 1.0, 0) for tag in tags for second in range(800)]
    texts = [(US, tag, "RUN", 0) for tag in tags]
    with any_database.connection() as conn:
        store(conn, batch_of([*day, *texts]), {})
    if any_database.server is Server.COMMUNITY:
        with any_database.session() as conn:
            conn.execute("select compress_chunk(c) from show_chunks('reading') c")
            conn.execute("select compress_chunk(c) from show_chunks('reading_text') c")
    again = [(US, tag, 1.0 + tag % 2, 0) for tag in tags]
    new = [(US + 500_001, tag, 3.0, 0) for tag in tags]
    said = [(US, tag, "STOP" if tag % 2 else "RUN", 0) for tag in tags]
    with any_database.connection() as conn:
        assert store(conn, batch_of([*again, *new, *said]), {}) == Stored(130, 130, 130)
        assert store(conn, batch_of([*again, *new, *said]), {}) == Stored(0, 0, 390)
        found = conn.execute("select count(*), sum(value) from reading").fetchone()
        assert found == (len(day) + 130, len(day) + 65 + 390)


def test_a_text_is_replaced_by_the_last_of_its_microsecond(database: Database) -> None:
    with database.connection() as conn:
        store(conn, batch_of([(US, 1, "RUN", 0), (US, 1, "STOP", 0)]), {})
        assert store(conn, batch_of([(US, 1, "IDLE", 0)]), {}) == Stored(0, 1, 0)
        assert conn.execute("select value from reading_text").fetchall() == [("IDLE",)]


def test_what_derivation_reads_is_marked_dirty_in_runs(database: Database) -> None:
    hour = 3_600_000_000
    with database.connection() as conn:
        a, b = machine(conn, "A01"), machine(conn, "B01")
        found = [(US, 1, 1.0, 0), (US + 60_000_000, 1, 2.0, 0), (US - 5 * hour, 1, 0.0, 0)]
        store(conn, batch_of([*found, (US, 2, "RUN", 0), (US, 3, 9.0, 0)]), {1: a, 2: b})
        dirty = conn.execute("select machine_id, t0, t1 from derive_dirty order by 1, 2").fetchall()
    late = T0 - timedelta(hours=5)
    assert dirty == [(a, late, late), (a, T0, T0 + timedelta(minutes=1)), (b, T0, T0)]


def test_derivation_and_boards_are_woken(database: Database) -> None:
    with database.session() as ear, database.connection() as conn:
        ear.execute("listen taktboard_fact")
        ear.execute("listen taktboard_live")
        store(conn, batch_of([(US, 1, 1.0, 0)]), {1: machine(conn)})
        conn.commit()
        heard = [(n.channel, n.payload) for n in ear.notifies(timeout=5, stop_after=2)]
    assert set(heard) == {("taktboard_live", "reading"), ("taktboard_fact", "")}


def test_a_row_that_no_partition_takes_is_refused_and_nothing_is_stored(database: Database) -> None:
    broken = batch_of([(US, 1, 1.0, 0), (US, 2, 2.0, 9999)])
    with database.connection() as conn:
        conn.execute("alter table reading add check (quality < 3)")
    with database.connection() as conn:
        with pytest.raises(RowsRefused):
            store(conn, broken, {})
        assert rows(conn) == []


def test_a_refused_row_beside_one_that_is_there_is_refused_too(database: Database) -> None:
    with database.connection() as conn:
        conn.execute("alter table reading add check (quality < 3)")
        store(conn, batch_of([(US, 1, 1.0, 0)]), {})
    with database.connection() as conn:
        with pytest.raises(RowsRefused):
            store(conn, batch_of([(US, 1, 1.0, 0), (US, 2, 2.0, 9999)]), {})
        assert rows(conn) == [(T0, 1, 1.0, 0)]


def test_whatever_is_told_again_the_last_of_each_moment_stays(database: Database) -> None:
    """Batches of few moments, near and far apart, against what they should leave."""
    chance = random.Random(7)
    kept: dict[tuple[int, int], tuple[float | None, int]] = {}
    for _ in range(30):
        told = [
            (
                US + chance.choice([0, 1, 500_000, 3_000_000, 9_000_000]) + chance.randrange(4),
                chance.randrange(1, 5),
                chance.choice([None, -0.0, 1.0, math.inf]),
                chance.randrange(3),
            )
            for _ in range(chance.randrange(1, 40))
        ]
        last = {(tag, us): (value, quality) for us, tag, value, quality in told}
        new = len(last.keys() - kept.keys())
        changed = sum(kept.get(key, said) != said for key, said in last.items())
        kept |= last
        with database.connection() as conn:
            assert store(conn, batch_of(told), {}) == Stored(
                new, changed, len(told) - new - changed
            )
    with database.connection() as conn:
        assert rows(conn) == [(moment(us), tag, *kept[tag, us]) for tag, us in sorted(kept)]


def test_what_is_there_already_and_the_same_is_not_written_again(database: Database) -> None:
    def versions(conn: Connection) -> list[tuple[object, ...]]:
        return conn.execute("select tag_id, xmin::text from reading order by 1").fetchall()

    told = [(US, tag, None if tag == 3 else 1.0, 0) for tag in range(1, 6)]
    with database.connection() as conn:
        store(conn, batch_of(told), {})
        before = versions(conn)
    with database.connection() as conn:
        assert store(conn, batch_of([*told, (US, 6, 1.0, 0)]), {}) == Stored(1, 0, 5)
        assert versions(conn)[:5] == before


def test_a_row_whose_partition_is_made_meanwhile_goes_there(database: Database) -> None:
    """It is a good one, and no row for the quarantine."""

    def write() -> Stored:
        return database.transact(lambda conn: store(conn, batch_of([(US, 1, 1.0, 0)]), {}))

    waits = "select 1 from pg_locks where relation = 'reading_default'::regclass and not granted"
    with database.session() as housekeeper, ThreadPoolExecutor(1) as pool:
        with housekeeper.transaction():
            housekeeper.execute("lock table reading_default in access exclusive mode")
            writing = pool.submit(write)
            until(lambda: housekeeper.execute(waits).fetchone(), "the writer waits")
            day = T0.replace(hour=0, minute=0, second=0, microsecond=0)
            made = ["reading", day, day + timedelta(days=1)]
            housekeeper.execute("select partition_make(%s, %s, %s)", made)
        assert writing.result() == Stored(1, 0, 0)
        found = housekeeper.execute("select tableoid::regclass::text from reading").fetchall()
        assert found == [(f"reading_{T0:%Y%m%d}",)]


def test_an_empty_batch_is_nothing(database: Database) -> None:
    with database.connection() as conn:
        assert store(conn, batch_of([]), {}) == Stored(0, 0, 0)


def test_watermarks_are_the_newest_of_either_kind(database: Database) -> None:
    with database.connection() as conn:
        store(conn, batch_of([(US, 1, 1.0, 0), (US + 5, 1, "X", 0), (US + 7, 2, 1.0, 0)]), {})
        assert watermarks(conn, [1, 2, 3]) == {1: moment(US + 5), 2: moment(US + 7)}


def test_a_batch_counts_numbers_and_texts() -> None:
    batch: Batch = batch_of([(1, 1, 1.0, 0), (2, 1, "a", 0)])
    assert len(batch) == 2
