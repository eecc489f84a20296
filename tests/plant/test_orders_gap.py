"""Counted against reported: the parts that explain a difference, and that they add up."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plant.kpi import Facts
from plant.orders import Operation
from plant.orders_gap import Astray, Cause, explained

T = datetime(2026, 3, 4, 6, tzinfo=UTC)
PIECES = st.integers(0, 1000).map(float)


def _operation(good: float, scrap: float = 0) -> Operation:
    return Operation(
        order="WO-1",
        operation="10",
        revision="1",
        at=T,
        status="running",
        planned=800,
        good=good,
        scrap=scrap,
    )


# counted 200 good and 5 scrap; in 1 h of running, with 6 min of unknown time: at most 20 unheard
FACTS = Facts(running_s=3600, unknown_s=360, good=200, scrap=5)


@pytest.mark.parametrize(
    ("good", "scrap", "facts", "astray", "parts"),
    [
        (200, 5, FACTS, Astray(), []),
        (190, 5, FACTS, Astray(after_booking=12), [("not_booked_yet", 10)]),
        # 3 since the last booking, 4 that were good on the machine and scrap in the system
        (
            190,
            9,
            FACTS,
            Astray(after_booking=3),
            [("not_booked_yet", 3), ("booked_as_scrap", 4), ("unexplained", 3)],
        ),
        (204, 1, FACTS, Astray(), [("scrap_booked_as_good", -4)]),
        (
            230,
            5,
            FACTS,
            Astray(outside=8),
            [("outside", -8), ("unknown_time", -20), ("unexplained", -2)],
        ),
        (215, 5, FACTS, Astray(elsewhere=40), [("elsewhere", -15)]),
        (50, 0, Facts(), Astray(), [("unexplained", -50)]),
    ],
)
def test_each_part_takes_what_its_facts_allow(
    good: float, scrap: float, facts: Facts, astray: Astray, parts: list[tuple[Cause, float]]
) -> None:
    found = [
        (part.cause, part.pieces) for part in explained(_operation(good, scrap), facts, astray)
    ]
    assert found == parts


@given(PIECES, PIECES, PIECES, PIECES, PIECES, PIECES, PIECES)
def test_the_parts_add_up_and_all_have_the_sign_of_the_difference(
    good: float,
    scrap: float,
    counted: float,
    rejected: float,
    after: float,
    outside: float,
    elsewhere: float,
) -> None:
    facts = Facts(running_s=3600, unknown_s=100, good=counted, scrap=rejected)
    astray = Astray(after_booking=after, outside=outside, elsewhere=elsewhere)
    parts = explained(_operation(good, scrap), facts, astray)
    assert sum(part.pieces for part in parts) == pytest.approx(counted - good)
    assert all(part.pieces * (counted - good) > 0 for part in parts)
    assert len({part.cause for part in parts}) == len(parts)
