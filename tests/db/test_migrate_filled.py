"""A filled database of every released version comes up to date, and nothing of it is lost."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from db import migrate as module
from db.census import ROLLUPS, tables
from db.connect import Connection, open_database
from db.migrate import migrate, migrations
from tests.db.filled import MINUTES, fill, roll_up
from tests.db.policies import pause

RELEASED = (6, 15)
"""The last migration of each released version."""
GROWS = {"schema_migration", "rollup_dirty", "derive_dirty"}


def released(upto: int, folder: Path) -> Path:
    """The migrations that a version had."""
    folder.mkdir()
    for path in module.FOLDER.iterdir():
        if path.suffix == ".sql" and int(path.name[:4]) <= upto:
            shutil.copy(path, folder)
    return folder


def columns(conn: Connection) -> dict[str, str]:
    return {
        name: ", ".join(
            f'"{column}"'
            for (column,) in conn.execute(
                "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0"
                " and not attisdropped order by attnum",
                [name],
            )
        )
        for name in tables(conn)
    }


def contents(conn: Connection, of: dict[str, str]) -> dict[str, list[tuple[Any, ...]]]:
    return {
        name: conn.execute(f"select row({found})::text from {name} order by 1").fetchall()
        for name, found in of.items()
    }


@pytest.mark.parametrize("version", RELEASED)
@pytest.mark.community
def test_a_filled_database_comes_up_to_date(
    any_empty_url: str, tmp_path: Path, version: int
) -> None:
    migrate(any_empty_url, folder=released(version, tmp_path / "migrations"))
    with closing(open_database(any_empty_url, application="test")) as database:
        pause(database)  # they would drop what is filled in: it is of an earlier day
    with psycopg.connect(any_empty_url, options="-c timezone=UTC") as conn:
        fill(conn)
        had = columns(conn)
        before = contents(conn, had)
    newer = [f"{m.number:04} {m.name}" for m in migrations() if m.number > version]
    assert migrate(any_empty_url) == newer
    with psycopg.connect(any_empty_url, options="-c timezone=UTC") as conn:
        after = contents(conn, had)
    changed = {name for name in before if after[name] != before[name]}
    assert changed <= GROWS
    assert all(set(before[name]) <= set(after[name]) for name in changed - {"rollup_dirty"})
    with closing(open_database(any_empty_url, application="test")) as database:
        roll_up(database)
        with database.connection() as conn:
            for level in ROLLUPS:
                what = "sum(good), sum(minor_s)" if level.startswith("machine") else "sum(n), 0"
                row = conn.execute(f"select {what} from {level}").fetchone()
                pieces = (MINUTES * (MINUTES - 1), 0)
                assert row == (pieces if level.startswith("machine") else (18 * MINUTES, 0)), level
            stops = conn.execute("select count(*) from stop").fetchone()
            assert stops == (1,)
