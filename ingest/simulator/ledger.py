"""The truth of a plant in trouble: what each machine's shifts hold, to the second and the piece.

Computed from the plan, the calendar's book and the ideal cycles, apart from the derivation it is
held against. Never reads what Taktboard stored.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from ingest.simulator.causes import Cause
from ingest.simulator.days import Ms, from_ms, spans, to_ms
from ingest.simulator.stops import within
from ingest.simulator.trouble import Trouble
from plant.book import Book
from plant.calendar import machine_shifts
from plant.kpi import Facts
from plant.model import Element, Plant

ELEMENTS: tuple[Element, ...] = (
    "not_scheduled",
    "planned_stop",
    "setup",
    "running",
    "down",
    "idle",
    "starved",
    "blocked",
    "unknown",
)
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Key:
    """A machine's shift of a production day; no code: what lies outside every shift."""

    machine: str
    day: date
    shift: str


@dataclass(frozen=True, slots=True)
class Cycles:
    """A plant file and since when (ms) its ideal cycles hold."""

    since: int
    plant: Plant


@dataclass(frozen=True, slots=True)
class Counted:
    """Pieces at the moments (ms) at which they count; `good` and `scrap` as in Facts."""

    at: Ms
    good: Floats
    scrap: Floats
    rework: Floats
    start_up: Floats


def ledger(trouble: Trouble, book: Book, cycles: Sequence[Cycles]) -> dict[Key, Facts]:
    """Every shift of every machine that meets the range, the part in the range."""
    found: dict[Key, Facts] = {}
    for machine in trouble.plan.machines:
        found |= _Machine(trouble, book, cycles, machine).facts()
    return found


def by_order(trouble: Trouble, cycles: Sequence[Cycles]) -> dict[tuple[str, str], Facts]:
    """(order, operation) → pieces and ideal seconds; none: ("", "")."""
    found: dict[tuple[str, str], Facts] = {}
    for machine in trouble.plan.machines:
        counted = counts(trouble, machine)
        place, ideal_s = ideal(trouble, cycles, machine, counted.at)
        runs = trouble.runs(machine)
        for number in np.unique(place).tolist():
            slot = runs[number].job.slot if number >= 0 else None
            key = (slot.order, slot.operation) if slot else ("", "")
            part = _pieces(counted, ideal_s, place == number)
            found[key] = found.get(key, Facts()) + Facts(**part)
    return found


def counts(trouble: Trouble, machine: str) -> Counted:
    """Pieces at the first count that could be read with them in it; what was put right by hand."""
    parts: list[tuple[Ms, str, int]] = []
    for tag in trouble.tags:
        if tag.machine != machine or tag.pattern.role == "state":
            continue
        made = trouble.pieces(machine).of(tag.pattern.role)
        heard = trouble.told(tag).heard
        place = np.searchsorted(heard, made)
        parts.append((heard[place[place < len(heard)]], tag.pattern.role, 1))
    for entry in trouble.by_hand(machine):
        parts.append((np.array([entry.at]), "good", entry.good))

    def column(*roles: str) -> Floats:
        return np.concatenate(
            [np.full(len(at), float(pieces if role in roles else 0)) for at, role, pieces in parts]
        )

    return Counted(
        np.concatenate([at for at, _, _ in parts]),
        column("good"),
        column("scrap", "start_up_scrap"),
        column("rework"),
        column("start_up_scrap"),
    )


def ideal(
    trouble: Trouble, cycles: Sequence[Cycles], machine: str, at: Ms
) -> tuple[npt.NDArray[np.int64], Floats]:
    """(place of the run, −1: none; ideal cycle in s) at each moment."""
    runs = trouble.runs(machine)
    stretches = spans([(run.job.slot.t0, run.job.slot.t1) for run in runs])
    place = np.searchsorted(stretches[:, 0], at, side="right") - 1
    place[~within(stretches, at)] = -1
    seconds = np.zeros(len(at))
    for number in np.unique(place[place >= 0]).tolist():
        for version in cycles:
            product = next(
                p for p in version.plant.products if p.code == runs[number].job.slot.product.code
            )
            cycle_s = version.plant.ideal_cycle_s(product, trouble.plan.machines[machine])
            seconds[(place == number) & (at >= version.since)] = cycle_s or 0.0
    return place, seconds


def _pieces(counted: Counted, ideal_s: Floats, chosen: npt.NDArray[np.bool_]) -> dict[str, float]:
    made = counted.good + counted.scrap
    columns = {
        "good": counted.good,
        "scrap": counted.scrap,
        "rework": counted.rework,
        "start_up_scrap": counted.start_up,
        "ideal_s": ideal_s * made,
        "ideal_good_s": ideal_s * counted.good,
        "ideal_start_up_s": ideal_s * counted.start_up,
    }
    return {name: float(column[chosen].sum()) for name, column in columns.items()}


class _Machine:
    """One machine's shifts over the range."""

    def __init__(
        self, trouble: Trouble, book: Book, cycles: Sequence[Cycles], machine: str
    ) -> None:
        self._trouble, self._cycles, self._machine = trouble, cycles, machine
        shifts = machine_shifts(book, machine, from_ms(trouble.t0), from_ms(trouble.t1))
        self._keys = [Key(machine, shift.day, shift.code) for shift in shifts]
        self._shifts = spans([(to_ms(shift.t0), to_ms(shift.t1)) for shift in shifts])
        slices = [s for shift in shifts for s in shift.slices()]
        self._work = spans([(to_ms(s.t0), to_ms(s.t1)) for s in slices if s.kind == "work"])
        self._pauses = spans([(to_ms(s.t0), to_ms(s.t1)) for s in slices if s.kind != "work"])

    def facts(self) -> dict[Key, Facts]:
        edges = self._edges()
        lengths = np.diff(np.append(edges, self._trouble.t1)) / 1000
        elements = self._elements(edges)
        counted = counts(self._trouble, self._machine)
        _, ideal_s = ideal(self._trouble, self._cycles, self._machine, counted.at)
        of_time, of_pieces = self._places(edges), self._places(counted.at)
        found: dict[Key, Facts] = {}
        for place, key in self._named({*of_time.tolist(), *of_pieces.tolist()}):
            mine = of_time == place
            seconds = {
                f"{name}_s": float(lengths[mine & (elements == number)].sum())
                for number, name in enumerate(ELEMENTS)
            }
            pieces = _pieces(counted, ideal_s, of_pieces == place)
            found[key] = found.get(key, Facts()) + Facts(**seconds, **pieces)
        return found

    def _edges(self) -> Ms:
        trouble, days = self._trouble, self._trouble.plan.days
        starts = [days.start_ms(d) for d in range(days.of(trouble.t0), days.of(trouble.t1) + 1)]
        told = trouble.states(self._machine).ts
        stretches = (self._shifts, self._work, self._pauses, trouble.silence(self._machine))
        edges = np.unique(np.concatenate([told, starts, *(s.ravel() for s in stretches)]))
        edges = edges[(edges > trouble.t0) & (edges < trouble.t1)]
        return np.insert(edges, 0, trouble.t0)

    def _elements(self, at: Ms) -> npt.NDArray[np.int64]:
        """Running wins over the calendar, the calendar over everything else."""
        said = self._trouble.states(self._machine).at(at)
        meant = np.array([self._meaning(Cause(code)) for code in range(len(Cause))])
        state = meant[said]
        state[within(self._trouble.silence(self._machine), at)] = ELEMENTS.index("unknown")
        stands = state != ELEMENTS.index("running")
        is_work, is_pause = within(self._work, at), within(self._pauses, at)
        state[stands & is_pause] = ELEMENTS.index("planned_stop")
        state[stands & ~is_pause & ~is_work] = ELEMENTS.index("not_scheduled")
        return state

    def _meaning(self, cause: Cause) -> int:
        word = self._trouble.plan.words[self._machine].get(cause)
        return ELEMENTS.index(word.element if word else "unknown")

    def _places(self, at: Ms) -> npt.NDArray[np.int64]:
        """The shift's place; outside: minus the production day."""
        place = np.searchsorted(self._shifts[:, 0], at, side="right") - 1
        for n in np.flatnonzero(~within(self._shifts, at)).tolist():
            place[n] = -self._trouble.plan.days.of(int(at[n]))
        return np.asarray(place, dtype=np.int64)

    def _named(self, places: set[int]) -> Iterator[tuple[int, Key]]:
        for place in sorted(places):
            if place >= 0:
                yield place, self._keys[place]
            else:
                yield place, Key(self._machine, date.fromordinal(-place), "")
