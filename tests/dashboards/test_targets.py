"""Targets: given ones are used, the others derived, and a miss is called out where it matters."""

from __future__ import annotations

from math import prod
from pathlib import Path

import pytest

from dashboards.targets import Target, factors, targets
from plant.check import read
from plant.model import Plant

SAMPLE = read((Path(__file__).resolve().parents[2] / "plant.toml").read_text(encoding="utf-8"))


def plant_with(line: dict[str, float | None], **site: float | None) -> Plant:
    """The sample; `line` changes its first line."""
    first, *others = SAMPLE.lines
    lines = (first.model_copy(update=line), *others)
    return SAMPLE.model_copy(update={"site": SAMPLE.site.model_copy(update=site), "lines": lines})


@pytest.mark.parametrize("oee", [0.5, 0.75, 0.85, 1.0])
def test_the_three_factors_make_the_target(oee: float) -> None:
    found = factors(oee, (None, None, None))
    assert prod(found) == pytest.approx(oee)
    assert all(oee <= part <= 1 for part in found)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((0.9, None, None), (0.9, 0.859, 0.971)),  # 0.75 / 0.9 is left to the other two
        ((0.9, 0.92, None), (0.9, 0.92, 0.906)),  # 0.75 / 0.828
        ((0.9, 0.92, 0.99), (0.9, 0.92, 0.99)),  # as given, though they make 0.82
        ((0.7, None, None), (0.7, 1.0, 1.0)),  # below the target already
    ],
)
def test_given_factors_stay_and_the_others_follow(
    given: tuple[float | None, ...], expected: tuple[float, ...]
) -> None:
    assert factors(0.75, given) == pytest.approx(expected, abs=0.001)


def test_a_line_has_its_own_targets_or_the_sites() -> None:
    plant = plant_with({"target_oee": None, "target_quality": 0.97}, target_availability=0.9)
    found = targets(plant, plant.lines[0])
    assert found.oee.value == SAMPLE.site.target_oee
    assert found.availability.value == 0.9
    assert found.quality.value == 0.97
    other = plant_with({"target_oee": 0.6}, target_availability=0.9)
    found = targets(other, other.lines[0])
    assert found.oee.value == 0.6
    parts = (found.availability, found.performance, found.quality)
    assert prod(part.value for part in parts) == pytest.approx(0.6), "not mixed with the site's"


@pytest.mark.parametrize(
    ("ratio", "is_missed", "is_missed_loosely"),
    [
        (None, False, False),
        (0.80, False, False),
        (0.70, False, False),  # 5 points below 75 %
        (0.699, True, False),
        (0.65, True, False),  # 10 points
        (0.649, True, True),
    ],
)
def test_a_miss_is_called_out_beyond_the_tolerance(
    ratio: float | None, is_missed: bool, is_missed_loosely: bool
) -> None:
    target = Target(0.75, 0.05)
    assert target.is_missed(ratio) is is_missed
    assert target.loose.is_missed(ratio) is is_missed_loosely


def test_each_factor_has_its_share_of_the_tolerance() -> None:
    plant = plant_with({}, target_oee=0.75, target_tolerance=0.05)
    found = targets(plant)
    # quality 98.3 %: 0.05 × 0.0172 / 0.25
    assert found.quality.tolerance == pytest.approx(0.0034, abs=0.0001)
    assert found.availability.tolerance == pytest.approx(0.0333, abs=0.0001)
    assert found.quality.is_missed(0.94)
    assert not found.availability.is_missed(0.81)


def test_without_a_tolerance_every_miss_counts() -> None:
    found = targets(plant_with({}, target_oee=0.75, target_tolerance=0.0))
    assert found.oee.is_missed(0.7499)
    assert not found.oee.is_missed(0.75)
