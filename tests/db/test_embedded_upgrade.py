"""A data directory of an older PostgreSQL, made by its real programs, and taken over."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from db import embedded_cluster, server_kind
from db.backup import BackupFault, Manifest, manifest_path, restore
from db.census import Figures, census
from db.connect import open_database
from db.embedded import EmbeddedFault, start
from db.embedded_cluster import NAME, version_of_cluster
from db.embedded_upgrade import SYSTEM, upgrade
from db.migrate import migrate
from db.postgres_account import PACKAGE
from db.postgres_programs import version_of
from tests.db.filled import fill, roll_up
from tests.node_peer import absent
from tests.ports import keep_port

ROOT = Path(__file__).resolve().parents[2]
OURS = version_of(PACKAGE / "pginstall" / "bin" / "postgres")
FAST = {"fsync": "off"}


def older() -> int:
    """The newest PostgreSQL of this machine that is older than ours."""
    there = [int(place.name) for place in SYSTEM.glob("*") if (place / "bin" / "initdb").exists()]
    found = [major for major in there if major < OURS]
    if not found:
        absent("an older PostgreSQL", "install postgresql to test upgrades of the embedded one")
    return max(found)


def as_of_old(bin_dir: Path, path: str, password_file: str) -> list[str]:
    """How a cluster is made by a PostgreSQL that knows no locales of its own."""
    options = ("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--data-checksums")
    return [str(bin_dir / "initdb"), "-D", path, "-U", NAME, f"--pwfile={password_file}", *options]


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, dict[str, Figures]]:
    """`database/` as an older Taktboard left it, and what it holds."""
    data_dir = keep_port(tmp_path / "data" / "database")
    with monkeypatch.context() as patch:
        patch.setattr(embedded_cluster, "_initdb", as_of_old)
        embedded = start(data_dir, settings=FAST, bin_dir=SYSTEM / str(older()) / "bin")
        patch.setattr(server_kind, "OLDEST_POSTGRESQL", older())  # ours may support none so old
        try:
            return data_dir, filled(embedded.url)
        finally:
            embedded.stop()


def filled(url: str) -> dict[str, Figures]:
    migrate(url)
    database = open_database(url, application="test")
    try:
        with database.connection() as conn:
            fill(conn)
        roll_up(database)
        with database.connection() as conn:
            return census(conn)
    finally:
        database.close()


def held(data_dir: Path) -> dict[str, Figures]:
    """What there is once our server runs on it."""
    embedded = start(data_dir, settings=FAST)
    try:
        with psycopg.connect(embedded.url, options="-c timezone=UTC") as conn:
            return census(conn)
    finally:
        embedded.stop()


def test_an_older_database_is_taken_over_by_the_command_that_the_start_names(
    old: tuple[Path, dict[str, Figures]],
) -> None:
    data_dir, figures = old
    with pytest.raises(EmbeddedFault, match="made by PostgreSQL") as refused:
        start(data_dir)
    (command,) = re.findall(r"`python (.*)`", str(refused.value))
    done = subprocess.run(
        [sys.executable, *shlex.split(command)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    aside = data_dir / f"cluster-{older()}"
    assert f"{sum(row[0] for row in figures.values())} rows compared" in done.stdout
    assert str(aside) in done.stdout
    assert held(data_dir) == figures
    assert version_of_cluster(aside) == older()
    assert sorted(path.name for path in data_dir.glob("up*")) == []
    with pytest.raises(EmbeddedFault, match="nothing to do"):
        upgrade(data_dir)


def test_what_does_not_come_back_alike_leaves_the_old_one_in_its_place(
    old: tuple[Path, dict[str, Figures]], monkeypatch: pytest.MonkeyPatch
) -> None:
    data_dir, figures = old

    def torn(url: str, file: Path) -> Manifest | None:
        """As if a row were missing."""
        figures = json.loads(manifest_path(file).read_text())
        figures["relations"]["machine"][0] += 1
        manifest_path(file).write_text(json.dumps(figures))
        return restore(url, file)

    with monkeypatch.context() as patch:
        patch.setattr("db.embedded_upgrade.restore", torn)
        with pytest.raises(BackupFault, match="not everything came back"):
            upgrade(data_dir)
    assert version_of_cluster(data_dir / "cluster") == older()
    upgrade(data_dir)
    assert held(data_dir) == figures


def test_an_upgrade_broken_off_at_the_worst_moment_is_no_empty_database(
    old: tuple[Path, dict[str, Figures]],
) -> None:
    data_dir, _ = old
    (data_dir / "cluster").rename(data_dir / f"cluster-{older()}")
    with pytest.raises(EmbeddedFault, match=f"cluster-{older()}: an upgrade was broken off"):
        start(data_dir)


def test_programs_that_are_not_there_are_named(old: tuple[Path, dict[str, Figures]]) -> None:
    data_dir, _ = old
    with pytest.raises(EmbeddedFault, match=rf"PostgreSQL {older()} .*postgresql-{older()};"):
        upgrade(data_dir, data_dir)
