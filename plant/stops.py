"""Why machines stop, as a tree: which reasons a machine may have, and what each says of a stop.

Pure. A reason takes from the one above it what it doesn't say itself: the element and the machines.
Knows nothing of stops that happened.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase

from plant.model import Plant, Reason
from plant.part import StopElement

DEEPEST = 4
"""Levels of the tree at most: more can't be chosen from in two taps."""


class Reasons:
    """The tree of a checked plant."""

    def __init__(self, reasons: Iterable[Reason]) -> None:
        self._by_code: Mapping[str, Reason] = {reason.code: reason for reason in reasons}

    def path(self, code: str) -> tuple[Reason, ...]:
        """From the root down to the reason; empty for a code that is not there."""
        return tuple(reversed(list(self._upwards(code))))

    def at_level(self, code: str, level: int) -> Reason | None:
        """What stands above a reason (or it itself) at a level, counted from 1 at the root."""
        path = self.path(code)
        return path[min(level, len(path)) - 1] if path else None

    def element(self, code: str) -> StopElement | None:
        """What a stop with this reason is; None: what the machine said."""
        return next((r.element for r in self._upwards(code) if r.element is not None), None)

    def may_have(self, code: str, machine: str) -> bool:
        """Whether a machine may be given this reason now."""
        if any(reason.retired for reason in self._upwards(code)):
            return False
        machines = next((r.machines for r in self._upwards(code) if r.machines), ("*",))
        return code in self._by_code and any(fnmatchcase(machine, p) for p in machines)

    def below(self, code: str | None, machine: str) -> tuple[Reason, ...]:
        """The reasons right below one (None: at the root) that a machine may have, in the file's
        order."""
        return tuple(
            reason
            for reason in self._by_code.values()
            if reason.parent == code and self.may_have(reason.code, machine)
        )

    @property
    def depth(self) -> int:
        """Levels of the tree."""
        return max((len(self.path(code)) for code in self._by_code), default=0)

    def _upwards(self, code: str) -> Iterator[Reason]:
        at: str | None = code
        while at is not None and at in self._by_code:
            yield self._by_code[at]
            at = self._by_code[at].parent


def reasons_of(plant: Plant) -> Reasons:
    """The tree of a plant."""
    return Reasons(plant.reasons)
