"""What a machine's raw values mean, and which time element each second of it is.

The reference: simple enough to be seen to be right, one machine at a time, in plain Python. The
derivation in SQL is held equal to it by a test. Never reads a database or a clock.

A state lasts until the next reading. Without a next one it lasts as long as its source is heard,
and is unknown from then on; so is a reading of bad quality, and a gap in which nobody listened.
Before the first reading there is nothing at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from plant.calendar import ShiftInstance, SliceKind, Window, slice_at
from plant.counts import Count, Made, counted, made_of, shared
from plant.kpi import Facts
from plant.model import Element, MappedState, StateMap
from plant.part import Counter, CountRole

BAD = 2
"""Quality of a reading: 0 good, 1 uncertain, 2 bad."""
UNKNOWN = MappedState(state="unknown")
MINUTE = timedelta(minutes=1)
ENDLESS = datetime.max.replace(tzinfo=UTC)
STOPS: frozenset[Element] = frozenset({"down", "idle", "starved", "blocked"})


@dataclass(frozen=True, slots=True)
class Reading:
    """One value of one tag at the source's own time."""

    ts: datetime
    value: float | str | None
    quality: int = 0


@dataclass(frozen=True, slots=True)
class Interval:
    """A stretch of one state. The open one ends where it is known up to."""

    t0: datetime
    t1: datetime
    state: Element
    reason: str | None = None
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class Active:
    """An operation on the machine: [t0, t1), still running where t1 is None."""

    id: int
    product: str
    t0: datetime
    t1: datetime | None = None


@dataclass(frozen=True, slots=True)
class MinuteKey:
    """Which row of machine_1m. `operation` 0 and `shift` None: none."""

    ts: datetime
    operation: int
    product: str
    shift: datetime | None
    """Start of the shift."""


def raw_text(value: float | str) -> str:
    """A raw value as state maps write it: 6.0 is "6"."""
    if isinstance(value, str):
        return value
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def meaning(reading: Reading, state_map: StateMap) -> MappedState:
    """What a reading of a state tag says."""
    if reading.quality >= BAD or reading.value is None:
        return UNKNOWN
    otherwise = MappedState(state=state_map.otherwise)
    return state_map.values.get(raw_text(reading.value), otherwise)


def element(state: Element, kind: SliceKind | None) -> Element:
    """The time element of a moment; `kind` of the calendar's slice there, None outside every shift.

    Work outside a shift, in a break or in a maintenance is work: running wins over the calendar.
    """
    if state == "running":
        return "running"
    if kind is None:
        return "not_scheduled"
    return state if kind == "work" else "planned_stop"


def intervals(
    readings: Iterable[Reading],
    state_map: StateMap,
    *,
    now: datetime,
    heard_until: datetime | None = None,
    gaps: Sequence[Window] = (),
) -> list[Interval]:
    """The states of one machine from its first reading to `now`, joined where equal.

    `heard_until`: when the source was heard last + its stale_after; None: it is heard.
    """
    known = sorted((r for r in readings if r.ts < now), key=lambda r: r.ts)
    pieces = [
        Interval(a.ts, until, said.state, said.reason)
        for a, until in zip(known, [*(r.ts for r in known[1:]), now], strict=False)
        if a.ts < until
        for said in [meaning(a, state_map)]
    ]
    holes = list(gaps)
    if pieces and heard_until is not None and heard_until < now:
        holes.append((max(heard_until, pieces[-1].t0), now))
    joined = _joined(part for piece in pieces for part in _holed(piece, holes))
    return [replace(i, is_open=i.t1 == now) for i in joined]


def counts(
    readings: Iterable[Reading], counter: Counter = "total", modulus: float | None = None
) -> list[Count]:
    """The pieces that each reading of a counter adds; readings of bad quality are passed over."""
    known = [
        (r.ts, r.value) for r in readings if r.quality < BAD and isinstance(r.value, int | float)
    ]
    return counted(known, counter, modulus)


def minutes(
    states: Sequence[Interval],
    shifts: Sequence[ShiftInstance],
    operations: Sequence[Active],
    made: Mapping[CountRole, Sequence[Count]],
    ideal_cycles: Mapping[str, Sequence[tuple[datetime, float]]],
    *,
    micro_stop: timedelta = timedelta(minutes=5),
) -> dict[MinuteKey, Facts]:
    """Facts by minute, operation and shift: what machine_1m holds of one machine.

    `ideal_cycles`: by product, the versions (valid from, seconds). Pieces count where a state is
    known to be or not to be; before the first state there is nothing.
    """
    rows: dict[MinuteKey, Facts] = {}

    def add(at: datetime, facts: Facts) -> None:
        key = _key(at, shifts, operations)
        rows[key] = rows.get(key, Facts()) + facts

    for a, b in pairwise(_edges(states, shifts, operations)):
        interval = _holding(states, a)
        if interval is not None:
            kind = found.kind if (found := slice_at(shifts, a)) else None
            name = element(interval.state, kind)
            add(a, _seconds(name, (b - a).total_seconds(), is_minor(interval, micro_stop)))
    for count, pieces in _pieces(_by_operation(made, operations, states)):
        if _holding(states, count.ts) is not None:
            cycle_s = _cycle_s(count.ts, _operation(operations, count.ts), ideal_cycles)
            add(count.ts, _piece_facts(pieces, cycle_s))
    return rows


def is_minor(interval: Interval, micro_stop: timedelta) -> bool:
    """Whether it is a stop that was over within the threshold; an open one is not yet."""
    lasted = interval.t1 - interval.t0
    return interval.state in STOPS and not interval.is_open and lasted < micro_stop


def _seconds(name: Element, seconds: float, minor: bool) -> Facts:
    minor_s = seconds if minor and name in STOPS else 0.0
    minor_down_s = minor_s if name == "down" else 0.0
    return replace(Facts(minor_s=minor_s, minor_down_s=minor_down_s), **{f"{name}_s": seconds})


def _piece_facts(pieces: Made, cycle_s: float) -> Facts:
    return Facts(
        good=pieces.good,
        scrap=pieces.scrap,
        rework=pieces.rework,
        start_up_scrap=pieces.start_up_scrap,
        ideal_s=cycle_s * (pieces.good + pieces.scrap),
        ideal_good_s=cycle_s * pieces.good,
        ideal_start_up_s=cycle_s * pieces.start_up_scrap,
    )


def _by_operation(
    made: Mapping[CountRole, Sequence[Count]],
    operations: Sequence[Active],
    states: Sequence[Interval],
) -> dict[CountRole, list[Count]]:
    turns = {t for o in operations for t in (o.t0, o.t1) if t is not None}
    running = [(i.t0, i.t1) for i in states if i.state == "running"]
    return {
        role: [part for count in found for part in shared(count, turns, running)]
        for role, found in made.items()
    }


def _holed(piece: Interval, holes: Sequence[Window]) -> list[Interval]:
    """The piece with what lies in a hole made unknown."""
    inside = {t for hole in holes for t in hole if piece.t0 < t < piece.t1}
    return [
        replace(piece, t0=a, t1=b, state="unknown", reason=None)
        if any(t0 <= a < t1 for t0, t1 in holes)
        else replace(piece, t0=a, t1=b)
        for a, b in pairwise(sorted({piece.t0, piece.t1} | inside))
    ]


def _joined(pieces: Iterable[Interval]) -> list[Interval]:
    joined: list[Interval] = []
    for piece in pieces:
        last = joined[-1] if joined else None
        if last and (last.t1, last.state, last.reason) == (piece.t0, piece.state, piece.reason):
            joined[-1] = replace(last, t1=piece.t1)
        else:
            joined.append(piece)
    return joined


def _pieces(made: Mapping[CountRole, Sequence[Count]]) -> Iterable[tuple[Count, Made]]:
    """Every count and what it adds: without a counter of good pieces, cycles less scrap."""
    from_cycles = "good" not in made and "cycle" in made
    for role, found in made.items():
        for count in found:
            yield count, made_of(role, count.pieces, from_cycles=from_cycles)


def _edges(
    states: Sequence[Interval], shifts: Sequence[ShiftInstance], operations: Sequence[Active]
) -> list[datetime]:
    """Every moment at which anything may change, and every full minute between."""
    if not states:
        return []
    edges = {t for i in states for t in (i.t0, i.t1)}
    edges |= {t for shift in shifts for s in shift.slices() for t in (s.t0, s.t1)}
    edges |= {t for o in operations for t in (o.t0, o.t1 or ENDLESS)}
    minute = _minute(states[0].t0)
    while minute < states[-1].t1:
        edges.add(minute)
        minute += MINUTE
    return sorted(edges)


def _key(at: datetime, shifts: Sequence[ShiftInstance], operations: Sequence[Active]) -> MinuteKey:
    shift = next((s.t0 for s in shifts if s.t0 <= at < s.t1), None)
    operation = _operation(operations, at)
    if operation is None:
        return MinuteKey(_minute(at), 0, "", shift)
    return MinuteKey(_minute(at), operation.id, operation.product, shift)


def _operation(operations: Sequence[Active], at: datetime) -> Active | None:
    """The one that is active; of several, the one that started last."""
    active = [o for o in operations if o.t0 <= at < (o.t1 or ENDLESS)]
    return max(active, key=lambda o: (o.t0, o.id), default=None)


def _cycle_s(
    at: datetime,
    operation: Active | None,
    ideal_cycles: Mapping[str, Sequence[tuple[datetime, float]]],
) -> float:
    """Ideal seconds a piece, 0 where none is known; a version holds from the next full minute."""
    versions = ideal_cycles.get(operation.product, ()) if operation else ()
    valid = [version for version in versions if version[0] <= _minute(at)]
    return max(valid)[1] if valid else 0.0


def _holding(states: Sequence[Interval], at: datetime) -> Interval | None:
    return next((i for i in states if i.t0 <= at < i.t1), None)


def _minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)
