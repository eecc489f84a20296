"""The demo from its start to its end, with everything in it killed on the way."""

from __future__ import annotations

import contextlib
import math
import random
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from ingest.simulator.days import from_ms, to_ms
from ingest.simulator.demo import SEED
from ingest.simulator.plan import Plan
from ingest.simulator.signals import Signals
from plant.check import read
from tests.system.house import ROOT, House, free_port, start, until

pytestmark = pytest.mark.timeout(300)


def connected(house: House) -> bool:
    frame = house.frame("sources") or {"nodes": {}}
    words = [n["text"] for i, n in frame["nodes"].items() if i.endswith("-state-word")]
    return len(words) >= 4 and set(words) == {"connected"}


def newest(house: House) -> datetime:
    """Up to here every machine's counting has come in."""
    with house.database() as conn:
        row = conn.execute("select min(last_heard) from source_status").fetchone()
    assert row is not None
    return row[0]  # type: ignore[no-any-return]


def test_every_piece_is_there_once_whatever_was_killed(house: House) -> None:
    """Lines A and B, whose server keeps a history: what it told, before, during and after.

    MQTT's exact ledger is held with Mosquitto in tests/ingest: the demo's own broker does not
    repeat what was on its way to a killed reader, and Sparkplug data is QoS 0.
    """
    until(lambda: connected(house), "all sources are connected")
    began = newest(house)
    chance = random.Random(7)
    victims = ["ingest", "alert", "serve", "database", "ingest"]
    chance.shuffle(victims)
    for victim in victims:
        if victim == "database":
            house.kill_database()
        else:
            house.kill(victim)
        until(lambda: connected(house), f"connected again after {victim} was killed")
    ended = newest(house)

    signals = Signals(Plan(read((house.data / "plant.toml").read_text()), SEED))
    told = {
        (tag.code, from_ms(int(ts)), float(value))
        for tag in signals.plan.tags
        if tag.pattern.role in ("good", "scrap") and tag.pattern.source == "opcua"
        for series in [signals.between(tag, to_ms(began), to_ms(ended))]
        for ts, value in zip(series.ts, series.value * tag.pattern.scale, strict=True)
        if not math.isnan(value)
    }
    assert len(told) > 30

    def missing() -> set[tuple[str, datetime, float]]:
        with house.database() as conn:
            rows = conn.execute(
                "select tag.code, ts, value from reading join tag on tag.id = tag_id "
                "where tag.role in ('good', 'scrap') and ts >= %s and ts < %s",
                (began, ended),
            ).fetchall()
        return told - set(rows)

    with contextlib.suppress(pytest.fail.Exception):
        until(lambda: not missing(), "every count that a machine told is stored", 30.0)
    lost = sorted((code, at.strftime("%M:%S.%f"), v) for code, at, v in missing())
    assert not lost, "\n".join(map(str, [began, ended, *lost]))
    with house.database() as conn:
        refused = conn.execute(
            "select reason, detail from quarantine join source on source.id = source_id "
            "where source.name = 'opcua'"
        ).fetchall()
    assert refused == []


def test_ctrl_c_ends_everything_and_the_next_start_goes_on(house: House) -> None:
    until(lambda: connected(house), "all sources are connected")
    before = newest(house)
    pids = [pid for name in ("simulate", "serve", "ingest", "alert") for pid in house.pids(name)]
    assert len(pids) == 4
    assert house.stop() == 0
    assert "Traceback" not in "\n".join(house.said)
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
    assert not (house.data / "database" / "cluster" / "postmaster.pid").exists()

    again = start(house.data, free_port(), speed=30.0)
    try:
        until(lambda: any("Taktboard is at" in line for line in again.said), "it is open again")
        again.log_in()
        until(lambda: connected(again), "all sources are connected again")
        assert newest(again) >= before
    finally:
        assert again.stop() == 0
        assert again.process.stdout is not None
        again.process.stdout.close()


def demo(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "app.py", *options]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


def test_a_second_one_beside_it_is_told_why(house: House) -> None:
    taken = demo("demo", "--data", str(house.data / "other"), "--port", str(house.port))
    assert taken.returncode == 1
    assert f"Port {house.port}" in taken.stderr
    same = demo("demo", "--data", str(house.data), "--port", str(free_port()))
    assert same.returncode == 1
    assert "already in use by another Taktboard" in same.stderr
    assert "Traceback" not in taken.stderr + same.stderr


def test_mistakes_are_told_without_a_traceback(tmp_path: Path) -> None:
    not_a_folder = tmp_path / "file"
    not_a_folder.touch()
    broken = tmp_path / "plant.toml"
    broken.write_text("[site]\ncode = 7\n")
    for options, words in (
        (("demo", "--data", str(not_a_folder / "data")), "can't be written"),
        (("demo", "--data", str(tmp_path / "d"), "--plant", str(tmp_path / "no")), "can't be read"),
        (("check", str(broken)), "site.code"),
        (("ingest",), "TAKTBOARD_DATABASE_URL is not set"),
        (("demo", "--speed", "fast"), "a number from 1 to 120"),
    ):
        told = demo(*options)
        assert told.returncode != 0
        assert words in told.stderr
        assert "Traceback" not in told.stderr


def test_the_sample_is_in_order() -> None:
    told = demo("check", "plant.toml")
    assert told.returncode == 0, told.stderr
    assert "24 machines" in told.stdout
