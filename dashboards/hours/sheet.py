"""What the hour-by-hour board is made from: one line's or machine's shift, read and put together.

The pieces of a line are those of its last machine, as on the wall; its OEE is that of all machines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from dashboards.board import Scene
from dashboards.hours.aims import Aims, coming, within
from dashboards.hours.lost import Stopped, stopped
from dashboards.hours.place import counters_of, hours_of, keeper_of, moment_of, place_of
from dashboards.oee.scope import Scope, scope_of
from db import hourly, hourly_notes
from db.connect import Connection
from db.hourly import Operation, Shift, Shifts
from db.hourly_notes import Note
from db.kpi_runs import Run as Part
from db.kpi_runs import runs_of
from db.line_flow import waits
from db.stays import codes_of, stays
from db.stops import Lost, lost_in
from plant.calendar import Window, work_s
from plant.hourly import Run, Takt, Tally, tallies
from plant.instance import Slice
from plant.kpi import Facts, total
from plant.periods import Slot, Span


@dataclass(frozen=True, slots=True)
class Row:
    """One hour: when, what the plan and the facts say, what stopped, what was written."""

    t0: datetime
    t1: datetime
    counter: str
    """The machine whose pieces count."""
    slices: tuple[Slice, ...]
    runs: tuple[Run, ...]
    """Of that machine, in the order of time."""
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
    shifts: Shifts
    rows: tuple[Row, ...] = ()
    takt: Takt | None = None
    takt_of_day: bool = False
    """Nothing is due in the shift: the demand is that of the production day."""
    facts: Facts = field(default_factory=Facts)


def read(conn: Connection, scene: Scene) -> Sheet:
    """The board that a scene asks for."""
    scope = scope_of(scene.params, scene.plant)
    at = moment_of(scene.params, scene.now)
    shifts = hourly.shifts(conn, keeper_of(conn, scope, at, scene.plant), at)
    if shifts.here is None:
        return Sheet(scope, shifts)
    slots = hours_of(shifts.here, scene.plant)
    counters = counters_of(conn, scope, slots, scene.plant)
    parts = [Slot(t0, t1) for t0, t1 in slots]
    found = runs_of(conn, scope.of_facts, parts, scene.plant.site.zone)
    return _Desk(conn, scene, scope, counters, shifts, shifts.here, slots, found).sheet()


@dataclass(frozen=True, slots=True)
class _Desk:
    """What was read so far, and what is made of it."""

    conn: Connection
    scene: Scene
    scope: Scope
    counters: Sequence[str]
    """Of each hour the machine whose pieces count."""
    shifts: Shifts
    shift: Shift
    slots: tuple[Window, ...]
    parts: Sequence[Part]

    def sheet(self) -> Sheet:
        day = self._day()
        plans = hourly.operations(self.conn, self.counter, day, self.shift.t0, self.scene.now)
        takt, of_day = self._takt(plans, day)
        facts = total(part.facts for part in self.parts)
        rows = tuple(self._rows(plans))
        return Sheet(self.scope, self.shifts, rows, takt, of_day, facts)

    @property
    def counter(self) -> str:
        """Of the hour that runs, else of the last one: what is planned is planned for it."""
        begun = [n for n, (t0, _) in enumerate(self.slots) if t0 <= self.scene.now]
        return self.counters[begun[-1] if begun else 0]

    def _day(self) -> Window:
        found = hourly.production_day(self.conn, self.counter, self.shift.day, self.shift.t0) or (
            self.shift.t0,
            self.shift.t1,
        )
        return min(found[0], self.shift.t0), max(found[1], self.shift.t1)

    def _rows(self, plans: Sequence[Operation]) -> list[Row]:
        slices = hourly.slices(self.conn, self.counter, self.shift.t0, self.shift.t1)
        runs = [self._runs(n) for n in range(len(self.slots))]
        ahead = coming(plans, self.scene.now, self.shift.t1)
        aims = Aims(self.conn, self.scene, self.scope, self.counter, self.shift, self.slots).hours(
            plans, ahead, runs, slices
        )
        lost = self._lost()
        notes = hourly_notes.versions(self.conn, place_of(self.scope), self.shift.t0, self.shift.t1)
        return [
            Row(
                t0=t0,
                t1=t1,
                counter=self.counters[n],
                slices=tuple(s for s in slices if s.t0 < t1 and s.t1 > t0),
                runs=tuple(runs[n]),
                coming=within(ahead, max(t0, self.scene.now), t1),
                facts=total(part.facts for part in self.parts if part.part == n),
                tally=tally,
                stops=stopped(lost[n], [part for part in self.parts if part.part == n]),
                notes=tuple(note for note in notes if t0 <= note.t0 < t1),
            )
            for n, ((t0, t1), tally) in enumerate(zip(self.slots, tallies(aims), strict=True))
        ]

    def _lost(self) -> list[list[Lost]]:
        whose, span = self.scope.of_facts, Span(self.slots[0][0], self.slots[-1][1])
        stood = codes_of(stays(self.conn, whose, span))
        told = waits(self.conn, self.scene.plant, span.t0, span.t1, stood)
        return lost_in(self.conn, self.slots, told, whose)

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
            if part.part == hour and part.machine == self.counters[hour]
        ]

    def _takt(self, plans: Sequence[Operation], day: Window) -> tuple[Takt, bool]:
        """Of the shift; where nothing is due in it, of the production day."""
        shift = (self.shift.t0, self.shift.t1)
        of_shift = sum(one.planned_left(of_day=False) for one in _due(plans, shift))
        of_day = sum(one.planned_left(of_day=True) for one in _due(plans, day))
        span = shift if of_shift else day
        slices = hourly.slices(self.conn, self.counter, *span)
        work = [(s.t0, s.t1) for s in slices if s.kind == "work"]
        return Takt(work_s(work, *span), of_shift or of_day), not of_shift


def _due(plans: Sequence[Operation], span: Window) -> list[Operation]:
    return [one for one in plans if one.due and span[0] <= one.due < span[1]]
