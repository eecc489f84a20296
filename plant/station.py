"""The machines of a line as stations: which one feeds which, and which one sets the pace.

Pure. The order of the plant file is the order of the flow; `after` says where it is another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Station:
    """A machine's place in its line."""

    machine: str
    after: tuple[str, ...]
    """The machines that feed it; none: it is fed from outside the line."""
    buffer: timedelta = timedelta(0)
    """How long the parts that stand before it last."""
    joins: bool = False
    """It needs all that feed it, not any of them."""


class Placed(Protocol):
    """What a file says of a machine's place; see plant/model.py."""

    @property
    def code(self) -> str:
        """The machine."""

    @property
    def after(self) -> tuple[str, ...] | None:
        """The machines that feed it; None: the one before it."""

    @property
    def joins(self) -> bool:
        """It needs all of them."""

    @property
    def buffer_s(self) -> float:
        """How long the parts that stand before it last."""


def stations(machines: Iterable[Placed], members: Iterable[str]) -> tuple[Station, ...]:
    """The machines that were on a line at some time, in flow order.

    Those that the plant file no longer knows come first and feed the next. What a file says of a
    machine's neighbours counts as far as those were on the line too.
    """
    known = {machine.code: machine for machine in machines}
    places = {code: place for place, code in enumerate(known)}
    codes = sorted(set(members), key=lambda code: (places.get(code, -1), code))
    pairs = zip([None, *codes], codes, strict=False)
    return tuple(_station(known.get(code), code, before, codes) for before, code in pairs)


def _station(
    machine: Placed | None, code: str, before: str | None, members: Sequence[str]
) -> Station:
    usual = (before,) if before else ()
    if machine is None:
        return Station(code, usual)
    named = tuple(m for m in machine.after or () if m in members)
    after = named if named or machine.after == () else usual
    return Station(code, after, timedelta(seconds=machine.buffer_s), machine.joins)


def pacers(
    named: str | None, order: Sequence[Station], cycles_s: Mapping[str, float]
) -> tuple[str, ...]:
    """The machines of a line, the one that sets its pace first.

    The one that the file names (`named`); else the slowest by `cycles_s` (ideal seconds a piece by
    machine); of equals, and where none is known, the one nearest to the line's end.
    """
    places = {station.machine: place for place, station in enumerate(order)}
    return tuple(
        sorted(places, key=lambda m: (m == named, cycles_s.get(m, 0.0), places[m]), reverse=True)
    )
