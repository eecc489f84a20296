"""What a machine does from moment to moment: causes laid over each other, the stronger on top.

Arithmetic on arrays. Never draws chance, never counts pieces.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ingest.simulator.causes import Cause
from ingest.simulator.days import Ms, Spans

Codes = npt.NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Timeline:
    """`code[i]` holds from `ts[i]` to `ts[i + 1]`, the last one to `end`; neighbours differ."""

    ts: Ms
    code: Codes
    end: int

    def spans_of(self, cause: Cause) -> Spans:
        """The stretches with this cause."""
        ends = np.append(self.ts[1:], self.end)
        chosen = self.code == cause
        return np.stack([self.ts[chosen], ends[chosen]], axis=1)

    def at(self, moments: Ms) -> Codes:
        """The cause at each moment; before the first one: the first."""
        place = np.maximum(np.searchsorted(self.ts, moments, side="right") - 1, 0)
        return self.code[place]


def paint(t0: int, t1: int, layers: Iterable[tuple[Cause, Spans]]) -> Timeline:
    """[t0, t1) running, with the layers over it, each over those before it."""
    kept = [(cause, np.clip(stretches, t0, t1)) for cause, stretches in layers if len(stretches)]
    edges = np.unique(np.concatenate([np.array([t0]), *(s.ravel() for _, s in kept)]))
    edges = edges[edges < t1]
    code = np.full(len(edges), Cause.RUNNING, dtype=np.int8)
    for cause, stretches in kept:
        for a, b in stretches.tolist():
            code[np.searchsorted(edges, a) : np.searchsorted(edges, b)] = cause
    return merged(edges, code, t1)


def joined(parts: list[Timeline], t0: int, t1: int) -> Timeline:
    """Timelines that follow each other as one over [t0, t1), which they cover."""
    ts = np.concatenate([part.ts for part in parts])
    code = np.concatenate([part.code for part in parts])
    first = max(int(np.searchsorted(ts, t0, side="right")) - 1, 0)
    last = int(np.searchsorted(ts, t1))
    return merged(np.maximum(ts[first:last], t0), code[first:last], t1)


def merged(ts: Ms, code: Codes, end: int) -> Timeline:
    """A timeline without changes that change nothing."""
    new = np.ones(len(code), dtype=np.bool_)
    new[1:] = code[1:] != code[:-1]
    return Timeline(ts[new], code[new], end)
