"""What may still change the figures of parts of a sum: a machine of a plant, an hour of a shift."""

from __future__ import annotations

from datetime import date
from functools import cached_property

from dashboards.board import Scene
from dashboards.scope import machines_of
from db.boards import present
from db.connect import Connection
from db.kpi_facts import Key, Kind, Scope
from db.settling import Lates
from db.stays import Stay, codes_of, stays
from plant.kpi import Doubt, Facts, doubts
from plant.periods import Days, Period, Slot, Span, span_of

HELD: frozenset[Kind] = frozenset({"machine", "line", "area"})
"""Places that have machines of their own."""


class PartDoubts:
    """Of the parts of a scope and period, by what they are told and what waits to be derived."""

    def __init__(
        self, conn: Connection, scope: Scope, period: Period, scene: Scene, waiting: Lates
    ) -> None:
        self._conn, self._scope, self._period, self._scene = conn, scope, period, scene
        self._waiting = waiting
        self._zone = scene.plant.site.zone
        self._read: dict[Scope, list[Stay]] = {}

    def of(self, key: Key, kind: Kind | None, facts: Facts) -> tuple[Doubt, ...]:
        """`kind`: what the part is a machine, line, order … of; None: a part of the period."""
        period = self._period if kind else _period(key.slot)
        scope = Scope(kind, key.group) if kind in HELD else self._scope
        is_late = bool(self._waiting.stretches) and self._is_late(scope, period)
        return doubts(facts, is_late=is_late, is_open=self._is_open(period))

    def _is_late(self, scope: Scope, period: Period) -> bool:
        span = span_of(period, self._zone)
        there = None
        if scope.kind in HELD:
            there = codes_of(s for s in self._stays(scope) if s.t0 < span.t1 and s.t1 > span.t0)
        return self._waiting.meet(there, span)

    def _stays(self, scope: Scope) -> list[Stay]:
        """Over the whole period: its parts are many."""
        if scope not in self._read:
            self._read[scope] = stays(self._conn, scope, span_of(self._period, self._zone))
        return self._read[scope]

    def _is_open(self, period: Period) -> bool:
        """A production day isn't over before its last shift is."""
        if isinstance(period, Days):
            return period.last > self._today
        return period.t1 >= self._scene.now

    @cached_property
    def _today(self) -> date:
        machines = machines_of(self._scope, self._scene.plant)
        return present(self._conn, self._scene.now, self._zone, machines).day


def _period(slot: Slot) -> Period:
    if slot.first is None or slot.last is None:
        return Span(slot.t0, slot.t1)
    return Days(slot.first, slot.last)
