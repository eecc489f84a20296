"""Forecasts of orders: sure where nothing varies, and honest where it does.

The statistics are held against the simulated plant's truth: what its machines really did, with
failures, minor stops, slow spells, change-overs, breaks (some worked through), two-shift calendars.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from plant.calendar import Window
from plant.kpi import Facts
from plant.orders import Observed, Operation
from plant.orders_eta import Forecast, Queued
from plant.orders_flow import Queue, forecasts
from plant.orders_pace import Level, Pace, no_pace, own_level
from plant.orders_queue import Case, queue_of, standings

SAMPLE = Path(__file__).parents[2] / "plant.toml"
T = datetime(2026, 3, 4, 6, tzinfo=UTC)
QUARTER_MS, DAY_MS = 900_000, 86_400_000
HISTORY_DAYS = 5


def _at(hours: float) -> datetime:
    return T + timedelta(hours=hours)


# Work from 0 to 4 and from 5 to 9 o'clock, each day
WORK = tuple(
    window
    for day in range(10)
    for window in ((_at(24 * day), _at(24 * day + 4)), (_at(24 * day + 5), _at(24 * day + 9)))
)


def _steady(quarters: int = 800, setup_s: float = 0.0, breaks_worked: float = 0.0) -> Pace:
    """A machine that makes a piece of 27 ideal seconds every 36 s; runs of 20 quarters."""
    ones = np.ones(quarters)
    run = np.arange(quarters) // 20
    setup = np.where(np.arange(quarters) % 20 == 0, setup_s, 0.0)
    return Pace(
        run=run,
        product=np.full(quarters, "P"),
        busy_s=900 * ones,
        setup_s=setup,
        running_s=900 - setup,
        good=25 * ones * (1 - setup / 900),
        ideal_good_s=675 * ones * (1 - setup / 900),
        breaks_worked=breaks_worked,
    )


def _queued(key: str, remaining: float, **values: object) -> Queued:
    """An operation that has run long enough for its pace to be known."""
    seen = Queued(key, remaining, "P", 27.0, None, output=675_000.0, running_s=900_000.0)
    return replace(seen, **values)  # type: ignore[arg-type]


def _forecasts(
    queue: tuple[Queued, ...], pace: Pace, work: tuple[Window, ...], now: datetime
) -> Mapping[str, Forecast]:
    """Of one machine."""
    return forecasts([Queue(queue, pace, work)], now)


def _hours(at: datetime | None) -> float:
    assert at is not None
    return (at - T).total_seconds() / 3600


def test_the_finish_is_reckoned_through_breaks_and_nights() -> None:
    # 150 pieces are 1.5 h; 550 are 5.5 h and the break between; 800 reach into the next day
    for pieces, hours in ((150, 3.5), (550, 8.5), (800, 26)):
        found = _forecasts((_queued("a", pieces),), _steady(), WORK, _at(2))["a"]
        assert _hours(found.middle) == pytest.approx(hours, abs=0.3)
        assert found.low is not None
        assert found.high is not None
        assert found.middle is not None
        assert found.low <= found.middle <= found.high
    beyond = _forecasts((_queued("a", 1e6, due=_at(9)),), _steady(), WORK, _at(2))["a"]
    assert beyond == Forecast(None, None, None, 1.0)


def test_the_risk_is_the_share_of_ways_that_end_after_the_due_date() -> None:
    risks = [
        _forecasts((_queued("a", 200, due=_at(due)),), _steady(), WORK, _at(0))["a"].late
        for due in (1.5, 2.0, 2.5)
    ]
    assert risks[0] == 1.0
    assert risks[1] == pytest.approx(0.5, abs=0.12)
    assert risks[2] is not None
    assert risks[2] < 0.02


def test_an_operation_waits_for_those_before_it_for_its_change_over_and_for_its_planned_start() -> (
    None
):
    steady = _steady(setup_s=450.0)
    waiting = _queued("b", 100, output=0.0, running_s=0.0)
    found = _forecasts((_queued("a", 100), waiting), steady, WORK, _at(0))
    assert _hours(found["a"].middle) == pytest.approx(1, abs=0.1)
    assert _hours(found["b"].middle) == pytest.approx(2 + 450 / 3600, abs=0.2)
    later = replace(waiting, not_before=_at(3))
    found = _forecasts((_queued("a", 100), later), steady, WORK, _at(0))
    # 52 minutes until the break, the rest after it
    assert _hours(found["b"].middle) == pytest.approx(5 + 450 / 3600, abs=0.3)


def test_breaks_that_are_worked_through_make_it_earlier() -> None:
    through = _forecasts((_queued("a", 550),), _steady(breaks_worked=1.0), WORK, _at(2))["a"]
    assert _hours(through.middle) == pytest.approx(7.5, abs=0.3)


def test_without_history_the_expected_rate_speaks_and_without_any_nobody() -> None:
    new = Queued("a", 100, "P", 27.0, 0.75)
    found = _forecasts((new,), no_pace(), WORK, _at(0))["a"]
    assert _hours(found.middle) == pytest.approx(1, abs=0.15)  # 27 s ÷ 0.75 = 36 s a piece
    assert _hours(found.high) - _hours(found.low) > 0.4  # little is known
    assert not _forecasts((replace(new, expected=None),), no_pace(), WORK, _at(0))


def test_the_first_minutes_of_a_machine_are_no_pace() -> None:
    """One piece in 40 s that should have been three does not make an order late by days."""
    one = np.ones(1)
    begun = Pace(np.ones(1, np.int64), np.full(1, "P"), 60 * one, 0 * one, 40 * one, one, 10 * one)
    asked = Queued("W/1", 1000.0, "P", 10.0, 0.75, output=10.0, running_s=40.0)
    of_begun, of_unseen = (
        _forecasts((asked,), pace, WORK, T)["W/1"] for pace in (begun, no_pace())
    )
    assert of_begun == of_unseen
    assert of_begun.middle is not None


def test_without_an_ideal_cycle_pieces_of_the_same_product_speak() -> None:
    one = Queued("a", 200, "P", None, None, output=25_000.0, running_s=900_000.0)
    assert _hours(_forecasts((one,), _steady(), WORK, T)["a"].middle) == pytest.approx(2, abs=0.2)
    assert not _forecasts((replace(one, product="Q"),), _steady(), WORK, T)


def test_an_order_soon_shows_its_own_pace() -> None:
    between = Level(0.9, 0.09)
    assert own_level(between, 0.0, 0.0) == between
    short, long = own_level(between, 0.6 * 900, 900), own_level(between, 0.6 * 36_000, 36_000)
    assert 0.6 < long.mean < short.mean < 0.9
    assert long.spread < short.spread < 0.09


def _two(first: Queued, *others: Queued, on_a: tuple[Queued, ...] = ()) -> Mapping[str, Forecast]:
    """Machine A makes the first, after some others; machine B the rest."""
    steady = _steady()
    return forecasts([Queue((*on_a, first), steady, WORK), Queue(others, steady, WORK)], _at(0))


def test_a_step_begins_when_the_step_before_it_is_done_on_whatever_machine() -> None:
    first, second = _queued("X/10", 300), _queued("X/20", 50, after=("X/10",))
    found = _two(first, second)
    assert _hours(found["X/10"].middle) == pytest.approx(3, abs=0.2)
    assert _hours(found["X/20"].middle) == pytest.approx(3.5, abs=0.2)
    behind = _two(first, second, on_a=(_queued("Y", 30),))
    assert _hours(behind["X/20"].middle) == pytest.approx(3.8, abs=0.2)
    # The draws are carried on, not their middle: as unsure as both together
    widths = [_hours(found[key].high) - _hours(found[key].low) for key in ("X/10", "X/20")]
    assert widths[1] >= 0.9 * widths[0]


def test_a_machine_passes_over_what_waits_for_another_step() -> None:
    waiting, ready = _queued("X/20", 50, after=("X/10",)), _queued("Y", 50)
    found = _two(_queued("X/10", 300), waiting, ready)
    assert _hours(found["Y"].middle) == pytest.approx(0.5, abs=0.2)
    assert _hours(found["X/20"].middle) == pytest.approx(3.5, abs=0.2)


def test_steps_that_overlap_end_one_after_the_other() -> None:
    second = _queued("X/20", 100, after=("X/10",), lag_s=1800.0)
    found = _two(_queued("X/10", 300), second)
    assert _hours(found["X/20"].middle) == pytest.approx(3, abs=0.2)
    slow = _two(_queued("X/10", 100), replace(second, remaining=300))
    assert _hours(slow["X/20"].middle) == pytest.approx(3.5, abs=0.2)
    begun = replace(second, lag_s=0.0, has_begun=True)
    found = _two(_queued("X/10", 300), begun, _queued("Y", 50))
    assert _hours(found["X/20"].middle) == pytest.approx(3, abs=0.2)
    assert _hours(found["Y"].middle) == pytest.approx(3.5, abs=0.2)


def test_machines_that_wait_for_each_other_are_forecast_all_the_same() -> None:
    steady = _steady()
    queues = [
        Queue(
            (
                _queued(f"{one}/20", 50, after=(f"{one}/10",), lag_s=0.0, has_begun=True),
                _queued(f"{other}/10", 50),
            ),
            steady,
            WORK,
        )
        for one, other in ("XY", "YX")
    ]
    assert len(forecasts(queues, _at(0))) == 4


def test_a_break_that_is_worked_through_shortens_no_operation_but_those_that_meet_it() -> None:
    """The second operation begins after the break."""
    machine = _steady(breaks_worked=1.0)
    found = _forecasts((_queued("a", 550), _queued("b", 100)), machine, WORK, _at(2))
    assert _hours(found["a"].middle) == pytest.approx(7.5, abs=0.3)
    assert _hours(found["b"].middle) == pytest.approx(8.5, abs=0.3)


def test_the_same_facts_give_the_same_forecast() -> None:
    queue = (_queued("a", 321.0),)
    assert _forecasts(queue, _steady(), WORK, T)["a"] == _forecasts(queue, _steady(), WORK, T)["a"]


def _operation(code: str, **values: object) -> Operation:
    given = {"order": code, "operation": "10", "revision": "1", "at": T, "planned": 100}
    return Operation.model_validate({**given, "machine": "M", "product": "P", **values})


def test_a_machine_takes_what_runs_then_what_is_released_by_priority_then_what_is_planned() -> None:
    operations = [
        _operation("planned", status="planned", planned_start=_at(1), priority=1),
        _operation("released", status="released"),
        _operation("urgent", status="released", priority=1),
        _operation("early", status="running", started_at=_at(-3)),
        _operation("latest", status="running", started_at=_at(-1)),
        _operation("held", status="held", started_at=_at(-2)),
        _operation("over", status="done"),
        _operation("soon", status="planned", planned_start=_at(0.5)),
    ]
    assert [o.order for o in queue_of(operations)] == [
        "latest",
        "early",
        "held",
        "urgent",
        "released",
        "soon",
        "planned",
    ]


def _case(code: str, step: str, machine: str, **values: object) -> Case:
    seen = Observed(Facts(), 27.0, 0.75)
    values = {"operation": step, "machine": machine, **values}
    return Case(_operation(code, **values), seen, WORK, _steady(450))


def test_no_operation_is_done_before_the_step_before_it() -> None:
    first = _case("X", "10", "A", status="running", planned=200, started_at=T)
    for second in (
        _case("X", "20", "B", status="released"),
        _case("X", "20", "B", status="planned", planned_start=_at(1)),
        _case("X", "30", "B", status="released", planned_start=T),
    ):
        etas = [_hours(one.eta) for one in standings([first, second], _at(0))]
        assert etas[1] == pytest.approx(etas[0] + 1, abs=0.3)
        ended = replace(first, operation=first.operation.model_copy(update={"status": "done"}))
        assert _hours(standings([ended, second], _at(0))[1].eta) < etas[1]


def test_steps_overlap_where_the_plan_says_so_and_where_they_do() -> None:
    """Three hours of pieces; the second step is planned half an hour later, or has begun."""
    plan = {"planned": 300, "planned_start": T}
    first = _case("X", "10", "A", status="running", started_at=T, **plan)
    for second in (
        _case("X", "20", "B", status="released", **plan | {"planned_start": _at(0.5)}),
        _case("X", "20", "B", status="running", started_at=_at(0), **plan),
    ):
        etas = [_hours(one.eta) for one in standings([first, second], _at(0))]
        assert etas[1] == pytest.approx(etas[0] + 0.25, abs=0.5)


def test_a_hundred_operations_stand_the_same_when_asked_again() -> None:
    pace = _steady(450)
    cases = [
        Case(
            _operation(f"WO-{n}", status="running", machine=f"M{n}", planned=500, started_at=T),
            Observed(Facts(running_s=900, good=25, ideal_good_s=675), 27.0, 0.75),
            WORK,
            pace,
        )
        for n in range(100)
    ]
    first = standings(cases, _at(1))
    assert standings(cases, _at(1)) == first
    assert all(one.eta is not None for one in first)
