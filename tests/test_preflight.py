"""A machine that lacks something is told what, and what to do, before anything is installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PREFLIGHT = "import runpy, sys; {lack}; runpy.run_path('deploy/preflight.py', run_name='__main__')"


def _told(lack: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", PREFLIGHT.format(lack=lack)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("lack", "words"),
    [
        ("sys.modules['ensurepip'] = None", "lacks its ensurepip module: on Debian or Ubuntu 'apt"),
        ("sys.modules['venv'] = None", "lacks its venv module"),
        ("sys.version_info = (3, 10, 4)", "Python 3.11 to 3.13 is needed"),
        ("sys.version_info = (2, 7, 18)", "call make PYTHON=python3.12"),
        ("sys.version_info = (3, 14, 0)", "Python 3.11 to 3.13 is needed"),
    ],
)
def test_what_is_missing_is_named_with_its_remedy(lack: str, words: str) -> None:
    told = _told(lack)
    assert (told.returncode, told.stdout) == (1, "")
    assert told.stderr.startswith("taktboard: ")
    assert words in told.stderr
    assert "Traceback" not in told.stderr


def test_nothing_is_said_where_nothing_is_missing() -> None:
    assert (_told("pass").returncode, _told("pass").stderr) == (0, "")


def test_make_names_a_python_that_is_not_there(tmp_path: Path) -> None:
    command = ["make", "install", "PYTHON=no-such-python", f"VENV={tmp_path / 'venv'}"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert told.returncode != 0
    assert "taktboard: there is no no-such-python: install Python 3.11 to 3.13" in told.stderr
