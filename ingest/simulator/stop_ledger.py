"""The truth of a plant in trouble: each stop of each machine, as far as it could be heard.

Computed from the plan and the silences, apart from the derivation it is held against.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby, pairwise

import numpy as np

from ingest.simulator.causes import Cause
from ingest.simulator.days import from_ms
from ingest.simulator.stops import within
from ingest.simulator.trouble import Trouble
from plant.model import Element

STOPPED: frozenset[Element] = frozenset(
    {"planned_stop", "setup", "down", "idle", "starved", "blocked"}
)
PLANNED: frozenset[Element] = frozenset({"planned_stop", "setup"})
Meaning = tuple[Element, str | None]
"""What a machine does and why."""


@dataclass(frozen=True, slots=True)
class Stood:
    """A stop that was over before the range was."""

    machine: str
    t0: datetime
    t1: datetime
    element: Element
    reason: str | None
    is_minor: bool


def stops(trouble: Trouble, machine: str) -> list[Stood]:
    """In order of time. A silence ends a stop: what was then is not known."""
    at = [*_turns(trouble, machine), trouble.t1]
    meanings = zip(pairwise(at), _meanings(trouble, machine, at[:-1]), strict=True)
    found = []
    for (element, reason), same in groupby(meanings, key=lambda one: one[1]):
        spans = [span for span, _ in same]
        t0, t1 = spans[0][0], spans[-1][1]
        if element in STOPPED and t1 < trouble.t1:
            short = t1 - t0 < 1000 * trouble.plan.plant.site.micro_stop_s
            is_minor = short and element not in PLANNED
            found.append(Stood(machine, from_ms(t0), from_ms(t1), element, reason, is_minor))
    return found


def _turns(trouble: Trouble, machine: str) -> list[int]:
    """When another state may have begun, ms; the first one is the begin of the range."""
    told, silence = trouble.states(machine).ts, trouble.silence(machine)
    edges = np.unique(np.concatenate([told, silence.ravel(), [trouble.t0]]))
    return [int(at) for at in edges[(edges >= trouble.t0) & (edges < trouble.t1)]]


def _meanings(trouble: Trouble, machine: str, at: list[int]) -> Iterator[Meaning]:
    moments = np.array(at)
    silent = within(trouble.silence(machine), moments)
    words = trouble.plan.words[machine]
    for code, is_silent in zip(trouble.states(machine).at(moments), silent, strict=True):
        word = words.get(Cause(code))
        yield ("unknown", None) if is_silent or word is None else (word.element, word.reason)
