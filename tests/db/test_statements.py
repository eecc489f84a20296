"""The loader of named SQL, and that every file of ours loads."""

from __future__ import annotations

from pathlib import Path

import pytest

from db import statements as module
from db.statements import statements

FILES = sorted(path.name for path in module.HERE.glob("*.sql"))


@pytest.mark.parametrize("file", FILES)
def test_every_file_loads(file: str) -> None:
    assert all(body for body in statements(file).values())


def test_blocks_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.sql").write_text("-- it\n-- name: one\nselect 1;\n\n-- name: two\nselect 2;\n")
    monkeypatch.setattr(module, "HERE", tmp_path)
    assert dict(statements.__wrapped__("x.sql")) == {"one": "select 1;", "two": "select 2;"}


def test_a_name_twice_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.sql").write_text("-- name: one\nselect 1;\n-- name: one\nselect 2;\n")
    monkeypatch.setattr(module, "HERE", tmp_path)
    with pytest.raises(ValueError, match="occurs twice"):
        statements.__wrapped__("x.sql")
