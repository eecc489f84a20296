"""The embedded server: killed, left behind, started twice, moved, not writable."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil
import psycopg
import pytest

from db import embedded_cluster as module
from db import postgres_account, postgres_process
from db.connect import Database, DatabaseUnavailable, open_database
from db.embedded import Embedded, EmbeddedFault, start
from tests.ports import keep_port

FAST = {"fsync": "off"}
SMALL_DISK = 160 << 20
"""Bytes; a new cluster takes a third of it."""
needs_root = pytest.mark.skipif(
    os.name != "posix" or os.geteuid() != 0, reason="only root starts as somebody else"
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with a stopped server, to be copied."""
    data_dir = keep_port(tmp_path_factory.mktemp("made"))
    embedded = start(data_dir, settings=FAST)
    with psycopg.connect(embedded.url) as conn:
        conn.execute("create table kept (x int)")
        conn.execute("insert into kept values (7)")
    embedded.stop()
    return data_dir


@pytest.fixture
def data_dir(made: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy of it; whatever still runs there afterwards is stopped."""
    copy = tmp_path / "data"
    shutil.copytree(made, copy)
    chown_like(made / "cluster", copy / "cluster")
    yield copy
    for cluster in tmp_path.rglob("PG_VERSION"):
        found = postgres_process.read_pid_file(cluster.parent)
        if found is not None:
            postgres_process.stop(found.pid, cluster.parent)


def chown_like(template: Path, tree: Path) -> None:
    owner = template.stat()
    for path in [tree, *tree.rglob("*")]:
        os.chown(path, owner.st_uid, owner.st_gid)


def kept(embedded: Embedded) -> int:
    with psycopg.connect(embedded.url) as conn:
        row = conn.execute("select x from kept").fetchone()
    assert row is not None
    return int(row[0])


def test_listens_on_localhost_with_a_password_alone(data_dir: Path) -> None:
    embedded = start(data_dir, settings=FAST)
    addresses = {c.laddr.ip for c in psutil.Process(embedded.pid).net_connections() if c.laddr}
    assert addresses == {"127.0.0.1"}
    password = (data_dir / "password").read_text()
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(embedded.url.replace(password, "wrong"))
    assert (data_dir / "password").stat().st_mode & 0o077 == 0
    embedded.stop()
    embedded.stop()
    assert not embedded.alive()


def test_killed_server_comes_back_with_what_was_committed(data_dir: Path) -> None:
    embedded = start(data_dir)  # fsync on
    with psycopg.connect(embedded.url) as conn:
        conn.execute("update kept set x = 8")
    os.kill(embedded.pid, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(embedded.pid)], timeout=5)
    assert not embedded.alive()
    embedded.stop()  # frees the directory
    again = start(data_dir)
    assert kept(again) == 8
    assert again.url == embedded.url  # the same port: other processes find it
    again.stop()


def test_stale_pid_file_of_a_dead_process(data_dir: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    leave_pid_file(data_dir, dead.pid)
    embedded = start(data_dir, settings=FAST)
    assert kept(embedded) == 7
    embedded.stop()


def test_stale_pid_file_with_a_pid_that_is_somebody_elses_now(data_dir: Path) -> None:
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    leave_pid_file(data_dir, other.pid)
    embedded = start(data_dir, settings=FAST)
    assert kept(embedded) == 7
    embedded.stop()
    assert other.poll() is None  # it was not touched
    other.communicate(b"\n", timeout=10)


def test_zombie_in_the_pid_file(data_dir: Path) -> None:
    zombie = subprocess.Popen([sys.executable, "-c", ""])
    psutil.Process(zombie.pid).status()
    os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)
    leave_pid_file(data_dir, zombie.pid)
    embedded = start(data_dir, settings=FAST)
    assert kept(embedded) == 7
    embedded.stop()
    zombie.wait()


def leave_pid_file(data_dir: Path, pid: int) -> None:
    path = data_dir / "cluster" / postgres_process.PID_FILE
    path.write_text(f"{pid}\n{data_dir / 'cluster'}\n1780000000\n54321\n\n127.0.0.1\n1 1\nready\n")
    chown_like(data_dir / "cluster" / "PG_VERSION", path)


def test_second_start_says_who_has_it(data_dir: Path) -> None:
    embedded = start(data_dir, settings=FAST)
    with pytest.raises(
        EmbeddedFault, match=rf"in use by another Taktboard \(process {os.getpid()}"
    ):
        start(data_dir)
    assert kept(embedded) == 7
    embedded.stop()


def test_of_two_first_starts_at_once_one_works_and_the_other_is_told(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from db.embedded import EmbeddedFault, start\n"
        "sys.stdin.readline()\n"
        "try:\n    embedded = start(Path(sys.argv[1]))\n"
        "except EmbeddedFault as error:\n    print(error, flush=True)\n"
        "else:\n    print('started', flush=True); sys.stdin.readline(); embedded.stop()"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "data")]
    with ExitStack() as running:
        both = [
            running.enter_context(
                subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            )
            for _ in range(2)
        ]
        for one in both:
            print(file=one.stdin, flush=True)
        said = sorted(one.stdout.readline().strip() for one in both if one.stdout)
        for one in both:
            one.communicate("\n", timeout=60)
    assert "is already in use by another Taktboard" in said[0]
    assert said[1] == "started"


def test_server_left_running_is_adopted(data_dir: Path) -> None:
    """Its Taktboard was killed: the lock is free, the server works on."""
    code = (
        "import os, signal, sys; from pathlib import Path; from db.embedded import start\n"
        "print(start(Path(sys.argv[1])).pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(data_dir)], capture_output=True, text=True, check=False
    )
    pid = int(done.stdout)
    embedded = start(data_dir, settings=FAST)
    assert embedded.pid == pid
    assert kept(embedded) == 7
    embedded.stop()
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_backends_left_by_a_killed_postmaster_don_t_stop_the_next_start(data_dir: Path) -> None:
    embedded = start(data_dir, settings=FAST)
    with psycopg.connect(embedded.url) as conn:
        conn.execute("select 1")
        os.kill(embedded.pid, signal.SIGKILL)
        embedded.stop()
        again = start(data_dir, settings=FAST)
        assert kept(again) == 7
        again.stop()
        conn.close()


def test_data_directory_moved(data_dir: Path, tmp_path: Path) -> None:
    moved = data_dir.rename(tmp_path / "a place with spaces, 数据")
    embedded = start(moved, settings=FAST)
    assert kept(embedded) == 7
    embedded.stop()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own that soon is full."""
    place = tmp_path / "disk"
    place.mkdir()
    size = ["-o", f"size={SMALL_DISK}"]
    mounted = subprocess.run(["mount", "-t", "tmpfs", *size, "tmpfs", place], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.decode().strip()}")
    yield place
    found = postgres_process.read_pid_file(place / "data" / "cluster")
    if found is not None:
        postgres_process.stop(found.pid, place / "data" / "cluster")
    subprocess.run(["umount", "--lazy", place], check=True)


def fill_up(ballast: Path) -> None:
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(1 << 16)):
            pass


def kill(embedded: Embedded) -> None:
    """On a full disk an orderly end waits long for room."""
    os.kill(embedded.pid, signal.SIGKILL)
    embedded.stop()


def start_in_vain(data_dir: Path) -> None:
    """Mostly: there may be just enough room."""
    with suppress(EmbeddedFault):
        kill(start(data_dir))


def write_for_ever(database: Database, committed: list[int]) -> None:
    while True:
        with database.connection() as conn:
            conn.execute(
                "insert into kept select %s, repeat('x', 2000) from generate_series(1, 100)",
                [len(committed)],
            )
        committed.append(len(committed))


@needs_root
def test_full_disk_loses_nothing_that_was_committed(small_disk: Path) -> None:
    (small_disk / "ballast").write_bytes(bytes(40 << 20))
    embedded = start(small_disk / "data")
    database = open_database(embedded.url, application="test")
    with database.connection() as conn:
        conn.execute("create table kept (x int, padding text)")
    committed: list[int] = []
    with pytest.raises(DatabaseUnavailable):
        write_for_ever(database, committed)
    database.close()
    kill(embedded)
    fill_up(small_disk / "more")
    start_in_vain(small_disk / "data")
    (small_disk / "more").unlink()
    (small_disk / "ballast").unlink()
    again = start(small_disk / "data")
    with psycopg.connect(again.url) as conn:
        rows = conn.execute("select distinct x from kept order by x").fetchall()
    assert len(committed) > 10
    assert [x for (x,) in rows] == committed
    again.stop()


@needs_root
def test_a_first_start_on_a_full_disk_says_so_and_works_when_there_is_room(
    small_disk: Path,
) -> None:
    fill_up(small_disk / "ballast")
    for _ in range(2):
        with pytest.raises(EmbeddedFault, match="No space left on device"):
            start(small_disk / "data")
    (small_disk / "ballast").unlink()
    start(small_disk / "data").stop()


@needs_root
def test_a_disk_that_is_full_in_the_middle_of_the_first_start(small_disk: Path) -> None:
    fill_up(small_disk / "ballast")
    with (small_disk / "ballast").open("r+b") as ballast:
        ballast.truncate(SMALL_DISK - (20 << 20))  # initdb begins, and does not get far
    with pytest.raises(EmbeddedFault, match=r"can't be made:[\s\S]*No space left on device"):
        start(small_disk / "data")
    (small_disk / "ballast").unlink()
    start(small_disk / "data").stop()


@needs_root
def test_a_later_start_on_a_full_disk_leaves_all_as_it_was(small_disk: Path) -> None:
    start(small_disk / "data").stop()
    fill_up(small_disk / "ballast")
    before = (small_disk / "data" / "port").read_text()
    start_in_vain(small_disk / "data")
    (small_disk / "ballast").unlink()
    embedded = start(small_disk / "data")
    assert f":{before}/" in embedded.url
    embedded.stop()


def test_port_taken_meanwhile(data_dir: Path) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        (data_dir / "port").write_text(str(port))
        embedded = start(data_dir, settings=FAST)
    assert f":{port}/" not in embedded.url
    assert kept(embedded) == 7
    embedded.stop()


def test_interrupted_first_start(tmp_path: Path) -> None:
    (tmp_path / "cluster.new").mkdir()
    (tmp_path / "cluster.new" / "half").write_text("")
    embedded = start(tmp_path, settings=FAST)
    assert not (tmp_path / "cluster.new").exists()
    embedded.stop()


def test_not_writable_says_where_and_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EmbeddedFault, match=r"file/data can't be written.*--data DIR"):
        start(tmp_path / "file" / "data")
    with pytest.raises(EmbeddedFault, match=r"/proc/taktboard can't be written"):
        start(Path("/proc/taktboard"))


def test_made_by_another_postgresql(data_dir: Path) -> None:
    (data_dir / "cluster" / "PG_VERSION").write_text("12\n")
    remedy = f"made by PostgreSQL 12, this is 18.*db upgrade --data {data_dir.parent}`"
    with pytest.raises(EmbeddedFault, match=remedy):
        start(data_dir)
    (data_dir / "cluster" / "PG_VERSION").write_text("99\n")
    with pytest.raises(EmbeddedFault, match="Install the Taktboard that made it"):
        start(data_dir)


def test_a_broken_setting_shows_the_server_s_words(data_dir: Path) -> None:
    with pytest.raises(EmbeddedFault, match=r"did not start:[\s\S]*shared_buffers"):
        start(data_dir, settings={"shared_buffers": "much"})
    start(data_dir, settings=FAST).stop()  # the lock was freed


@needs_root
def test_root_runs_it_as_somebody_else_behind_a_barred_door(tmp_path: Path) -> None:
    barred = tmp_path / "barred"
    barred.mkdir(mode=0o700)
    for _ in range(2):
        embedded = start(barred / "data", settings=FAST)
        assert psutil.Process(embedded.pid).uids().effective != 0
        assert (barred / "data" / "cluster").stat().st_uid != 0
        embedded.stop()


@needs_root
def test_programs_out_of_reach_are_copied(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    barred = tmp_path / "barred"
    package = postgres_account.PACKAGE
    shutil.copytree(package, barred / package.name)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, barred / libraries.name)
    barred.chmod(0o700)
    shared = Path("/var/tmp") / f"taktboard-test-{os.getpid()}"
    monkeypatch.setattr(postgres_account, "SHARED", shared)
    try:
        account = postgres_account.account_for(tmp_path / "none")
        where = postgres_account.programs(account, barred / package.name)
        assert where.is_relative_to(shared)
        assert account.run([str(where / "initdb"), "--version"]).returncode == 0
        assert postgres_account.programs(account, barred / package.name) == where
    finally:
        shutil.rmtree(shared, ignore_errors=True)


@needs_root
def test_no_account_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_account, "ACCOUNTS", ("nobody-here",))
    with pytest.raises(EmbeddedFault, match="useradd --system taktboard"):
        start(tmp_path / "data")
    assert module.NAME == "taktboard"
