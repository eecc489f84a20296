"""What the hour-by-hour board is made from: one line's or machine's shift, read and put together.

The pieces of a line are those of its last machine, as on the wall; its OEE is that of all machines.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from dashboards.board import Scene
from dashboards.oee.scope import Scope, scope_of
from db import hourly, hourly_notes
from db.connect import Connection
from db.hourly import Operation, Shift, Shifts
from db.hourly_notes import Note, Place
from db.kpi_runs import Run as Part
from db.kpi_runs import runs_of
from db.stops import Lost, lost_in
from plant.calendar import Window, work_s
from plant.hourly import (
    Hour,
    Plan,
    Run,
    Takt,
    Tally,
    hours,
    made_target,
    ordered_target,
    planned_target,
    tallies,
)
from plant.instance import Slice
from plant.kpi import Facts, total
from plant.line_end import usual
from plant.model import Element, Label, Machine, Plant
from plant.periods import Slot

YEARS = range(2000, 2200)


@dataclass(frozen=True, slots=True)
class Stopped:
    """Seconds within planned work that a machine stood for one reason in an hour."""

    machine: str
    state: Element
    reason: Label | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Row:
    """One hour: when, what the plan and the facts say, what stopped, what was written."""

    t0: datetime
    t1: datetime
    slices: tuple[Slice, ...]
    runs: tuple[Run, ...]
    """Of the machine that counts, in the order of time."""
    coming: tuple[Operation, ...]
    """What is to be on it in the part that lies ahead."""
    facts: Facts
    """Of all machines shown."""
    tally: Tally
    stops: tuple[Stopped, ...]
    notes: tuple[Note, ...]
    """Every version, oldest first."""

    @property
    def note(self) -> Note | None:
        """The version that counts."""
        return self.notes[-1] if self.notes else None

    @property
    def counted(self) -> Facts:
        """Of the machine that counts."""
        return total(run.facts for run in self.runs)


@dataclass(frozen=True, slots=True)
class Sheet:
    """The board of one shift; without rows where the calendar has no shift."""

    scope: Scope
    counter: Machine
    """The machine whose pieces count."""
    shifts: Shifts
    rows: tuple[Row, ...] = ()
    takt: Takt | None = None
    takt_of_day: bool = False
    """Nothing is due in the shift: the demand is that of the production day."""
    facts: Facts = field(default_factory=Facts)


def counter_of(scope: Scope, plant: Plant) -> Machine:
    """The machine whose pieces count: a line's last one of those that work as most of it do."""
    return usual(scope.machines, plant)[-1]


def keeper_of(scope: Scope, plant: Plant) -> Machine:
    """The machine whose shifts are shown: the first of those with the commonest calendar."""
    return usual(scope.machines, plant)[0]


def place_of(scope: Scope) -> Place:
    """Where notes of this scope stand."""
    return Place(machine=scope.machine.code) if scope.machine else Place(line=scope.line.code)


def moment_of(params: Mapping[str, str], now: datetime) -> datetime:
    """The moment whose shift an address asks for; now where it names none."""
    try:
        asked = datetime.fromisoformat(params.get("at", ""))
    except ValueError:
        return now
    return asked.astimezone(UTC) if asked.tzinfo and asked.year in YEARS else now


def hours_at(conn: Connection, scope: Scope, at: datetime, plant: Plant) -> tuple[Window, ...]:
    """The hours of the shift that is on at a moment, or was the last one before it."""
    here = hourly.shifts(conn, keeper_of(scope, plant).code, at).here
    return _hours(here, plant)


def read(conn: Connection, scene: Scene) -> Sheet:
    """The board that a scene asks for."""
    scope = scope_of(scene.params, scene.plant)
    at = moment_of(scene.params, scene.now)
    shifts = hourly.shifts(conn, keeper_of(scope, scene.plant).code, at)
    counter = counter_of(scope, scene.plant)
    if shifts.here is None:
        return Sheet(scope, counter, shifts)
    slots = _hours(shifts.here, scene.plant)
    parts = [Slot(t0, t1) for t0, t1 in slots]
    found = runs_of(conn, scope.of_facts, parts, scene.plant.site.zone)
    return _Desk(conn, scene, scope, counter, shifts, shifts.here, slots, found).sheet()


def _hours(shift: Shift | None, plant: Plant) -> tuple[Window, ...]:
    return (
        () if shift is None else hours(shift.t0, shift.t1, plant.hour_board.rows, plant.site.zone)
    )


@dataclass(frozen=True, slots=True)
class _Desk:
    """What was read so far, and what is made of it."""

    conn: Connection
    scene: Scene
    scope: Scope
    counter: Machine
    shifts: Shifts
    shift: Shift
    slots: tuple[Window, ...]
    parts: Sequence[Part]

    def sheet(self) -> Sheet:
        day = self._day()
        plans = hourly.operations(self.conn, self.counter.code, day, self.shift.t0, self.scene.now)
        takt, of_day = self._takt(plans, day)
        facts = total(part.facts for part in self.parts)
        rows = tuple(self._rows(plans))
        return Sheet(self.scope, self.counter, self.shifts, rows, takt, of_day, facts)

    def _day(self) -> Window:
        found = hourly.production_day(
            self.conn, self.counter.code, self.shift.day, self.shift.t0
        ) or (self.shift.t0, self.shift.t1)
        return min(found[0], self.shift.t0), max(found[1], self.shift.t1)

    def _rows(self, plans: Sequence[Operation]) -> list[Row]:
        slices = hourly.slices(self.conn, self.counter.code, self.shift.t0, self.shift.t1)
        runs = [self._runs(n) for n in range(len(self.slots))]
        ahead = coming(plans, self.scene.now, self.shift.t1)
        aims = self._aims(plans, ahead, runs, slices)
        lost = lost_in(self.conn, self.slots, self.scope.codes)
        notes = hourly_notes.versions(self.conn, place_of(self.scope), self.shift.t0, self.shift.t1)
        return [
            Row(
                t0=t0,
                t1=t1,
                slices=tuple(s for s in slices if s.t0 < t1 and s.t1 > t0),
                runs=tuple(runs[n]),
                coming=_within(ahead, max(t0, self.scene.now), t1),
                facts=total(part.facts for part in self.parts if part.part == n),
                tally=tally,
                stops=stopped(lost[n], [part for part in self.parts if part.part == n]),
                notes=tuple(note for note in notes if t0 <= note.t0 < t1),
            )
            for n, ((t0, t1), tally) in enumerate(zip(self.slots, tallies(aims), strict=True))
        ]

    def _runs(self, hour: int) -> list[Run]:
        language = self.scene.language
        return [
            Run(
                begun=part.begun,
                product=part.product.text(language) if part.product else None,
                order=part.order,
                cycle_s=part.cycle_s,
                facts=part.facts,
            )
            for part in self.parts
            if part.part == hour and part.machine == self.counter.code
        ]

    def _aims(
        self,
        plans: Sequence[Operation],
        ahead: Sequence[Operation],
        runs: Sequence[Sequence[Run]],
        slices: Sequence[Slice],
    ) -> list[Hour]:
        if self.scene.plant.hour_board.target == "orders":
            return self._by_orders(plans, runs)
        work = [(s.t0, s.t1) for s in slices if s.kind == "work"]
        return self._by_oee([_plan(one, self.scene) for one in ahead], work, runs)

    def _by_oee(
        self, ahead: Sequence[Plan], work: Sequence[Window], runs: Sequence[Sequence[Run]]
    ) -> list[Hour]:
        oee, now = self.scope.target.oee.value, self.scene.now
        found = []
        for (t0, t1), here in zip(self.slots, runs, strict=True):
            by_now = made_target(here, oee) if t0 <= now else None
            rest = planned_target(ahead, work, max(t0, now), t1, oee) if t1 > now else None
            known = [part for part in (by_now, rest) if part is not None]
            found.append(Hour(t0, t1, sum(known) if known else None, by_now, _made(here)))
        return found

    def _by_orders(self, plans: Sequence[Operation], runs: Sequence[Sequence[Run]]) -> list[Hour]:
        planned = [one for one in plans if one.planned_start and one.due]
        spans = [self.shift.t0, *(p.planned_start for p in planned if p.planned_start)]
        ends = [self.shift.t1, *(p.due for p in planned if p.due)]
        slices = hourly.slices(self.conn, self.counter.code, min(spans), max(ends))
        work = tuple((s.t0, s.t1) for s in slices if s.kind == "work")
        asked = [_ordered(one, work, self.scene) for one in planned]
        now = self.scene.now
        return [
            Hour(
                t0,
                t1,
                ordered_target(asked, t0, t1),
                ordered_target(asked, t0, min(now, t1)) if t0 <= now else None,
                _made(here),
            )
            for (t0, t1), here in zip(self.slots, runs, strict=True)
        ]

    def _takt(self, plans: Sequence[Operation], day: Window) -> tuple[Takt, bool]:
        """Of the shift; where nothing is due in it, of the production day."""
        shift = (self.shift.t0, self.shift.t1)
        of_shift = sum(one.planned_left(of_day=False) for one in _due(plans, shift))
        of_day = sum(one.planned_left(of_day=True) for one in _due(plans, day))
        span = shift if of_shift else day
        slices = hourly.slices(self.conn, self.counter.code, *span)
        work = [(s.t0, s.t1) for s in slices if s.kind == "work"]
        return Takt(work_s(work, *span), of_shift or of_day), not of_shift


def stopped(lost: Iterable[Lost], parts: Iterable[Part]) -> tuple[Stopped, ...]:
    """What took planned work in an hour, the longest first: stops, and time of which nobody knows.

    What was planned after all took none.
    """
    sums: dict[tuple[str, Element, str | None], Stopped] = {}
    told = [(one.machine, one.element, one.reason, one.reason_name, one.seconds) for one in lost]
    told += [(part.machine, "unknown", None, None, part.facts.unknown_s) for part in parts]
    for machine, element, code, name, seconds in told:
        if element != "planned_stop" and seconds > 0:
            so_far = sums.get((machine, element, code), Stopped(machine, element, name, 0.0))
            sums[machine, element, code] = replace(so_far, seconds=so_far.seconds + seconds)
    return tuple(sorted(sums.values(), key=lambda one: -one.seconds))


def coming(plans: Sequence[Operation], now: datetime, until: datetime) -> list[Operation]:
    """What will be on the machine from now on, in order: what runs, then what is planned later.

    Where nothing runs, the first that should have begun already.
    """
    open_ones = [p for p in plans if p.status in ("running", "held")]
    waiting = [p for p in plans if p.status in ("planned", "released")]
    overdue = [p for p in waiting if p.start <= now]
    first = open_ones[-1:] or overdue[:1]
    return [*first, *(p for p in waiting if now < p.start < until)]


def _due(plans: Sequence[Operation], span: Window) -> list[Operation]:
    return [one for one in plans if one.due and span[0] <= one.due < span[1]]


def _within(ahead: Sequence[Operation], t0: datetime, t1: datetime) -> tuple[Operation, ...]:
    if t0 >= t1:
        return ()
    ends = [*(one.start for one in ahead[1:]), t1]
    return tuple(o for o, end in zip(ahead, ends, strict=False) if o.start < t1 and end > t0)


def _plan(one: Operation, scene: Scene) -> Plan:
    name = one.product.text(scene.language) if one.product else None
    return Plan(one.order, name, one.cycle_s, one.planned, one.start, one.due)


def _ordered(one: Operation, work: tuple[Window, ...], scene: Scene) -> Plan:
    assert one.planned_start is not None
    plan = _plan(one, scene)
    return Plan(
        plan.order, plan.product, plan.cycle_s, plan.pieces, one.planned_start, plan.due, work
    )


def _made(runs: Sequence[Run]) -> float | None:
    """Good pieces; none where nothing at all is known of the machine."""
    return sum(run.facts.good for run in runs) if runs else None
