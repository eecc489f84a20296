"""PostgreSQL's own programs (pg_dump, pg_restore): where they are, and how they are run.

The ones of the embedded server and the ones on PATH; of those that suit the server's version the
oldest is taken, since what a newer one writes an older server may not understand. A password goes
by the environment, never by the command line, which everybody on the machine may read.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from db.postgres_account import PACKAGE

_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")
KNOWS_TRANSACTION_TIMEOUT = 17
"""From this version on programs set it on every server, and older servers refuse what they don't
know; nor can older programs read what newer ones dumped.
"""


class ProgramFault(RuntimeError):
    """One of PostgreSQL's programs is missing, or it failed; says which and its last words."""


def run(
    name: str, server_version: int, url: str, *options: str, bin_dir: Path | None = None
) -> None:
    """Run a program on the database of `url` to its end; `bin_dir`: look there first.

    `server_version` as the server tells it (180004). Raises ProgramFault.
    """
    target, environment = _connection(url)
    chosen = program(name, server_version // 10_000, bin_dir)
    _said(chosen, environment, "--dbname", target, *options)


def contents(file: Path, server_version: int) -> str:
    """The table of contents of a dump, as pg_restore lists it. Raises ProgramFault."""
    chosen = program("pg_restore", server_version // 10_000)
    return _said(chosen, dict(os.environ), "--list", str(file))


def version_of(program: Path) -> int:
    """The major version of one of PostgreSQL's programs; 0 where it doesn't say."""
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    match = _VERSION.search(done.stdout)
    return int(match[1]) if match else 0


def _said(chosen: Path, environment: dict[str, str], *options: str) -> str:
    done = subprocess.run(
        [str(chosen), *options],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        words = "\n".join(done.stderr.strip().splitlines()[-8:])
        raise ProgramFault(f"{chosen.name} failed (exit status {done.returncode}):\n{words}")
    return done.stdout


def program(name: str, major: int, bin_dir: Path | None = None) -> Path:
    """The program that suits a server of this major version. Raises ProgramFault."""
    found = {_version_of(path): path for path in reversed(_places(name, bin_dir))}
    fitting = [version for version in found if _suits(version, major)]
    if not fitting:
        there = ", ".join(f"{found[version]} is {version}" for version in sorted(found))
        wanted = f"{major}" if major < KNOWS_TRANSACTION_TIMEOUT else f"{major} or newer"
        raise ProgramFault(
            f"{name} of PostgreSQL {wanted} is needed for this server"
            f" ({there or 'there is none'}). Install PostgreSQL's client programs of that version"
            " and put them on PATH."
        )
    return found[min(fitting)]


def _suits(version: int, major: int) -> bool:
    """Whether a program of this version can dump a server and restore into it."""
    return version >= major and not major < KNOWS_TRANSACTION_TIMEOUT <= version


def _places(name: str, bin_dir: Path | None) -> list[Path]:
    """Then the embedded one: where others have the same version, it is the one we know."""
    suffix = ".exe" if os.name == "nt" else ""
    ours = PACKAGE / "pginstall" / "bin" / f"{name}{suffix}"
    system = shutil.which(name)
    places = (bin_dir / f"{name}{suffix}" if bin_dir else None, ours, system and Path(system))
    return [path for path in places if path and path.exists()]


_version_of = cache(version_of)


def _connection(url: str) -> tuple[str, dict[str, str]]:
    """(the address without its password, the environment with it)."""
    parts = conninfo_to_dict(url)
    password = parts.pop("password", None)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    if password is not None:
        environment["PGPASSWORD"] = str(password)
    return make_conninfo("", **parts), environment
