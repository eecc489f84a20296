"""Another plant file changes what tags mean from now on; the past is read as it was."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from db import master, order_events
from db.connect import Connection, Database
from db.derive import derive, rebuild, touch
from plant.check import read
from plant.orders import Operation

T0 = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
TURN = 10
"""The minute in which the other file is applied; it holds from the next one on."""
PLANT = """
[site]
code = "s"
name = "S"
time_zone = "UTC"
[[areas]]
code = "hall"
name = "H"
[[lines]]
code = "L"
area = "hall"
name = "L"
calendar = "day"
[[calendars]]
code = "day"
[[calendars.shifts]]
code = "early"
name = "Early"
start = "06:00"
end = "14:00"
[[machines]]
code = "A"
line = "L"
name = "A"
[[products]]
code = "P"
name = "P"
ideal_cycle_s = { A = 10.0 }
[[reasons]]
code = "jam"
name = "Jam"
"""
SOURCE = '[[sources]]\nname = "{0}"\nkind = "opcua"\nurl = "opc.tcp://{0}:1"\nsecurity = "none"\n'
STATE_MAP = (
    '[[state_maps]]\nname = "{}"\notherwise = "unknown"\n[state_maps.values]\n1 = "{}"\n2 = "{}"\n'
)
NUMBERS, WORDS = ("numbers", "running", "down"), ("words", "idle", "running")


def tag(name: str, role: str, **more: str | float) -> str:
    lines = {"name": name, "role": role, "source": "one", "address": f"ns=2;s={name}"} | more
    said = "".join(
        f'{key} = "{value}"\n' if isinstance(value, str) else f"{key} = {value}\n"
        for key, value in lines.items()
    )
    return f'[[tags]]\nmachines = ["A"]\n{said}'


STATE = tag("state", "state", state_map="numbers")


def file(*tags: str, maps: tuple[tuple[str, str, str], ...] = (NUMBERS,)) -> str:
    sources = [SOURCE.format(name) for name in ("one", "two")]
    return "".join([PLANT, *sources, *(STATE_MAP.format(*one) for one in maps), *tags])


class Story:
    """Minutes since T0, of machine A."""

    def __init__(self, conn: Connection, *tags: str) -> None:
        self.conn = conn
        self.revisions = count(1)
        self.apply(file(*tags), -60)
        for name in ("one", "two"):
            conn.execute(
                "insert into source_status (source_id, connected, since, last_heard)"
                " values (%s, true, %s, %s)",
                [self.master.sources[name], at(0), at(99_999)],
            )

    def apply(self, text: str, minute: float) -> None:
        master.apply(self.conn, read(text), text, at(minute))
        self.master = master.load(self.conn)

    def says(self, name: str, said: dict[float, float]) -> None:
        machine = self.master.machines["A"]
        for minute, value in said.items():
            self.conn.execute(
                "insert into reading values (%s, %s, %s, 0)",
                [at(minute), self.master.tags[f"A.{name}"], value],
            )
            touch(self.conn, machine, at(minute), at(minute))

    def report(self, minute: float, good: float, started: float = 0) -> None:
        version = Operation(
            order="O", operation="10", revision=str(next(self.revisions)), at=at(minute),
            status="running", planned=99.0, good=good, scrap=0.0, machine="A", product="P",
            started_at=at(started), ended_at=None,
        )  # fmt: skip
        order_events.append(
            self.conn, self.master.sources["one"], [version],
            machines=self.master.machines, products=self.master.products, now=at(minute),
        )  # fmt: skip

    def derive(self, minute: float) -> None:
        while derive(self.conn, at(minute)).more:
            pass

    def turn(self, text: str) -> None:
        """All is derived, then the other file is applied; that alone changes nothing."""
        self.derive(TURN + 0.4)
        before = self.rows()
        self.apply(text, TURN + 0.5)
        self.derive(TURN + 0.6)
        assert rebuild(self.conn, at(-1), at(TURN)) == 0
        assert [row for row in self.rows() if row[0] < TURN] == [r for r in before if r[0] < TURN]

    def rows(self) -> list[tuple[float, float, float, float]]:
        found = self.conn.execute(
            "select ts, good, scrap, running_s from machine_1m order by ts"
        ).fetchall()
        return [((ts - T0) / timedelta(minutes=1), *rest) for ts, *rest in found]

    def settled(self, minute: float) -> None:
        """Nothing that was derived in order comes out otherwise when it is derived anew."""
        self.derive(minute)
        assert rebuild(self.conn, at(-1), at(minute)) == 0

    @property
    def good(self) -> dict[float, float]:
        return {ts: good for ts, good, _, _ in self.rows() if good}


def at(minute: float) -> datetime:
    return T0 + timedelta(minutes=minute)


@pytest.fixture
def conn(database: Database) -> Iterator[Connection]:
    with database.connection() as conn:
        yield conn


def test_a_counter_of_good_pieces_counts_from_now_on_where_cycles_did(conn: Connection) -> None:
    tags = STATE, tag("cycle", "cycle")
    story = Story(conn, *tags)
    story.says("state", {0: 1})
    story.says("cycle", {1: 0, 2: 5, 3: 9})
    story.turn(file(*tags, tag("good", "good")))
    story.says("cycle", {10.8: 12, 12: 15, 14: 18})
    story.says("good", {10.9: 100, 12.5: 102, 14: 104})
    story.settled(15)
    # Of the minute of the turn, cycles; then good ones, also those since the value before it.
    assert story.good == {2: 5, 3: 4, 10: 3, 12: 2, 14: 2}


def test_a_counter_that_goes_leaves_its_past(conn: Connection) -> None:
    tags = STATE, tag("cycle", "cycle")
    story = Story(conn, *tags, tag("good", "good"))
    story.says("state", {0: 1})
    story.says("cycle", {1: 0, 3: 9})
    story.says("good", {1: 0, 3: 8})
    story.turn(file(*tags))
    story.says("cycle", {12: 14})
    story.derive(13)
    story.apply(file(*tags, tag("good", "good")), 14.5)
    story.says("cycle", {16: 17})
    story.says("good", {16: 16, 17: 18})
    story.settled(18)
    # While it was gone, cycles counted: its first value counts none of that again.
    assert story.good == {3: 8, 12: 5, 17: 2}


def test_the_first_counter_leaves_what_a_business_system_told(conn: Connection) -> None:
    story = Story(conn, STATE)
    story.says("state", {0: 1})
    for minute, good in ((1, 0), (3, 10), (5, 25)):
        story.report(minute, good)
    story.turn(file(STATE, tag("good", "good")))
    story.says("good", {11: 0, 12: 3})
    story.report(13, 99)
    story.settled(14)
    assert story.good == {3: 10, 5: 15, 12: 3}
    story.report(4, 12)  # late
    story.settled(15)
    assert story.good == {3: 10, 4: 2, 5: 13, 12: 3}


def test_states_of_a_tag_that_went_keep_their_meaning(conn: Connection) -> None:
    story = Story(conn, STATE)
    story.says("state", {0: 1, 4: 2, 6: 1})
    story.turn(file(tag("mode", "state", state_map="words"), maps=(WORDS,)))
    story.says("mode", {12: 1, 14: 2})
    story.settled(16)
    names = conn.execute("select distinct name from state_map order by 1").fetchall()
    assert names == [("numbers",), ("words",)]
    states = conn.execute("select t0, state::text from state_interval order by t0").fetchall()
    assert [((t0 - T0) / timedelta(minutes=1), state) for t0, state in states] == [
        (0, "running"), (4, "down"), (6, "running"), (12, "idle"), (14, "running"),
    ]  # fmt: skip


def test_another_state_map_reads_from_now_on(conn: Connection) -> None:
    maps = (NUMBERS, WORDS)
    story = Story(conn, STATE)
    story.says("state", {0: 1, 4: 2})
    story.turn(file(tag("state", "state", state_map="words"), maps=maps))
    story.says("state", {12: 1, 14: 2})
    story.settled(16)
    states = conn.execute("select state::text from state_interval order by t0").fetchall()
    assert [state for (state,) in states] == ["running", "down", "idle", "running"]


def test_a_map_that_says_otherwise_corrects_the_past_of_a_tag_that_went_too(
    conn: Connection,
) -> None:
    story = Story(conn, STATE)
    story.says("state", {0: 1, 4: 2})
    story.turn(file(tag("mode", "state", state_map="words"), maps=(NUMBERS, WORDS)))
    story.apply(
        file(
            tag("mode", "state", state_map="words"),
            maps=(("numbers", "running", "setup"), WORDS),
        ),
        12,
    )
    story.settled(13)
    states = conn.execute("select state::text from state_interval order by t0").fetchall()
    assert [state for (state,) in states] == ["running", "setup"]


@pytest.mark.parametrize(
    ("before", "after", "values", "good"),
    [
        # A modulus: the total goes on.
        ({}, {"modulus": 200}, {5: 190, 9: 3, 12: 190, 13: 3}, {5: 90, 9: 3, 12: 187, 13: 13}),
        ({"modulus": 200}, {}, {5: 190, 9: 3, 12: 190, 13: 3}, {5: 90, 9: 13, 12: 187, 13: 3}),
        # A counter: what a value says has nothing to do with the one before.
        ({}, {"counter": "delta"}, {9: 190, 12: 2, 13: 3}, {9: 90, 12: 2, 13: 3}),
        ({"counter": "delta"}, {}, {9: 4, 12: 500, 13: 503}, {0: 100, 9: 4, 13: 3}),
        # A role.
        ({}, {"role": "scrap"}, {9: 190, 12: 500, 13: 503}, {9: 90}),
        ({"role": "cycle"}, {"role": "scrap"}, {9: 190, 12: 500, 13: 503}, {9: 90}),
    ],
)
def test_another_meaning_of_a_counter_holds_from_now_on(
    conn: Connection,
    before: dict[str, str | float],
    after: dict[str, str | float],
    values: dict[float, float],
    good: dict[float, float],
) -> None:
    meanings = [
        tag("n", str(one.get("role", "good")), **{key: one[key] for key in one if key != "role"})
        for one in (before, after)
    ]
    story = Story(conn, STATE, meanings[0])
    story.says("state", {0: 1})
    story.says("n", {0.5: 100, **{ts: value for ts, value in values.items() if ts < TURN}})
    story.turn(file(STATE, meanings[1]))
    story.says("n", {ts: value for ts, value in values.items() if ts > TURN})
    story.settled(15)
    assert story.good == good


def test_a_source_that_is_asked_for_states_from_now_on_was_never_silent_before(
    conn: Connection,
) -> None:
    story = Story(conn, STATE)
    story.says("state", {0: 1})
    conn.execute(
        "insert into source_gap values (%s, %s, %s, 'x')",
        [story.master.sources["two"], at(2), at(8)],
    )
    story.turn(file(tag("state", "state", source="two", state_map="numbers")))
    story.settled(15)
    assert all(running == 60 for ts, _, _, running in story.rows() if ts < TURN)


def test_what_lasts_is_known_by_the_source_that_said_it(conn: Connection) -> None:
    """The new source is heard but has not said the state; the old one goes five minutes later."""
    good = tag("good", "good")
    story = Story(conn, STATE, good)
    story.says("state", {0: 1})
    story.turn(file(tag("state", "state", source="two", state_map="numbers"), good))
    conn.execute(
        "update source_status set last_heard = %s where source_id = %s",
        [at(TURN + 5), story.master.sources["one"]],
    )
    for minute in range(TURN + 1, TURN + 20):
        story.says("good", {minute: minute})
        story.derive(minute + 0.9)
    story.settled(TURN + 20)


def test_what_a_new_tag_says_after_a_silence_fills_it(conn: Connection) -> None:
    story = Story(conn, STATE)
    conn.execute("update source_status set last_heard = %s", [at(TURN)])
    story.says("state", {0: 1})
    story.turn(file(tag("mode", "state", state_map="numbers")))
    story.says("mode", {12: 1})
    story.derive(30)
    assert sum(running for *_, running in story.rows()) < 15 * 60
    story.says("mode", {40: 2})
    story.settled(41)
    assert sum(running for *_, running in story.rows()) == 40 * 60


def test_two_files_within_a_minute_are_one_turn(conn: Connection) -> None:
    story = Story(conn, STATE, tag("n", "good"))
    story.says("state", {0: 1})
    story.says("n", {1: 0, 9: 90})
    story.turn(file(STATE, tag("n", "scrap")))
    story.apply(file(STATE, tag("n", "good", modulus=200)), TURN + 0.7)
    story.says("n", {12: 100})
    story.settled(14)
    turns = conn.execute(
        "select s.role, s.modulus, nullif(t0, '-infinity'), nullif(t1, 'infinity')"
        " from tag_span s join tag on tag.id = tag_id where tag.name = 'n' order by t0"
    ).fetchall()
    turn = at(TURN + 1)
    assert turns == [("good", None, None, turn), ("good", 200, turn, None)]
