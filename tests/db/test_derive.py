"""What derivation promises, case by case; test_derive_histories.py has the combinations."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from db.connect import Connection, Database
from db.derive import Derived, derive, rebuild, touch, touch_source
from db.derive_forward import TAKE, Share, forward
from db.derive_window import FOREVER, Dirty, portion

if TYPE_CHECKING:
    from tests.db.conftest import MakePlant, TinyPlant

T0 = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
M = timedelta(minutes=1)


def at(minutes: float) -> datetime:
    return T0 + timedelta(minutes=minutes)


@dataclass
class Bench:
    """One machine with its tags, and the verbs of a test."""

    conn: Connection
    plant: TinyPlant

    @property
    def machine(self) -> int:
        return self.plant.machines[0]

    def tag(self, role: str) -> int:
        return self.plant.tags[self.machine][role]

    def read(self, role: str, minute: float, value: float | None, quality: int = 0) -> None:
        self.conn.execute(
            "insert into reading values (%s, %s, %s, %s)",
            [at(minute), self.tag(role), value, quality],
        )
        touch(self.conn, self.machine, at(minute), at(minute))

    def say(self, minute: float, value: str) -> None:
        self.conn.execute(
            "insert into reading_text values (%s, %s, %s, 0)",
            [at(minute), self.tag("state"), value],
        )
        touch(self.conn, self.machine, at(minute), at(minute))

    def heard(self, minute: float) -> None:
        self.conn.execute(
            "insert into source_status (source_id, connected, since, last_heard)"
            " values (%(source)s, true, %(at)s, %(at)s)"
            " on conflict (source_id) do update set last_heard = %(at)s",
            {"source": self.plant.source, "at": at(minute)},
        )

    def derive(self, minute: float) -> Derived:
        return derive(self.conn, at(minute))

    def states(self) -> list[tuple[float, float, str, bool]]:
        rows = self.conn.execute(
            "select t0, t1, state::text, is_open from state_interval where machine_id = %s"
            " order by t0",
            [self.machine],
        ).fetchall()
        return [((a - T0) / M, (b - T0) / M, state, is_open) for a, b, state, is_open in rows]

    def sum(self, column: str) -> float:
        row = self.conn.execute(f"select coalesce(sum({column}), 0) from machine_1m").fetchone()
        assert row is not None
        return float(row[0])


def bench(conn: Connection, make_plant: MakePlant, **options: object) -> Bench:
    made = Bench(conn, make_plant(conn, **options))
    made.heard(600)
    shift = conn.execute(
        "insert into shift_instance (calendar_id, code, name, day, t0, t1)"
        " values (%s, 'A', '{}', '2026-03-02', %s, %s) returning id",
        [made.plant.calendar, at(-60), at(300)],
    ).fetchone()
    assert shift is not None
    conn.execute(
        "insert into calendar_slice values (%s, %s, %s, 'work', %s)",
        [made.plant.calendar, at(-60), at(300), shift[0]],
    )
    return made


def test_nothing_before_the_first_state(any_database: Database, make_plant: MakePlant) -> None:
    with any_database.connection() as conn:
        b = bench(conn, make_plant)
        b.read("good", 1, 5)
        b.read("good", 2, 9)
        assert b.derive(10).minutes == 0
        b.read("state", 5, 1)
        b.derive(10)
        assert b.states() == [(5, 10, "running", True)]
        assert b.sum("running_s") == 300
        assert b.sum("good") == 0


def test_states_as_text_and_as_numbers(any_database: Database, make_plant: MakePlant) -> None:
    with any_database.connection() as conn:
        b = bench(conn, make_plant)
        b.say(0, "1")
        b.say(2, "never seen")
        b.read("state", 3, 2)
        b.derive(4)
        assert b.states() == [
            (0, 2, "running", False),
            (2, 3, "unknown", False),
            (3, 4, "down", True),
        ]
        conn.execute("insert into state_map values ('m', '*', 'idle')")
        assert rebuild(conn, T0, at(10)) == 2  # a row gone, a row come
        assert [state for _, _, state, _ in b.states()] == ["running", "idle", "down"]


def test_a_minute_s_seconds_sum_to_sixty(any_database: Database, make_plant: MakePlant) -> None:
    with any_database.connection() as conn:
        b = bench(conn, make_plant)
        b.read("state", 0.25, 1)
        b.read("state", 0.75, 2)
        b.derive(2.5)
        rows = conn.execute("select running_s, down_s from machine_1m order by ts").fetchall()
        assert rows == [(30, 15), (0, 60), (0, 30)]


def test_a_silent_source_is_unknown_and_heard_again_it_was_not(
    any_database: Database, make_plant: MakePlant
) -> None:
    with any_database.connection() as conn:
        b = bench(conn, make_plant)  # stale after 5 s
        b.heard(1)
        b.read("state", 0, 1)
        b.derive(3)
        silent = at(1) + b.plant.stale_after
        assert b.states() == [
            (0, (silent - T0) / M, "running", False),
            ((silent - T0) / M, 3, "unknown", True),
        ]
        row = conn.execute("select state::text, since, stale_from from machine_now").fetchone()
        assert row == ("unknown", silent, silent)
        b.derive(60)
        b.heard(61)
        b.derive(61)
        assert b.states() == [(0, 61, "running", True)]
        assert b.sum("unknown_s") == 0
        assert b.sum("running_s") == 61 * 60


def test_a_gap_is_unknown_whatever_was_last_said(
    any_database: Database, make_plant: MakePlant
) -> None:
    with any_database.connection() as conn:
        b = bench(conn, make_plant)
        b.read("state", 0, 1)
        b.derive(10)
        conn.execute(
            "insert into source_gap values (%s, %s, %s, 'x')", [b.plant.source, at(3), at(4)]
        )
        touch_source(conn, b.plant.source, at(3), at(4))
        b.derive(10)
        assert [row[2] for row in b.states()] == ["running", "unknown", "running"]
        assert b.sum("unknown_s") == 60


@pytest.mark.parametrize(
    ("kind", "modulus", "values", "good"),
    [
        ("total", None, [100, 103, 103, 110], 10),
        ("total", None, [100, 4, 6], 6),  # began again at zero: 4 + 2
        ("total", 1000.0, [998, 3, 5], 7),  # rolled over: 5 + 2
        ("total", 1000.0, [500, 3], 3),  # far from its modulus: began again
        ("delta", None, [2, 3, 4], 9),
    ],
)
def test_counts(
    any_database: Database,
    make_plant: MakePlant,
    kind: str,
    modulus: float | None,
    values: list[float],
    good: float,
) -> None:
    with any_database.connection() as conn:
        b = bench(conn, make_plant, kind=kind, modulus=modulus)
        b.read("state", 0, 1)
        for minute, value in enumerate(values, start=1):
            b.read("good", minute, value)
        b.derive(20)
        assert b.sum("good") == good


def test_bad_counts_are_passed_over(any_database: Database, make_plant: MakePlant) -> None:
    with any_database.connection() as conn:
        b = bench(conn, make_plant)
        b.read("state", 0, 1)
        b.read("good", 1, 10)
        b.read("good", 2, 999, quality=2)
        b.read("good", 3, None)
        b.read("good", 4, 12)
        b.derive(5)
        assert b.sum("good") == 2


def test_a_late_count_moves_pieces_between_minutes(
    any_database: Database, make_plant: MakePlant
) -> None:
    with any_database.connection() as conn:
        b = bench(conn, make_plant)
        b.read("state", 0, 1)
        b.read("good", 1, 10)
        b.read("good", 5, 20)
        b.derive(10)
        b.read("good", 3, 14)
        b.derive(10)
        rows = conn.execute("select ts, good from machine_1m where good > 0 order by ts").fetchall()
        assert rows == [(at(3), 4), (at(5), 6)]


def test_a_changed_operation_moves_what_it_covers(
    any_database: Database, make_plant: MakePlant
) -> None:
    with any_database.connection() as conn:
        b = bench(conn, make_plant)
        b.read("state", 0, 1)
        b.read("good", 0, 0)
        b.read("good", 5, 3)
        conn.execute(
            "insert into ideal_cycle values (%s, %s, '-infinity', 10)",
            [b.machine, b.plant.products[0]],
        )
        b.derive(10)
        assert b.sum("ideal_s") == 0  # no product, no ideal
        row = conn.execute(
            "insert into operation (source_id, order_code, operation, revision, at, machine_id,"
            " product_id, status, planned, good, scrap, started_at)"
            " values (%s, 'W', '1', '', %s, %s, %s, 'running', 9, 0, 0, %s) returning id",
            [b.plant.source, at(10), b.machine, b.plant.products[0], at(4)],
        ).fetchone()
        assert row is not None
        touch(conn, b.machine, at(4))
        b.derive(10)
        assert b.sum("ideal_s") == 10  # of the three pieces of five minutes, the one of its own
        assert b.sum(f"case when operation_id = {row[0]} then running_s else 0 end") == 360


def test_facts_of_the_future_wait(any_database: Database, make_plant: MakePlant) -> None:
    with any_database.connection() as conn:
        b = bench(conn, make_plant)
        b.read("state", 0, 1)
        b.read("state", 12, 2)
        assert not b.derive(10).more
        assert b.states() == [(0, 10, "running", True)]
        b.derive(13)
        assert b.states() == [(0, 12, "running", False), (12, 13, "down", True)]


def test_after_a_long_stand_still_tails_catch_up_in_steps(
    database: Database, make_plant: MakePlant
) -> None:
    with database.connection() as conn:
        b = bench(conn, make_plant)
        b.heard(5000)
        b.read("state", 0, 1)
        b.derive(1)
        b.read("state", 3000, 2)
        b.heard(5000)
        calls = 1
        while b.derive(4000).more:
            calls += 1
        assert calls == 12  # 4,000 min at 6 h a call
        assert b.states() == [(0, 3000, "running", False), (3000, 4000, "down", True)]
        assert b.sum("running_s") == 3000 * 60


def test_a_machine_without_readings_left_holds_nobody_up(
    database: Database, make_plant: MakePlant
) -> None:
    with database.connection() as conn:
        b = bench(conn, make_plant)
        b.read("state", 0, 1)
        b.derive(1)
        conn.execute("truncate reading")
        while b.derive(2000).more:
            pass
        assert conn.execute("select upto from derive_tail").fetchone() == (at(2000),)


def test_a_second_worker_leaves_it_to_the_first(database: Database, make_plant: MakePlant) -> None:
    with database.connection() as conn:
        bench(conn, make_plant).read("state", 0, 1)
    with database.connection() as first, database.connection() as second:
        assert derive(first, at(5)).windows == 1
        assert derive(second, at(5)) == Derived(0, 0, False)


def test_live_tail_wakes_the_boards(database: Database, make_plant: MakePlant) -> None:
    notes = database.listen("taktboard_live", timeout_s=2.0)
    assert next(notes) is None
    with database.connection() as conn:
        b = bench(conn, make_plant)
        b.read("state", 0, 1)
        b.derive(5)
    note = next(notes)
    assert note is not None
    assert note.payload == "derived"


@pytest.mark.parametrize(
    ("dirty", "budget", "todo", "kept"),
    [
        ([(0, 5), (3, 9)], 60, [(0, 9)], []),  # joined
        ([(0, 2), (6, 9)], 60, [(0, 9)], []),  # near
        ([(-20, -10), (6, 9)], 3, [(6, 9)], [(-20, -10)]),  # the newest first
        ([(0, 9)], 4, [(5, 9)], [(0, 5)]),  # cut
        ([(5, 12)], 60, [(5, 12)], [(10, 12)]),  # beyond now: once more later
        ([(11, 12)], 60, [], [(11, 12)]),
    ],
)
def test_portion(
    dirty: list[tuple[int, int]],
    budget: int,
    todo: list[tuple[int, int]],
    kept: list[tuple[int, int]],
) -> None:
    found = portion([Dirty(1, at(a), at(b)) for a, b in dirty], at(10), budget * M)
    assert found == (
        [Dirty(1, at(a), at(b)) for a, b in todo],
        [Dirty(1, at(a), at(b)) for a, b in kept],
    )


def test_notes_that_a_wider_one_covers_are_done_with_it(
    database: Database, make_plant: MakePlant
) -> None:
    """A stored history: more notes than one call takes, and an order's that covers them."""
    with database.connection() as conn:
        b = bench(conn, make_plant)
        b.read("state", 0, 1)
        noted = [at(n / 60) for n in range(TAKE + 1000)]
        conn.execute(
            "insert into derive_dirty (machine_id, t0, t1)"
            " select %s, ts, ts from unnest(%s::timestamptz[]) as noted (ts)",
            [b.machine, noted],
        )
        touch(conn, b.machine, at(0))
        touch(conn, b.machine, at(400), at(401))  # ahead
        assert not b.derive(120).more
        left = conn.execute("select t0, t1 from derive_dirty").fetchall()
        assert left == [(at(400), at(401))]
        assert b.states() == [(0, 120, "running", True)]


def test_portion_of_an_open_end() -> None:
    todo, kept = portion([Dirty(1, at(0), FOREVER)], at(10), 60 * M)
    assert todo == [Dirty(1, at(0), FOREVER)]
    assert kept == []


def test_the_ordinary_second_gives_the_rows_of_the_whole_derivation(
    any_database: Database, make_plant: MakePlant
) -> None:
    with any_database.connection() as conn:
        b = bench(conn, make_plant)
        b.read("state", 0, 1)
        b.read("good", 0.5, 3)
        b.derive(2.1)
        for second, (minute, value) in enumerate([(2.2, 5), (2.15, 4), (2.3, 9)]):
            b.read("good", minute, value)  # the second of them late
            assert moved(conn, 2.4 + second / 10) == {b.machine}
        assert b.sum("good") == 6
        assert b.states() == [(0, 2.6, "running", True)]
        assert rebuild(conn, T0, at(9)) == 0
        b.read("good", 1.5, 4)  # from the minute before
        assert moved(conn, 2.7) == {b.machine}
        b.read("state", 2.75, 2)
        assert moved(conn, 2.8) == set()
        assert b.states()[-1] == (2.75, 2.8, "down", True)
        assert moved(conn, 2.9) == set()  # its minute holds two states
        assert rebuild(conn, T0, at(9)) == 0


def test_a_second_that_begins_a_minute_is_an_ordinary_one(
    any_database: Database, make_plant: MakePlant
) -> None:
    with any_database.connection() as conn:
        b = bench(conn, make_plant)
        b.read("state", 0, 1)
        b.read("good", 0.5, 3)
        b.derive(2.9)
        b.read("good", 2.95, 4)  # before the turn of the minute, and after it
        b.read("good", 3.02, 6)
        assert moved(conn, 3.05) == {b.machine}
        b.read("good", 3.98, 7)
        assert moved(conn, 4.0) == {b.machine}
        assert b.sum("good") == 4
        assert b.sum("running_s") == 240
        b.read("good", 3.99, 8)  # of the minute before, which is derived to its end
        assert moved(conn, 4.1) == {b.machine}
        b.read("state", 5.01, 2)
        assert moved(conn, 5.02) == set()
        assert b.states()[-1] == (5.01, 5.02, "down", True)
        assert moved(conn, 7.5) == set()  # more than a minute later
        assert b.sum("good") == 5
        assert rebuild(conn, T0, at(9)) == 0


@pytest.mark.parametrize(("turn", "whole"), [(3.0, set()), (3.4, set(range(35, 41)))])
def test_a_calendar_that_was_announced_holds_from_its_second_on(
    any_database: Database, make_plant: MakePlant, turn: float, whole: set[int]
) -> None:
    """The machine's own, present one is moved on later. Only a minute of two is not ordinary."""
    with any_database.connection() as conn:
        b = bench(conn, make_plant)
        announce(conn, b, turn)
        b.read("state", 0, 3)
        b.read("good", 0.5, 3)
        b.derive(2.0)
        assert {tenth for tenth in range(21, 50) if not moved(conn, tenth / 10)} == whole
        assert b.sum("idle_s") == pytest.approx(60 * turn)
        assert b.sum("planned_stop_s") == pytest.approx(60 * (4.9 - turn))
        assert rebuild(conn, T0, at(9)) == 0


def announce(conn: Connection, b: Bench, turn: float) -> None:
    """From `turn` on the machine works by another calendar, in a break of it."""
    there = conn.execute(
        "with other as (insert into calendar (code) values ('other') returning id)"
        " insert into shift_instance (calendar_id, code, name, day, t0, t1)"
        " select id, 'B', '{}', '2026-03-02', %s, %s from other returning calendar_id, id",
        [at(-120), at(240)],
    ).fetchone()
    assert there is not None
    calendar, shift = there
    conn.execute(
        "insert into calendar_slice values (%s, %s, %s, 'break', %s)",
        [calendar, at(-120), at(240), shift],
    )
    conn.execute(
        "insert into machine_calendar values (%(machine)s, '-infinity', %(before)s),"
        " (%(machine)s, %(turn)s, %(after)s)",
        {
            "machine": b.machine,
            "before": b.plant.calendar,
            "turn": at(turn),
            "after": calendar,
        },
    )


def moved(conn: Connection, minute: float) -> set[int]:
    """Derive; the machines whose ends alone were moved."""
    with conn.transaction(force_rollback=True):
        found = forward(conn, Share(1, (0,)), at(minute), at(minute)).moved
    derive(conn, at(minute))
    return set(found)
