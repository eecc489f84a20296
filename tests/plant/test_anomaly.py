"""The detector: quiet where all is quiet, early where something drifts, exact over a restart."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ingest.simulator.causes import Cause
from ingest.simulator.plan import Plan
from ingest.simulator.signals import Signals
from plant.anomaly import DEFAULT, Judged, Model, Settings, dump, learn, load
from plant.check import read

ROOT = Path(__file__).parents[2]
NAB = Path(os.environ.get("TAKTBOARD_TEST_NAB", "no-benchmark"))
"""A copy of the Numenta Anomaly Benchmark, which the project doesn't bring."""
START_S = 1.7e9
HOUR = 3600
Values = NDArray[np.float64]


def times(values: Values, step_s: float) -> Values:
    return np.asarray(START_S + np.arange(len(values)) * step_s)


def wandering(n: int, memory: float, spread: float, rng: np.random.Generator) -> Values:
    """Noise that remembers its last values."""
    keep = np.exp(-1 / memory)
    shocks = rng.normal(0, spread * np.sqrt(1 - keep**2), n)
    out, level = np.empty(n), 0.0
    for i, shock in enumerate(shocks):
        level = keep * level + shock
        out[i] = level
    return out


def quiet(kind: str, step_s: int, days: float, seed: int) -> Values:
    """Tags as machines have them."""
    n = int(days * 24 * HOUR / step_s)
    rng, t = np.random.default_rng(seed), np.arange(n) * step_s
    if kind == "noise":
        return 2 + rng.normal(0, 0.15, n)
    if kind == "wandering":
        return 2 + rng.normal(0, 0.1, n) + wandering(n, 1200 / step_s, 0.1, rng)
    if kind == "day and night":
        return 60 + 3 * np.sin(2 * np.pi * t / (24 * HOUR)) + rng.normal(0, 0.4, n)
    if kind == "coarse":
        return np.round(5 + rng.normal(0, 0.3, n))
    return np.full(n, 4.0)


KINDS = ("noise", "wandering", "day and night", "coarse", "constant")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("step_s", [30, 60])
def test_quiet_days_raise_nothing(kind: str, step_s: int) -> None:
    for seed in range(3):
        values = quiet(kind, step_s, 3, seed)
        assert not [one for one in learn(Model(), times(values, step_s), values) if one.started]


def test_a_quiet_day_at_one_second_raises_nothing() -> None:
    for seed in range(3):
        values = quiet("noise", 1, 1.5, seed)
        judged = learn(Model(), times(values, 1), values)
        assert len(judged) > 600
        assert not any(one.started for one in judged)


@pytest.mark.parametrize(("hours", "rise"), [(2, 2.0), (6, 4.0), (12, 4.0)])
def test_a_drift_is_caught_well_before_its_end(hours: int, rise: float) -> None:
    for seed in range(4):
        values = quiet("wandering", 60, 2, seed)
        values[-hours * 60 :] += np.linspace(0, rise, hours * 60)
        began = START_S + (48 - hours) * HOUR
        starts = [one.at for one in learn(Model(), times(values, 60), values) if one.started]
        assert len([at for at in starts if at < began]) == 0
        assert starts[0] < began + 0.6 * hours * HOUR


def test_a_jump_is_caught_within_a_quarter_of_an_hour() -> None:
    values = quiet("noise", 1, 1, 1)
    values[-HOUR:] += 2.0
    starts = [one.at for one in learn(Model(), times(values, 1), values) if one.started]
    assert len(starts) == 1
    assert 0 < starts[0] - (START_S + 23 * HOUR) <= 15 * 60


def test_one_wild_reading_is_no_anomaly() -> None:
    values = quiet("noise", 1, 1, 2)
    values[-HOUR] = 90.0
    values[-HOUR + 1 : -HOUR + 4] = [np.nan, np.inf, -np.inf]
    assert not any(one.started for one in learn(Model(), times(values, 1), values))


def test_the_new_normal_is_learnt_in_the_end() -> None:
    values = np.concatenate([quiet("noise", 60, 2, 3), 4 + quiet("noise", 60, 6, 4)])
    judged = learn(Model(), times(values, 60), values)
    assert any(one.is_anomalous for one in judged)
    assert not judged[-1].is_anomalous


def test_nothing_is_judged_before_enough_was_seen() -> None:
    values = quiet("noise", 60, 0.2, 5)
    assert learn(Model(), times(values, 60), values) == []


def test_a_restart_goes_on_to_the_last_bit() -> None:
    values = quiet("wandering", 30, 1.5, 6)
    at_s = times(values, 30)
    whole = Model()
    expected = learn(whole, at_s, values)
    model, judged = Model(), list[Judged]()
    for part in np.array_split(np.arange(len(values)), 37):
        judged += learn(model, at_s[part], values[part])
        model = load(dump(model))
    assert judged == expected
    assert dump(model) == dump(whole)
    assert len(dump(model)) < 8192


@pytest.fixture(scope="module")
def simulated() -> tuple[Signals, int, int]:
    """The sample plant's signals, over four days."""
    plant = read((ROOT / "plant.toml").read_text(encoding="utf-8"))
    t1 = int(datetime(2026, 11, 20, tzinfo=UTC).timestamp() * 1000)
    return Signals(Plan(plant, 7), step_ms=30_000), t1 - 5 * 24 * HOUR * 1000, t1


def while_running(signals: Signals, code: str, t0: int, t1: int) -> tuple[Values, Values]:
    tag = signals.tags[code]
    series = signals.between(tag, t0, t1)
    timeline = signals.plan.timeline(tag.machine, t0, t1)
    since = timeline.ts[np.maximum(np.searchsorted(timeline.ts, series.ts, "right") - 1, 0)]
    runs = (timeline.at(series.ts) == Cause.RUNNING) & (series.ts - since > 15_000)
    kept = runs & (series.quality == 0)
    return series.ts[kept] / 1000, series.value[kept] * tag.pattern.scale


def test_the_simulated_plants_drifts_are_caught_before_they_fail(
    simulated: tuple[Signals, int, int],
) -> None:
    signals, t0, t1 = simulated
    drifts, leads_h = 0, []
    for code in (code for code in signals.tags if code.endswith(".vibration")):
        at_s, values = while_running(signals, code, t0, t1)
        starts = [one.at * 1000 for one in learn(Model(), at_s, values) if one.started]
        happened = signals.plan.drifts(signals.tags[code].machine, t0, t1)
        for drift in happened:
            if drift.t0 > t0 + 2 * 24 * HOUR * 1000 and drift.t1 < t1:
                drifts += 1
                leads_h += [
                    (drift.t1 - at) / HOUR / 1000 for at in starts if drift.t0 < at < drift.t1
                ][:1]
        assert all(
            any(d.t0 <= at <= d.repaired + 8 * HOUR * 1000 for d in happened) for at in starts
        )
    assert drifts == len(leads_h) > 0
    assert min(leads_h) > 0.5


def test_a_machine_that_warms_up_after_every_stop_is_normal(
    simulated: tuple[Signals, int, int],
) -> None:
    signals, t0, t1 = simulated
    for code in ("A01.temperature", "B02.temperature", "D04.temperature"):
        at_s, values = while_running(signals, code, t0, t1)
        assert not [one.at for one in learn(Model(), at_s, values) if one.started]


@pytest.mark.skipif(not NAB.is_dir(), reason="TAKTBOARD_TEST_NAB names no copy of NAB")
def test_a_published_series_shows_one_of_its_labelled_anomalies(
    record_property: Callable[[str, object], None],
) -> None:
    name = "realKnownCause/machine_temperature_system_failure.csv"
    with (NAB / "data" / name).open(encoding="utf-8") as file:
        rows = [(_epoch(row["timestamp"]), float(row["value"])) for row in csv.DictReader(file)]
    at_s, values = np.array(rows).T
    settings = Settings(bucket_s=300, block=6, lag=8)
    starts = [one.at for one in learn(Model(), at_s, values, settings) if one.started]
    found = json.loads((NAB / "labels" / "combined_windows.json").read_text(encoding="utf-8"))
    windows = [(_epoch(a), _epoch(b)) for a, b in found[name]]
    hit = [any(a <= at <= b for at in starts) for a, b in windows]
    probation = at_s[0] + 0.15 * (at_s[-1] - at_s[0])
    wrong = [at for at in starts if at > probation and not any(a <= at <= b for a, b in windows)]
    record_property("hit", str(hit))
    record_property("false_positives", len(wrong))
    # A check that nothing got worse, no claim to be good at it: the series wanders over weeks, and
    # two of its anomalies, the last failure among them, are missed. The settings were chosen here.
    assert hit == [False, True, False, False]
    assert len(wrong) <= 6  # in eleven weeks


def _epoch(text: str) -> float:
    return datetime.fromisoformat(text[:19]).replace(tzinfo=UTC).timestamp()


def test_the_defaults_judge_after_ten_hours_of_running() -> None:
    blocks = DEFAULT.lag + DEFAULT.probation
    assert blocks * DEFAULT.block * DEFAULT.bucket_s == 10 * HOUR
