"""Moves a site into another database, on whatever kind of server, table by table.

What both have alike is left alone, day by day where a table has days: so a copy that was broken off
goes on where it was, and one that ran beside the work is finished by another after it. Of the
source nothing changes but that on Community its aggregates take in what their policies have not
yet. Never touches a target that holds something else than a copy.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from graphlib import TopologicalSorter

import psycopg
from psycopg import sql

from db import horizon
from db.census import ROLLUPS, Figures, alike, differences, rows, sums, tables
from db.clock import load_clock
from db.connect import Connection, DatabaseUnavailable, connect
from db.migrate import migrate, migrations
from db.retention import prepare
from db.site_copy_days import Store, copy_days, copy_whole
from db.site_copy_rollups import copy_rollups, settle_source
from db.statements import statements

log = logging.getLogger(__name__)

KEY = 7_228_040
TIMED = ("reading", "reading_text", "machine_1m")
"""Copied by days, and referred to by nothing."""
OWN = {"schema_migration", "site_copy", "rollup_level", "rollup_settled"} | {
    f"{name}_done" for name in ROLLUPS
}
"""Each database's own."""
SQL = statements("site_copy.sql")

Say = Callable[[str], None]


class CopyFault(RuntimeError):
    """A site can't be copied; says why and what to do."""


@dataclass(frozen=True, slots=True)
class Copied:
    """What lies in the target now."""

    relations: dict[str, Figures]
    wrong: list[str]
    """A sentence for each relation that differs from the source."""
    writers: list[str]
    """Taktboard's processes that worked on the source meanwhile."""


def copy(source_url: str, target_url: str, say: Say) -> Copied:
    """Make the target hold what the source holds, and compare both; `say` is told each relation.

    Raises CopyFault, MigrationFault (of the target), DatabaseUnavailable.
    """
    try:
        with _claimed(source_url, "the source") as source:
            _check_source(source)
            with _claimed(target_url, "the target") as claimed:
                _check_target(source, claimed)
                migrate(target_url)
                with connect(target_url, application="copy") as target:  # knows a new extension
                    return _copy(source, target, say)
    except psycopg.OperationalError as error:
        raise DatabaseUnavailable(
            f"The copy was broken off, the same command goes on with it: {str(error).strip()}"
        ) from error


def _copy(source: Connection, target: Connection, say: Say) -> Copied:
    writers = _writers(source)
    target.execute(SQL["mark"])
    names = _ordered(source)
    _copy_small(source, target, [name for name in names if name not in TIMED], say)
    horizon.move_policies(target)  # the target's own would drop minutes that were just copied
    prepare(target, load_clock(source).now())
    for name in TIMED:
        store = Store(name, name, _columns(source, name))
        say(f"{name}: {copy_days(source, target, store)} days copied")
    settle_source(source)
    copy_rollups(source, target, say)
    _set_sequences(source, target, names)
    target.execute("analyze")
    say("comparing")
    expected, found = _figures(source, names), _figures(target, names)
    return Copied(found, differences(expected, found), writers)


def _figures(conn: Connection, names: list[str]) -> dict[str, Figures]:
    counted: dict[str, Figures] = {name: rows(conn, name) for name in names}
    return counted | {name: sums(conn, name) for name in ROLLUPS}


@contextmanager
def _claimed(url: str, which: str) -> Iterator[Connection]:
    with connect(url, application="copy") as conn:
        if not _is(conn, "claim", key=KEY):
            raise CopyFault(
                f"On {which}, {conn.info.dbname} at {conn.info.host}:{conn.info.port}, a copy is "
                "under way already; or source and target are the same database."
            )
        yield conn


def _check_source(source: Connection) -> None:
    if not _has(source, "schema_migration") or not _holds(source, "plant_version"):
        raise CopyFault(f"The source, {source.info.dbname}, holds no plant: nothing to copy.")
    done = source.execute(SQL["ledger"]).fetchall()
    if done != [(known.number, known.sha256) for known in migrations()]:
        raise CopyFault(
            "The source is not of this version of Taktboard: run `python app.py migrate` on it "
            "first (the demo does so at its start)."
        )


def _check_target(source: Connection, target: Connection) -> None:
    """Before the migrations: what is not ours to fill stays as it is, of whatever age."""
    if not _has(target, "schema_migration") and (there := tables(target)):
        raise CopyFault(
            f"The target, {target.info.dbname}, holds tables of another program, as {there[0]}. "
            "Name an empty database."
        )
    if _holds(target, "plant_version") and not _holds(target, "site_copy"):
        raise CopyFault(
            f"The target, {target.info.dbname}, holds a site that was not copied there. Name an "
            "empty database."
        )
    if writers := _writers(target):
        raise CopyFault(f"On the target work {', '.join(writers)}. Stop them, and copy again.")
    if _holds(target, "site_copy"):
        _check_unused(source, target)


def _check_unused(source: Connection, target: Connection) -> None:
    theirs, ours = (conn.execute(SQL["last_heard"]).fetchone() for conn in (target, source))
    if theirs and theirs[0] and ours and ours[0] and theirs[0] > ours[0]:
        raise CopyFault(
            f"The target has worked since it was copied: it heard of machines at {theirs[0]}, the "
            f"source at {ours[0]} for the last time. Copying would lose that. Name an empty "
            "database."
        )


def _ordered(conn: Connection) -> list[str]:
    """The tables to copy, each after those that it refers to."""
    graph: dict[str, set[str]] = {name: set() for name in sorted(tables(conn)) if name not in OWN}
    for table, referred in conn.execute(SQL["references"]).fetchall():
        if table != referred and table in graph:
            graph[table].add(referred)
    return list(TopologicalSorter(graph).static_order())


def _copy_small(source: Connection, target: Connection, names: list[str], say: Say) -> None:
    """Tables as a whole: what differs, and whatever refers to it."""
    stale = {name for name in names if not alike(rows(source, name), rows(target, name))}
    refers = [(table, to) for table, to in source.execute(SQL["references"]).fetchall()]
    for name in names:  # in order: what refers to `name` comes after it
        if name in stale:
            stale |= {table for table, referred in refers if referred == name and table in names}
    todo = [name for name in names if name in stale]
    with target.transaction():
        for name in reversed(todo):
            target.execute(sql.SQL(SQL["clear"]).format(store=sql.SQL(name)))
    for name in todo:
        copy_whole(source, target, Store(name, name, _columns(source, name)))
        say(f"{name}: copied")


def _set_sequences(source: Connection, target: Connection, names: list[str]) -> None:
    for _, _, sequence in source.execute(SQL["sequences"], {"tables": names}).fetchall():
        query = sql.SQL(SQL["sequence_value"]).format(sequence=sql.SQL(sequence))
        row = source.execute(query).fetchone()
        assert row is not None
        values = {"sequence": sequence, "value": row[0], "is_called": row[1]}
        target.execute(SQL["set_sequence"], values)


def _columns(conn: Connection, relation: str) -> str:
    found = conn.execute(SQL["columns"], {"relation": relation}).fetchall()
    return ", ".join(name for (name,) in found)


def _writers(conn: Connection) -> list[str]:
    return [name for (name,) in conn.execute(SQL["writers"]).fetchall()]


def _holds(conn: Connection, table: str) -> bool:
    """Whether there is such a table, and a row in it."""
    query = sql.SQL(SQL["has_rows"]).format(table=sql.Identifier(table))
    return _has(conn, table) and conn.execute(query).fetchone() is not None


def _has(conn: Connection, table: str) -> bool:
    return _is(conn, "has_table", table=table)


def _is(conn: Connection, name: str, **values: object) -> bool:
    row = conn.execute(SQL[name], values).fetchone()
    return row is not None and bool(row[0])
