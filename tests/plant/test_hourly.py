"""The hours of a shift, their targets and their sums; takt time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plant.check import PlantFaults, read
from plant.hour_board import Rows
from plant.hourly import (
    Hour,
    Plan,
    Run,
    Takt,
    cycle_s,
    hours,
    made_target,
    ordered_target,
    pace_s,
    planned_target,
    tallies,
)
from plant.kpi import Facts
from tests.web_site import ROOT

ZONES = (
    "Europe/Berlin",
    "America/Sao_Paulo",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Asia/Shanghai",
    "Australia/Lord_Howe",
)
START = datetime(2026, 3, 2, 6, 30, tzinfo=UTC)


def at(minute: float) -> datetime:
    return START + timedelta(minutes=minute)


def local(zone: str, *parts: int, fold: int = 0) -> datetime:
    return datetime(*parts, tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)  # type: ignore[misc,arg-type]


def shown(t0: datetime, t1: datetime, rows: Rows, zone: str = "UTC") -> list[str]:
    place = ZoneInfo(zone)
    return [
        f"{a.astimezone(place):%H:%M}–{b.astimezone(place):%H:%M}"
        for a, b in hours(t0, t1, rows, place)
    ]


def test_hours_count_from_the_shifts_start_or_by_the_clock() -> None:
    assert shown(at(0), at(150), "shift") == ["06:30–07:30", "07:30–08:30", "08:30–09:00"]
    assert shown(at(0), at(150), "clock") == ["06:30–07:00", "07:00–08:00", "08:00–09:00"]
    assert shown(at(0), at(0), "shift") == []


@pytest.mark.parametrize(
    ("zone", "day", "rows"),
    [
        # clocks go on an hour at 02:00
        ("Europe/Berlin", (2026, 3, 29), ["01:00–03:00", "03:00–04:00"]),
        # and back at 03:00: the hour from two to three is there twice
        (
            "Europe/Berlin",
            (2026, 10, 25),
            ["01:00–02:00", "02:00–02:00", "02:00–03:00", "03:00–04:00"],
        ),
        # half an hour on at 02:00, and back at 02:00
        ("Australia/Lord_Howe", (2026, 10, 4), ["01:00–02:30", "02:30–03:00", "03:00–04:00"]),
        (
            "Australia/Lord_Howe",
            (2026, 4, 5),
            ["01:00–01:30", "01:30–02:00", "02:00–03:00", "03:00–04:00"],
        ),
    ],
)
def test_clock_hours_in_the_nights_when_clocks_change(
    zone: str, day: tuple[int, int, int], rows: list[str]
) -> None:
    assert shown(local(zone, *day, 1), local(zone, *day, 4), "clock", zone) == rows


@given(
    zone=st.sampled_from(ZONES),
    start=st.integers(min_value=0, max_value=3 * 366 * 24 * 60),
    length=st.integers(min_value=1, max_value=25 * 60),
    rows=st.sampled_from(("shift", "clock")),
)
def test_hours_are_a_partition_of_the_shift(zone: str, start: int, length: int, rows: Rows) -> None:
    t0 = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=start)
    t1 = t0 + timedelta(minutes=length)
    found = hours(t0, t1, rows, ZoneInfo(zone))
    assert found[0][0] == t0
    assert found[-1][1] == t1
    assert all(a[1] == b[0] for a, b in pairwise(found))
    assert all(timedelta(0) < b - a <= timedelta(hours=1) for a, b in found)
    if rows == "clock":
        inner = [b.astimezone(ZoneInfo(zone)) for _, b in found[:-1]]
        before = [(b - timedelta(minutes=1)).astimezone(ZoneInfo(zone)) for _, b in found[:-1]]
        assert all(
            b.minute == 0 or b.utcoffset() != a.utcoffset()
            for a, b in zip(before, inner, strict=True)
        )
    else:
        assert len(found) == -(-length // 60)


def run(busy_s: float, cycle: float | None) -> Run:
    return Run(START, "P", "WO", cycle, Facts(running_s=busy_s))


def test_the_target_of_what_has_passed_is_by_product() -> None:
    # 1800 s at 12 s and 900 s at 9 s, at 80 %: 120 + 80; without a product nothing is asked for
    runs = [run(1800, 12.0), run(900, 9.0), run(600, None)]
    assert made_target(runs, 0.8) == pytest.approx(200)
    assert made_target([run(600, None)], 0.8) is None


def test_the_target_ahead_follows_the_planned_orders_and_leaves_out_breaks() -> None:
    work = [(at(0), at(30)), (at(45), at(60))]
    plans = [
        Plan("WO-1", "P", 10.0, 500, at(-600), None),
        Plan("WO-2", "Q", 20.0, 500, at(20), None),
    ]
    # 20 min at 10 s, then 10 + 15 min at 20 s
    assert planned_target(plans, work, at(0), at(60), 0.5) == pytest.approx(60 + 37.5)
    assert planned_target(plans, work, at(30), at(45), 0.5) == 0.0
    assert planned_target([], work, at(0), at(60), 0.5) is None


def test_the_orders_target_shares_the_pieces_by_planned_work() -> None:
    work = ((at(0), at(60)), (at(90), at(150)))
    plan = Plan("WO-1", "P", None, 240, at(0), at(150), work)
    assert ordered_target([plan], at(0), at(60)) == pytest.approx(120)
    assert ordered_target([plan], at(60), at(120)) == pytest.approx(60)
    assert ordered_target([plan], at(150), at(210)) is None


def test_hours_add_up_to_the_running_totals() -> None:
    # 33.4 three times: 33 + 34 + 33 = 100, never 33 + 33 + 33
    found = tallies([Hour(at(60 * n), at(60 * n + 60), 33.4, 33.4, 30.0) for n in range(3)])
    assert [one.target for one in found] == [33, 34, 33]
    assert [one.sum_target for one in found] == [33, 67, 100]
    assert [one.difference for one in found] == [-3, -4, -3]
    assert [one.sum_difference for one in found] == [-3, -7, -10]


def test_the_hour_that_runs_is_held_against_what_should_be_there_by_now() -> None:
    over = Hour(at(0), at(60), 100.0, 100.0, 90.0)
    runs = Hour(at(60), at(120), 100.0, 40.0, 44.0)
    later = Hour(at(120), at(180), 100.0, None, None)
    _, now, ahead = tallies([over, runs, later])
    assert (now.target, now.by_now, now.made, now.difference) == (100, 40, 44, 4)
    assert (now.sum_target, now.sum_by_now, now.sum_made, now.sum_difference) == (200, 140, 134, -6)
    assert (ahead.made, ahead.difference, ahead.sum_made, ahead.sum_difference) == (None,) * 4
    assert ahead.sum_target == 300


def test_an_hour_of_which_nothing_is_known_is_not_zero() -> None:
    (found,) = tallies([Hour(at(0), at(60), 100.0, 100.0, None)])
    assert (found.made, found.difference, found.sum_made) == (None, None, None)


@given(st.lists(st.floats(min_value=0, max_value=5000), max_size=26))
def test_sums_are_never_further_off_than_half_a_piece(targets: list[float]) -> None:
    found = tallies([Hour(at(60 * n), at(60 * n + 60), t, t, 0.0) for n, t in enumerate(targets)])
    assert sum(one.target or 0 for one in found) == (found[-1].sum_target if found else 0)
    for n, one in enumerate(found):
        assert abs(one.sum_target - sum(targets[: n + 1])) <= 0.5 + 1e-6
        assert abs((one.target or 0) - targets[n]) <= 1 + 1e-6


def test_takt_time_is_the_work_there_is_for_each_piece_asked_for() -> None:
    # Rother & Harris: 27,000 s a shift, 455 pieces: 59 s
    assert Takt(27_000, 455).takt_s == pytest.approx(59.34, abs=0.01)
    assert Takt(27_000, 0).takt_s is None
    facts = Facts(running_s=900, down_s=100, good=90, scrap=10)
    assert pace_s(facts) == pytest.approx(1000 / 90)
    assert cycle_s(facts) == 9.0


def test_a_wrong_setting_is_said_with_an_example() -> None:
    text = (ROOT / "plant.toml").read_text(encoding="utf-8")
    wrong = text.replace('rows = "shift"', 'rows = "hour"').replace('target = "oee"', "aim = 1")
    with pytest.raises(PlantFaults) as raised:
        read(wrong)
    said = str(raised.value)
    assert "hour_board.rows" in said
    assert '"hour"' in said
    assert "hour_board.aim" in said
