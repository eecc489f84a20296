"""The commands that README tells to type, as they stand there."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARIES = Path(sys.executable).parent


def blocks(heading: str) -> list[list[str]]:
    """The command lines of each code block under a heading, without their comments."""
    found = [body for language, body in _fenced(heading) if not language]
    return [[line.partition(" #")[0].strip() for line in block.splitlines()] for block in found]


def plant_file(heading: str) -> str:
    """The plant file that stands under a heading."""
    (found,) = (body for language, body in _fenced(heading) if language == "toml")
    return found


def _fenced(heading: str) -> list[tuple[str, str]]:
    """(language, body) of each code block."""
    text = (ROOT / "README.md").read_text("utf-8")
    section = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    assert section, f"README has no section {heading!r}"
    return re.findall(r"^```(\w*)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)


def command(line: str, **instead: str) -> list[str]:
    """The words of a line, with this test's Python and with its own words `instead` of some."""
    words = [instead.get(word, word) for word in shlex.split(line)]
    words[0] = sys.executable if words[0] == "python" else str(BINARIES / words[0])
    return words
