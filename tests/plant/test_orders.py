"""Order progress: both counts side by side, what should be, what an operation is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from plant.kpi import Facts
from plant.orders import FIELDS, REQUIRED_FIELDS, Observed, Operation, Status, progress
from plant.orders_eta import Forecast
from plant.orders_plan import Made, Share, on_time

T = datetime(2026, 3, 4, 6, tzinfo=UTC)


def _at(hours: float) -> datetime:
    return T + timedelta(hours=hours)


DUE = _at(9)
# Work from 0 to 4 and from 5 to 9 o'clock, each day
WORK = [
    window
    for day in range(10)
    for window in ((_at(24 * day), _at(24 * day + 4)), (_at(24 * day + 5), _at(24 * day + 9)))
]
EVEN = Forecast(_at(5), _at(6), _at(8), 0.5)


def _operation(
    *,
    status: Status = "running",
    planned: float = 800,
    good: float = 0,
    due: datetime | None = DUE,
    ended_at: datetime | None = None,
    at: datetime = T,
) -> Operation:
    return Operation(
        order="WO-1",
        operation="10",
        revision="1",
        at=at,
        status=status,
        planned=planned,
        good=good,
        planned_start=T,
        started_at=T,
        due=due,
        ended_at=ended_at,
    )


def _observed(good: float = 200, scrap: float = 5) -> Observed:
    """Two hours of work, 90 minutes of it running."""
    return Observed(Facts(running_s=5400, down_s=1800, good=good, scrap=scrap))


def test_both_counts_stand_side_by_side() -> None:
    found = progress(_operation(good=180), _observed(), WORK, _at(2))
    assert (found.produced, found.counted, found.difference, found.scrap) == (180, 200, 20, 5)
    assert (found.remaining, found.share, found.over) == (600, 0.25, 0)
    assert found.expected_share == 0.25  # 2 of 8 hours of work
    assert found.takt_s == 6 * 3600 / 600


def test_the_rate_is_told_over_running_time_and_over_all_time() -> None:
    found = progress(_operation(), _observed(), WORK, _at(8))
    assert found.rate_per_h == pytest.approx(200 / 1.5)  # 90 minutes of running
    assert found.calendar_rate_per_h == pytest.approx(200 / 8)  # stops and the break too
    ended = _operation(status="done", ended_at=_at(4))
    assert progress(ended, _observed(), WORK, _at(8)).calendar_rate_per_h == pytest.approx(200 / 4)
    unknown = _operation().model_copy(update={"started_at": None})
    assert progress(unknown, _observed(), WORK, _at(8)).calendar_rate_per_h is None


def test_the_larger_count_is_what_is_done() -> None:
    # a machine that does not count; a system that reports at the end only
    assert progress(_operation(good=300), Observed(), WORK, _at(2)).remaining == 500
    assert progress(_operation(good=0), _observed(), WORK, _at(2)).remaining == 600
    assert progress(_operation(good=0), Observed(), WORK, _at(2)).scrap == 0


def test_more_than_planned_is_told() -> None:
    found = progress(_operation(planned=150), _observed(), WORK, _at(2), EVEN)
    assert (found.over, found.remaining, found.late_risk) == (50, 0, 0.0)
    assert found.share == pytest.approx(4 / 3)
    assert (found.eta_low, found.eta, found.eta_high) == (_at(2),) * 3


def test_nothing_known_is_no_value() -> None:
    found = progress(_operation(planned=0, due=None), Observed(), WORK, _at(2))
    assert (found.share, found.expected_share, found.rate_per_h, found.takt_s) == (None,) * 4
    found = progress(_operation(), Observed(), WORK, _at(2))
    assert (found.eta, found.late_risk) == (None, None)


@pytest.mark.parametrize(
    ("operation", "hours", "risk"),
    [
        (_operation(), 2, 0.5),  # as forecast
        (_operation(), 9.5, 1.0),  # past its due date
        (_operation(planned=200), 2, 0.0),  # all is made
        (_operation(planned=200), 9.5, 1.0),  # all is made, and it isn't done for all that
        (_operation(due=None), 2, None),
        (_operation(status="cancelled"), 2, None),
        (_operation(status="done", ended_at=_at(8)), 20, 0.0),
        (_operation(status="done", ended_at=_at(10)), 20, 1.0),
        (_operation(status="done", at=_at(8)), 20, 0.0),  # told without an end
        (_operation(status="done", at=_at(10)), 20, 1.0),
    ],
)
def test_what_is_sure_is_sure(operation: Operation, hours: float, risk: float | None) -> None:
    assert progress(operation, _observed(), WORK, _at(hours), EVEN).late_risk == risk


def test_the_forecast_is_told_and_an_end_is_a_fact() -> None:
    found = progress(_operation(), _observed(), WORK, _at(2), EVEN)
    assert (found.eta_low, found.eta, found.eta_high) == (_at(5), _at(6), _at(8))
    ended = progress(_operation(status="done", ended_at=_at(3)), _observed(), WORK, _at(4), EVEN)
    assert (ended.eta_low, ended.eta, ended.eta_high) == (_at(3),) * 3
    told = progress(_operation(status="done", at=_at(3)), _observed(), WORK, _at(20), EVEN)
    assert told.eta == _at(3)
    assert told.calendar_rate_per_h == pytest.approx(200 / 3)


@pytest.mark.parametrize("hours", [8.0, 9.0, 9.5])
@pytest.mark.parametrize("ended", [True, False])
def test_the_risk_of_what_is_over_and_its_delivery_are_of_one_mind(
    hours: float, *, ended: bool
) -> None:
    at = _at(hours)
    done = _operation(status="done", ended_at=at if ended else None, at=_at(20) if ended else at)
    risk = progress(done, _observed(), WORK, _at(20), EVEN).late_risk
    assert on_time([Made(done, 800)], T, _at(20)) == Share(1.0 - (risk or 0.0), 1.0)
    assert risk == float(hours > 9)


@pytest.mark.parametrize(
    ("code", "step", "place"),
    [("10", None, 10), ("20-1", None, 20), ("20-2", None, 20), ("packing", None, 0), ("10", 7, 7)],
)
def test_the_step_is_reported_or_is_the_number_of_the_operation(
    code: str, step: int | None, place: int
) -> None:
    operation = _operation().model_copy(update={"operation": code, "step": step})
    assert operation.step_of == place


def test_an_operation_is_checked_where_it_comes_in() -> None:
    good = {
        "order": "WO-1",
        "operation": "10",
        "revision": "r",
        "at": "2026-03-04T06:00:00+08:00",
        "status": "released",
        "planned": "12.5",
        "priority": "2",
    }
    assert Operation.model_validate(good).planned == 12.5
    assert Operation.model_validate(good).priority == 2
    for name, value in (
        ("status", "WIP"),
        ("planned", -1),
        ("planned", "nan"),
        ("at", "2026-03-04T06:00:00"),
        ("order", ""),
        ("priority", -1),
        ("step", 1.5),
        ("colour", "red"),
    ):
        with pytest.raises(ValidationError):
            Operation.model_validate({**good, name: value})
    assert set(REQUIRED_FIELDS) < set(FIELDS)
