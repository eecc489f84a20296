"""Order progress: both counts side by side, the finish through the shifts, the risk of late."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from plant.kpi import Facts
from plant.orders import FIELDS, REQUIRED_FIELDS, Observed, Operation, Progress, Status, progress

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


def _operation(
    *,
    status: Status = "running",
    planned: float = 800,
    good: float = 0,
    due: datetime | None = DUE,
    ended_at: datetime | None = None,
) -> Operation:
    return Operation(
        order="WO-1",
        operation="10",
        revision="1",
        at=T,
        status=status,
        planned=planned,
        good=good,
        planned_start=T,
        started_at=T,
        due=due,
        ended_at=ended_at,
    )


def _observed(good: float = 200, rate_per_h: float = 100, scrap: float = 5) -> Observed:
    """Two hours of work at a rate, without any spread, 90 minutes of it running."""
    facts = Facts(running_s=5400, down_s=1800, good=good, scrap=scrap)
    return Observed(facts, rates=(rate_per_h / 3600,) * 8)


def test_both_counts_stand_side_by_side() -> None:
    found = progress(_operation(good=180), _observed(), WORK, _at(2))
    assert (found.produced, found.counted, found.difference, found.scrap) == (180, 200, 20, 5)
    assert (found.remaining, found.share) == (600, 0.25)
    assert found.expected_share == 0.25  # 2 of 8 hours of work
    assert found.rate_per_h == pytest.approx(200 / 1.5)
    assert found.takt_s == 6 * 3600 / 600


def test_the_finish_is_reckoned_through_breaks_and_nights() -> None:
    # 600 left at 100 an hour: 2 h until the break, 4 h after it
    assert progress(_operation(), _observed(), WORK, _at(2)).eta == _at(9)
    # 700 left: one more hour, the next morning
    assert progress(_operation(planned=900), _observed(), WORK, _at(2)).eta == _at(25)
    assert progress(_operation(planned=1e6), _observed(), WORK, _at(2)).eta is None


def test_an_operation_that_has_not_begun_is_reckoned_from_its_planned_start() -> None:
    operation = _operation(status="planned", planned=100).model_copy(
        update={"planned_start": _at(24), "started_at": None}
    )
    observed = Observed(expected_rate=100 / 3600)
    assert progress(operation, observed, WORK, _at(2)).eta == _at(25)


def test_the_larger_count_is_what_is_done() -> None:
    # a machine that does not count; a system that reports at the end only
    assert progress(_operation(good=300), Observed(), WORK, _at(2)).remaining == 500
    assert progress(_operation(good=0), _observed(), WORK, _at(2)).remaining == 600
    assert progress(_operation(good=0), Observed(), WORK, _at(2)).scrap == 0


def test_nothing_known_is_no_value() -> None:
    found = progress(_operation(planned=0, due=None), Observed(), WORK, _at(2))
    assert (found.share, found.expected_share, found.rate_per_h, found.takt_s) == (None,) * 4
    found = progress(_operation(), Observed(), WORK, _at(2))
    assert (found.eta, found.late_risk) == (None, None)


@pytest.mark.parametrize(
    ("operation", "hours", "risk"),
    [
        (_operation(planned=790), 2, 0.0),  # 590 left, 600 can be made, for sure
        (_operation(planned=810), 2, 1.0),  # 610 left
        (_operation(), 9.5, 1.0),  # past its due date
        (_operation(planned=200), 2, 0.0),  # all is made
        (_operation(due=None), 2, None),
        (_operation(status="cancelled"), 2, None),
        (_operation(status="done", ended_at=_at(8)), 20, 0.0),
        (_operation(status="done", ended_at=_at(10)), 20, 1.0),
    ],
)
def test_what_is_sure_is_sure(operation: Operation, hours: float, risk: float | None) -> None:
    assert progress(operation, _observed(), WORK, _at(hours)).late_risk == risk


def test_an_even_chance_is_one_half_and_spread_makes_the_middle_wide() -> None:
    rates = tuple(rate / 3600 for rate in (60, 140) * 4)
    observed = Observed(Facts(running_s=5400, good=200), rates=rates)
    # 6 h of work left, mean 100 an hour: 600 ± 40 √(24 quarters (1 + 24 / 8)) / 4 ≈ 98
    even, behind, ahead = (
        progress(_operation(planned=planned), observed, WORK, _at(2)).late_risk
        for planned in (800, 898, 702)
    )
    assert even == pytest.approx(0.5)
    assert behind == pytest.approx(0.841, abs=0.002)  # one σ
    assert ahead == pytest.approx(0.159, abs=0.002)


def test_before_anything_is_observed_the_expected_rate_speaks() -> None:
    operation = _operation(planned=800)
    fast, slow = (
        progress(operation, Observed(expected_rate=rate / 3600), WORK, T).late_risk
        for rate in (300, 40)
    )
    assert fast is not None
    assert slow is not None
    assert fast < 0.1 < 0.9 < slow


@settings(deadline=None)
@given(
    st.lists(st.floats(0, 1), max_size=32),
    st.floats(0.001, 1) | st.none(),
    st.floats(0, 1e5),
    st.floats(0, 1e5),
    st.floats(0, 300),
)
def test_a_risk_is_a_probability_and_grows_with_what_is_left(
    rates: list[float], expected: float | None, planned: float, more: float, hours: float
) -> None:
    observed = Observed(Facts(running_s=60), tuple(rates), expected_rate=expected)

    def found(pieces: float) -> Progress:
        return progress(_operation(planned=pieces), observed, WORK, _at(hours))

    a, b = found(planned), found(planned + more)
    for one in (a, b):
        assert one.late_risk is None or 0 <= one.late_risk <= 1
        assert one.eta is None or one.eta >= _at(hours)
    if a.late_risk is not None and b.late_risk is not None:
        assert a.late_risk <= b.late_risk + 1e-12


def test_an_operation_is_checked_where_it_comes_in() -> None:
    good = {
        "order": "WO-1",
        "operation": "10",
        "revision": "r",
        "at": "2026-03-04T06:00:00+08:00",
        "status": "running",
        "planned": "12.5",
    }
    assert Operation.model_validate(good).planned == 12.5
    for name, value in (
        ("status", "WIP"),
        ("planned", -1),
        ("planned", "nan"),
        ("at", "2026-03-04T06:00:00"),
        ("order", ""),
        ("colour", "red"),
    ):
        with pytest.raises(ValidationError):
            Operation.model_validate({**good, name: value})
    assert set(REQUIRED_FIELDS) < set(FIELDS)
