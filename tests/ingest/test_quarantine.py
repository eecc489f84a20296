"""The quarantine: each thing once, however often it is delivered."""

from __future__ import annotations

from typing import Any

import pytest

from db.connect import Database
from db.quarantine import Refused, quarantine

US = 1_767_600_000_000_000
FIRST = Refused(US, None, "bad_json", "unexpected end", "plant/a", b"{")


def kept(database: Database) -> list[tuple[Any, ...]]:
    with database.connection() as conn:
        return conn.execute(
            "select reason, address, payload, extract(epoch from at)::float8 * 1e6 from quarantine"
        ).fetchall()


def test_the_same_thing_again_is_the_same_row_with_its_last_time(database: Database) -> None:
    again = FIRST._replace(at_us=US + 7_000_000)
    with database.connection() as conn:
        quarantine(conn, [FIRST, again])
        quarantine(conn, [FIRST])
        quarantine(conn, [again])
    assert kept(database) == [("bad_json", "plant/a", b"{", US + 7_000_000)]


@pytest.mark.parametrize(
    "other",
    [
        FIRST._replace(reason="bad_time"),
        FIRST._replace(address="plant/b"),
        FIRST._replace(address=None),
        FIRST._replace(payload=b"{ "),
        FIRST._replace(payload=None, address="plant/a{"),
    ],
)
def test_another_thing_is_another_row(database: Database, other: Refused) -> None:
    with database.connection() as conn:
        quarantine(conn, [FIRST, other])
    assert len(kept(database)) == 2


def test_long_payloads_are_cut_and_still_told_apart(database: Database) -> None:
    long = [FIRST._replace(payload=b"x" * 10_000 + end) for end in (b"a", b"b")]
    with database.connection() as conn:
        quarantine(conn, long)
    assert [len(row[2]) for row in kept(database)] == [4096, 4096]
