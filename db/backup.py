"""Backup and restore over PostgreSQL's own tools, with figures that tell whether all came back.

A backup is a file of pg_dump in its own format and, beside it, `FILE.json`: what the file holds
and its SHA-256. The figures are counted in the very snapshot that is dumped, so that work may go on
meanwhile. A restore goes into an empty database in one transaction; it never touches a database
that holds something. Roles and rights are in no backup: a restore makes and gives them anew.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from db.census import Figures, census, differences
from db.connect import Connection, DatabaseUnavailable, Server, connect, server_of
from db.postgres_programs import ProgramFault, contents, run
from db.roles import WEB, grant, make_missing
from db.statements import statements

SQL = statements("backup.sql")
NAMES_A_ROLE = "POLICY public setting setting_for_web"
"""In the contents of a backup: what can't come back on a server without the role."""


class BackupFault(RuntimeError):
    """A backup can't be made or restored; says why and what to do."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What stands in `FILE.json`."""

    made_at: str
    server: str
    postgresql: int
    timescaledb: str | None
    migration: int
    sha256: str
    relations: Mapping[str, Figures]

    @property
    def row_count(self) -> int:
        """Of all relations together."""
        return sum(int(figures[0]) for figures in self.relations.values())


def back_up(url: str, file: Path, *, bin_dir: Path | None = None) -> Manifest:
    """Dump the database into `file`, and say in `file.json` what is in it.

    An older backup of that name is replaced once the new one is whole. `bin_dir`: where to look
    for pg_dump first. Raises BackupFault, DatabaseUnavailable.
    """
    try:
        return _back_up(url, file, bin_dir)
    except psycopg.OperationalError as error:
        raise DatabaseUnavailable(f"the database can't be backed up now: {error}") from error
    except (ProgramFault, OSError) as error:
        raise BackupFault(f"The backup {file} was not made: {error}") from error


def restore(url: str, file: Path) -> Manifest | None:
    """Bring a backup back into the empty database of `url`, and compare it with its figures.

    None where there is no `file.json`, so that nothing could be compared. Raises BackupFault,
    DatabaseUnavailable.
    """
    manifest = read_manifest(file)
    try:
        with connect(url, application="restore") as conn:
            _check_target(conn, manifest)
            _make_roles(conn, file)
            _load(conn, url, file, is_timescaledb=_prepare(conn, manifest))
        with connect(url, application="restore") as conn:  # the extension wakes in a new session
            grant(conn)  # whatever the comparison says, not everybody may drop readings
            _compare(conn, manifest, file)
            conn.execute(SQL["analyze"])
            _wake(conn)
    except psycopg.OperationalError as error:
        raise DatabaseUnavailable(f"the database can't be restored now: {error}") from error
    except ProgramFault as error:
        raise BackupFault(
            f"{file} was not restored, the database is as empty as before. {error}"
        ) from error
    return manifest


def manifest_path(file: Path) -> Path:
    """Where the figures of a backup stand."""
    return file.with_name(f"{file.name}.json")


def read_manifest(file: Path) -> Manifest | None:
    """What `file.json` says of the whole `file`; None where there is none. Raises BackupFault."""
    try:
        found = _sha256(file)
        text = manifest_path(file).read_text(encoding="utf-8")
        held: dict[str, Any] = json.loads(text)
        relations = {name: tuple(values) for name, values in held.pop("relations").items()}
        manifest = Manifest(relations=relations, **held)
    except FileNotFoundError as error:
        if file.exists():
            return None
        raise BackupFault(f"There is no backup {file}.") from error
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise BackupFault(f"The backup {file} and its .json can't be read: {error}") from error
    if found != manifest.sha256:
        raise BackupFault(
            f"{file} is not the file that {manifest_path(file).name} tells of: it was changed, or "
            "not copied to its end. Take another copy of it."
        )
    return manifest


def _back_up(url: str, file: Path, bin_dir: Path | None) -> Manifest:
    part = file.with_name(f"{file.name}.part")
    part.unlink(missing_ok=True)
    part.touch(mode=0o600)  # it will hold password hashes
    try:
        with connect(url, application="backup") as conn, conn.transaction():
            manifest = _dump(conn, url, part, bin_dir)
        _keep(file, part, manifest)
    finally:
        part.unlink(missing_ok=True)
    return manifest


def _dump(conn: Connection, url: str, part: Path, bin_dir: Path | None) -> Manifest:
    conn.execute(SQL["snapshot"])
    version, timescaledb, migration, exported = _state(conn)
    if migration is None:
        raise BackupFault("This database holds no Taktboard: there is nothing to back up.")
    relations = census(conn)
    options = ("--format=custom", f"--file={part}", f"--snapshot={exported}", "--no-owner")
    run("pg_dump", version, url, *options, "--no-privileges", bin_dir=bin_dir)
    return Manifest(
        datetime.now(UTC).isoformat(timespec="seconds"),
        server_of(conn).value,
        version,
        timescaledb,
        migration,
        _sha256(part),
        relations,
    )


def _state(conn: Connection) -> tuple[int, str | None, int | None, str | None]:
    """(server's version, TimescaleDB's, newest migration, a name for this snapshot)."""
    row = conn.execute(SQL["state"]).fetchone()
    assert row is not None
    migration = conn.execute(SQL["newest_migration"]).fetchone() if row[2] else None
    return int(row[0]), row[1], None if migration is None else migration[0], row[3]


def _keep(file: Path, part: Path, manifest: Manifest) -> None:
    """Both files at once, as near as two can be: the older one's figures go first."""
    with part.open("rb") as written:
        os.fsync(written.fileno())
    manifest_path(file).unlink(missing_ok=True)
    part.replace(file)
    manifest_path(file).write_text(json.dumps(asdict(manifest), indent=1) + "\n", encoding="utf-8")


def _check_target(conn: Connection, manifest: Manifest | None) -> None:
    row = conn.execute(SQL["table_count"]).fetchone()
    if row is not None and row[0]:
        raise BackupFault(
            f"The database {conn.info.dbname} holds {row[0]} tables already. A backup is restored "
            f"into an empty one: createdb {conn.info.dbname}_restored, and name that one."
        )
    if manifest and conn.info.server_version // 10_000 < manifest.postgresql // 10_000:
        raise BackupFault(
            f"The backup is of PostgreSQL {manifest.postgresql // 10_000}, this server is "
            f"{conn.info.server_version // 10_000}. Restore it on {manifest.postgresql // 10_000} "
            "or newer."
        )


def _make_roles(conn: Connection, file: Path) -> None:
    """Roles belong to the server. Without them hours of loading would end in vain."""
    lacking = make_missing(conn)
    if WEB in lacking and NAMES_A_ROLE in contents(file, conn.info.server_version):
        raise BackupFault(
            f"The backup needs roles that this server lacks and {conn.info.user} may not make. "
            "Have its administrator make them, and restore again: "
            + " ".join(f"create role {role};" for role in lacking)
        )


def _prepare(conn: Connection, manifest: Manifest | None) -> bool:
    """Whether TimescaleDB was made ready to take a backup in; in the version of the backup."""
    wanted = manifest.timescaledb if manifest else None
    if wanted is None:
        if manifest:
            conn.execute(SQL["drop_timescaledb"])
            return False
        return bool(_state(conn)[1])
    try:
        conn.execute(psycopg.sql.SQL(SQL["use_timescaledb"]).format(psycopg.sql.Literal(wanted)))
    except psycopg.Error as error:
        raise BackupFault(
            f"The backup needs TimescaleDB {wanted}, and this server can't offer it: "
            f"{str(error).strip()}. Restore it where that version is installed and preloaded; "
            "update the extension afterwards."
        ) from error
    found = _state(conn)[1]
    if found != wanted or server_of(conn).value != (manifest.server if manifest else None):
        raise BackupFault(
            f"The backup is of TimescaleDB {wanted}, edition {manifest.server if manifest else ''};"
            f" this database has {found}, {server_of(conn).value}. Use a new database on a server "
            "with that version and licence (timescaledb.license)."
        )
    return True


def _load(conn: Connection, url: str, file: Path, *, is_timescaledb: bool) -> None:
    """pg_restore, with TimescaleDB's triggers at rest meanwhile."""
    options = ("--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges")
    if is_timescaledb:
        conn.execute(SQL["pre_restore"])
    try:
        run("pg_restore", conn.info.server_version, url, *options, str(file))
    finally:
        if is_timescaledb:
            conn.execute(SQL["post_restore"])
            # Policies would drop what is beyond its horizon before it is compared.
            conn.execute(SQL["stop_workers"])


def _compare(conn: Connection, manifest: Manifest | None, file: Path) -> None:
    if manifest is None:
        return
    wrong = differences(manifest.relations, census(conn))
    if wrong:
        raise BackupFault(
            f"{file} was restored, but not everything came back:\n  " + "\n  ".join(wrong)
        )


def _wake(conn: Connection) -> None:
    if server_of(conn) is not Server.PLAIN:
        conn.execute(SQL["start_workers"])


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
