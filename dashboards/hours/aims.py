"""What each hour should make: by the orders' plan, or by what runs and comes at the target OEE."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from dashboards.board import Scene
from dashboards.oee.scope import Scope
from db import hourly
from db.connect import Connection
from db.hourly import Operation, Shift
from plant.calendar import Window
from plant.hourly import Hour, Plan, Run, made_target, ordered_target, planned_target
from plant.instance import Slice


@dataclass(frozen=True, slots=True)
class Aims:
    """The targets of a shift's hours, of the machine that counts."""

    conn: Connection
    scene: Scene
    scope: Scope
    counter: str
    shift: Shift
    slots: tuple[Window, ...]

    def hours(
        self,
        plans: Sequence[Operation],
        ahead: Sequence[Operation],
        runs: Sequence[Sequence[Run]],
        slices: Sequence[Slice],
    ) -> list[Hour]:
        """One a slot, by what the plant's targets follow."""
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
        slices = hourly.slices(self.conn, self.counter, min(spans), max(ends))
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


def coming(plans: Sequence[Operation], now: datetime, until: datetime) -> list[Operation]:
    """What will be on the machine from now on, in order: what runs, then what is planned later.

    Where nothing runs, the first that should have begun already.
    """
    open_ones = [p for p in plans if p.status in ("running", "held")]
    waiting = [p for p in plans if p.status in ("planned", "released")]
    overdue = [p for p in waiting if p.start <= now]
    first = open_ones[-1:] or overdue[:1]
    return [*first, *(p for p in waiting if now < p.start < until)]


def within(ahead: Sequence[Operation], t0: datetime, t1: datetime) -> tuple[Operation, ...]:
    """Those that are on the machine in [t0, t1), each until the next one begins."""
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
