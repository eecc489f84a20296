"""Where the tests' databases lie: nobody's else is touched, and memory is not filled up."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from tests import memory_disk
from tests.memory_disk import NAME, fast_directory

ROOT = Path(__file__).resolve().parents[1]
ANOTHER_RUN = """
import sys
from pathlib import Path
from tests import memory_disk
memory_disk.MEMORY, memory_disk.ROOM = Path(sys.argv[1]), 0
with memory_disk.fast_directory(Path(sys.argv[1])) as made:
    print(made, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In place of the system's, with room enough."""
    place = tmp_path / "memory"
    place.mkdir()
    monkeypatch.setattr(memory_disk, "MEMORY", place)
    monkeypatch.setattr(memory_disk, "ROOM", 0)
    return place


def test_a_run_that_lives_keeps_its_directory_and_one_that_was_killed_leaves_none(
    memory: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", ANOTHER_RUN, str(memory)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        theirs = Path(other.stdout.readline().strip())
        with fast_directory(tmp_path) as ours:
            assert theirs.is_dir()
            assert {theirs, ours} == set(memory.iterdir())
        other.kill()
    assert theirs.is_dir()
    with fast_directory(tmp_path) as ours:
        assert list(memory.iterdir()) == [ours]
    assert list(memory.iterdir()) == []


def test_what_only_has_such_a_name_is_left_alone(memory: Path, tmp_path: Path) -> None:
    (memory / f"{NAME}notes.txt").write_text("mine")
    with fast_directory(tmp_path):
        pass
    assert [path.name for path in memory.iterdir()] == [f"{NAME}notes.txt"]


def test_memory_that_others_fill_is_not_taken(
    memory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file system promises half of the memory, whoever uses it."""
    monkeypatch.setattr(memory_disk, "ROOM", 1)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=0))
    with fast_directory(tmp_path) as made:
        assert made.parent == tmp_path
    monkeypatch.undo()
    assert list(memory.iterdir()) == []
