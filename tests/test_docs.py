"""Holds the documents to the code: settings, links, make targets, the compose file."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = (ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md")))
ROOMS = ("plant", "db", "ingest", "alerts", "dashboards")
LINK = re.compile(r"\]\(([^)#\s]+)")
PROCESSES = "import app, alerts.watch, dashboards.gunicorn_server, dashboards.web, ingest.worker"
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


def _image(at: Path) -> None:
    """What the Dockerfile copies, where it copies it to."""
    copies = re.findall(r"^COPY (.+) (\S+)$", _read("deploy/Dockerfile"), re.MULTILINE)
    for names, target in copies:
        for name in names.split():
            found = ROOT / name
            if found.is_dir():
                shutil.copytree(found, at / target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(found, at / target)


def test_the_image_holds_all_that_its_processes_import(tmp_path: Path) -> None:
    _image(tmp_path)
    allowed = {line.removeprefix("!") for line in _read("deploy/Dockerfile.dockerignore").split()}
    assert {path.name for path in tmp_path.iterdir()} <= allowed
    for words in (["app.py", "check", "plant.toml"], ["-c", PROCESSES]):
        told = subprocess.run(
            [sys.executable, *words],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert told.returncode == 0, told.stderr


def test_the_units_run_the_commands_of_the_readme() -> None:
    production = _read("README.md").partition("\n## In production\n")[2]
    gunicorn = next(line for line in production.splitlines() if line.startswith("gunicorn "))
    starts = {
        path.stem: re.search(r"^ExecStart=/opt/taktboard/.venv/bin/(.*)$", path.read_text(), re.M)
        for path in (ROOT / "deploy" / "systemd").glob("*.service")
    }
    assert {name: found[1] if found else None for name, found in starts.items()} == {
        "taktboard-web": gunicorn,
        "taktboard-ingest": "python app.py ingest",
        "taktboard-alert": "python app.py alert",
    }


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="a machine without systemd")
def test_systemd_understands_the_units(tmp_path: Path) -> None:
    """In a root of their own, where the programs are and the targets of this machine."""
    programs = tmp_path / "opt/taktboard/.venv/bin"
    programs.mkdir(parents=True)
    for name in ("python", "gunicorn"):
        (programs / name).touch(mode=0o755)
    units = tmp_path / "etc/systemd/system"
    units.mkdir(parents=True)
    shipped = [*(ROOT / "deploy" / "systemd").glob("*.service")]
    copies = [str(shutil.copy(unit, units)) for unit in shipped]
    system = tmp_path / "usr/lib/systemd/system"
    system.mkdir(parents=True)
    for target in Path("/usr/lib/systemd/system").glob("*.target"):
        shutil.copy(target, system)
    told = subprocess.run(
        ["systemd-analyze", "verify", f"--root={tmp_path}", *copies],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (told.returncode, told.stderr) == (0, "")
