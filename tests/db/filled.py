"""A database with a row or more in every table, as any released version had it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from db.census import ROLLUPS, tables
from db.connect import Connection, Database, Server
from db.rollups import advance

T0 = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
MINUTES = 180
"""Of readings and minutes, from T0 on."""
BY_ITSELF = {"schema_migration", "rollup_level", "rollup_settled"}
"""Filled by migrating."""
BY_THE_ENGINE = {"tag_1m_done", "tag_1h_done", "machine_15m_done", "machine_1h_done"}


def fill(conn: Connection) -> None:
    """Fill every table there is; ids start at one. The rollups follow by `roll_up`."""
    there = set(tables(conn))
    words = _words()
    unknown = there - words.keys() - BY_ITSELF - BY_THE_ENGINE
    # A table may rightly be filled with nothing, and says so there.
    assert not unknown, f"say in filled.sql what {unknown} is filled with"
    for table, text in words.items():
        if table in there:
            conn.execute(text.encode())


def _words() -> dict[str, str]:
    """What fills a table, by its name."""
    text = Path(__file__).with_name("filled.sql").read_text(encoding="utf-8")
    for name, value in ((":t", f"'{T0}'::timestamptz"), (":minutes", str(MINUTES))):
        text = re.sub(rf"(?<!:){name}\b", value, text)
    parts = re.split(r"^-- name: (\w+)\n", text, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def roll_up(database: Database) -> None:
    """Bring the rollups up to the end of what `fill` wrote, and a part of them stays live."""
    now = T0 + (MINUTES - 10) * timedelta(minutes=1)
    if database.server is Server.COMMUNITY:  # policies go by the server's clock
        with database.session() as conn:
            for level in ROLLUPS:
                conn.execute(
                    "call refresh_continuous_aggregate(%s, %s::timestamptz, %s::timestamptz)",
                    [level, T0 - timedelta(days=1), now],
                )
    more = True
    while more:
        with database.connection() as conn:
            more = advance(conn, now).more
