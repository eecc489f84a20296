"""Back to a moment by a base and the archived log, as docs/operations.md tells, by its commands."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

import psycopg
import pytest

from db.census import census
from db.connect import open_database
from db.embedded import Embedded, start
from db.migrate import migrate
from db.postgres_account import PACKAGE, account_for
from tests.db.filled import fill
from tests.patience import until
from tests.ports import keep_port

ROOT = Path(__file__).resolve().parents[2]
LATER = "insert into audit (at, actor, action) values (now(), %s, 'login')"


def blocks(language: str) -> list[str]:
    """The chapter's blocks of one language."""
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    chapter = text.partition("\n### To any moment\n")[2].partition("\n## ")[0]
    return re.findall(rf"^```{language}\n(.*?)^```$", chapter, re.MULTILINE | re.DOTALL)


def settings(block: str, backup: Path) -> dict[str, str]:
    """Lines of postgresql.conf, with this test's directory."""
    found = re.findall(r"^(\w+) = '?(.*?)'?$", block.replace("/backup", str(backup)), re.MULTILINE)
    return dict(found)


@pytest.fixture
def backup() -> Iterator[Path]:
    """`/backup`, which the server's account reaches."""
    with tempfile.TemporaryDirectory(prefix="taktboard-backup-") as name:
        (Path(name) / "wal").mkdir()
        for path in (Path(name), Path(name) / "wal"):
            account_for(path / "no cluster yet").own(path)
        yield Path(name)


def shell(block: str, instead: Mapping[str, str], zone: str = "UTC") -> None:
    """As typed, by our own PostgreSQL's programs, where the day is that of a time zone."""
    for here, there in instead.items():
        block = block.replace(here, there)
    path = f"{PACKAGE / 'pginstall' / 'bin'}:{os.environ['PATH']}"
    environment = {"PATH": path, "TZ": zone}
    done = subprocess.run(
        ["sh", "-ec", block], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def archived(embedded: Embedded) -> None:
    """Wait until the log up to now is in the archive."""
    with psycopg.connect(embedded.url, autocommit=True) as conn:
        (last,) = conn.execute("select pg_walfile_name(pg_switch_wal())").fetchone() or ("",)
        query = "select last_archived_wal >= %s from pg_stat_archiver"
        until(lambda: conn.execute(query, [last]).fetchone() == (True,), f"{last} is archived")


def bases(backup: Path, main: Embedded) -> None:
    """One today and one tomorrow, whatever the hour: the two zones are a day apart."""
    address = {"postgresql://follower@127.0.0.1/": f"{main.url.rpartition('/')[0]}/"}
    for zone in ("WEST+10", "EAST-14"):
        shell(blocks("sh")[0], {"/backup": str(backup)} | address, zone)


def unpacked(backup: Path, data_dir: Path, main: Embedded) -> None:
    """A data directory of its own, with the newest base in the cluster's place."""
    _, newest = sorted(backup.glob("base-*"))
    shell(
        blocks("sh")[1],
        {"/backup/base-2026-03-01": str(newest), "DATA": str(data_dir / "cluster")},
    )
    (data_dir / "password").write_text((main.cluster.parent / "password").read_text())
    owner = main.cluster.stat()
    for path in (data_dir / "cluster", *(data_dir / "cluster").rglob("*")):
        os.chown(path, owner.st_uid, owner.st_gid)


def test_everything_up_to_the_moment_is_there_and_nothing_after(
    tmp_path: Path, backup: Path
) -> None:
    archive, recovery = (settings(block, backup) for block in blocks("ini"))
    main = start(keep_port(tmp_path / "main"), settings={"fsync": "off"} | archive)
    try:
        migrate(main.url)
        bases(backup, main)
        database = open_database(main.url, application="test")
        with database.connection() as conn:
            fill(conn)  # after the base: from the log alone
        with database.connection() as conn:
            before = census(conn)
        with psycopg.connect(main.url, autocommit=True) as conn:
            (moment,) = conn.execute("select clock_timestamp()").fetchone() or (None,)
            conn.execute(LATER, ["too late"])
        database.close()
        archived(main)
    finally:
        main.stop()
    assert isinstance(moment, datetime)
    unpacked(backup, keep_port(tmp_path / "back"), main)
    back = start(
        tmp_path / "back",
        settings={"fsync": "off"} | recovery | {"recovery_target_time": moment.isoformat()},
    )
    try:
        with psycopg.connect(back.url, autocommit=True, options="-c timezone=UTC") as conn:
            until(lambda: conn.execute("select pg_is_in_recovery()").fetchone() == (False,), "open")
            assert census(conn) == before
            conn.execute(LATER, ["written on the new time line"])
            query = "select timeline_id from pg_control_checkpoint()"
            until(lambda: conn.execute(query).fetchone() == (2,), "a time line of its own")
    finally:
        back.stop()
