"""What stops took, by scope and period: line downtime and unexplained minutes, beside the facts.

Read from the states and stops as they are known (db/line_flow.py, db/stops.py), so there is nothing
to rebuild. Of places only: a line stands for whatever is on it. Never decides what a stop is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from operator import itemgetter
from zoneinfo import ZoneInfo

from db.connect import Connection
from db.kpi_facts import DIGITS, Key, Kind, Scope, facts_of
from db.line_flow import line_flows
from db.statements import statements
from db.stops import unexplained
from plant.belonging import Belongs, Parts, belonging
from plant.kpi_table import Figure, Measured, Stood
from plant.line_flow import Flow, waits_in
from plant.model import Line, Plant
from plant.periods import Grain, Period, Span, slots, span_of

SQL = statements("stood.sql")
PLACES: frozenset[Kind] = frozenset({"site", "area", "line", "machine"})


@dataclass(frozen=True, slots=True)
class Piece:
    """Seconds of one line or machine that belong to one day and shift."""

    area: str
    line: str
    machine: str
    """The one that caused it, or that stood; "" of a line's planned time."""
    when: Belongs
    stood: Stood
    """Of each second."""


class Measures:
    """Figures of a scope and period: told by places and parts of time as often as is asked, while
    what stopped is read once."""

    def __init__(
        self,
        conn: Connection,
        plant: Plant,
        scope: Scope,
        period: Period,
        figures: Iterable[Figure],
    ) -> None:
        self._conn, self._plant, self._scope, self._period = conn, plant, scope, period
        self._groups = {figure.group for figure in figures}

    def of(self, *, by: Kind = "site", per: Grain | None = None) -> list[tuple[Key, Measured]]:
        """All that these figures need, in order of time, then of code. Raises TooFine."""
        zone, counted = self._plant.site.zone, "reliability" in self._groups
        sums = facts_of(
            self._conn, self._scope, self._period, zone, by=by, per=per, failures=counted
        )
        if "stops" not in self._groups or self._scope.kind not in PLACES or by not in PLACES:
            return sums
        stood = self._stood(by, per)
        none = Measured(failures=0 if counted else None)
        found = dict(sums)
        keys = sorted({*found, *stood}, key=lambda key: (key.slot.t0, key.shift, key.group))
        nothing = Stood(line_planned_s=None if _is_machine(self._scope, by) else 0.0)
        return [(key, _with(found.get(key, none), stood.get(key, nothing))) for key in keys]

    def whole(self) -> Measured:
        """The one sum; all zero where there is nothing."""
        found = self.of()
        counted = "reliability" in self._groups
        return found[0][1] if found else Measured(failures=0 if counted else None)

    def _stood(self, by: Kind, per: Grain | None) -> Mapping[Key, Stood]:
        """Sums by place and part of the period; what stood for nothing is missing."""
        parts = slots(self._period, per, self._plant.site.zone)
        asked = Parts(parts, self._period)
        found: dict[Key, Stood] = defaultdict(Stood)
        for piece in self._pieces:
            group = _group(piece, by)
            if group is None:
                continue
            for n, seconds in asked.of(piece.when):
                key = Key(group, parts[n], piece.when.shift if per == "shift" else "")
                found[key] += _times(piece.stood, seconds)
        is_machine = _is_machine(self._scope, by)
        return {key: _rounded(stood, is_machine=is_machine) for key, stood in found.items()}

    @cached_property
    def _pieces(self) -> Sequence[Piece]:
        span = span_of(self._period, self._plant.site.zone)
        found = _pieces(self._conn, self._plant, self._scope, span)
        return [piece for piece in found if _is_of(piece, self._scope)]


def _pieces(conn: Connection, plant: Plant, scope: Scope, span: Span) -> Iterator[Piece]:
    zone = plant.site.zone
    flows = line_flows(conn, plant, span.t0, span.t1, _lines(conn, plant, scope))
    waits = waits_in(flows.values())
    for one in unexplained(conn, span.t0, span.t1, zone, waits, scope):
        when = Belongs(one.t0, one.t1, one.shift, one.day)
        yield Piece(one.area, one.line, one.machine, when, Stood(unexplained_s=1.0))
    shifts = _shifts(conn, flows.values(), span)
    for line in plant.lines:
        if line.code in flows:
            yield from _of_line(line, flows[line.code], shifts, zone)


def _of_line(
    line: Line, flow: Flow, shifts: Mapping[str, Sequence[Belongs]], zone: ZoneInfo
) -> Iterator[Piece]:
    """A line works the shifts of its constraint."""
    for work in flow.work:
        for when in belonging(work.t0, work.t1, shifts.get(work.constraint, ()), zone):
            yield Piece(line.area, line.code, "", when, Stood(line_planned_s=1.0))
    for stop in flow.stops:
        is_known = stop.kind != "unknown"
        machine = stop.cause.machine if is_known else ""
        stood = Stood(line_down_s=1.0) if is_known else Stood(line_unknown_s=1.0)
        for when in belonging(stop.t0, stop.t1, shifts.get(stop.constraint, ()), zone):
            yield Piece(line.area, line.code, machine, when, stood)


def _lines(conn: Connection, plant: Plant, scope: Scope) -> list[str]:
    if scope.kind == "machine":
        rows = conn.execute(SQL["lines_of"], {"machine": scope.code})
        return [code for (code,) in rows]
    return [
        line.code
        for line in plant.lines
        if scope.kind == "site" or scope.code in (line.code, line.area)
    ]


def _shifts(conn: Connection, flows: Iterable[Flow], span: Span) -> Mapping[str, Sequence[Belongs]]:
    machines = sorted({work.constraint for flow in flows for work in flow.work})
    values = {"machines": machines, "t0": span.t0, "t1": span.t1}
    rows = groupby(conn.execute(SQL["shifts"], values), itemgetter(0))
    return {machine: [Belongs(*row[1:]) for row in some] for machine, some in rows}


def _group(piece: Piece, by: Kind) -> str | None:
    """None: what is told by machine has no part of a line's planned time."""
    if by == "machine":
        return piece.machine or None
    return {"line": piece.line, "area": piece.area}.get(by, "")


def _is_of(piece: Piece, scope: Scope) -> bool:
    places = {"machine": piece.machine, "line": piece.line, "area": piece.area}
    return places.get(scope.kind, scope.code) == scope.code


def _is_machine(scope: Scope, by: Kind) -> bool:
    return "machine" in (scope.kind, by)


def _times(stood: Stood, seconds: float) -> Stood:
    return Stood(
        stood.unexplained_s * seconds,
        stood.line_down_s * seconds,
        stood.line_unknown_s * seconds,
        (stood.line_planned_s or 0.0) * seconds,
    )


def _rounded(stood: Stood, *, is_machine: bool) -> Stood:
    return Stood(
        round(stood.unexplained_s, DIGITS),
        round(stood.line_down_s, DIGITS),
        round(stood.line_unknown_s, DIGITS),
        None if is_machine else round(stood.line_planned_s or 0.0, DIGITS),
    )


def _with(measured: Measured, stood: Stood) -> Measured:
    return measured + Measured(stood=stood)
