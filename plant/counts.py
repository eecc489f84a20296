"""What the readings of a counter mean in pieces, and which operation made them.

The reference in plain Python, as plant/states.py for time; the derivation in SQL is held equal to
it. Never reads a database or a clock.

A piece belongs to the time of its own reading. Where another operation began since the reading
before, more than one piece is divided by the running time before and after.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from math import floor, isclose
from typing import Literal

from plant.part import Counter, CountRole

ROLL_OVER_SHARE = 0.1
"""A total rolls over within the last tenth of its modulus, into the first."""
NEAR_WIDTH = 1000.0
"""Without a modulus: within so many pieces of a well-known width, into the first so many."""
SET_BACK_SHARE = 0.1
"""A total that falls by no more than this share was set back; further, it began again at zero."""
SHARED_WITHIN = timedelta(days=1)
"""A difference that reaches back further belongs to its own reading whole."""
INSTANT = timedelta(microseconds=1)
_WIDTHS = (2.0**16, 2.0**31, 2.0**32)
_SIGNED = ((2.0**31, 2.0**32), (2.0**15, 2.0**16))
Turn = Literal["set_back", "rolled_over", "began_again"]
Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Count:
    """So many pieces at one moment; made since the reading before, where that is known."""

    ts: datetime
    pieces: float
    since: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Made:
    """What one count adds to the pieces of each kind."""

    good: float = 0.0
    scrap: float = 0.0
    rework: float = 0.0
    start_up_scrap: float = 0.0


def made_of(role: CountRole, pieces: float, *, from_cycles: bool) -> Made:
    """The kinds of pieces; `from_cycles`: no counter of good ones, they are cycles − scrap."""
    less = -pieces if from_cycles else 0.0
    if role in ("good", "cycle"):
        return Made(good=pieces if role == "good" or from_cycles else 0.0)
    if role == "rework":
        return Made(rework=pieces)
    return Made(less, pieces, 0.0, pieces if role == "start_up_scrap" else 0.0)


def counted(
    known: Sequence[tuple[datetime, float]],
    counter: Counter = "total",
    modulus: float | None = None,
) -> list[Count]:
    """The pieces that each good reading (time, value) of a counter adds, in order of time.

    The first reading ever of a running total counts nothing; one that was set back counts less than
    nothing.
    """
    pairs = pairwise([(None, None), *sorted(known)])
    return [
        Count(ts, pieces_counted(counter, modulus, before, value), since)
        for (since, before), (ts, value) in pairs
        if ts is not None and value is not None
        if since is not None or counter in ("delta", "reading")
    ]


def pieces_counted(
    counter: Counter, modulus: float | None, before: float | None, value: float
) -> float:
    """The pieces between two readings; as the database's function of this name."""
    if counter == "delta":
        return value
    if counter == "reading":
        return 1.0
    if before is None:
        return 0.0
    if counter == "change":
        return float(value != before)
    if counter == "edge":
        return float(before <= 0 < value)
    return _total(before, value, modulus)


def turn_of(before: float, value: float, pieces: float) -> Turn | None:
    """What a running total did between two readings that count `pieces`; None: it went on."""
    if pieces < 0:
        return "set_back"
    if isclose(pieces, value - before, abs_tol=1e-6):
        return None
    return "rolled_over" if pieces > max(value, 0.0) else "began_again"


def _total(before: float, value: float, modulus: float | None) -> float:
    """A total that fell has rolled over, was set back, or else began again at zero."""
    if modulus is None:
        return _unsized(before, value)
    old, new = (v + modulus if v < 0 else v for v in (before, value))
    if new >= old:
        return new - old
    if old >= (1 - ROLL_OVER_SHARE) * modulus and new <= ROLL_OVER_SHARE * modulus:
        return new + modulus - old
    return new - old if _is_set_back(old, new) else max(value, 0.0)


def _unsized(before: float, value: float) -> float:
    """Without a modulus: by the well-known widths of integers, signed and not."""
    whole = _width_passed(before, value)
    if whole is not None:
        return value + whole - before
    if before < -NEAR_WIDTH and value >= 0:
        return value  # signed, too far below zero to have gone on through it
    if value >= before or _is_set_back(before, value):
        return value - before
    return max(value, 0.0)


def _width_passed(before: float, value: float) -> float | None:
    """The width at which the total rolled over, or went from its largest value to its smallest."""
    for half, whole in _SIGNED:
        if value <= -0.9 * half and value >= -half and 0.9 * half <= before < half:
            return whole
    for whole in _WIDTHS:
        if whole - NEAR_WIDTH <= before < whole and 0 <= value <= NEAR_WIDTH:
            return whole
    return None


def _is_set_back(before: float, value: float) -> bool:
    return before - value <= SET_BACK_SHARE * abs(before)


def shared(count: Count, turns: Iterable[datetime], running: Sequence[Span]) -> list[Count]:
    """A count divided at the turns of operations: by running time, else by time.

    Whole pieces stay whole (largest remainder, of equal ones the later); each share stands at the
    end of its operation's stretch, the last at the reading itself.
    """
    if count.since is None or count.pieces <= 1 or count.ts - count.since >= SHARED_WITHIN:
        return [count]
    inner = sorted({t for t in turns if count.since < t < count.ts})
    spans = list(pairwise([count.since, *inner, count.ts]))
    shares = _shares(count.pieces, [_weight(span, running) for span in spans], spans)
    ends = [*(t - INSTANT for t in inner), count.ts]
    return [Count(at, pieces) for at, pieces in zip(ends, shares, strict=True)]


def _weight(span: Span, running: Sequence[Span]) -> float:
    a, b = span
    return sum(max((min(b, t1) - max(a, t0)).total_seconds(), 0.0) for t0, t1 in running)


def _shares(pieces: float, weights: list[float], spans: Sequence[Span]) -> list[float]:
    if not sum(weights):
        weights = [(b - a).total_seconds() for a, b in spans]
    exact = [pieces * weight / sum(weights) for weight in weights]
    if pieces != floor(pieces):
        return exact
    whole = [floor(share + 1e-9) for share in exact]
    left = round(pieces - sum(whole))
    remainders = [round(a - b, 9) for a, b in zip(exact, whole, strict=True)]
    lucky = sorted(range(len(whole)), key=lambda n: (remainders[n], n), reverse=True)[:left]
    return [float(n + (index in lucky)) for index, n in enumerate(whole)]
