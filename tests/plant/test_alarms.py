"""The life of an alarm: a table of cases, and invariants under any history."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from plant.alarms import (
    Alarm,
    Condition,
    Standing,
    Transition,
    acknowledge,
    against_limits,
    fresh,
    step,
    withdraw,
)

NOW = datetime(2026, 3, 4, 10, tzinfo=UTC)
V, D, C, U = Standing.VIOLATED, Standing.DEADBAND, Standing.CLEAR, Standing.UNKNOWN


def run(verdicts: list[tuple[int, Standing]], on_s: float = 0, off_s: float = 0) -> list[str]:
    """The causes of the transitions, each with its second."""
    alarm, causes = fresh(NOW), []
    for second, standing in verdicts:
        condition = Condition(standing, on_delay_s=on_s, off_delay_s=off_s)
        alarm, transition = step(alarm, condition, NOW + timedelta(seconds=second))
        causes += [f"{transition.cause} {second}"] if transition else []
    return causes


@pytest.mark.parametrize(
    ("verdicts", "on_s", "off_s", "expected"),
    [
        ([(0, V), (1, V)], 0, 0, ["raised 0"]),
        ([(0, V), (1, C)], 0, 0, ["raised 0", "returned 1"]),
        ([(0, V), (1, C), (2, V)], 0, 0, ["raised 0", "returned 1", "raised 2"]),
        ([(0, V), (9, V), (10, V)], 10, 0, ["raised 10"]),
        ([(0, V), (9, C), (10, V), (19, V), (20, V)], 10, 0, ["raised 20"]),
        ([(0, V), (9, D), (10, V)], 10, 0, []),  # within the limit again: the delay starts anew
        ([(0, V), (9, U), (10, V), (20, V)], 10, 0, ["raised 20"]),  # nobody knows about second 9
        ([(0, V), (1, D), (9, U), (99, D)], 0, 0, ["raised 0"]),
        ([(0, V), (1, C), (5, V), (6, C), (15, C), (16, C)], 0, 10, ["raised 0", "returned 16"]),
        ([(0, V), (1, C), (5, D), (6, C), (15, C)], 0, 10, ["raised 0"]),
        ([(0, V), (-100, V), (-90, V)], 10, 0, ["raised -90"]),  # the clock was set back
    ],
)
def test_delays(
    verdicts: list[tuple[int, Standing]], on_s: float, off_s: float, expected: list[str]
) -> None:
    assert run(verdicts, on_s, off_s) == expected


@pytest.mark.parametrize(
    ("value", "above", "below", "deadband", "expected"),
    [
        (7.2, 7.1, None, 0.5, (V, 7.1)),
        (7.1, 7.1, None, 0.5, (D, 7.1)),
        (6.7, 7.1, None, 0.5, (D, 7.1)),
        (6.6, 7.1, None, 0.5, (C, 7.1)),
        (7.1, 7.1, None, 0.0, (C, 7.1)),
        (1.9, None, 2.0, 0.5, (V, 2.0)),
        (2.4, None, 2.0, 0.5, (D, 2.0)),
        (5.0, 7.1, 2.0, 0.5, (C, 7.1)),
        (1.0, 7.1, 2.0, 0.5, (V, 2.0)),
        (1.0, None, None, 0.0, (C, None)),
    ],
)
def test_limits(
    value: float,
    above: float | None,
    below: float | None,
    deadband: float,
    expected: tuple[Standing, float | None],
) -> None:
    standing, limit = against_limits(value, above=above, below=below, deadband=deadband)
    assert (standing, limit) == expected


def test_acknowledging_goes_by_whether_the_condition_holds() -> None:
    raised, _ = step(fresh(NOW), Condition(V), NOW)
    known, first = acknowledge(raised, NOW)
    assert first is not None
    assert known.state == "acknowledged"
    assert acknowledge(known, NOW) == (known, None)
    cleared, last = step(known, Condition(C), NOW)
    assert last is not None
    assert (cleared.state, last.cause) == ("normal", "cleared")
    returned, _ = step(raised, Condition(C), NOW)
    assert acknowledge(returned, NOW)[0].state == "normal"


ALLOWED = {
    ("normal", "unacknowledged", "raised"),
    ("returned", "unacknowledged", "raised"),
    ("unacknowledged", "acknowledged", "acknowledged"),
    ("unacknowledged", "returned", "returned"),
    ("acknowledged", "normal", "cleared"),
    ("returned", "normal", "acknowledged"),
    ("unacknowledged", "normal", "cleared"),  # withdrawn
    ("returned", "normal", "cleared"),  # withdrawn
}


class Life(RuleBasedStateMachine):
    """Any history: verdicts, acknowledgements, withdrawals, at any pace."""

    alarm: Alarm
    now: datetime
    on_s: float
    off_s: float
    violated_since: datetime | None
    clear_since: datetime | None

    @initialize(on_s=st.sampled_from([0.0, 5.0, 60.0]), off_s=st.sampled_from([0.0, 5.0, 60.0]))
    def begin(self, on_s: float, off_s: float) -> None:
        self.now, self.on_s, self.off_s = NOW, on_s, off_s
        self.alarm, self.violated_since, self.clear_since = fresh(NOW), None, None

    @rule(standing=st.sampled_from(Standing), seconds=st.sampled_from([0, 1, 4, 5, 30, 60]))
    def judged(self, standing: Standing, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        self.violated_since = (self.violated_since or self.now) if standing is V else None
        self.clear_since = (self.clear_since or self.now) if standing is C else None
        was_active = self.alarm.is_active
        transition = self._take(
            step(self.alarm, Condition(standing, 1, 2, self.on_s, self.off_s), self.now)
        )
        if standing in (U, D):
            assert transition is None
        if transition and transition.cause == "raised":
            assert not was_active
            assert self.violated_since is not None
            assert self.now - self.violated_since >= timedelta(seconds=self.on_s)
        elif transition:
            assert was_active
            assert self.clear_since is not None
            assert self.now - self.clear_since >= timedelta(seconds=self.off_s)

    @rule()
    def acknowledged(self) -> None:
        was_active = self.alarm.is_active
        self._take(acknowledge(self.alarm, self.now))
        assert self.alarm.is_active == was_active
        assert self.alarm.state in ("normal", "acknowledged")

    @rule()
    def withdrawn(self) -> None:
        self._take(withdraw(self.alarm, self.now))
        assert self.alarm.state == "normal"
        self.violated_since = self.clear_since = None

    @invariant()
    def timers_belong_to_their_side(self) -> None:
        alarm = getattr(self, "alarm", None)
        if alarm is None:
            return
        assert alarm.pending_at is None or not alarm.is_active
        assert alarm.clearing_at is None or alarm.is_active
        assert alarm.state == "normal" or alarm.raised_at is not None

    def _take(self, moved: tuple[Alarm, Transition | None]) -> Transition | None:
        before, (self.alarm, transition) = self.alarm, moved
        if transition is None:
            assert self.alarm.state == before.state
            return None
        assert (transition.old, transition.new) == (before.state, self.alarm.state)
        assert (transition.old, transition.new, transition.cause) in ALLOWED
        assert self.alarm.since == transition.at == self.now
        return transition


TestLife = Life.TestCase
