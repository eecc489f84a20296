"""Raw values, intervals, counters and minutes of one machine: the reference of the derivation."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plant.calendar import SliceKind, shift_instances
from plant.check import read
from plant.counts import Count
from plant.kpi import FACT_COLUMNS, Facts, total
from plant.model import Element, MappedState, StateMap
from plant.part import CountRole
from plant.states import (
    Active,
    Interval,
    MinuteKey,
    Reading,
    counts,
    element,
    intervals,
    meaning,
    minutes,
    raw_text,
)

PLANT = read((Path(__file__).parents[2] / "plant.toml").read_text(encoding="utf-8"))
T = datetime(2026, 3, 4, 1, 30, tzinfo=UTC)  # 09:30 in Shanghai; break from 10:00 to 10:30
MAP = StateMap(
    name="m",
    values={
        "6": MappedState(state="running"),
        "9": MappedState(state="down"),
        "RUN": MappedState(state="running"),
        "901": MappedState(state="down", reason="jam"),
    },
    otherwise="idle",
)


def _at(minute: float) -> datetime:
    return T + timedelta(minutes=minute)


@pytest.mark.parametrize(
    ("value", "text"), [(6.0, "6"), (6, "6"), (-1.0, "-1"), (0.5, "0.5"), ("RUN", "RUN")]
)
def test_a_raw_value_is_compared_as_text(value: float | str, text: str) -> None:
    assert raw_text(float(value) if isinstance(value, int) else value) == text


@pytest.mark.parametrize(
    ("reading", "state", "reason"),
    [
        (Reading(T, 6.0), "running", None),
        (Reading(T, 901.0, quality=1), "down", "jam"),
        (Reading(T, "RUN"), "running", None),
        (Reading(T, 7.0), "idle", None),  # not in the map
        (Reading(T, 6.0, quality=2), "unknown", None),
        (Reading(T, None), "unknown", None),
    ],
)
def test_what_a_reading_means(reading: Reading, state: Element, reason: str | None) -> None:
    assert meaning(reading, MAP) == MappedState(state=state, reason=reason)


@pytest.mark.parametrize(
    ("state", "kind", "expected"),
    [
        ("running", "work", "running"),
        ("running", "break", "running"),
        ("running", None, "running"),
        ("down", "work", "down"),
        ("down", "break", "planned_stop"),
        ("down", None, "not_scheduled"),
        ("unknown", "work", "unknown"),
        ("unknown", None, "not_scheduled"),
        ("not_scheduled", "work", "not_scheduled"),
    ],
)
def test_running_wins_over_the_calendar(
    state: Element, kind: SliceKind | None, expected: Element
) -> None:
    assert element(state, kind) == expected


def test_equal_states_are_one_interval_and_the_last_is_open() -> None:
    readings = [Reading(_at(2), 901.0), Reading(_at(0), 6.0), Reading(_at(1), 6.0)]
    assert intervals(readings, MAP, now=_at(5)) == [
        Interval(_at(0), _at(2), "running"),
        Interval(_at(2), _at(5), "down", "jam", is_open=True),
    ]


def test_a_silent_source_is_unknown_from_where_it_was_heard_last() -> None:
    readings = [Reading(_at(0), 6.0), Reading(_at(3), 9.0)]
    assert intervals(readings, MAP, now=_at(9), heard_until=_at(4))[1:] == [
        Interval(_at(3), _at(4), "down"),
        Interval(_at(4), _at(9), "unknown", is_open=True),
    ]
    assert intervals(readings, MAP, now=_at(9), heard_until=_at(1))[-1].t0 == _at(3)


def test_a_gap_is_unknown_and_the_state_goes_on_after_it() -> None:
    found = intervals([Reading(_at(0), 901.0)], MAP, now=_at(9), gaps=[(_at(2), _at(4))])
    assert found == [
        Interval(_at(0), _at(2), "down", "jam"),
        Interval(_at(2), _at(4), "unknown"),
        Interval(_at(4), _at(9), "down", "jam", is_open=True),
    ]


def test_before_the_first_reading_there_is_nothing() -> None:
    assert intervals([], MAP, now=T) == []
    assert intervals([Reading(_at(1), 6.0)], MAP, now=T) == []


@pytest.mark.parametrize(
    ("values", "modulus", "pieces"),
    [
        ([10, 12, 12, 15], None, [2, 0, 3]),
        ([10, 12, 3], None, [2, 3]),  # restarted at zero, 3 since
        ([65_530, 65_535, 2], 65_536, [5, 3]),  # 65,536 + 2 − 65,535
        ([30_000, 4], 65_536, [4]),  # not near the modulus: a restart
        ([65_530, 30_000], 65_536, [30_000]),  # not near zero: a restart
        ([7], None, []),
    ],
)
def test_a_total_gives_differences_that_are_never_negative(
    values: list[float], modulus: float | None, pieces: list[float]
) -> None:
    readings = [Reading(_at(i), float(v)) for i, v in enumerate(values)]
    found = counts(reversed(readings), modulus=modulus)
    assert found == [Count(_at(i), p) for i, p in enumerate(pieces, 1)]


def test_bad_counts_are_skipped_and_deltas_taken_as_they_are() -> None:
    readings = [Reading(_at(0), 5.0), Reading(_at(1), 0.0, quality=2), Reading(_at(2), 7.0)]
    assert counts(readings) == [Count(_at(2), 2.0)]
    assert counts(readings, "delta") == [Count(_at(0), 5.0), Count(_at(2), 7.0)]


def test_minutes_of_half_an_hour_with_a_break_an_operation_and_pieces() -> None:
    shifts = shift_instances(PLANT, "three_shift", T, _at(60))
    states = [
        Interval(_at(0.5), _at(2), "running"),
        Interval(_at(2), _at(31), "down", "jam"),
        Interval(_at(31), _at(32), "running"),  # within the break
    ]
    operations = [Active(7, "H100", _at(1), _at(1.5)), Active(8, "H120", _at(1.25), None)]
    made: dict[CountRole, list[Count]] = {
        "good": [Count(_at(1.1), 2.0), Count(_at(1.3), 1.0)],
        "scrap": [Count(_at(1.3), 1.0)],
    }
    cycles = {"H100": [(T, 20.0)], "H120": [(T, 30.0), (_at(0.8), 10.0)]}  # from minute 1 on
    rows = minutes(states, shifts, operations, made, cycles)
    shift = shifts[0].t0
    assert rows[MinuteKey(_at(0), 0, "", shift)] == Facts(running_s=30)
    assert rows[MinuteKey(_at(1), 7, "H100", shift)] == Facts(
        running_s=15, good=2, ideal_s=40, ideal_good_s=40
    )
    assert rows[MinuteKey(_at(1), 8, "H120", shift)] == Facts(
        running_s=45, good=1, scrap=1, ideal_s=20, ideal_good_s=10
    )
    # 09:32 to 10:00 down, 10:00 to 10:01 a break, then work in the break
    assert total(rows.values()) == Facts(
        running_s=150,
        down_s=28 * 60,
        planned_stop_s=60,
        good=3,
        scrap=1,
        ideal_s=60,
        ideal_good_s=50,
    )


def test_without_a_good_counter_good_is_cycles_less_scrap() -> None:
    states = [Interval(_at(0), _at(1), "running")]
    made: dict[CountRole, list[Count]] = {
        "cycle": [Count(_at(0.5), 5.0)],
        "scrap": [Count(_at(0.6), 2.0)],
    }
    [(key, facts)] = minutes(states, [], [], made, {}).items()
    assert key == MinuteKey(T, 0, "", None)
    assert facts == Facts(running_s=60, good=3, scrap=2)


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 3600),
            st.sampled_from([6.0, 9.0, 901.0, 3.0, None]),
            st.sampled_from([0, 2]),
        ),
        max_size=12,
    ),
    st.integers(0, 4000),
    st.lists(st.tuples(st.integers(0, 3600), st.integers(1, 600)), max_size=3),
)
def test_every_second_since_the_first_reading_is_one_element(
    said: list[tuple[int, float | None, int]], heard_s: int, silent: list[tuple[int, int]]
) -> None:
    readings = [Reading(T + timedelta(seconds=s), value, q) for s, value, q in said]
    gaps = [(T + timedelta(seconds=a), T + timedelta(seconds=a + n)) for a, n in silent]
    now = _at(60)
    heard = T + timedelta(seconds=heard_s)
    states = intervals(readings, MAP, now=now, heard_until=heard, gaps=gaps)
    rows = minutes(states, shift_instances(PLANT, "two_shift", T, now), [], {}, {})
    first = min((r.ts for r in readings if r.ts < now), default=now)
    assert total(rows.values()).calendar_s == pytest.approx((now - first).total_seconds())
    assert all(a.t1 == b.t0 for a, b in pairwise(states))
    assert all(facts.calendar_s <= 60 for facts in rows.values())
    assert all(getattr(facts, name) >= 0 for facts in rows.values() for name in FACT_COLUMNS)
