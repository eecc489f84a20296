"""The embedded server's files: the cluster made once, its password, its port.

Never starts a server.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import tempfile
from pathlib import Path

from db.postgres_account import Account, within_reach
from db.postgres_programs import version_of

NAME = "taktboard"
"""Of the role and of the database."""


ASIDE = "cluster-{}"
"""An older PostgreSQL's, by its version, kept after an upgrade."""


class EmbeddedFault(RuntimeError):
    """The embedded database can't be started. Says what happened, where, and what to do."""


def make_cluster(data_dir: Path, account: Account, bin_dir: Path) -> None:
    """Make `cluster/`, whole or not at all. Raises EmbeddedFault, OSError."""
    if aside := sorted(data_dir.glob(ASIDE.format("*"))):
        raise EmbeddedFault(
            f"There is no database in {data_dir}, but {aside[-1].name}: an upgrade was broken off. "
            f"`python app.py db upgrade --data {data_dir.parent}` goes on with it."
        )
    new = data_dir / "cluster.new"
    if new.exists():  # a first start that was interrupted
        shutil.rmtree(new)
    new.mkdir(mode=0o700)
    account.own(new)
    chosen = password(data_dir)
    with tempfile.NamedTemporaryFile("w", prefix="taktboard-") as file:
        file.write(chosen)
        file.flush()
        account.own(Path(file.name))
        with within_reach(account, new) as (path, fds):
            done = account.run(_initdb(bin_dir, path, file.name), fds=fds, cwd=Path("/"))
    if done.returncode != 0:
        raise EmbeddedFault(f"The database in {data_dir} can't be made:\n{done.stdout.strip()}")
    new.rename(data_dir / "cluster")


def _initdb(bin_dir: Path, path: str, password_file: str) -> list[str]:
    return [
        str(bin_dir / "initdb"),
        *("-D", path, "-U", NAME, f"--pwfile={password_file}", "--auth=scram-sha-256"),
        *("--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
        *("--locale=C", "--data-checksums", "--no-instructions"),
    ]


def check_version(cluster: Path, bin_dir: Path) -> None:
    """Raises EmbeddedFault where another PostgreSQL made the cluster."""
    made_by, ours = version_of_cluster(cluster), version_of(bin_dir / "postgres")
    if made_by == ours:
        return
    remedy = (
        f"`python app.py db upgrade --data {cluster.parent.parent}` takes it over"
        if made_by < ours
        else "Install the Taktboard that made it"
    )
    raise EmbeddedFault(
        f"The database in {cluster} was made by PostgreSQL {made_by}, this is {ours}. "
        f"{remedy}, or choose another data directory (--data DIR)."
    )


def version_of_cluster(cluster: Path) -> int:
    """The major version of the PostgreSQL that made it."""
    return int((cluster / "PG_VERSION").read_text().strip())


def password(data_dir: Path) -> str:
    """The password of the role, made up at first."""
    path = data_dir / "password"
    if not path.exists():
        _keep(path, secrets.token_urlsafe(24))
    return path.read_text().strip()


def port(data_dir: Path) -> int:
    """The port of the last time where it is free, else another, remembered."""
    path = data_dir / "port"
    last = int(path.read_text()) if path.exists() else 0
    found = _free(last) or _free(0)
    if found != last:
        _keep(path, str(found))
    return found


def _keep(path: Path, text: str) -> None:
    """Whole or not at all, whatever room the disk has; for us alone."""
    new = path.with_name(f"{path.name}.new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    new.replace(path)


def _free(port: int) -> int:
    with socket.socket() as probe:
        if os.name == "posix":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return 0
        return int(probe.getsockname()[1])
