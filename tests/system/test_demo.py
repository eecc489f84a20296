"""The demo from its start to its end, with everything in it killed on the way."""

from __future__ import annotations

import contextlib
import math
import random
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from ingest.simulator.days import from_ms, to_ms
from ingest.simulator.demo import SEED
from ingest.simulator.plan import Plan
from ingest.simulator.signals import Signals
from ingest.simulator.truth import truth_of
from plant.check import read
from tests.patience import Match, until
from tests.ports import free_port
from tests.system.house import ROOT, House, start

pytestmark = pytest.mark.timeout(480)


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


def killed_in_turn(house: House, victims: Sequence[str]) -> None:
    """Each one, and all sources connected again before the next."""
    for victim in victims:
        if victim == "database":
            house.kill_database()
        else:
            house.kill(victim)
        until(lambda: connected(house), f"connected again after {victim} was killed")


def test_every_piece_is_there_once_whatever_was_killed(house: House) -> None:
    """Every machine, whatever its protocol: what it told before, during and after."""
    until(lambda: connected(house), "all sources are connected")
    began = newest(house)
    victims = ["ingest", "alert", "serve", "database", "ingest", "simulate", "ingest"]
    random.Random(7).shuffle(victims)
    killed_in_turn(house, victims)
    ended = newest(house)
    told = told_by(house, began, ended)
    assert {code[0] for code, _, _ in told} == {"A", "B", "C", "D"}

    with contextlib.suppress(pytest.fail.Exception):
        until(lambda: not told - stored(house, began, ended), "all is stored", within_s=120)
    lacking = told - stored(house, began, ended)
    assert not lacking, named(house, lacking, f"of {len(told)} told from {began} to {ended}")
    assert refused(house) == []
    assert_pieces_are_counted_once(house, began, ended)


def named(house: House, lacking: set[tuple[str, datetime, float]], of_what: str) -> str:
    """What lacks, by tag: how many, from when to when; and what the sources say of themselves."""
    by_tag: dict[str, list[datetime]] = {}
    for code, at, _ in sorted(lacking):
        by_tag.setdefault(code, []).append(at)
    with house.database() as conn:
        rows = conn.execute(
            "select name, connected, last_heard, error from source_status "
            "join source on source.id = source_id order by name"
        ).fetchall()
    tags = [f"{code}: {len(ats)}, {ats[0]} to {ats[-1]}" for code, ats in by_tag.items()]
    return "\n".join([f"{len(lacking)} readings lack {of_what}", *tags, *map(str, rows)])


def told_by(house: House, t0: datetime, t1: datetime) -> set[tuple[str, datetime, float]]:
    """(tag, when, value) of every count that the simulated plant tells in [t0, t1)."""
    signals = Signals(plan_of(house))
    return {
        (tag.code, from_ms(int(ts)), float(value))
        for tag in signals.plan.tags
        if tag.pattern.role in ("good", "scrap")
        for series in [signals.between(tag, to_ms(t0), to_ms(t1))]
        for ts, value in zip(series.ts, series.value * tag.pattern.scale, strict=True)
        if not math.isnan(value)
    }


def plan_of(house: House) -> Plan:
    return Plan(read((house.data / "plant.toml").read_text()), SEED)


def stored(house: House, t0: datetime, t1: datetime) -> set[tuple[str, datetime, float]]:
    with house.database() as conn:
        rows = conn.execute(
            "select tag.code, ts, value from reading join tag on tag.id = tag_id "
            "where tag.role in ('good', 'scrap') and ts >= %s and ts < %s",
            (t0, t1),
        ).fetchall()
    return set(rows)


def refused(house: House) -> list[tuple[str, str, str]]:
    with house.database() as conn:
        return conn.execute(
            "select source.name, reason, detail from quarantine "
            "join source on source.id = source_id"
        ).fetchall()


def assert_pieces_are_counted_once(house: House, began: datetime, ended: datetime) -> None:
    """The minutes' sums are the plant's own, of the whole minutes between."""
    t0, t1 = (at.replace(second=0, microsecond=0) for at in (began, ended))
    t0 += timedelta(minutes=2)
    true = {
        code: (machine.good, machine.scrap)
        for code, machine in truth_of(plan_of(house), t0, t1).items()
    }

    def counted() -> dict[str, tuple[int, int]]:
        with house.database() as conn:
            rows = conn.execute(
                "select code, sum(good)::int, sum(scrap)::int from machine_1m "
                "join machine on machine.id = machine_id where ts >= %s and ts < %s group by code",
                (t0, t1),
            ).fetchall()
        return {code: (good, scrap) for code, good, scrap in rows}

    until(lambda: Match(counted(), true), "all is derived")


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
