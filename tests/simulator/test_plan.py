"""The seeded plant: the same every time, whole, and troubled in every way that it should be."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from ingest.simulator import bookings, truth
from ingest.simulator.causes import Cause
from ingest.simulator.days import DAY_MS, from_ms, to_ms
from ingest.simulator.fates import Run, runs_of
from ingest.simulator.live import Live, events
from ingest.simulator.plan import Plan
from ingest.simulator.signals import Series, Signals
from ingest.simulator.stops import drifting_machine
from plant.model import Plant

SEED = 7
T1 = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
T0 = T1 - timedelta(days=7)
RANGE = to_ms(T0), to_ms(T1)


@pytest.fixture(scope="module")
def signals(plan: Plan) -> Signals:
    return Signals(plan, 60_000)


def same(one: Series, other: Series) -> bool:
    return (
        np.array_equal(one.ts, other.ts)
        and np.array_equal(one.value, other.value, equal_nan=True)
        and np.array_equal(one.quality, other.quality)
        and one.text == other.text
    )


def joined(parts: list[Series]) -> Series:
    texts = [part.text for part in parts]
    words = tuple(w for text in texts for w in text or ()) if texts[0] is not None else None
    return Series(
        np.concatenate([part.ts for part in parts]),
        np.concatenate([part.value for part in parts]),
        np.concatenate([part.quality for part in parts]),
        words,
    )


def test_the_same_seed_gives_the_same_plant(sample: Plant, signals: Signals) -> None:
    again = Signals(Plan(sample, SEED), 60_000)
    t0, t1 = RANGE[1] - DAY_MS, RANGE[1]
    for tag in sample.all_tags():
        assert same(signals.between(tag, t0, t1), again.between(tag, t0, t1)), tag.code


def test_another_seed_gives_another_plant(sample: Plant, plan: Plan) -> None:
    other = Plan(sample, SEED + 1)
    ours, theirs = (p.pieces("A01", *RANGE)[0] for p in (plan, other))
    assert not np.array_equal(ours, theirs)


@pytest.mark.parametrize("step_h", [1.7, 13.0, 24.0])
def test_a_range_in_parts_is_the_range(sample: Plant, signals: Signals, step_h: float) -> None:
    t0, t1 = RANGE[0], RANGE[0] + 3 * DAY_MS
    edges = [*range(t0, t1, int(step_h * 3_600_000)), t1]
    for tag in sample.all_tags():
        parts = [signals.between(tag, a, b) for a, b in itertools.pairwise(edges)]
        assert same(joined(parts), signals.between(tag, t0, t1)), tag.code


def test_live_says_what_history_says(sample: Plant, signals: Signals) -> None:
    tags = [tag for tag in sample.all_tags() if tag.machine in ("B04", "C02")]
    start = RANGE[1] - 4 * 3_600_000
    live = Live(signals, tags, start)
    said = [e for now in range(start, RANGE[1], 77_000) for e in live.until(now)]
    said += live.until(RANGE[1] - 1)
    assert said == events(signals, tags, start, RANGE[1])


def test_times_of_a_tag_rise(sample: Plant, signals: Signals) -> None:
    for tag in sample.all_tags():
        assert (np.diff(signals.between(tag, *RANGE).ts) > 0).all(), tag.code


def test_every_disturbance_occurs_in_seven_days(plan: Plan) -> None:
    seen = {cause for m in plan.machines for cause in plan.told(m, *RANGE).code.tolist()}
    assert seen == {int(cause) for cause in Cause}


def test_the_plant_works_about_as_well_as_a_real_one(plan: Plan) -> None:
    found = truth.truth_of(plan, T0, T1)
    busy_s = sum(t.planned_busy_s for t in found.values())
    assert sum(t.ideal_good_s for t in found.values()) / busy_s == pytest.approx(0.75, abs=0.04)
    assert all(0.5 <= (t.oee or 0) <= 0.92 for t in found.values()), found


def test_the_wall_looks_alive(plan: Plan) -> None:
    """At any moment of a working day: mostly running, some down, hardly ever half the plant."""
    moments = np.arange(RANGE[0], RANGE[1], 600_000)
    codes = np.array([plan.timeline(m, *RANGE).at(moments) for m in plan.machines])
    pauses = (codes == Cause.PAUSE).sum(axis=0) > 3
    running = (codes == Cause.RUNNING).sum(axis=0)[~pauses]
    assert 17 <= running.mean() <= 21
    assert (running >= 12).all()


def test_truth_adds_up(plan: Plan) -> None:
    found = truth.truth_of(plan, T0, T1)
    for machine, made in found.items():
        assert sum(made.seconds.values()) == pytest.approx((T1 - T0).total_seconds()), machine
        _, is_good = plan.pieces(machine, *RANGE)
        assert (made.good, made.scrap) == (int(is_good.sum()), int((~is_good).sum()))
        free = made.good - sum(order.good for order in made.orders)
        assert (free > 0) is any(run.is_cancelled for run in runs_on(plan, machine))


def runs_on(plan: Plan, machine: str) -> list[Run]:
    return [run for job in plan.jobs(machine, *RANGE) for run in runs_of(plan.seed, job)]


def test_orders_are_reopened_cancelled_and_split_now_and_then(plan: Plan) -> None:
    runs = [run for machine in plan.machines for run in runs_on(plan, machine)]
    split = [run for run in runs if run.parent]
    reopened = [run for run in runs if run.thought_done]
    cancelled = [run for run in runs if run.is_cancelled]
    for some in (split, reopened, cancelled):
        assert 0.005 < len(some) / len(runs) < 0.08
    for run in reopened:
        assert run.thought_done is not None
        done, again = run.thought_done
        booked_by = run.job.slot.t1 + bookings.BOOKS_EVERY_MS
        course = [bookings.booked(plan, run, at) for at in (done - 1, done, again, booked_by)]
        assert [o.status == "done" for o in course] == [False, True, False, True]
        assert course[2].ended_at is None
    for run in cancelled:
        last = bookings.booked(plan, run, run.job.slot.t1 + bookings.BOOKS_EVERY_MS)
        assert (last.status, last.ended_at) == ("cancelled", from_ms(run.job.slot.t1))
    told = {(o.order, o.operation): o for o in bookings.operations(plan, T1, T0)}
    for run in split:
        slot = run.job.slot
        if slot.t0 < RANGE[1]:
            first = told.get((str(run.parent), slot.operation))
            rest = told[slot.order, slot.operation]
            assert rest.parent == run.parent
            assert first is None or first.ended_at == rest.started_at


def test_truth_follows_the_calendar(plan: Plan) -> None:
    """A06 works two shifts of eight hours: eight hours a day are in no shift."""
    day = truth.truth_of(plan, T0, T0 + timedelta(days=1))
    assert day["A06"].seconds["not_scheduled"] == pytest.approx(8 * 3600)
    assert day["A01"].seconds["not_scheduled"] == 0
    assert 0 < day["A01"].seconds["planned_stop"] <= 1.5 * 3600 + 7200


def test_pieces_are_made_while_the_machine_runs(plan: Plan) -> None:
    for machine in plan.machines:
        ts, _ = plan.pieces(machine, *RANGE)
        codes = plan.timeline(machine, *RANGE).at(ts - 1)
        assert (codes == Cause.RUNNING).mean() > 0.999, machine


def test_counters_restart_and_roll_over(sample: Plant, signals: Signals) -> None:
    rolled, restarted = [], []
    for tag in sample.all_tags():
        if tag.pattern.role not in ("good", "scrap"):
            continue
        value = signals.between(tag, *RANGE).value
        falls = value[1:][np.diff(value) < 0]
        before = value[:-1][np.diff(value) < 0]
        assert (falls <= 1).all(), tag.code
        modulus = tag.pattern.modulus
        rolled += [tag.code for v in before if modulus and v == modulus - 1]
        restarted += [tag.code for v in before if not modulus or v < modulus - 1]
    assert rolled
    assert restarted


def test_one_machine_drifts_until_it_fails(plan: Plan, signals: Signals) -> None:
    code = drifting_machine(plan.plant)
    assert code == "B04"
    drifts = plan.drifts(code, *RANGE)
    assert 3 <= len(drifts) <= 6
    tag = next(t for t in plan.tags if t.code == f"{code}.vibration")
    for drift in drifts:
        assert plan.timeline(code, drift.t1, drift.t1 + 1).code[0] == Cause.SPINDLE_OVERLOAD
        rising = signals.between(tag, drift.t1 - 1_800_000, drift.t1)
        normal = signals.between(tag, drift.t0 - 3_600_000, drift.t0)
        assert np.nanmax(rising.value) > 6.0 > np.nanmax(normal.value)


def test_process_values_are_sometimes_uncertain_or_bad(sample: Plant, signals: Signals) -> None:
    tags = [tag for tag in sample.all_tags() if tag.pattern.role == "process"]
    found = [signals.between(tag, *RANGE) for tag in tags]
    assert {int(q) for series in found for q in np.unique(series.quality)} == {0, 1, 2}
    assert all(np.isnan(series.value[series.quality == 2]).all() for series in found)


def test_orders_run_on_two_neighbours_and_some_are_late(plan: Plan) -> None:
    found = bookings.operations(plan, T1, T0)
    by_order: dict[str, list[str]] = {}
    for operation in found:
        by_order.setdefault(operation.order, []).append(operation.machine or "")
    assert {len(machines) for machines in by_order.values()} <= {1, 2}
    assert len({(o.order, o.operation) for o in found}) == len(found)
    assert {o.status for o in found} >= {"planned", "running", "done"}
    done = [o for o in found if o.ended_at and o.due and o.operation == "20"]
    late = [o for o in done if o.ended_at and o.due and o.ended_at > o.due]
    assert 0.03 < len(late) / len(done) < 0.4


def test_a_booking_never_tells_the_future(plan: Plan) -> None:
    now = T1 - timedelta(hours=5)
    for operation in bookings.operations(plan, now, now - timedelta(days=1)):
        assert operation.at <= now
        assert operation.started_at is None or operation.started_at <= now
        if operation.status == "done":
            assert operation.good + operation.scrap > 0


def test_truth_is_written_once_an_hour(plan: Plan, tmp_path: object) -> None:
    from pathlib import Path

    directory = Path(str(tmp_path))
    first = truth.write(plan, directory, T0, T0 + timedelta(hours=1))
    body = first.read_text(encoding="utf-8")
    assert truth.write(plan, directory, T0, T0 + timedelta(hours=1)) == first
    assert first.read_text(encoding="utf-8") == body
    assert body.count('"planned_stop"') >= 24
    assert from_ms(to_ms(T0)) == T0
