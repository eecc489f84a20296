"""Roles: each verb on each relation is tried as each role, and only what is granted works."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import product
from typing import LiteralString

import psycopg
import pytest
from psycopg import errors, sql

from db.census import ROLLUPS, tables
from db.connect import Connection, Database, Server
from db.migrate import migrate
from db.retention import keep
from db.roles import ALERT, GRANTS, INGEST, REPORT, ROLES, VERBS, WEB, grant
from db.rollups import advance
from db.source_board import quiet_since
from db.sources import save_status
from tests.db.filled import MINUTES, T0, fill, roll_up

ATTEMPTS = {
    "S": "select from {relation} limit 0",
    "I": "insert into {relation} default values",
    "U": "update {relation} set {column} = default where false",
    "D": "delete from {relation} where false",
    "truncate": "truncate {relation}",
    "drop": "drop table {relation}",
}


def relations(conn: Connection) -> list[tuple[str, str, str]]:
    """(schema, name, a column) of every table and view, partitions too."""
    return conn.execute(
        "select n.nspname::text, c.relname::text, (select attname::text from pg_attribute"
        " where attrelid = c.oid and attnum > 0 and not attisdropped order by attnum limit 1)"
        " from pg_class c join pg_namespace n on n.oid = c.relnamespace"
        " where n.nspname in ('public', 'report') and c.relkind in ('r', 'p', 'v')"
        " order by 1, 2"
    ).fetchall()


def may(conn: Connection, words: str, schema: str, name: str, column: str) -> bool:
    """Whether it is not refused for want of a right; whatever else fails is not our question."""
    query = sql.SQL(words).format(
        relation=sql.Identifier(schema, name), column=sql.Identifier(column)
    )
    try:
        with conn.transaction(force_rollback=True):
            conn.execute(query)
    except errors.InsufficientPrivilege as error:
        return "row-level security" in str(error)
    except psycopg.Error:
        return True
    return True


def is_view(conn: Connection, schema: str, name: str) -> bool:
    row = conn.execute(
        "select relkind = 'v' from pg_class"
        " where oid = format('%%I.%%I', %s::text, %s::text)::regclass",
        [schema, name],
    ).fetchone()
    return row is not None and bool(row[0])


def expected(role: str, schema: str, name: str, verb: str) -> bool:
    relation = name if schema == "public" else f"{schema}.{name}"
    return verb in GRANTS[role].get(relation, "")


@pytest.mark.parametrize("role", ROLES)
def test_every_role_on_every_relation_with_every_verb(any_database: Database, role: str) -> None:
    wrong = []
    with any_database.session() as conn:
        found = relations(conn)
        views = {(schema, name) for schema, name, _ in found if is_view(conn, schema, name)}
        assert {name for name in GRANTS[role] if "." not in name} <= {
            name for _, name, _ in found
        } | {
            "rollup_level",
            "rollup_settled",
            *(f"{name}_done" for name in ROLLUPS),
        }
        conn.execute(sql.SQL("set role {}").format(sql.Identifier(role)))
        for (schema, name, column), verb in product(found, ATTEMPTS):
            if verb != "S" and (schema, name) in views:
                continue  # nobody writes to a view
            is_allowed = may(conn, ATTEMPTS[verb], schema, name, column)
            if is_allowed != (verb in VERBS and expected(role, schema, name, verb)):
                wrong.append((schema, name, verb, "may" if is_allowed else "may not"))
    if role == INGEST and any_database.server is Server.COMMUNITY:  # it owns the rollups there
        wrong = [one for one in wrong if one[1] not in ROLLUPS]
    assert wrong == []


def test_the_matrix_is_what_was_meant() -> None:
    """Spelled out: a slip in the table of grants would pass the test that reads it."""
    assert GRANTS[WEB]["audit"] == GRANTS[WEB]["stop_edit"] == GRANTS[WEB]["hour_note"] == "SI"
    for role in (INGEST, ALERT, REPORT):
        assert {"audit", "app_user", "device", "login_attempt"} & GRANTS[role].keys() == set()
    facts = ("reading", "reading_text", "order_event", "count_correction", "stop_edit", "audit")
    assert [
        (role, fact) for role in ROLES for fact in facts if "D" in GRANTS[role].get(fact, "")
    ] == []
    masters = ("plant_version", "line", "tag", "ideal_cycle", "reason", "schema_migration")
    assert {GRANTS[role].get(name, "S") for role in ROLES for name in masters} == {"S"}
    assert [name for name in GRANTS[REPORT] if not name.startswith("report.")] == []
    assert set(GRANTS[REPORT].values()) == {"S"}
    assert GRANTS[ALERT].keys() & {"stop_edit", "machine_1m", "reading"} == {
        *("stop_edit", "machine_1m", "reading")
    }
    assert {GRANTS[ALERT][name] for name in ("stop_edit", "machine_1m", "reading")} == {"S"}
    assert {GRANTS[WEB][name] for name in ("machine_1m", "reading", "operation")} == {"S"}
    assert {GRANTS[role].get("quarantine") for role in (INGEST, WEB)} == {"SIUD"}


@pytest.fixture
def filled(any_database: Database) -> Database:
    with any_database.connection() as conn:
        fill(conn)
        conn.execute("insert into setting values ('web_secret_key', '\"k\"'), ('clock_x', '1')")
    return any_database


def test_reports_read_what_is_published(filled: Database) -> None:
    roll_up(filled)
    with filled.session() as conn:
        conn.execute(f"set role {REPORT}")
        hours = conn.execute("select sum(good), count(distinct machine) from report.machine_hour")
        assert hours.fetchone() == (MINUTES * (MINUTES - 1), 2)
        rows = {
            name: conn.execute(f"select count(*) from report.{name}").fetchone()
            for name in ("machine", "stop", "operation", "alarm")
        }
        assert rows == {"machine": (2,), "stop": (1,), "operation": (1,), "alarm": (1,)}


def test_the_key_of_sessions_is_for_the_web_alone(filled: Database) -> None:
    keys = {}
    for role in (INGEST, ALERT, WEB):
        with filled.session() as conn:
            conn.execute(f"set role {role}")
            found = conn.execute("select key from setting order by 1").fetchall()
            keys[role] = {key for (key,) in found} & {"web_secret_key", "clock_x"}
    assert keys == {
        INGEST: {"clock_x"},
        ALERT: {"clock_x"},
        WEB: {"clock_x", "web_secret_key"},
    }


OWN = {
    INGEST: {"ingest_heartbeat"},
    ALERT: {"alert_heartbeat", "alert_leader"},
    WEB: {"web_secret_key"},
}


@pytest.mark.parametrize("role", OWN)
def test_a_role_writes_its_own_settings_and_no_other(filled: Database, role: str) -> None:
    """Neither adds one, nor puts its words into one that is there."""
    keys = {"clock", "clock_x", "horizon", "stored"}.union(*OWN.values())
    with filled.session() as conn:
        conn.execute(sql.SQL("set role {}").format(sql.Identifier(role)))
        assert {key for key in keys if writes(conn, key)} == OWN[role]


WRITES = (
    "insert into setting values (%s, '{}')",
    """insert into setting values (%s, '{}')
    on conflict (key) do update set value = excluded.value""",
    "update setting set value = '{}' where key = %s",
)


def writes(conn: Connection, key: str) -> bool:
    return any(touches(conn, one, key) for one in WRITES)


def touches(conn: Connection, statement: LiteralString, key: str) -> bool:
    try:
        with conn.transaction(force_rollback=True):
            return conn.execute(statement, [key]).rowcount > 0
    except errors.InsufficientPrivilege:
        return False
    except errors.UniqueViolation:  # it could add the row, were it not there
        return True


@pytest.fixture
def in_two_roles(filled: Database) -> Iterator[str]:
    """A role that is a member of two of ours; roles are the server's, not the database's."""
    name = "member_" + filled.url.rpartition("/")[2]
    with filled.session() as conn:
        conn.execute(
            sql.SQL("create role {} in role {}, {}").format(
                sql.Identifier(name), sql.Identifier(INGEST), sql.Identifier(WEB)
            )
        )
    yield name
    with filled.session() as conn:
        conn.execute(sql.SQL("drop role {}").format(sql.Identifier(name)))


def test_who_is_in_two_roles_may_write_the_settings_of_both(
    filled: Database, in_two_roles: str
) -> None:
    keys = {"clock", "clock_x", "horizon", "stored"}.union(*OWN.values())
    with filled.session() as conn:
        conn.execute(sql.SQL("set role {}").format(sql.Identifier(in_two_roles)))
        assert {key for key in keys if writes(conn, key)} == OWN[INGEST] | OWN[WEB]


def test_a_policy_that_an_older_version_made_is_made_anew(filled: Database) -> None:
    with filled.session() as conn:
        conn.execute(
            f"""
            drop policy setting_add_{INGEST} on setting;
            create policy setting_add_{INGEST} on setting as restrictive for insert to {INGEST}
            with check (key = 'another')
            """
        )
        grant(conn)
        conn.execute(f"set role {INGEST}")
        assert writes(conn, "ingest_heartbeat")
        assert not writes(conn, "another")


def test_the_collector_gives_its_sign_of_life_as_its_role(filled: Database) -> None:
    with filled.session() as conn:
        conn.execute(f"set role {INGEST}")
        for _ in range(2):  # added, then changed
            save_status(conn, [])
        assert quiet_since(conn) is None


@pytest.mark.community
def test_ingest_keeps_horizons_and_rollups(filled: Database) -> None:
    """What needs the owner's rights, it has done by the owner's functions, or owns itself."""
    with filled.session() as conn:
        conn.execute(f"set role {INGEST}")
        if filled.server is Server.COMMUNITY:
            conn.execute(
                "call refresh_continuous_aggregate('tag_1m', %s::timestamptz, %s::timestamptz)",
                [T0, datetime(2026, 3, 2, 9, 0, tzinfo=UTC)],
            )
        while advance(conn, T0.replace(hour=9)).more:
            pass
        keep(conn, T0.replace(hour=9))
        late = datetime(2026, 7, 1, tzinfo=UTC)
        if filled.server is not Server.COMMUNITY:
            keep(conn, late)
            while advance(conn, late).more:
                pass
            keep(conn, late)
            assert conn.execute("select count(*) from reading").fetchone() == (0,)
        row = conn.execute("select sum(n) from tag_1h").fetchone()
        assert row == (6 * 3 * MINUTES,)


@pytest.mark.community
def test_granting_again_changes_nothing(any_database: Database) -> None:
    with any_database.session() as conn:
        state = (
            "select sum(hashtext(c::text)::numeric) from (select oid, xmin, relacl from pg_class"
            " union all select oid, xmin, null from pg_policy) c"
        )
        before = conn.execute(state).fetchone()
        assert grant(conn) == []
        assert conn.execute(state).fetchone() == before
        conn.execute(f"grant delete, truncate on audit to {WEB}")
        grant(conn)
        verbs = conn.execute(
            "select privilege_type from pg_class c, aclexplode(relacl) a, pg_roles r"
            " where c.oid = 'audit'::regclass and r.oid = a.grantee and rolname = %s order by 1",
            [WEB],
        ).fetchall()
        assert verbs == [("INSERT",), ("SELECT",)]


def test_every_table_was_thought_of(database: Database) -> None:
    """A new table is granted to somebody, or is the owner's alone for a reason."""
    owners = {"site_copy"}
    with database.connection() as conn:
        granted = {name for grants in GRANTS.values() for name in grants}
        assert set(tables(conn)) - granted == owners


def test_an_owner_who_may_not_make_roles_goes_on(
    database: Database, empty_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    name = empty_url.rpartition("/")[2]
    with psycopg.connect(empty_url, autocommit=True) as conn:
        conn.execute(f"create role owner_{name} login password 'x'")
        conn.execute(f"alter database {name} owner to owner_{name}")
    try:
        host = empty_url.rpartition("@")[2]
        migrate(f"postgresql://owner_{name}:x@{host}")
        with psycopg.connect(empty_url) as conn:
            conn.execute(f"set role {WEB}")
            conn.execute("insert into audit (at, actor, action) values (now(), 'a', 'b')")
    finally:
        with psycopg.connect(empty_url, autocommit=True) as conn:
            conn.execute(f"reassign owned by owner_{name} to current_user")
            conn.execute(f"drop owned by owner_{name}")
            conn.execute(f"drop role owner_{name}")
