"""Samples to readings, or to the reason why not: whatever comes, never an exception."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.normalize import KEPT_AT_LEAST_EVERY_US, Deadband, Window, normalize
from ingest.reading import Channel, Quality, Reading, Refusal, Sample

NOW = 1_767_600_000_000_000
WINDOW = Window(NOW - 86_400_000_000, NOW, NOW + 60_000_000)


def channel(role: str = "process", **settings: Any) -> Channel:
    return Channel(7, "A01.x", role, "address", "", **settings)  # type: ignore[arg-type]


def judged(raw: object, role: str = "process", **settings: Any) -> Reading | Refusal:
    return normalize(Sample(channel(role, **settings), NOW, raw, Quality.GOOD), WINDOW)


@pytest.mark.parametrize(
    ("raw", "role", "value"),
    [
        (3, "good", 3.0),
        (2.5, "process", 2.5),
        (True, "state", 1.0),
        (-0.0, "process", 0.0),
        (1e308, "process", 1e308),
        (2**53, "good", 2.0**53),
        ("12.5", "process", 12.5),
        (" RUN ", "state", "RUN"),
        ("6", "state", "6"),
        ("运行", "state", "运行"),
    ],
)
def test_values_are_taken(raw: object, role: str, value: float | str) -> None:
    assert judged(raw, role) == Reading(NOW, 7, value, Quality.GOOD)


@pytest.mark.parametrize("raw", [None, math.nan, "nan"])
def test_no_value_is_bad_and_not_zero(raw: object) -> None:
    assert judged(raw) == Reading(NOW, 7, None, Quality.BAD)


@pytest.mark.parametrize(
    ("raw", "role", "reason"),
    [
        (math.inf, "process", "not_finite"),
        (-math.inf, "process", "not_finite"),
        ("1e999", "process", "not_finite"),
        (2**63, "process", "out_of_range"),
        (2**64, "good", "out_of_range"),
        (10**400, "process", "out_of_range"),
        (1e17, "good", "out_of_range"),
        ("abc", "good", "not_a_number"),
        ("", "state", "bad_text"),
        ("a\0b", "state", "bad_text"),
        ("x" * 201, "state", "bad_text"),
        ([1, 2], "process", "bad_type"),
        (b"\x01", "process", "bad_type"),
        ({"a": 1}, "state", "bad_type"),
    ],
)
def test_what_cannot_be_told_exactly_is_refused(raw: object, role: str, reason: str) -> None:
    refusal = judged(raw, role)
    assert isinstance(refusal, Refusal)
    assert refusal.reason == reason


@pytest.mark.parametrize(
    ("ts_us", "reason"),
    [
        (WINDOW.oldest_us - 1, "too_old"),
        (WINDOW.newest_us + 1, "in_future"),
        (0, "too_old"),
        (2**62, "in_future"),
        (-(2**62), "too_old"),
    ],
)
def test_times_out_of_bounds_are_refused(ts_us: int, reason: str) -> None:
    refusal = normalize(Sample(channel(), ts_us, 1.0, Quality.GOOD), WINDOW)
    assert isinstance(refusal, Refusal)
    assert refusal.reason == reason


def test_without_a_time_it_is_dated_by_its_arrival() -> None:
    assert normalize(Sample(channel(), None, 1.0, 1), WINDOW) == Reading(NOW, 7, 1.0, 1)


def test_the_scale_gives_the_unit() -> None:
    assert judged(250, scale=0.1) == Reading(NOW, 7, 25.0, Quality.GOOD)
    assert isinstance(judged(1e308, scale=10.0), Refusal)


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.complex_numbers(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(
    raw=anything,
    role=st.sampled_from(["state", "good", "scrap", "cycle", "process"]),
    ts_us=st.none() | st.integers(),
    scale=st.floats(allow_nan=False, allow_infinity=False),
)
def test_whatever_comes_is_taken_or_refused(
    raw: object, role: str, ts_us: int | None, scale: float
) -> None:
    found = normalize(Sample(channel(role, scale=scale), ts_us, raw, 0), WINDOW)
    if isinstance(found, Refusal):
        assert found.reason
        assert found.detail
    else:
        assert WINDOW.oldest_us <= found.ts_us <= WINDOW.newest_us
        assert not isinstance(found.value, float) or math.isfinite(found.value)
        assert (found.value is not None) or found.quality == Quality.BAD


def reading(after_us: int, value: float | None, quality: int = 0) -> Reading:
    return Reading(NOW + after_us, 7, value, quality)


def test_the_deadband_keeps_what_moved_aged_changed_quality_or_came_late() -> None:
    deadband, tag = Deadband(), channel(deadband=0.5)
    kept = [
        deadband.keeps(tag, one)
        for one in (
            reading(0, 10.0),  # the first
            reading(1, 10.4),
            reading(2, 10.6),  # moved by 0.6 from 10.0
            reading(3, 10.2),
            reading(4, 10.2, 1),  # quality
            reading(4 + KEPT_AT_LEAST_EVERY_US, 10.2, 1),  # aged
            reading(5, 10.2, 1),  # late
            reading(6 + KEPT_AT_LEAST_EVERY_US, None, 2),
        )
    ]
    assert kept == [True, False, True, False, True, True, True, True]


def test_changes_alone_are_kept_where_the_deadband_is_nothing() -> None:
    deadband, tag = Deadband(), channel(deadband=0.0)
    values = (20.0, 20.0, 20.1, 20.1, 20.0)
    kept = [deadband.keeps(tag, reading(n, value)) for n, value in enumerate(values)]
    assert kept == [True, False, True, False, True]
    assert all(deadband.keeps(channel(), reading(n, 20.0)) for n in range(10, 13))


def test_counts_and_states_have_no_deadband() -> None:
    deadband, tag = Deadband(), channel("good", deadband=5.0)
    assert all(deadband.keeps(tag, reading(n, float(n))) for n in range(3))
