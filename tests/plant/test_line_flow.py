"""Why a line stands: by hand on a line of three machines, then what holds for any history.

Times are minutes. A machine's day is written as "run 10 down:jam 5 run": each word what it says,
for so many minutes; the last for good.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plant.instance import SliceKind
from plant.line_flow import Flow, LineStop, by_cause, flow, reach
from plant.line_state import Change, Membership, Pace, Planned, Said
from plant.model import Element
from plant.station import Station

START = datetime(2026, 11, 20, 6, tzinfo=UTC)
WORDS: dict[str, Element] = {"run": "running", "wait": "starved", "full": "blocked"}
IN_ROW = (Station("M1", ()), Station("M2", ("M1",)), Station("M3", ("M2",)))


def at(minutes: float) -> datetime:
    """So many minutes after the start."""
    return START + timedelta(minutes=minutes)


def said(machine: str, day: str) -> list[Change]:
    """What a machine says, on a line and in its shift from the start."""
    found: list[Change] = [Membership(START, machine, True), Planned(START, machine, "work")]
    now = 0.0
    words = day.split()
    for word, minutes in zip(words[::2], [*words[1::2], "0"], strict=True):
        name, _, reason = word.partition(":")
        found.append(Said(at(now), machine, WORDS.get(name) or name, reason or None))  # type: ignore[arg-type]
        now += float(minutes)
    return found


def line(
    *days: str,
    upto: float = 60,
    since: float = 0,
    pace: str = "M3",
    order: Sequence[Station] = IN_ROW,
    infer: bool = True,
    more: Sequence[Change] = (),
) -> Flow:
    """The line of machines M1, M2, … whose days these are."""
    changes: list[Change] = [Pace(START, [s.machine for s in reversed(order)], pace), *more]
    for number, day in enumerate(days, 1):
        changes += said(f"M{number}", day)
    return flow(order, changes, at(since), at(upto), infer=infer)


def rows(found: Flow) -> list[tuple[float, float, str, str, str, str | None]]:
    """(from, to, how the constraint stood, cause, its element, its reason)"""
    return [
        (
            (s.t0 - START) / timedelta(minutes=1),
            (s.t1 - START) / timedelta(minutes=1),
            s.kind,
            *s.cause,
        )
        for s in found.stops
    ]


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        # Its own failure is the line's stop.
        (("run", "run", "run 10 down:jam 5 run"), [(10, 15, "down", "M3", "down", "jam")]),
        # A machine beside the constraint that fails stops nothing as long as the constraint runs.
        (("run 10 down:jam 5 run", "run", "run"), []),
        # M3 is starved: the cause is up the line, behind those that are starved themselves.
        (
            ("run 10 down:jam 9 run", "run 11 wait 8 run", "run 12 wait 8 run"),
            # The last minute M1 and M2 run again, and M3 still waits.
            [(12, 20, "starved", "M1", "down", "jam")],
        ),
        # A short break of the machine between hands the cause over, then back.
        (
            ("run 10 down:jam 20 run", "run 11 wait 4 setup 5 wait 10 run", "run 12 wait 18 run"),
            [
                (12, 15, "starved", "M1", "down", "jam"),
                (15, 20, "starved", "M2", "setup", None),
                (20, 30, "starved", "M1", "down", "jam"),
            ],
        ),
        # Starved while all before it run: it comes from outside the line.
        (
            ("run", "run", "run 10 wait:no_material 5 run"),
            [(10, 15, "starved", "M3", "starved", "no_material")],
        ),
        # Says only idle: its neighbours tell, until a minute after they run again.
        (
            ("run", "run 10 down:tool 5 run", "run 11 idle 9 run"),
            [(11, 16, "starved", "M2", "down", "tool"), (16, 20, "idle", "M3", "idle", None)],
        ),
        # Idle with a reason is idle.
        (
            ("run", "run 10 down:tool 5 run", "run 11 idle:no_operator 3 run"),
            [(11, 14, "idle", "M3", "idle", "no_operator")],
        ),
        # All of them say only idle: nothing comes from the first.
        (("idle 7 run", "idle 7 run", "idle 7 run"), [(0, 7, "starved", "M1", "idle", None)]),
        # No data of the constraint is no downtime, but the second is accounted for.
        (("run", "run", "run 10 unknown 5 run"), [(10, 15, "unknown", "M3", "unknown", None)]),
        # What a neighbour of which nobody knows does explains nothing.
        (("run", "unknown", "idle 5 run"), [(0, 5, "idle", "M3", "idle", None)]),
    ],
)
def test_stops_of_a_line_whose_last_machine_sets_the_pace(
    days: tuple[str, ...], expected: list[tuple[object, ...]]
) -> None:
    assert rows(line(*days)) == expected


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        # M1 has no room: the cause is down the line.
        (
            ("run 12 full 8 run", "run 11 full 9 run", "run 10 down:jam 10 run"),
            [(12, 20, "blocked", "M3", "down", "jam")],
        ),
        (("run 12 idle 8 run", "run 10 setup:changeover 6 run", "run"),
         [(12, 17, "blocked", "M2", "setup", "changeover"), (17, 20, "idle", "M1", "idle", None)]),
        # A machine that waits for the constraint does not block it.
        (("idle 5 run", "idle 6 run", "wait 7 run"), [(0, 5, "idle", "M1", "idle", None)]),
        # No room for what leaves the line is the last one's cause.
        (("run 5 full 5 run", "run 4 full 6 run", "run 3 full:warehouse 7 run"),
         [(5, 10, "blocked", "M3", "blocked", "warehouse")]),
    ],
)  # fmt: skip
def test_stops_of_a_line_whose_first_machine_sets_the_pace(
    days: tuple[str, ...], expected: list[tuple[object, ...]]
) -> None:
    assert rows(line(*days, pace="M1")) == expected


def test_a_shift_by_hand() -> None:
    """60 min, M2 sets the pace: 6 of its own, 5 starved by M1, 4 blocked by M3, 2 unknown."""
    found = line(
        "run 10 down:jam 6 run",
        "run 11 wait 5 run 4 down:tool 6 run 10 full 4 run 5 unknown 2 run",
        "run 35 setup:changeover 5 run",
        pace="M2",
    )
    assert [
        (s.cause.machine, s.cause.reason, s.seconds, s.stops) for s in by_cause(found.stops)
    ] == [
        ("M2", "tool", 360, 1),
        ("M1", "jam", 300, 1),
        ("M3", "changeover", 240, 1),
    ]
    assert (found.planned_s, found.down_s, found.unknown_s) == (3600, 900, 120)


def test_a_machine_is_taken_at_its_word_unless_its_line_says_otherwise() -> None:
    days = ("run", "run 10 down:tool 5 run", "run 11 idle 4 run")
    found = line(*days, infer=False)
    assert rows(found) == [(11, 15, "idle", "M3", "idle", None)]
    assert found.waits == ()
    assert [(w.machine, w.element, w.cause.machine) for w in line(*days).waits] == [
        ("M3", "starved", "M2")
    ]


def test_a_buffer_delays_what_is_felt() -> None:
    order = (Station("M1", ()), Station("M2", ("M1",), timedelta(minutes=6)))
    days = ("run 10 down:jam 15 run", "run 11 idle 17 run")
    found = line(*days, order=order, pace="M2", upto=40)
    # Idle of its own until the buffer is empty; starved until M1 has run a minute; then of its own.
    assert rows(found) == [
        (11, 16, "idle", "M2", "idle", None),
        (16, 26, "starved", "M1", "down", "jam"),
        (26, 28, "idle", "M2", "idle", None),
    ]
    # A machine that says itself that it is starved feels M1's stop for as long as the buffer.
    found = line("run 10 down:jam 5 run", "run 20 wait 9 run", order=order, pace="M2", upto=40)
    assert rows(found) == [
        (20, 22, "starved", "M1", "down", "jam"),  # 15 + 6 + 1
        (22, 29, "starved", "M2", "starved", None),
    ]


SIDE_BY_SIDE = (Station("M1", ()), Station("M2", ()), Station("M3", ("M1", "M2")))
JOINED = (*SIDE_BY_SIDE[:2], Station("M3", ("M1", "M2"), joins=True))


@pytest.mark.parametrize(("order", "expected"), [
    (SIDE_BY_SIDE, [(0, 4, "idle", "M3", "idle", None), (4, 6, "starved", "M1", "down", "jam")]),
    (JOINED, [(0, 6, "starved", "M1", "down", "jam")]),
])  # fmt: skip
def test_machines_side_by_side_starve_the_next_only_together(
    order: Sequence[Station], expected: list[tuple[object, ...]]
) -> None:
    assert (
        rows(line("down:jam 6 run", "run 4 down:tool 2 run", "idle 6 run", order=order)) == expected
    )


def test_outside_the_plan_nothing_is_starved() -> None:
    rest: list[Change] = [
        Planned(at(10), "M3", "break"),
        Planned(at(20), "M3", "work"),
        Planned(at(30), "M3", None),
    ]
    found = line("run 5 down:jam", "run 5 wait", "run 5 idle", more=rest, upto=50)
    assert rows(found) == [
        (5, 10, "starved", "M1", "down", "jam"),
        (20, 30, "starved", "M1", "down", "jam"),
    ]
    assert found.planned_s == 20 * 60
    assert all(w.t1 <= at(10) or (at(20) <= w.t0 and w.t1 <= at(30)) for w in found.waits)


def test_a_neighbour_that_rests_by_plan_explains_no_idleness() -> None:
    rest: list[Change] = [Planned(at(5), "M2", "break"), Planned(at(15), "M2", "work")]
    days = ("run", "run 5 idle 10 run", "run 5 idle 10 run")
    assert rows(line(*days, more=rest)) == [(5, 15, "idle", "M3", "idle", None)]
    # But a machine that says that it is starved is starved by that rest.
    days = ("run", "run 5 idle 10 run", "run 5 wait 10 run")
    assert rows(line(*days, more=rest)) == [(5, 15, "starved", "M2", "planned_stop", None)]


def test_a_machine_that_leaves_the_line_is_bridged() -> None:
    moved = [Membership(at(5), "M2", False)]
    found = line("run 3 down:jam 20 run", "run 3 down:tool 20 run", "run 4 wait 15 run", more=moved)
    assert rows(found) == [
        (4, 5, "starved", "M2", "down", "tool"),
        (5, 19, "starved", "M1", "down", "jam"),
    ]


@pytest.mark.parametrize("named", [None, "M3"])
def test_of_machines_in_a_shift_the_slowest_sets_the_pace(named: str | None) -> None:
    """M3 ends its shift at 20; M2, the next slowest, goes on and then stands."""
    more: list[Change] = [
        Planned(at(20), "M3", None),
        Pace(START, ("M3", "M2", "M1"), named),
    ]
    changes = [
        c for n, day in enumerate(("run", "run 30 down:jam", "run"), 1) for c in said(f"M{n}", day)
    ]
    found = flow(IN_ROW, [*changes[::-1], *more], at(0), at(40), infer=False)
    expected = [] if named else [(30, 40, "down", "M2", "down", "jam")]
    assert rows(found) == expected
    # M3 runs on beyond its shift: work is work.
    assert found.planned_s == 40 * 60
    assert found.pacers == (("M3",) if named else ("M3", "M2"))


def test_the_pace_may_change_with_the_product() -> None:
    turn = [Pace(at(10), ("M1",))]
    found = line("down:jam 20 run", "run", "down:tool 20 run", more=turn)
    assert [(r[0], r[1], r[3]) for r in rows(found)] == [(0, 10, "M3"), (10, 20, "M1")]


SAID: tuple[Element, ...] = (
    "running",
    "running",
    "running",
    "down",
    "idle",
    "starved",
    "starved",
    "blocked",
    "setup",
    "unknown",
)
KINDS: tuple[SliceKind | None, ...] = ("work", "work", "work", "break", "maintenance", None)
LENGTH = 40


def history(seed: int) -> tuple[tuple[Station, ...], list[Change]]:
    """A line of any form, and what its machines said within forty minutes.

    Drawn evenly: what Hypothesis draws itself is too plain for causes that live on after a stop.
    """
    random = Random(seed)
    codes = [f"M{n}" for n in range(random.randint(1, 5))]
    order = tuple(_station(random, code, codes[:n]) for n, code in enumerate(codes))
    named = random.choice([None, *codes])
    changes: list[Change] = [Pace(START, random.sample(codes, len(codes)), named)]
    for code in codes:
        changes.append(Membership(START, code, random.random() < 0.95))
        for minute in {0, *random.sample(range(LENGTH), random.randint(4, 12))}:
            reason = random.choice([None, None, "jam"])
            changes.append(Said(at(minute), code, random.choice(SAID), reason))
        for minute in {0, *random.sample(range(LENGTH), random.randint(0, 2))}:
            changes.append(Planned(at(minute), code, random.choice(KINDS)))
    if random.random() < 0.5:
        moment = at(random.randrange(1, LENGTH))
        changes.append(Membership(moment, random.choice(codes), random.random() < 0.5))
        changes.append(Pace(moment, random.sample(codes, len(codes))))
    return order, changes


def _station(random: Random, code: str, above: Sequence[str]) -> Station:
    after = random.sample(above, min(len(above), random.choice([1, 1, 1, 2])))
    buffer = timedelta(minutes=random.choice([0, 0, 1, 3]))
    return Station(code, tuple(after), buffer, len(after) > 1 and random.random() < 0.5)


SEEDS = st.integers(0, 2**32)


@given(SEEDS, st.booleans())
@settings(max_examples=200, deadline=None)
def test_every_planned_second_has_one_cause(seed: int, infer: bool) -> None:
    order, changes = history(seed)
    found = flow(order, changes, START, at(LENGTH), infer=infer)
    ends = [START, *(stop.t1 for stop in found.stops)]
    assert all(a <= stop.t0 < stop.t1 for a, stop in zip(ends, found.stops, strict=False))
    total = sum(stop.seconds for stop in found.stops)
    assert total == found.down_s + found.unknown_s <= found.planned_s
    assert sum(one.seconds for one in by_cause(found.stops)) == found.down_s
    assert all(stop.cause.element != "running" for stop in found.stops)
    assert infer or not found.waits


def test_a_word_that_changes_nothing_changes_no_cause() -> None:
    """M2 is blocked half a minute after its jam: M3 waits for itself, whatever is said then."""
    after = "run 10 down:jam 5 run 0.5 full 5 run", "run 11 wait 10 run"
    expected = [
        (11, 15.5, "starved", "M2", "down", "jam"),
        (15.5, 21, "starved", "M3", "starved", None),
    ]
    assert rows(line("run", *after)) == expected
    assert rows(line("run 15.7 run", *after)) == expected


@given(SEEDS, st.booleans())
@settings(max_examples=60, deadline=None)
def test_a_window_gives_what_any_longer_one_gives_in_any_order(seed: int, infer: bool) -> None:
    order, changes = history(seed)
    end = at(LENGTH)
    whole = flow(order, changes, START, end, infer=infer)
    for a in {change.at for change in changes}:
        known = _as_known(changes, max(a - reach(order), START))
        Random(seed).shuffle(known)
        part = flow(order, known, a, end, infer=infer)
        assert list(part.stops) == _cut(whole.stops, a, end)


def _as_known(changes: Sequence[Change], begin: datetime) -> list[Change]:
    """How everything was at `begin`, and what changed later: what a database gives."""
    newest: dict[tuple[type, str], Change] = {}
    for change in sorted(changes, key=lambda c: c.at):
        if change.at <= begin:
            key = "" if isinstance(change, Pace) else change.machine
            newest[type(change), key] = change._replace(at=begin)
    return [*newest.values(), *(change for change in changes if change.at > begin)]


def _cut(stops: Sequence[LineStop], a: datetime, b: datetime) -> list[LineStop]:
    cut = [s._replace(t0=max(s.t0, a), t1=min(s.t1, b)) for s in stops]
    return [s for s in cut if s.t0 < s.t1]
