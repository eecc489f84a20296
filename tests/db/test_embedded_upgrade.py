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
from psycopg import errors

from db import embedded_cluster, server_kind
from db.backup import BackupFault, Manifest, back_up, manifest_path, restore
from db.census import Figures, census
from db.connect import open_database
from db.embedded import EmbeddedFault, at_hand, start
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


def leftovers(data_dir: Path) -> list[Path]:
    """What an upgrade needs only while it lasts."""
    return list(data_dir.glob("upgrade*"))


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
    assert leftovers(data_dir) == []
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
    assert leftovers(data_dir) == []
    upgrade(data_dir)
    assert held(data_dir) == figures


def test_nobody_writes_into_the_old_one_meanwhile_or_begins_a_second_upgrade(
    old: tuple[Path, dict[str, Figures]], monkeypatch: pytest.MonkeyPatch
) -> None:
    data_dir, figures = old
    refused: list[str] = []

    def meanwhile(url: str, file: Path, *, bin_dir: Path) -> Manifest:
        """Who knows the old server's port, who finds it by its files, and who is as impatient."""
        usual = f"{int((data_dir / 'port').read_text())}/{NAME}"
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(f"{url.rpartition(':')[0]}:{usual}")
        with (
            at_hand(data_dir) as found,
            psycopg.connect(found) as conn,
            pytest.raises(errors.ReadOnlySqlTransaction),
        ):
            conn.execute("insert into audit (at, actor, action) values (now(), 'a', 'b')")
        with pytest.raises(EmbeddedFault, match="in use by another Taktboard") as second:
            upgrade(data_dir)
        refused.append(str(second.value))
        return back_up(url, file, bin_dir=bin_dir)

    with monkeypatch.context() as patch:
        patch.setattr("db.embedded_upgrade.back_up", meanwhile)
        upgrade(data_dir)
    assert len(refused) == 1
    assert held(data_dir) == figures


def test_a_server_that_was_left_running_is_stopped_before_it_is_dumped(
    old: tuple[Path, dict[str, Figures]],
) -> None:
    """It would be adopted as it is: on its usual port, and open to be written."""
    data_dir, figures = old
    left = start(data_dir, settings=FAST, bin_dir=SYSTEM / str(older()) / "bin")
    left._lock.release()  # as when its Taktboard was killed
    upgrade(data_dir)
    assert not left.alive()
    assert held(data_dir) == figures


class Killed(BaseException):
    """Nothing of ours catches it."""


@pytest.mark.parametrize("renamed", ["none", "the old one", "both"])
def test_an_upgrade_broken_off_while_the_two_change_places_is_finished(
    old: tuple[Path, dict[str, Figures]], monkeypatch: pytest.MonkeyPatch, renamed: str
) -> None:
    data_dir, figures = old
    rename = Path.rename

    def killed(path: Path, target: Path) -> Path:
        if renamed == "none" and path == data_dir / "cluster":
            raise Killed
        if renamed == "the old one" and target == data_dir / "cluster":
            raise Killed
        there = rename(path, target)
        if renamed == "both" and target == data_dir / "cluster":
            raise Killed
        return there

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", killed)
        with pytest.raises(Killed):
            upgrade(data_dir)
    if renamed == "both":
        with pytest.raises(EmbeddedFault, match="nothing to do"):
            upgrade(data_dir)
    else:
        with pytest.raises(EmbeddedFault, match="db upgrade --data"):
            start(data_dir)
        done = upgrade(data_dir)
        assert done.rows == sum(row[0] for row in figures.values())
    assert leftovers(data_dir) == []
    assert held(data_dir) == figures
    assert version_of_cluster(data_dir / f"cluster-{older()}") == older()


def test_an_old_one_whose_new_one_is_gone_is_upgraded_again(
    old: tuple[Path, dict[str, Figures]],
) -> None:
    data_dir, figures = old
    (data_dir / "cluster").rename(data_dir / f"cluster-{older()}")
    with pytest.raises(EmbeddedFault, match=f"cluster-{older()}: an upgrade was broken off"):
        start(data_dir)
    upgrade(data_dir)
    assert held(data_dir) == figures


def test_an_earlier_one_that_is_in_the_way_is_told_before_anything_is_done(
    old: tuple[Path, dict[str, Figures]],
) -> None:
    data_dir, _ = old
    (data_dir / f"cluster-{older()}").mkdir()
    before = set(data_dir.glob("*"))
    with pytest.raises(EmbeddedFault, match=rf"cluster-{older()} is there already"):
        upgrade(data_dir)
    assert set(data_dir.glob("*")) == before


def test_programs_that_are_not_there_are_named(old: tuple[Path, dict[str, Figures]]) -> None:
    data_dir, _ = old
    with pytest.raises(EmbeddedFault, match=rf"PostgreSQL {older()} .*postgresql-{older()};"):
        upgrade(data_dir, data_dir)
