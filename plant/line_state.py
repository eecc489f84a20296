"""A line at one moment: how each machine stands, and whose stop it is that it feels.

Pure. A machine that produces has no cause; one that waits has the cause of the neighbour for which
it waits; every other one is its own cause. Buffers delay what a neighbour feels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain
from operator import attrgetter
from typing import NamedTuple

from plant.instance import SliceKind
from plant.model import Element
from plant.states import element
from plant.station import Station

RECOVERY = timedelta(minutes=1)
"""So long after a machine runs again its neighbours may still wait for it."""
FAR = datetime.max.replace(tzinfo=UTC)
STANDS: frozenset[Element | None] = frozenset({"down", "setup", "idle", "starved", "blocked"})
"""Does not produce, though it should: its neighbours come to feel it."""
PLANNED_BUSY: frozenset[Element | None] = STANDS | {"running", "unknown"}


class Cause(NamedTuple):
    """The machine that is down for reasons of its own, and what it is in."""

    machine: str
    element: Element
    reason: str | None


class Said(NamedTuple):
    """What a machine says from now on."""

    at: datetime
    machine: str
    state: Element | None
    """None: nothing is known, not even that it is not known."""
    reason: str | None


class Planned(NamedTuple):
    """What the calendar says of a machine from now on; None: it is outside every shift."""

    at: datetime
    machine: str
    kind: SliceKind | None


class Membership(NamedTuple):
    """Whether a machine is on the line from now on."""

    at: datetime
    machine: str
    is_member: bool


class Pace(NamedTuple):
    """Which machine sets the line's pace from now on: the named one if it is on the line, else the
    first of the others that is in a shift."""

    at: datetime
    machines: Sequence[str]
    named: str | None = None


Change = Said | Planned | Membership | Pace


class Past(NamedTuple):
    """A stop that is over: why it was, and how the machine stood at its end."""

    since: datetime | None
    """None: it ended in a rest by plan or in what nobody knows."""
    until: datetime
    cause: Cause
    flow: Element


@dataclass(slots=True, eq=False)
class Place:
    """A machine in its line."""

    code: str
    station: Station
    number: int
    """Down the line."""
    before: list[Place] = field(default_factory=list)
    behind: list[Place] = field(default_factory=list)
    state: Element | None = None
    is_known: bool = False
    """It has said something."""
    reason: str | None = None
    kind: SliceKind | None = None
    is_member: bool = False
    element: Element | None = None
    """What it says, cut by the calendar; None: it is not on the line, or nothing is known."""
    is_stopped: bool = False
    """On the line, and does not run: it hands on what its neighbours make it feel."""
    stands_since: datetime | None = None
    flow: Element | None = None
    """The element, with what its neighbours explain."""
    cause: Cause | None = None
    last: Past | None = None
    """Its last stop, if it ran since, or left the line."""
    wake: datetime = FAR
    """When it stands otherwise though nobody says anything: a buffer is empty, say."""

    @property
    def is_unexplained(self) -> bool:
        """Says that it is idle, and not why."""
        return self.element == "idle" and self.reason is None

    def say(self, state: Element | None, reason: str | None) -> None:
        """From now on it says this."""
        self.state, self.reason = state, reason
        self.is_known = self.is_known or state is not None

    def turn(self, now: datetime) -> None:
        """Apply what was said and what the calendar says."""
        new = element(self.state, self.kind) if self.is_member and self.state else None
        if self.cause is not None and self.flow is not None and new in (None, "running"):
            self.last = Past(self.stands_since, now, self.cause, self.flow)
        if new not in STANDS:
            self.stands_since = None
        elif self.stands_since is None:
            self.stands_since = now
        self.element = new
        self.is_stopped = new not in (None, "running")

    def own(self, flow: Element) -> Cause:
        """The cause is its own; what a plan says needs no reason."""
        planned = flow in ("planned_stop", "not_scheduled")
        return Cause(self.code, flow, None if planned else self.reason)


class LineState:
    """All machines of a line, at one moment after the other."""

    def __init__(self, order: Sequence[Station], *, infer: bool) -> None:
        self.infer = infer
        self.places = {s.machine: Place(s.machine, s, n) for n, s in enumerate(order)}
        self.all = tuple(self.places.values())
        self.pacers = Pace(FAR, ())
        self.pace: Place | None = None
        """The line's constraint."""
        self.is_pace_open = True
        """Another one may have to be chosen."""
        self.is_moved = False
        """Machines came or left."""
        self.wake = FAR
        """When something changes though nobody says anything."""
        self.settled: Sequence[Place] = ()
        """Those that were settled last; every other one stands as before."""

    def turn(self, now: datetime, changes: Sequence[Change]) -> None:
        """Apply the changes of a moment."""
        said = [place for change in changes if (place := self._apply(change)) is not None]
        if self.is_moved:
            self._connect()
        touched = self.all if self.is_moved else tuple(dict.fromkeys(said))
        self.is_moved = False
        for place in touched:
            place.turn(now)
        if self.pace is None or self.is_pace_open:
            self._choose_pace()
        self.settle(now, touched)

    def settle(self, now: datetime, touched: Sequence[Place] = ()) -> None:
        """How each machine stands, and why: down the line for starved, then up for blocked.

        Only of those that feel the ones that were touched or whose time has come.
        """
        due = [place for place in self.all if place.wake <= now] if self.wake <= now else ()
        self.settled = _feeling([*touched, *due])
        for place in self.settled:
            place.wake, place.flow, place.cause = FAR, place.element, None
            if place.is_stopped:
                self._settle_down(place, now)
        for place in reversed(self.settled):
            if place.flow == "idle" and self.infer and self._is_blocked(place, now):
                place.flow = "blocked"
            if place.flow == "blocked":
                place.cause = self._from_behind(place, now)
        self.wake = min([place.wake for place in self.all], default=FAR)

    def _settle_down(self, place: Place, now: datetime) -> None:
        flow = place.element or "unknown"
        if self.infer and place.is_unexplained and self._is_starved(place, now):
            flow = place.flow = "starved"
        place.cause = self._from_before(place, now) if flow == "starved" else place.own(flow)

    def _apply(self, change: Change) -> Place | None:
        match change:
            case Pace():
                self.pacers, self.is_pace_open = change, True
                return None
            case Said(_, machine, state, reason):
                self.is_pace_open = self.is_pace_open or not self.places[machine].is_known
                self.places[machine].say(state, reason)
            case Planned(_, machine, kind):
                self.is_pace_open = True
                self.places[machine].kind = kind
            case Membership(_, machine, is_member):
                self.is_pace_open = self.is_moved = True
                self.places[machine].is_member = is_member
        return self.places[machine]

    def _choose_pace(self) -> None:
        """One that never said anything can't set a pace."""
        found = [self.places[code] for code in self.pacers.machines]
        on = [place for place in found if place.is_member and place.is_known]
        named = (place for place in on if place.code == self.pacers.named)
        in_shift = (place for place in on if place.kind is not None)
        self.pace = next(chain(named, in_shift, on), None)
        self.is_pace_open = False

    def _connect(self) -> None:
        """Who feeds whom, of those that are on the line now."""
        for place in self.all:
            place.before, place.behind = [], []
        for place in self.all:
            if place.is_member:
                place.before = list(self._feeding(place))
            for feeding in place.before:
                feeding.behind.append(place)

    def _feeding(self, place: Place) -> Iterator[Place]:
        """Those that feed a place; instead of one that is not there, what feeds that one."""
        for code in place.station.after:
            feeding = self.places[code]
            if feeding.is_member:
                yield feeding
            else:
                yield from self._feeding(feeding)

    def _is_starved(self, place: Place, now: datetime) -> bool:
        dry = [
            self._is_felt(before, "blocked", place, place.station.buffer, now)
            for before in place.before
        ]
        return bool(dry) and (any(dry) if place.station.joins else all(dry))

    def _is_blocked(self, place: Place, now: datetime) -> bool:
        """No machine behind it takes anything; one that is idle itself would, if it got some."""
        full = [
            not (behind.flow == "idle" and behind.is_unexplained)
            and self._is_felt(behind, "starved", place, behind.station.buffer, now)
            for behind in place.behind
        ]
        return place.is_unexplained and bool(full) and all(full)

    def _is_felt(
        self, place: Place, other: Element, by: Place, buffer: timedelta, now: datetime
    ) -> bool:
        """Whether a machine has stood for longer than what lies between lasts, and not as `other`;
        or did until a while ago, and the one that waits for it has stood since."""
        if place.stands_since is not None:
            felt = place.stands_since + buffer
            if felt > now:
                by.wake = min(by.wake, felt)
            return felt <= now and place.flow != other
        last = place.last
        if last is None or last.since is None or place.cause is not None or last.flow == other:
            return False
        until = last.until + RECOVERY
        if now >= until or last.until - last.since < buffer or by.stands_since is None:
            return False
        by.wake = min(by.wake, until)
        return by.stands_since <= last.until

    def _from_before(self, place: Place, now: datetime) -> Cause:
        for before in place.before:
            if before.cause is not None and before.flow != "blocked":
                return before.cause
        for before in place.before:
            found = self._lately(before, "blocked", place, place.station.buffer, now)
            if found is not None:
                return found
        return place.own("starved")

    def _from_behind(self, place: Place, now: datetime) -> Cause:
        for behind in place.behind:
            if behind.cause is not None and behind.flow != "starved":
                return behind.cause
        for behind in place.behind:
            found = self._lately(behind, "starved", place, behind.station.buffer, now)
            if found is not None:
                return found
        return place.own("blocked")

    def _lately(
        self, place: Place, other: Element, by: Place, buffer: timedelta, now: datetime
    ) -> Cause | None:
        """Why it stood until a while ago, where that is still felt and did not come from here."""
        if place.last is None or place.cause is not None or place.last.flow == other:
            return None
        until = place.last.until + buffer + RECOVERY
        if until <= now:
            return None
        by.wake = min(by.wake, until)
        return place.last.cause


def _feeling(touched: Iterable[Place]) -> Sequence[Place]:
    """These, and who feels them: the stopped ones next to them, next to those, and so on. One that
    runs hands nothing on. In order."""
    found = list(dict.fromkeys(touched))
    for place in found:
        for beside in (*place.before, *place.behind):
            if beside.is_stopped and beside not in found:
                found.append(beside)
    return found if len(found) == 1 else sorted(found, key=attrgetter("number"))
