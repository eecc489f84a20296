"""Process capability against published examples, and pooled samples against plain statistics."""

from __future__ import annotations

import random
import statistics

import pytest

from plant.capability import Capability, Sample, capability
from plant.model import Limits


def test_the_worked_example_of_the_handbook() -> None:
    """NIST/SEMATECH e-Handbook of Statistical Methods, 6.1.6: off its middle, Cp alone flatters."""
    found = capability(Sample(50, 16.0, 2.0), Limits(lower=8.0, upper=20.0))
    assert found.cp == pytest.approx(1.0)
    assert found.cpk == pytest.approx(0.6667, abs=5e-5)


@pytest.mark.parametrize(
    ("limits", "cpk"), [(Limits(upper=20.0), 4 / 6), (Limits(lower=8.0), 8 / 6)]
)
def test_of_one_limit_there_is_that_side_and_no_width(limits: Limits, cpk: float) -> None:
    found = capability(Sample(50, 16.0, 2.0), limits)
    assert found.cp is None
    assert found.cpk == pytest.approx(cpk)


def test_a_mean_beyond_its_limit_is_below_zero() -> None:
    found = capability(Sample(9, 21.0, 2.0), Limits(lower=8.0, upper=20.0))
    assert found.cp == pytest.approx(1.0)
    assert found.cpk == pytest.approx(-1 / 6)


@pytest.mark.parametrize(
    "sample",
    [Sample(), Sample(1, 16.0), Sample(9, 16.0, 0.0), Sample(9, 0.1, 1e-17)],
    ids=["none", "one", "all alike", "all alike but for rounding"],
)
def test_without_spread_there_is_no_value(sample: Sample) -> None:
    assert capability(sample, Limits(lower=8.0, upper=20.0)) == Capability()


def sample_of(values: list[float]) -> Sample:
    s = statistics.stdev(values) if len(values) > 1 else None
    return Sample(len(values), statistics.fmean(values), s, sum(v > 102 for v in values))


def test_samples_add_up_to_the_sample_of_all_readings() -> None:
    chance = random.Random(7)
    values = [chance.gauss(100.0, 2.0) for _ in range(200)]
    whole, at = Sample(), 0
    for size in (1, 0, 2, 97, 100):
        if size:
            whole += sample_of(values[at : at + size])
        whole += Sample()
        at += size
    wanted = sample_of(values)
    assert (whole.n, whole.outside) == (wanted.n, wanted.outside)
    assert whole.mean == pytest.approx(wanted.mean, rel=1e-12)
    assert whole.s == pytest.approx(wanted.s, rel=1e-12)
    assert whole.outside_share == wanted.outside / 200
