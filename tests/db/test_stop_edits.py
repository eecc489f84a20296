"""What operators say of stops: it moves the minutes, keeps its history, and can be withdrawn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from db import horizon, stop_edits
from db.connect import Connection, Database
from db.derive import derive, rebuild, touch
from db.kpi_facts import SITE, facts_in
from db.stop_edits import Author, EditRefused
from plant.kpi import reliability
from plant.periods import Span

if TYPE_CHECKING:
    from tests.db.conftest import MakePlant, TinyPlant

T0 = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
M = timedelta(minutes=1)
KEYS = count()
RUNNING, DOWN, IDLE = 1, 2, 3


def at(minutes: float) -> datetime:
    return T0 + minutes * M


@dataclass
class Bench:
    """One machine in a shift of ten hours, and the verbs of a test."""

    conn: Connection
    plant: TinyPlant
    minute: float = 0

    @property
    def machine(self) -> int:
        return self.plant.machines[0]

    def says(self, minute: float, state: int) -> None:
        tag = self.plant.tags[self.machine]["state"]
        self.conn.execute("insert into reading values (%s, %s, %s, 0)", [at(minute), tag, state])
        touch(self.conn, self.machine, at(minute), at(minute))

    def derive(self, minute: float) -> None:
        """Everything that is due, then that a rebuild would not change a row."""
        self.minute = minute
        while derive(self.conn, at(minute)).more:
            pass
        before = self.rows()
        rebuild(self.conn, at(-60), at(minute))
        assert self.rows() == before

    def rows(self) -> list[tuple[object, ...]]:
        return [
            row
            for name in ("machine_1m", "stop_span", "state_interval")
            for row in self.conn.execute(f"select * from {name} r order by r")
        ]

    def author(self, actor: str = "anna", seen: int | None = None, key: str = "") -> Author:
        return Author(actor, at(self.minute), key or str(next(KEYS)), seen)

    def assign(self, minute: float, reason: str) -> int:
        edit = stop_edits.assign(
            self.conn, self.author(), self.machine, at(minute), self.reason(reason)
        )
        self.derive(self.minute)
        return edit

    def reason(self, code: str) -> int:
        row = self.conn.execute("select id from reason where code = %s", [code]).fetchone()
        assert row is not None
        return int(row[0])

    def stops(self) -> list[tuple[float, float | None, str, str | None, bool]]:
        rows = self.conn.execute(
            "select t0, t1, stop.element::text, reason.code, is_minor from stop"
            " left join reason on reason.id = reason_id order by t0"
        ).fetchall()
        return [
            ((t0 - T0) / M, None if t1 is None else (t1 - T0) / M, element, reason, minor)
            for t0, t1, element, reason, minor in rows
        ]

    def reliability(self) -> tuple[int | None, float | None, float | None]:
        """Failures, MTBF and MTTR in seconds."""
        period = Span(at(0), at(self.minute))
        found = facts_in(self.conn, SITE, period, ZoneInfo("UTC"), failures=True)
        told = reliability(found.facts, found.failures or 0)
        return found.failures, told.mtbf_s, told.mttr_s

    def minutes(self, column: str) -> float:
        row = self.conn.execute(f"select sum({column}) / 60 from machine_1m").fetchone()
        assert row is not None
        return float(row[0])


@pytest.fixture
def bench(database: Database, make_plant: MakePlant) -> Iterator[Bench]:
    with database.connection() as conn:
        made = Bench(conn, make_plant(conn, roles=("state",)))
        conn.execute(
            "insert into source_status (source_id, connected, since, last_heard)"
            " values (%s, true, %s, %s)",
            [made.plant.source, T0, at(10_000)],
        )
        row = conn.execute(
            "insert into shift_instance (calendar_id, code, name, day, t0, t1)"
            " values (%s, 'A', '{}', '2026-03-02', %s, %s) returning id",
            [made.plant.calendar, at(0), at(600)],
        ).fetchone()
        assert row is not None
        conn.execute(
            "insert into calendar_slice values (%s, %s, %s, 'work', %s)",
            [made.plant.calendar, at(0), at(600), row[0]],
        )
        for code, element in (("jam", None), ("service", "planned_stop"), ("broken", "down")):
            conn.execute(
                "insert into reason (code, name, element) values (%s, %s, %s)",
                [code, '{"en": "x", "zh": "x"}', element],
            )
        yield made


def hour(bench: Bench) -> None:
    """Runs from 0, down from 10 to 30, runs to 33, down to 35, runs to 60."""
    for minute, state in [(0, RUNNING), (10, DOWN), (30, RUNNING), (33, DOWN), (35, RUNNING)]:
        bench.says(minute, state)
    bench.derive(60)


def test_a_stop_is_there_once_with_what_is_known_of_it(bench: Bench) -> None:
    hour(bench)
    assert bench.stops() == [(10, 30, "down", None, False), (33, 35, "down", None, True)]
    row = bench.conn.execute(
        "select is_unexplained, edits, edit_id, comment from stop order by t0"
    ).fetchall()
    assert row == [(True, 0, None, None), (False, 0, None, None)]


def test_an_assigned_reason_is_the_stops(bench: Bench) -> None:
    hour(bench)
    bench.assign(10, "jam")
    assert bench.stops()[0] == (10, 30, "down", "jam", False)
    assert bench.minutes("down_s") == 22


def test_a_reasons_element_moves_the_minutes(bench: Bench) -> None:
    hour(bench)
    bench.assign(10, "service")
    assert (bench.minutes("down_s"), bench.minutes("planned_stop_s")) == (2, 20)
    # A = running / (all − planned): 38 of 60 before, 38 of 40 now.
    assert bench.minutes("running_s") == 38
    bench.assign(10, "broken")
    assert bench.minutes("planned_stop_s") == 0
    assert bench.minutes("down_s") == 22


def test_withdrawn_it_never_was(bench: Bench) -> None:
    hour(bench)
    before = bench.rows()
    edit = bench.assign(10, "service")
    stop_edits.withdraw(bench.conn, bench.author("bob"), bench.machine, edit)
    bench.derive(60)
    assert bench.rows() == before
    said = stop_edits.history(bench.conn, bench.machine, at(10), at(30))
    assert [(word.kind, word.actor, word.withdrawn_by) for word in said] == [
        ("assign", "anna", "bob")
    ]
    with pytest.raises(EditRefused, match="withdrawn"):
        stop_edits.withdraw(bench.conn, bench.author(), bench.machine, edit)


def test_a_stop_that_goes_on_has_its_reason_to_its_end(bench: Bench) -> None:
    bench.says(0, RUNNING)
    bench.says(10, DOWN)
    bench.derive(20)
    bench.assign(10, "service")
    assert bench.stops() == [(10, None, "planned_stop", "service", False)]
    bench.derive(25)  # the end moves on by itself
    bench.says(40.5, RUNNING)
    bench.says(50, DOWN)
    bench.derive(60)
    assert bench.stops() == [
        (10, 40.5, "planned_stop", "service", False),
        (50, None, "down", None, False),
    ]
    assert bench.minutes("planned_stop_s") == 30.5


def test_what_is_told_late_cuts_a_stop_that_went_on(bench: Bench) -> None:
    bench.says(0, RUNNING)
    for minute in range(10, 50, 2):  # the same again and again
        bench.says(minute, DOWN)
    bench.derive(15)
    bench.assign(10, "service")
    bench.says(50, RUNNING)
    bench.derive(60)
    assert bench.minutes("planned_stop_s") == 40
    bench.says(21, RUNNING)  # until 22
    bench.derive(61)
    assert bench.stops() == [
        (10, 21, "planned_stop", "service", False),
        (22, 50, "down", None, False),
    ]
    assert (bench.minutes("planned_stop_s"), bench.minutes("down_s")) == (11, 28)


def test_a_split_gives_each_part_a_reason(bench: Bench) -> None:
    hour(bench)
    stop_edits.split(bench.conn, bench.author(), bench.machine, at(10), at(27.5))
    bench.derive(60)
    assert bench.stops()[:2] == [(10, 27.5, "down", None, False), (27.5, 30, "down", None, True)]
    assert bench.minutes("minor_s") == 4.5
    bench.assign(27.5, "service")
    assert bench.minutes("minor_s") == 2
    assert bench.minutes("planned_stop_s") == 2.5
    for wrong in (9, 10, 27.5, 29):
        with pytest.raises(EditRefused, match="outside"):
            stop_edits.split(bench.conn, bench.author(), bench.machine, at(10), at(wrong))


def test_merged_stops_count_as_one(bench: Bench) -> None:
    for minute, state in [(0, RUNNING), (10, DOWN), (13, RUNNING), (15, DOWN), (18, RUNNING)]:
        bench.says(minute, state)
    bench.derive(60)
    assert [stop[-1] for stop in bench.stops()] == [True, True]
    assert bench.minutes("minor_s") == 6
    merge = stop_edits.merge(bench.conn, bench.author(), bench.machine, at(15), "before")
    bench.derive(60)
    assert bench.stops() == [(10, 18, "down", None, False)]  # 6 of 8 minutes stopped
    assert bench.minutes("minor_s") == 0
    assert bench.minutes("running_s") == 54
    row = bench.conn.execute("select between_s from stop").fetchone()
    assert row == (120,)

    bench.says(16, RUNNING)  # late: stopped for 4 minutes in all, and a minor stop again
    bench.derive(61)
    assert bench.stops() == [(10, 16, "down", None, True)]
    assert bench.minutes("minor_s") == 4
    stop_edits.withdraw(bench.conn, bench.author(), bench.machine, merge)
    bench.derive(61)
    assert [stop[:2] for stop in bench.stops()] == [(10, 13), (15, 16)]


def test_a_silence_within_a_failure_makes_two_until_they_are_merged(bench: Bench) -> None:
    """What nobody heard is no failure; who knows that it was one says so."""
    bench.conn.execute(
        "insert into source_gap values (%s, %s, %s, 'lost')", [bench.plant.source, at(20), at(20.5)]
    )
    bench.says(0, RUNNING)
    bench.says(10, DOWN)
    bench.says(30, RUNNING)
    bench.derive(60)
    assert bench.reliability() == (2, 40 * 60 / 2, 19.5 * 60 / 2)
    stop_edits.merge(bench.conn, bench.author(), bench.machine, at(10), "after")
    bench.derive(60)
    assert bench.reliability() == (1, 40 * 60, 19.5 * 60)
    assert bench.minutes("unknown_s") == 0.5


def test_there_is_no_neighbour_to_merge_with(bench: Bench) -> None:
    hour(bench)
    with pytest.raises(EditRefused, match="alone"):
        stop_edits.merge(bench.conn, bench.author(), bench.machine, at(33), "after")


def test_the_same_word_sent_twice_is_one(bench: Bench) -> None:
    hour(bench)
    author = bench.author(key="tap-1")
    jam = bench.reason("jam")
    first = stop_edits.assign(bench.conn, author, bench.machine, at(10), jam)
    assert stop_edits.assign(bench.conn, author, bench.machine, at(10), jam) == first
    assert len(stop_edits.history(bench.conn, bench.machine, at(0), at(60))) == 1


def test_who_has_not_seen_the_last_word_is_told_of_it(bench: Bench) -> None:
    hour(bench)
    edit = bench.assign(10, "jam")
    jam = bench.reason("jam")
    with pytest.raises(EditRefused, match="conflict") as refused:
        stop_edits.assign(bench.conn, bench.author("bob", seen=0), bench.machine, at(10), jam)
    assert refused.value.details == {"actor": "anna", "kind": "assign"}
    bob = bench.author("bob", seen=edit)
    assert stop_edits.assign(bench.conn, bob, bench.machine, at(10), jam) > edit


def test_a_comment_stands_beside_the_stop_and_moves_nothing(bench: Bench) -> None:
    hour(bench)
    before = bench.rows()
    stop_edits.comment(bench.conn, bench.author(), bench.machine, at(10), "fetched the fitter")
    assert derive(bench.conn, at(60)).minutes == 0
    assert bench.rows() == before
    row = bench.conn.execute("select comment, edits from stop where t0 = %s", [at(10)]).fetchone()
    assert row == ("fetched the fitter", 1)


def test_what_is_older_than_minutes_are_kept_is_refused(bench: Bench) -> None:
    hour(bench)
    bench.conn.execute("insert into retention_floor values ('machine_1m', %s)", [at(20)])
    with pytest.raises(EditRefused, match="too_old") as refused:
        bench.assign(10, "jam")
    assert refused.value.details == {"since": at(20)}


def test_a_word_reaches_back_to_the_horizon_of_the_plant(bench: Bench) -> None:
    """The same limit as for corrections and order messages, whether rows were dropped or not."""
    hour(bench)
    horizon.save(bench.conn, timedelta(days=200))
    author = replace(bench.author(), now=at(15) + timedelta(days=200))
    with pytest.raises(EditRefused, match="too_old") as refused:
        stop_edits.comment(bench.conn, author, bench.machine, at(10), "late")
    assert refused.value.details == {"since": at(15)}
    younger = replace(bench.author(), now=at(10) + timedelta(days=200))
    stop_edits.comment(bench.conn, younger, bench.machine, at(10), "late")


def test_a_stop_that_is_not_there_any_more(bench: Bench) -> None:
    hour(bench)
    with pytest.raises(EditRefused, match="gone"):
        bench.assign(11, "jam")


def test_a_retired_reason_is_not_given_any_more(bench: Bench) -> None:
    hour(bench)
    bench.conn.execute("update reason set retired_at = %s where code = 'jam'", [T0])
    with pytest.raises(EditRefused, match="reason"):
        bench.assign(10, "jam")


def test_beyond_the_raw_readings_a_reason_moves_the_minutes_too(bench: Bench) -> None:
    hour(bench)
    tag = bench.plant.tags[bench.machine]["state"]
    bench.conn.execute("insert into reading_kept values (%s, %s, 1, null, 0)", [tag, at(35)])
    bench.conn.execute("delete from reading")
    bench.conn.execute("insert into retention_floor values ('reading', %s)", [at(40)])
    bench.derive(61)
    edit = bench.assign(10, "service")
    assert bench.minutes("planned_stop_s") == 20
    stop_edits.withdraw(bench.conn, bench.author(), bench.machine, edit)
    bench.derive(61)
    assert (bench.minutes("planned_stop_s"), bench.minutes("down_s")) == (0, 22)
