"""Transactions, notifications, and what the caller sees when the server goes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from db.clock import Clock, load_clock, save_clock
from db.connect import (
    Busy,
    Conflict,
    Database,
    DatabaseUnavailable,
    Limits,
    LockTimeout,
    Notification,
    Server,
    open_database,
)
from db.embedded import start
from db.secret import SecretUnreadable, secret
from tests.ports import keep_port

WALL = datetime(2026, 3, 1, tzinfo=UTC)
FAST = Clock(WALL, WALL - timedelta(days=1), 60.0)


def test_embedded_is_plain(database: Database) -> None:
    assert database.server is Server.PLAIN


def test_transaction_rolls_back_on_an_exception(database: Database) -> None:
    def fail() -> None:
        with database.connection() as conn:
            conn.execute("insert into setting values ('x', '1')")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    with database.connection() as conn:
        assert conn.execute("select count(*) from setting where key = 'x'").fetchone() == (0,)


def test_times_are_utc(database: Database) -> None:
    with database.connection() as conn:
        row = conn.execute("select timestamptz '2026-03-01 12:00+08'").fetchone()
    assert row is not None
    assert row[0] == datetime(2026, 3, 1, 4, tzinfo=UTC)
    assert row[0].utcoffset() == timedelta(0)


def test_listen_hears_and_times_out(database: Database) -> None:
    notes = database.listen("taktboard_live", timeout_s=0.2)
    assert next(notes) is None  # connected
    with database.connection() as conn:
        conn.execute("select pg_notify('taktboard_live', 'alarm')")
    assert next(notes) == Notification("taktboard_live", "alarm")
    assert next(notes) is None


def test_unavailable_without_a_server() -> None:
    database = open_database("postgresql://x:x@127.0.0.1:1/x", application="test")
    database._pool.timeout = 0.3
    with pytest.raises(DatabaseUnavailable, match="can't be used now"), database.connection():
        pass
    notes = database.listen("taktboard_live", timeout_s=0.1)
    assert next(notes) is None
    database.close()


def test_pool_and_listener_find_a_restarted_server(tmp_path: Path) -> None:
    embedded = start(keep_port(tmp_path), settings={"fsync": "off"})
    database = open_database(embedded.url, application="test")
    notes = database.listen("taktboard_live", timeout_s=0.1)
    try:
        with database.connection() as conn:
            conn.execute("create table x (y int)")
        assert next(notes) is None
        embedded.stop()
        with pytest.raises(DatabaseUnavailable), database.connection() as conn:
            conn.execute("select 1")
        embedded = start(tmp_path, settings={"fsync": "off"})
        with database.connection() as conn:
            conn.execute("insert into x values (1)")
            conn.execute("select pg_notify('taktboard_live', 'plant')")
        assert next(notes) is None  # what was missed is looked up by the listener itself
    finally:
        notes.close()  # type: ignore[attr-defined]
        database.close()
        embedded.stop()


def test_a_pool_s_statements_are_bounded_and_a_session_s_are_not(database: Database) -> None:
    limits = Limits(statement_s=0.2, lock_s=0.1)
    bounded = open_database(database.url, application="test", limits=limits)
    try:
        with pytest.raises(Busy, match="statement timeout"), bounded.connection() as conn:
            conn.execute("select pg_sleep(600)")
        with database.connection() as holder:
            holder.execute("lock table setting")
            with pytest.raises(LockTimeout, match="lock timeout"), bounded.connection() as conn:
                conn.execute("select from setting")
        with bounded.session() as session:
            assert session.execute("show statement_timeout").fetchone() == ("0",)
    finally:
        bounded.close()


def test_a_transaction_s_statements_have_one_deadline_together(any_database: Database) -> None:
    def sleep_often() -> None:
        with any_database.connection(within_s=1.0) as conn:
            for _ in range(100):
                conn.execute("select pg_sleep(0.1)")

    with pytest.raises(Busy):
        sleep_often()
    with any_database.connection() as conn:
        conn.execute("select pg_sleep(0.1)")
        assert conn.execute("show statement_timeout").fetchone() == ("0",)


def test_a_deadline_ends_a_single_statement_too(any_database: Database) -> None:
    with (
        pytest.raises(Busy, match="statement timeout"),
        any_database.connection(within_s=1.0) as conn,
    ):
        conn.execute("select pg_sleep(600)")


def test_a_snapshot_s_statements_see_what_the_first_one_saw(database: Database) -> None:
    with database.snapshot() as conn:
        assert load_clock(conn).speed == 1.0
        with database.connection() as other:
            save_clock(other, FAST)
        assert load_clock(conn).speed == 1.0
    with database.connection() as conn:
        assert load_clock(conn) == FAST


def test_a_snapshot_only_reads_and_leaves_no_trace_on_its_connection(
    any_database: Database,
) -> None:
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction), any_database.snapshot() as conn:
        save_clock(conn, FAST)
    with any_database.connection() as conn:
        assert conn.execute("show transaction_isolation").fetchone() == ("read committed",)
        save_clock(conn, FAST)


@pytest.mark.parametrize("state", ["40P01", "40001"], ids=["deadlock", "serialization"])
def test_another_transaction_in_the_way_is_no_busy_database(database: Database, state: str) -> None:
    with pytest.raises(Conflict) as told, database.connection() as conn:
        conn.execute(f"do $$ begin raise exception using errcode = '{state}'; end $$")
    assert not isinstance(told.value, Busy)


def test_clock_is_shared(database: Database) -> None:
    with database.connection() as conn:
        assert load_clock(conn).speed == 1.0
        save_clock(conn, FAST)
        assert load_clock(conn) == FAST
    assert FAST.at(WALL + timedelta(seconds=1)) == WALL - timedelta(days=1, minutes=-1)


def test_secret_from_variable_or_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("from-file\n")
    monkeypatch.setenv("DEMO_PASSWORD_FILE", str(tmp_path / "password"))
    assert secret("DEMO_PASSWORD") == "from-file"
    monkeypatch.setenv("DEMO_PASSWORD", "from-variable")
    assert secret("DEMO_PASSWORD") == "from-variable"
    assert secret("DEMO_OTHER") is None


def test_unreadable_secret_names_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DEMO_PASSWORD_FILE", str(tmp_path / "none"))
    with pytest.raises(SecretUnreadable, match="DEMO_PASSWORD_FILE names"):
        secret("DEMO_PASSWORD")
