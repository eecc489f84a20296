"""Why a line stood: its stops in a stretch of time, each with the one machine that caused it.

Pure: from what the machines of one line said, their calendars and their places. The order in which
that became known makes no difference, and of a longer window the same rows come for the shorter
one. Never changes what a machine said of itself. docs/kpi.md says every definition and choice.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import Generic, NamedTuple, TypeVar

from plant.line_state import PLANNED_BUSY, RECOVERY, Cause, Change, LineState, Place
from plant.model import Element
from plant.station import Station


class LineStop(NamedTuple):
    """A stretch of planned time in which the line's constraint did not run."""

    t0: datetime
    t1: datetime
    constraint: str
    kind: Element
    """How the constraint stood: starved or blocked by what is named as cause, or of its own."""
    cause: Cause

    @property
    def seconds(self) -> float:
        """How long."""
        return (self.t1 - self.t0).total_seconds()


class Wait(NamedTuple):
    """A stretch in which a machine said no more than idle, and a neighbour explains it."""

    t0: datetime
    t1: datetime
    machine: str
    element: Element
    cause: Cause


class Told(NamedTuple):
    """How long neighbours explain a machine that says no more than idle, by what caused it."""

    element: Element
    cause: Cause
    seconds: float


class Work(NamedTuple):
    """A stretch of planned busy time of a line, and the machine that was its constraint."""

    t0: datetime
    t1: datetime
    constraint: str


Joint = TypeVar("Joint", LineStop, Wait, Work)
Says = TypeVar("Says")


@dataclass(frozen=True, slots=True)
class Flow:
    """What came of a line in a window."""

    stops: tuple[LineStop, ...] = ()
    waits: tuple[Wait, ...] = ()
    work: tuple[Work, ...] = ()

    @property
    def planned_s(self) -> float:
        """Planned busy time of its constraint."""
        return sum((one.t1 - one.t0 for one in self.work), timedelta(0)).total_seconds()

    @property
    def pacers(self) -> tuple[str, ...]:
        """The machines that were its constraint in planned time, in order."""
        return tuple(dict.fromkeys(one.constraint for one in self.work))

    @property
    def down_s(self) -> float:
        """Planned time in which the line stood; where nobody knows is not among it."""
        return sum(stop.seconds for stop in self.stops if stop.kind != "unknown")

    @property
    def unknown_s(self) -> float:
        """Planned time of which nobody knows how the constraint stood."""
        return sum(stop.seconds for stop in self.stops if stop.kind == "unknown")


@dataclass(frozen=True, slots=True)
class CauseSum:
    """Line downtime by what caused it."""

    cause: Cause
    seconds: float
    stops: int


def stands(found: Flow, since: datetime) -> tuple[datetime, Cause] | None:
    """Since when a line stands that stood at `since` or later, and whose stop that is now; None
    where it runs, rests, or nobody knows."""
    known = [stop for stop in found.stops if stop.kind != "unknown"]
    if not known or known[-1].t1 < since:
        return None
    begun = known[-1].t0
    for before in reversed(known[:-1]):
        if before.t1 != begun:
            break
        begun = before.t0
    return begun, known[-1].cause


def reach(order: Sequence[Station]) -> timedelta:
    """How far back of a window its rows depend on what was said."""
    return sum((2 * (station.buffer + RECOVERY) for station in order), timedelta(0))


def flow(
    order: Sequence[Station],
    changes: Iterable[Change],
    t0: datetime,
    t1: datetime,
    *,
    infer: bool,
) -> Flow:
    """One line in [t0, t1). `changes` in any order; the first ones say how everything was at
    t0 - `reach` or before. `infer`: the neighbours of a machine that says only that it is idle
    tell whether it is starved or blocked."""
    line = LineState(order, infer=infer)
    stops: _Held[tuple[str, Element, Cause]] = _Held(t0)
    waits: _Held[tuple[Element, Cause]] = _Held(t0)
    work: _Held[str] = _Held(t0)
    pace: Place | None = None
    for now in _moments(line, changes, t1):
        for place in line.settled if infer else ():
            waits.turn(now, place.code, _wait(place))
        if line.pace is not pace or pace in line.settled:
            pace = line.pace
            is_busy = pace is not None and pace.element in PLANNED_BUSY
            work.turn(now, "", pace.code if pace and is_busy else None)
            stops.turn(now, "", _stop(pace) if pace and is_busy else None)
    found = [Wait(a, b, code, *says) for code, a, b, says in waits.until(t1)]
    return Flow(
        tuple(LineStop(a, b, *says) for _, a, b, says in stops.until(t1)),
        tuple(sorted(found, key=attrgetter("machine", "t0"))),
        tuple(Work(a, b, code) for _, a, b, code in work.until(t1)),
    )


def joined(parts: Iterable[Flow]) -> Flow:
    """What came of a line in windows that follow each other."""
    found = list(parts)
    stops = [stop for part in found for stop in part.stops]
    waits = sorted((w for part in found for w in part.waits), key=attrgetter("machine", "t0"))
    work = [one for part in found for one in part.work]
    return Flow(tuple(_joined(stops)), tuple(_joined(waits)), tuple(_joined(work)))


def by_cause(stops: Iterable[LineStop]) -> list[CauseSum]:
    """Downtime by causing machine, element and reason, the longest first. Stretches that touch are
    one stop, whatever the constraint said meanwhile."""
    known = sorted((s for s in stops if s.kind != "unknown"), key=attrgetter("t0"))
    sums: dict[Cause, tuple[float, int, datetime]] = {}
    for stop in known:
        seconds, count, until = sums.get(stop.cause, (0.0, 0, stop.t1))
        begins = count == 0 or until != stop.t0
        sums[stop.cause] = (seconds + stop.seconds, count + begins, stop.t1)
    found = [CauseSum(cause, seconds, count) for cause, (seconds, count, _) in sums.items()]
    return sorted(found, key=lambda one: (-one.seconds, one.cause.machine, one.cause.element))


def waits_in(flows: Iterable[Flow]) -> list[Wait]:
    """What neighbours explain on several lines, by machine and time; no two of a machine meet."""
    return sorted((w for one in flows for w in one.waits), key=attrgetter("machine", "t0"))


def told_by(waits: Iterable[Wait]) -> list[Told]:
    """Waits summed by element and cause, the longest first."""
    sums: dict[tuple[Element, Cause], timedelta] = defaultdict(timedelta)
    for one in waits:
        sums[one.element, one.cause] += one.t1 - one.t0
    found = [Told(*key, span.total_seconds()) for key, span in sums.items()]
    return sorted(found, key=lambda one: (-one.seconds, one.element, one.cause.machine))


def within(waits: Sequence[Wait], t0: datetime, t1: datetime) -> Iterator[Wait]:
    """One machine's waits, which are in order and apart, cut to [t0, t1)."""
    for one in waits[bisect_right(waits, t0, key=attrgetter("t1")) :]:
        if one.t0 >= t1:
            return
        yield one._replace(t0=max(one.t0, t0), t1=min(one.t1, t1))


def parts(
    waits: Sequence[Wait], t0: datetime, t1: datetime
) -> Iterator[tuple[datetime, datetime, Wait | None]]:
    """All of [t0, t1) of one machine: what neighbours explain, and (None) what lies between."""
    begin = t0
    for one in within(waits, t0, t1):
        if begin < one.t0:
            yield begin, one.t0, None
        yield one.t0, one.t1, one
        begin = one.t1
    if begin < t1:
        yield begin, t1, None


def by_machine(waits: Iterable[Wait]) -> Mapping[str, Sequence[Wait]]:
    """The waits of each machine, of such as are in order."""
    return {machine: list(some) for machine, some in groupby(waits, attrgetter("machine"))}


def _moments(line: LineState, changes: Iterable[Change], t1: datetime) -> Iterator[datetime]:
    """When something changes before `t1`, in order, each while the line stands as it then does."""
    for at, some in groupby(sorted(changes, key=itemgetter(0)), itemgetter(0)):
        yield from _woken(line, min(at, t1))
        if at >= t1:
            return
        line.turn(at, list(some))
        yield at
    yield from _woken(line, t1)


def _woken(line: LineState, end: datetime) -> Iterator[datetime]:
    while (now := line.wake) < end:
        line.settle(now)
        yield now


def _wait(place: Place) -> tuple[Element, Cause] | None:
    if place.flow is None or place.cause is None or place.flow == place.element:
        return None
    return place.flow, place.cause


def _stop(pace: Place) -> tuple[str, Element, Cause] | None:
    return (pace.code, pace.flow, pace.cause) if pace.flow and pace.cause else None


class _Held(Generic[Says]):
    """What is said of each, as stretches: from when it is first said until something else is."""

    def __init__(self, t0: datetime) -> None:
        self._t0 = t0
        self._now: dict[str, tuple[datetime, Says]] = {}
        self._over: list[tuple[str, datetime, datetime, Says]] = []

    def turn(self, now: datetime, code: str, says: Says | None) -> None:
        """From now on it says this, or nothing."""
        since, said = self._now.get(code, (now, None))
        if said == says:
            return
        if said is not None and now > self._t0:
            self._over.append((code, max(since, self._t0), now, said))
        if says is None:
            del self._now[code]
        else:
            self._now[code] = (now, says)

    def until(self, end: datetime) -> Sequence[tuple[str, datetime, datetime, Says]]:
        """(which, from, to, what it said) since `t0`, in the order in which they are over."""
        for code in list(self._now):
            self.turn(end, code, None)
        return self._over


def _joined(found: Sequence[Joint]) -> Iterator[Joint]:
    """Stretches that touch and say the same, as one."""
    held: Joint | None = None
    for one in found:
        if held is not None and held.t1 == one.t0 and held[2:] == one[2:]:
            held = held._replace(t1=one.t1)
            continue
        if held is not None:
            yield held
        held = one
    if held is not None:
        yield held
