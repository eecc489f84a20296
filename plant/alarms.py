"""The life of one alarm after ISA-18.2 / IEC 62682: raised, acknowledged, returned, cleared.

Pure: a function of the alarm, of what its rule says at a moment, and of that moment. Never reads a
clock, never judges a value by anything but its limit and deadband, never sends anything.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Literal

State = Literal["normal", "unacknowledged", "acknowledged", "returned"]
Cause = Literal["raised", "acknowledged", "returned", "cleared"]


class Standing(Enum):
    """What a rule says about its subject."""

    VIOLATED = "violated"
    DEADBAND = "deadband"
    """Back within the limit, but not by the deadband: raises nothing, clears nothing."""
    CLEAR = "clear"
    UNKNOWN = "unknown"
    """No data: raises nothing, clears nothing, and no delay runs on meanwhile."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A rule's verdict on one subject at one moment, with the delays it is to be judged by."""

    standing: Standing
    value: float | None = None
    limit: float | None = None
    on_delay_s: float = 0.0
    off_delay_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Alarm:
    """Where an alarm is in its life; times are those that `step` was given."""

    state: State
    since: datetime
    """Of the present state."""
    raised_at: datetime | None = None
    """Of the present or the last occurrence."""
    pending_at: datetime | None = None
    """The condition has held since then, and the on-delay is not over."""
    clearing_at: datetime | None = None
    """The condition has been gone since then, and the off-delay is not over."""

    @property
    def is_active(self) -> bool:
        """Whether its condition counts as holding."""
        return self.state in ("unacknowledged", "acknowledged")


@dataclass(frozen=True, slots=True)
class Transition:
    """One change of state, with its cause."""

    old: State
    new: State
    cause: Cause
    at: datetime


Step = tuple[Alarm, Transition | None]


def fresh(now: datetime) -> Alarm:
    """An alarm that never was raised."""
    return Alarm(state="normal", since=now)


def step(alarm: Alarm, condition: Condition, now: datetime) -> Step:
    """Move an alarm on by one verdict of its rule.

    A delay counts only while the same verdict stands without a break: a value in the deadband or no
    value at all starts it anew. A clock set back never makes a delay longer than it is.
    """
    if alarm.is_active:
        return _while_active(alarm, condition, now)
    return _while_quiet(alarm, condition, now)


def acknowledge(alarm: Alarm, now: datetime) -> Step:
    """Take note of an alarm: a standing one stays active, a returned one ends.

    An alarm that is normal or acknowledged already is left as it is.
    """
    if alarm.state == "unacknowledged":
        return _enter(alarm, "acknowledged", "acknowledged", now)
    if alarm.state == "returned":
        return _enter(alarm, "normal", "acknowledged", now)
    return alarm, None


def withdraw(alarm: Alarm, now: datetime) -> Step:
    """End an alarm whose rule or subject is there no longer."""
    if alarm.state == "normal":
        return replace(alarm, pending_at=None, clearing_at=None), None
    return _enter(alarm, "normal", "cleared", now)


def against_limits(
    value: float, *, above: float | None, below: float | None, deadband: float
) -> tuple[Standing, float | None]:
    """Where a value stands, and the limit that it is held against: the one crossed, or the nearer.

    >>> against_limits(7.5, above=7.1, below=None, deadband=0.3)
    (<Standing.VIOLATED: 'violated'>, 7.1)
    """
    over = value - above if above is not None else None
    under = below - value if below is not None else None
    excess, limit = max(
        ((x, lim) for x, lim in ((over, above), (under, below)) if x is not None),
        default=(None, None),
        key=lambda pair: pair[0],
    )
    if excess is None:
        return Standing.CLEAR, None
    if excess > 0:
        return Standing.VIOLATED, limit
    return (Standing.DEADBAND if excess > -deadband else Standing.CLEAR), limit


def _while_quiet(alarm: Alarm, condition: Condition, now: datetime) -> Step:
    if condition.standing is not Standing.VIOLATED:
        return replace(alarm, pending_at=None), None
    began = _began(alarm.pending_at, now)
    if now - began < timedelta(seconds=condition.on_delay_s):
        return replace(alarm, pending_at=began), None
    return _enter(replace(alarm, raised_at=now), "unacknowledged", "raised", now)


def _while_active(alarm: Alarm, condition: Condition, now: datetime) -> Step:
    if condition.standing is not Standing.CLEAR:
        return replace(alarm, clearing_at=None), None
    began = _began(alarm.clearing_at, now)
    if now - began < timedelta(seconds=condition.off_delay_s):
        return replace(alarm, clearing_at=began), None
    if alarm.state == "acknowledged":
        return _enter(alarm, "normal", "cleared", now)
    return _enter(alarm, "returned", "returned", now)


def _began(since: datetime | None, now: datetime) -> datetime:
    return now if since is None else min(since, now)


def _enter(alarm: Alarm, new: State, cause: Cause, now: datetime) -> Step:
    moved = replace(alarm, state=new, since=now, pending_at=None, clearing_at=None)
    return moved, Transition(old=alarm.state, new=new, cause=cause, at=now)
