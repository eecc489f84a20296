"""Holds the documents to the code: settings, links, make targets, the compose file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = (ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md")))
ROOMS = ("plant", "db", "ingest", "alerts", "dashboards")
LINK = re.compile(r"\]\(([^)#\s]+)")
VARIABLE = re.compile(r"""["'](TAKTBOARD_[A-Z_]+)["']""")


def _read(path: str) -> str:
    return (ROOT / path).read_text("utf-8")


def _variables() -> set[str]:
    files = [*ROOT.glob("*.py"), *(file for room in ROOMS for file in (ROOT / room).rglob("*.py"))]
    found = {name for file in files for name in VARIABLE.findall(file.read_text("utf-8"))}
    return {name.removesuffix("_FILE") for name in found}


def test_every_setting_is_documented() -> None:
    documented = _read("docs/operations.md")
    assert "TAKTBOARD_DATABASE_URL" in _variables()
    assert [name for name in sorted(_variables()) if f"`{name}`" not in documented] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_relative_link_and_picture_exists(document: Path) -> None:
    links = [link for link in LINK.findall(document.read_text("utf-8")) if "://" not in link]
    assert [link for link in links if not (document.parent / link).exists()] == []


def test_the_make_targets_of_the_readme_exist() -> None:
    named = set(re.findall(r"(?:^|`)make ([a-z]+)\b", _read("README.md"), re.MULTILINE))
    targets = set(re.findall(r"^([a-z-]+):", _read("Makefile"), re.MULTILINE))
    assert {"demo", "test"} <= named
    assert named - targets == set()


def test_the_compose_file_runs_every_process_behind_a_lock() -> None:
    compose = yaml.safe_load(_read("deploy/compose.yaml"))
    services = compose["services"]
    assert set(services) == {"database", "broker", "migrate", "ingest", "alert", "web"}
    for name in ("migrate", "ingest", "alert", "web"):
        assert services[name]["read_only"] is True
        assert services[name]["user"] == "10001:10001"
        assert services[name]["security_opt"] == ["no-new-privileges:true"]
    asked = {secret for service in services.values() for secret in service.get("secrets", ())}
    assert asked == set(compose["secrets"])
