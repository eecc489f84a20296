"""The doctor names what is wrong, and nothing else is called so."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from db import backup, master, storage
from db import doctor as module
from db.backup import back_up
from db.connect import Database, Server, connect, open_database
from db.doctor import Finding, examine
from db.embedded import start
from db.migrate import migrate
from plant.check import read
from tests.db.policies import pause, resume
from tests.patience import Match, until
from tests.ports import keep_port

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = (ROOT / "plant.toml").read_text("utf-8")


@pytest.fixture
def site(any_database: Database) -> Database:
    """A plant whose machines are derived up to now."""
    now = datetime.now(UTC)
    master.apply_or_keep(any_database, read(SAMPLE), SAMPLE, now)
    with any_database.connection() as conn:
        conn.execute("insert into derive_tail select id, %s, null from machine", [now])
        conn.execute("delete from derive_dirty")
        storage.save(conn, 500.0)  # of a server elsewhere nobody sees it
        storage.sample(conn)
    resume(any_database)
    return any_database


def found(url: str) -> dict[str, Finding]:
    return {one.subject: one for one in examine(url)}


def wrong(url: str) -> dict[str, str]:
    return {one.subject: one.words for one in examine(url) if one.grade == "wrong"}


@pytest.mark.several_sessions("finds the session of a worker")
def test_a_healthy_site_has_nothing_wrong(site: Database) -> None:
    said = found(site.url)
    assert wrong(site.url) == {}
    assert f"kind: {site.server.value}" in said["server"].words
    assert {f"disk, {layer}" for layer in storage.LAYERS} <= said.keys()
    assert "GB free" in said["disk"].words
    days = {"plain": 7, "apache": 90, "community": 88}[site.server.value]
    assert f"raw readings {days} days, minutes 730 days" in said["retention"].words
    assert said["ingest"].grade == "look"
    worker = open_database(site.url, application="ingest")
    with worker.connection() as conn:
        conn.execute("select 1")
        assert found(site.url)["ingest"].grade == "well"
    worker.close()


def policies(site: Database) -> list[Finding]:
    return [one for one in examine(site.url) if one.subject == "policies"]


@pytest.mark.community
def test_policies_that_do_not_work_are_named(site: Database) -> None:
    if site.server is not Server.COMMUNITY:
        assert policies(site) == []
        return
    assert [one.grade for one in policies(site)] == ["well"]
    with site.connection() as conn:
        conn.execute("update schema_migration set applied_at = now() - interval '3 days'")
        workers = "select from pg_stat_activity where backend_type like 'TimescaleDB%'"
        has_workers = conn.execute(workers).fetchone() is not None
    if has_workers:
        until(lambda: Match([one.grade for one in policies(site)], ["well"]), "each has run")
    else:  # WebAssembly
        assert "rolling up tag_1m" in policies(site)[0].words
        assert {"does not run" in one.words for one in policies(site)} == {True}
    pause(site)
    said = policies(site)
    assert {one.grade for one in said} == {"wrong"}
    assert {"is off: `select alter_job(" in one.words for one in said} == {True}
    relations = ("tag_1m", "tag_1h", "machine_15m", "machine_1h")
    for work in (*(f"rolling up {name}" for name in relations), "dropping what is old of reading"):
        assert [one for one in said if f"{work} (job" in one.words], work


def test_what_is_wrong_is_named(database: Database) -> None:
    now = datetime.now(UTC)
    master.apply_or_keep(database, read(SAMPLE), SAMPLE, now)
    with database.connection() as conn:
        conn.execute(
            "insert into derive_tail select id, %s, null from machine", [now - timedelta(hours=1)]
        )
        late = (now - timedelta(minutes=5)).isoformat()
        conn.execute(
            "insert into setting values ('alert_heartbeat', %s)", [json.dumps({"at": late})]
        )
        conn.execute(
            "insert into alarm (rule, kind, subject, priority, state, since)"
            " values ('r', 'k', 's', 'info', 'normal', now())"
        )
        conn.execute(
            "insert into alarm_event (alarm_id, at, old, new, cause) values (1, now(), '', '', '')"
        )
        conn.execute(
            "insert into mail_outbox (alarm_event_id, recipient, address, language, message_id,"
            " created_at, next_attempt)"
            " values (1, '', '', '', '', now(), now() - interval '1 hour')"
        )
        conn.execute(
            "insert into storage_sample select layer, now() - n * interval '1 hour',"
            " (case layer when 'disk_free' then 20 else 10 - n / 24.0 end * 1e9)::bigint"
            " from unnest(array['raw', 'minutes', 'hours', 'facts', 'disk_free']) layer,"
            " generate_series(1, 48) n"
        )
        storage.save(conn, 500.0)
    told = wrong(database.url)
    assert told["derivation"].startswith("1:0")
    assert told["alert heartbeat"].startswith("0:0")
    assert told["mails"].startswith("1 wait for longer")
    assert "full in 5 days" in told["disk"]
    assert told.keys() == {"derivation", "alert heartbeat", "mails", "disk"}


def test_a_database_out_of_date_or_on_the_wrong_server(database: Database, empty_url: str) -> None:
    assert "run `python app.py migrate`" in wrong(empty_url)["migrations"]
    migrate(empty_url)
    assert wrong(empty_url) == {
        "plant": "none: run `python app.py migrate --plant FILE`",
    }
    with psycopg.connect(empty_url) as conn:
        conn.execute("update schema_migration set server = 'apache' where number < 3")
        conn.execute("delete from schema_migration where number = 19")
    told = wrong(empty_url)
    assert "Bring back the TimescaleDB extension" in told["server"]
    assert told["migrations"].startswith("0019 missing")


def test_a_backup_under_way_is_nothing_wrong(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its snapshot stays open, with nothing to do, for as long as the dump takes."""
    monkeypatch.setattr(module, "IDLE_WRONG_S", 0)
    said: list[str | None] = []

    def look(*_: object, **more: object) -> None:
        said.append(wrong(database.url).get("sessions"))
        with connect(database.url, application="web") as conn, conn.transaction():
            conn.execute("select 1")
            said.append(wrong(database.url).get("sessions"))

    monkeypatch.setattr(backup, "run", look)
    back_up(database.url, tmp_path / "f")
    assert said[0] is None
    assert said[1] is not None
    assert said[1].startswith("taktboard-web (pid ")


def test_the_exit_status_says_whether_something_is_wrong(site: Database) -> None:
    def doctor(url: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "app.py", "doctor"],
            cwd=ROOT,
            env={"TAKTBOARD_DATABASE_URL": url, "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    well = doctor(site.url)
    assert (well.returncode, well.stderr) == (0, "")
    assert "well     migrations: " in well.stdout
    away = doctor("postgresql://a:b@127.0.0.1:1/c")
    assert away.returncode == 1
    assert away.stdout.startswith("wrong    connection: ")
    assert "Traceback" not in away.stderr


def test_without_the_statistics_no_slowest_query_is_named(site: Database) -> None:
    said = [one for one in examine(site.url) if one.subject in ("query", "queries")]
    assert [(one.grade, one.subject) for one in said] == [("well", "queries")]
    assert "pg_stat_statements is not in this database" in said[0].words


def test_the_slowest_queries_where_the_server_counts_them(tmp_path: Path) -> None:
    counting = {"fsync": "off", "shared_preload_libraries": "pg_stat_statements"}
    embedded = start(keep_port(tmp_path), settings=counting)
    try:
        migrate(embedded.url)
        with psycopg.connect(embedded.url, autocommit=True) as conn:
            conn.execute("create extension pg_stat_statements")
            for number in range(12):
                conn.execute("select count(*), %s from generate_series(1, 2000000)", [number])
                conn.execute("select code from machine where code = %s", [str(number)])
            conn.execute("select count(*) from generate_series(1, 3000000)")  # once is no habit
        said = [one for one in examine(embedded.url) if one.subject in ("query", "queries")]
    finally:
        embedded.stop()
    slowest = said[0]
    assert (slowest.grade, slowest.subject) == ("look", "query")
    assert "generate_series($2, $3)" in slowest.words
    assert "on average of 12: " in slowest.words
    quick = next(one for one in said if "from machine where code" in one.words)
    assert quick.grade == "well"
