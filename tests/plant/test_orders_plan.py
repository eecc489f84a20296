"""Orders against their plan: whole orders, on time, schedule adherence, plan and actual."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from plant.orders import Operation, Status
from plant.orders_plan import Made, Share, Whole, actual, adherence, on_time, wholes

T = datetime(2026, 3, 4, 6, tzinfo=UTC)


def _at(hours: float) -> datetime:
    return T + timedelta(hours=hours)


WORK = ((_at(0), _at(100)),)


def _made(
    order: str,
    operation: str = "10",
    *,
    planned: float = 100,
    done: float = 100,
    due: float = 10,
    ended: float | None = None,
    status: Status | None = None,
) -> Made:
    return Made(
        Operation(
            order=order,
            operation=operation,
            revision="1",
            at=T,
            status=status or ("running" if ended is None else "done"),
            planned=planned,
            planned_start=T,
            started_at=T,
            due=_at(due),
            ended_at=None if ended is None else _at(ended),
        ),
        done,
        WORK,
    )


def test_an_order_is_as_far_as_its_last_step_and_machines_side_by_side_add_up() -> None:
    found = wholes(
        [
            _made("A", "10", done=90),
            _made("A", "20-1", planned=50, done=30),
            _made("A", "20-2", planned=50, done=25),
            _made("B", "10", done=7),
        ]
    )
    sums = {order: (whole.planned, whole.done) for order, whole in found.items()}
    assert sums == {"A": (100, 55), "B": (100, 7)}  # not 90 + 30 + 25
    assert found["A"].share == 0.55
    assert Whole(0, 5, Share(0, 0), ()).share is None
    assert found["A"].work == Share(90 + 30 + 25, 100 + 50 + 50)  # no cycles: by the piece


def test_an_orders_work_weighs_each_operation_by_its_ideal_time() -> None:
    ended = replace(_made("A", "10", done=120, ended=4), cycle_s=6.0)  # 20 over its plan of 100
    second = replace(_made("A", "20", done=25), cycle_s=18.0)
    gone = replace(_made("A", "30", status="cancelled"), cycle_s=99.0)
    whole = wholes([second, gone, ended])["A"]
    assert whole.work == Share(600 + 450, 600 + 1800)
    assert (whole.done, whole.planned, whole.ended) == (25, 100, 1)
    assert [one.operation.operation for one in whole.operations] == ["10", "20"]
    unknown = wholes([replace(ended, cycle_s=None), second])["A"]
    assert unknown.work == Share(125, 200)


def test_on_time_counts_orders_that_were_due_and_done_by_then() -> None:
    made = [
        _made("A", "10", ended=12),  # a first step may be late
        _made("A", "20", ended=10, due=10),  # at the very moment: in time
        _made("B", ended=11, due=10),  # late
        _made("C", due=10),  # open and overdue
        _made("D", due=30),  # not due yet
        _made("E", due=10, status="cancelled"),
        _made("F", "20-1", ended=8, due=9),
        _made("F", "20-2", ended=9.5, due=10),  # an order is due with the last part of it
    ]
    assert on_time(made, T, _at(20)) == Share(2, 4)
    assert on_time(made, T, _at(20)).ratio == 0.5
    assert on_time(made, _at(11), _at(20)).ratio is None


def test_more_of_one_operation_does_not_make_up_for_another_in_the_adherence() -> None:
    # at 5 o'clock half of each should be there: 50 and 50
    made = [_made("A", done=80), _made("B", done=30), _made("C", due=2, done=100, ended=1)]
    assert adherence(made, _at(3), _at(5)) == Share(50 + 30, 100)
    assert actual(made, _at(3), _at(5)) == Share(80 + 30, 100)
    assert adherence(made, _at(1), _at(5)) == Share(180, 200)
    assert adherence([], T, _at(5)).ratio is None
