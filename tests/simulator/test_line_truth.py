"""The causes that a line's downtime is charged to are those that the simulated plant had."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from db.clock import Clock
from db.connect import Connection, Database
from db.derive import derive
from db.line_flow import line_flows
from ingest.simulator import history
from ingest.simulator.causes import Cause as Why
from ingest.simulator.days import to_ms
from ingest.simulator.plan import Plan
from ingest.simulator.stops import knock_on
from ingest.simulator.truth import intervals
from plant.kpi import FACT_COLUMNS, Facts
from plant.line_flow import Flow, flow
from plant.line_state import Change, Membership, Pace, Planned, Said
from plant.model import Line, Plant
from plant.station import Station, pacers, stations

SEED = 7
START = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)

Apply = Callable[[Plant, str, Clock], None]


def order_of(plant: Plant, line: Line) -> list[Station]:
    """The line's machines in flow order."""
    return list(stations(plant.machines, [m.code for m in plant.machines if m.line == line.code]))


def true_flow(line: Line, order: Sequence[Station], done: Sequence[Change], t1: datetime) -> Flow:
    """The line's stops, from what its machines did."""
    t0 = done[0].at
    pace = Pace(t0, pacers(line.constraint, order, {}), line.constraint)
    return flow(order, [pace, *done], t0, t1, infer=line.infer_flow)


def done_by(plan: Plan, order: Sequence[Station], t0: datetime, t1: datetime) -> list[Change]:
    """What the simulated machines did, and the calendar had of it."""
    changes: list[Change] = []
    for station in order:
        changes.append(Membership(t0, station.machine, True))
        changes.append(Planned(t0, station.machine, "work"))  # the truth is cut by the calendar
        changes += [
            Said(i.t0, i.machine, i.element, i.reason)
            for i in intervals(plan, station.machine, t0, t1)
        ]
    return changes


def echoes(
    plan: Plan, line: Line, why: Why, t0: datetime, t1: datetime
) -> Iterator[tuple[str, str, int, int]]:
    """(machine that waits, neighbour that failed, from, to) in ms: what the plan itself drew."""
    order = [station.machine for station in order_of(plan.plant, line)]
    upstream = why is Why.NO_MATERIAL
    for before, behind in pairwise(order):
        failing, waiting = (before, behind) if upstream else (behind, before)
        for day in range(plan.days.of(to_ms(t0)) - 1, plan.days.of(to_ms(t1)) + 2):
            own = plan._stops(failing, day)
            echo = (
                knock_on(plan.seed, day, own, None)
                if upstream
                else knock_on(plan.seed, day, None, own)
            )
            for a, b in echo[why].tolist():
                yield waiting, failing, a, b - 20_000


@pytest.mark.parametrize(
    ("why", "kind"), [(Why.NO_MATERIAL, "starved"), (Why.DOWNSTREAM_FULL, "blocked")]
)
def test_who_waits_for_a_failed_neighbour_charges_it(plan: Plan, why: Why, kind: str) -> None:
    """A week of four lines: every moment in which the constraint waits and the plan drew that from
    a neighbour's failure is charged to that neighbour, whichever machine is the constraint."""
    t0, t1 = START - timedelta(days=7), START
    found = 0
    for line in plan.plant.lines:
        order = order_of(plan.plant, line)
        done = done_by(plan, order, t0, t1)
        drawn = list(echoes(plan, line, why, t0, t1))
        for pace in order[1:-1]:
            named = line.model_copy(update={"constraint": pace.machine})
            stops = [s for s in true_flow(named, order, done, t1).stops if s.kind == kind]
            for failing, a, b in (echo[1:] for echo in drawn if echo[0] == pace.machine):
                waits = [s for s in stops if to_ms(s.t0) < b and to_ms(s.t1) > a]
                assert {stop.cause.machine for stop in waits} <= {failing}, waits
                found += len(waits)
    assert found > 40


def test_shortages_from_outside_are_the_machines_own(plan: Plan) -> None:
    """What a line's first machine lacks came from outside the line."""
    t0, t1 = START - timedelta(days=7), START
    found = 0
    for line in plan.plant.lines:
        order = order_of(plan.plant, line)
        named = line.model_copy(update={"constraint": order[0].machine})
        for stop in true_flow(named, order, done_by(plan, order, t0, t1), t1).stops:
            if stop.kind == "starved":
                found += 1
                assert (stop.cause.machine, stop.cause.element) == (order[0].machine, "starved")
    assert found > 20


def test_a_day_in_the_database_is_the_true_one(
    database: Database, sample: Plant, sample_text: str, apply: Apply, plan: Plan
) -> None:
    """Line A, whose constraint the file names: its stops are the simulated ones, and with what the
    constraint ran they are its planned busy time."""
    apply(sample, sample_text, Clock(datetime.now(UTC), START, 1e-9))
    t0 = START - timedelta(hours=10)
    history.load(database, sample, seed=SEED, t0=t0, t1=START, progress=lambda _: None)
    more = True
    while more:
        with database.connection() as conn:
            more = derive(conn, START).more
    line, t0 = sample.lines[0], t0 + timedelta(hours=2)
    with database.connection() as conn:
        found = line_flows(conn, sample, t0, START, ["A"])["A"]
        facts = _facts(conn, str(line.constraint), t0)
    order = order_of(sample, line)
    true = true_flow(line, order, done_by(plan, order, t0 - timedelta(hours=1), START), START)
    assert [s for s in found.stops if s.t0 > t0] == [s for s in true.stops if s.t0 > t0]
    assert len(found.stops) > 10
    assert found.planned_s == pytest.approx(facts.planned_busy_s)
    assert found.down_s + found.unknown_s == pytest.approx(facts.planned_busy_s - facts.running_s)


def _facts(conn: Connection, machine: str, t0: datetime) -> Facts:
    columns = ", ".join(f"sum({name})" for name in FACT_COLUMNS)
    row = conn.execute(
        f"select {columns} from machine_1m join machine on machine.id = machine_id "
        "where code = %(machine)s and ts >= %(t0)s",
        {"machine": machine, "t0": t0},
    ).fetchone()
    assert row is not None
    return Facts(*row)
