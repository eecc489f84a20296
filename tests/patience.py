"""How tests wait: for a condition, looked at again and again, never for a time.

A condition that doesn't come about fails the test with what was awaited, how long, and what the
last look saw.
"""

from __future__ import annotations

import asyncio
import inspect
import reprlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import pytest

Found = TypeVar("Found")
Errors = type[BaseException] | tuple[type[BaseException], ...]

PATIENCE_S = 60.0
"""For what has no pace of its own to keep: long enough for any machine, however busy."""
PAUSE_S = 0.02


def until(
    condition: Callable[[], Found],
    what: str = "",
    *,
    within_s: float = PATIENCE_S,
    despite: Errors = (),
    pause: Callable[[float], object] = time.sleep,
) -> Found:
    """What the condition gives as soon as that is true.

    `what` names it in a failure, else its own source does. An error of the kinds in `despite`
    counts as not yet. `pause` lets so many seconds pass between two looks.
    """
    __tracebackhide__ = True
    looks = _Looks(condition, what, within_s, despite)
    while not looks.once():
        pause(PAUSE_S)
    return looks.found


async def until_async(
    condition: Callable[[], Found],
    what: str = "",
    *,
    within_s: float = PATIENCE_S,
    despite: Errors = (),
) -> Found:
    """The same beside the other tasks of an event loop, which go on between two looks."""
    __tracebackhide__ = True
    looks = _Looks(condition, what, within_s, despite)
    while not looks.once():
        await asyncio.sleep(PAUSE_S)
    return looks.found


@dataclass(frozen=True, slots=True)
class Match:
    """A condition that shows, where it doesn't hold, what there is in place of what is wanted."""

    found: object
    wanted: object

    def __bool__(self) -> bool:
        return self.found == self.wanted


class _Looks(Generic[Found]):
    """The looks at one condition, at least one and one after the time is up."""

    found: Found

    def __init__(
        self, condition: Callable[[], Found], what: str, within_s: float, despite: Errors
    ) -> None:
        self._condition, self._what, self._despite = condition, what, despite
        self._within_s = within_s
        self._deadline = time.monotonic() + within_s
        self._seen: object = None

    def once(self) -> bool:
        """Whether it holds now; fails the test where it should have by now."""
        __tracebackhide__ = True
        is_last = time.monotonic() >= self._deadline
        try:
            self._seen = self.found = self._condition()
            if self.found:
                return True
        except self._despite as error:
            self._seen = error
        if is_last:
            pytest.fail(self._failure())
        return False

    def _failure(self) -> str:
        told = f"not within {self._within_s:g} s: {self._what or _source(self._condition)}"
        told += f"\nlast seen: {_shown.repr(self._seen)}"
        if inspect.isfunction(self._condition):
            for name, value in inspect.getclosurevars(self._condition).nonlocals.items():
                told += f"\n  {name} = {_shown.repr(value)}"
        return told


_shown = reprlib.Repr()
_shown.maxother = _shown.maxstring = 1000
_shown.maxlist = _shown.maxdict = 20


def _source(condition: Callable[[], object]) -> str:
    try:
        return " ".join(inspect.getsource(condition).split())
    except (OSError, TypeError):
        return repr(condition)
