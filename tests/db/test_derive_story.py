"""Any story of facts, told in any order, ends in the rows that a rebuild makes of it.

Hypothesis tells it: readings late, shuffled and twice, order messages, corrections, words about
stops, calendars, ideal cycles, other tags and state maps, gaps and silence; derivation and rollups
run in between. At the end
every derived row equals one derived into empty tables, the plain calculation of plant/states.py
where it reaches, and the sums of the minutes. TAKTBOARD_TEST_STORIES tells more of them.
"""

from __future__ import annotations

import os
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from db import master, order_events, rollups, stop_edits
from db.connect import Connection, Database
from db.count_corrections import Correction, correct
from db.derive import derive, rebuild, touch
from db.readings import batch_of, micros, store
from db.shifts import load_book
from db.sources import Gap, Status, save_gap, save_status
from plant.calendar import ShiftInstance
from plant.check import read
from plant.counts import Count
from plant.kpi import FACT_COLUMNS, Facts
from plant.orders import Operation
from plant.part import CountRole
from plant.roster import roster
from plant.states import Active, Interval, MinuteKey, Reading, counts, intervals, minutes

STORIES = int(os.environ.get("TAKTBOARD_TEST_STORIES", "8"))
T0 = datetime(2026, 3, 2, 20, 0, tzinfo=UTC)
HOURS = 6
DAYS = (T0 - timedelta(days=1), T0 + timedelta(days=2))
STALE = timedelta(seconds=5)
MOST = 100.0
MACHINES = ("A", "B", "C", "D", "E", "F")
"""They count a total; cycles, and scrap since the last message; all kinds; edges; by orders; by one
of WIRINGS, which another plant file changes."""
ROLES: dict[str, tuple[CountRole, ...]] = {
    "A": ("good", "scrap"),
    "B": ("cycle", "scrap"),
    "C": ("good", "scrap", "rework", "start_up_scrap"),
    "D": ("good",),
    "E": (),
    "F": (),
}
KINDS = {"B.scrap": "delta", "C.rework": "reading", "C.start_up_scrap": "change", "D.good": "edge"}
MODULUS = {"A.good": MOST, "A.scrap": MOST}
RAW = (1.0, 1.0, 2.0, 3.0, 4.0, 5.0, 99.0)

HEAD = """
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
calendar = "two"
[[calendars]]
code = "two"
[[calendars.shifts]]
code = "late"
name = "Late"
start = "14:00"
end = "21:45"
breaks = [{ start = "21:10", end = "21:25" }]
[[calendars.shifts]]
code = "night"
name = "Night"
start = "22:00"
end = "06:00"
breaks = [{ start = "23:30", end = "23:50" }]
[[state_maps]]
name = "numbers"
otherwise = "unknown"
[state_maps.values]
1 = "running"
2 = { state = "down", reason = "jam" }
3 = "idle"
4 = "setup"
5 = "starved"
[[reasons]]
code = "jam"
name = "Jam"
[[reasons]]
code = "tool"
name = "Tool"
[[sources]]
name = "opcua"
kind = "opcua"
url = "opc.tcp://127.0.0.1:1"
security = "none"
stale_after_s = 5.0
[[tags]]
name = "state"
machines = ["A", "B", "C", "D", "E"]
source = "opcua"
role = "state"
state_map = "numbers"
address = "ns=2;s={machine}.state"
[[products]]
code = "Q"
name = "Q"
ideal_cycle_s = { A = 20.0 }
"""
WORDS = """
[[state_maps]]
name = "words"
otherwise = "idle"
[state_maps.values]
1 = "down"
2 = "running"
3 = { state = "setup", reason = "jam" }
"""


def wired(code: str, role: str, more: str = "") -> str:
    """A tag of machine F."""
    return (
        f'[[tags]]\nname = "{code}"\nmachines = ["F"]\nsource = "opcua"\nrole = "{role}"\n'
        f'address = "ns=2;s=F.{code}"\n{more}'
    )


SAID = wired("state", "state", 'state_map = "numbers"\n')
WIRINGS = {
    "by orders": SAID,
    "cycles": SAID + wired("a", "cycle"),
    "cycles and good ones": SAID + wired("a", "cycle") + wired("b", "good"),
    "scrap and rework": SAID + wired("a", "scrap") + wired("b", "rework", 'counter = "delta"\n'),
    "a modulus": SAID + wired("a", "cycle", "modulus = 100\n") + wired("b", "good"),
    "another map": WORDS + wired("state", "state", 'state_map = "words"\n') + wired("a", "good"),
    "another tag": WORDS + wired("b", "state", 'state_map = "words"\n') + wired("a", "good"),
    "states alone by another": WORDS + wired("mode", "state", 'state_map = "words"\n'),
}


def file(
    change: str = "", cycle_s: float = 10.0, since: str = "", wiring: str = WIRINGS["cycles"]
) -> str:
    """A plant file: one shift otherwise on one day, another ideal cycle since a day; F's tags."""
    valid = f"cycle_valid_from = {since}\n" if since else ""
    product = f'[[products]]\ncode = "P"\nname = "P"\n{valid}ideal_cycle_s = {{ L = {cycle_s} }}\n'
    machines = "".join(f'[[machines]]\ncode = "{m}"\nline = "L"\nname = "{m}"\n' for m in MACHINES)
    return "".join([HEAD, product, machines, *map(_tag, _counters()), wiring, change])


def _counters() -> list[str]:
    return [f"{machine}.{role}" for machine in MACHINES for role in ROLES[machine]]


def _tag(code: str) -> str:
    machine, role = code.split(".")
    modulus = f"modulus = {MODULUS[code]:g}\n" if code in MODULUS else ""
    return (
        f'[[tags]]\nname = "{role}"\nmachines = ["{machine}"]\nsource = "opcua"\nrole = "{role}"\n'
        f'counter = "{KINDS.get(code, "total")}"\n{modulus}address = "ns=2;s={{machine}}.{role}"\n'
    )


PLANT = read(file())
FACTS = (
    "reading",
    "reading_text",
    "source_status",
    "source_gap",
    "order_event",
    "operation",
    "count_correction_due",
    "count_correction",
    "stop_edit",
    "derive_dirty",
    "rollup_dirty",
    "quarantine",
)
DERIVED = ("machine_1m", "state_interval", "stop_span", "derive_tail")
ROLLED = ("machine_15m_done", "machine_1h_done", "tag_1m_done", "tag_1h_done")
APPLIED = (
    "calendar",
    "calendar_book",
    "shift_instance",
    "calendar_slice",
    "machine_calendar",
    "machine_line",
    "ideal_cycle",
    "plant_version",
    "tag",
    "tag_past",
    "state_map",
)
moments = st.one_of(
    st.integers(0, HOURS * 60).map(lambda minute: T0 + timedelta(minutes=minute)),
    st.integers(0, HOURS * 3_600_000).map(lambda ms: T0 + timedelta(milliseconds=ms)),
    st.just(T0 + timedelta(hours=2)),  # the night shift begins
)
machines = st.sampled_from(MACHINES)
keys = count(1)


class Story(RuleBasedStateMachine):
    """Facts go to the database through the functions that ingest and the boards use."""

    database: Database
    master: master.Master
    is_changed = False
    """Whether the story before changed the plant."""

    def __init__(self) -> None:
        super().__init__()
        self.now = T0
        self.said: dict[str, dict[datetime, tuple[float | None, int]]] = defaultdict(dict)
        self.heard: datetime | None = None
        self.gaps: list[tuple[datetime, datetime]] = []
        self.corrected: dict[str, list[Correction]] = defaultdict(list)
        self.edited: set[str] = set()
        self.wiring = WIRINGS["cycles"]
        with self.database.connection() as conn:
            forget(conn, plant_too=Story.is_changed)
        Story.is_changed = False

    @rule(seconds=st.sampled_from([1, 7, 61, 600, 3600]), budget=st.sampled_from([20, 120, 9000]))
    def tick(self, seconds: int, budget: int) -> None:
        """Time goes on, and derivation runs once."""
        self.now += timedelta(seconds=seconds)
        with self.database.connection() as conn:
            derive(conn, self.now, budget=timedelta(minutes=budget))

    @rule()
    def roll_up(self) -> None:
        with self.database.session() as session:
            rollups.advance(session, self.now)

    @rule(
        machine=machines,
        some=st.lists(
            st.tuples(
                st.integers(0, 4),
                moments,
                st.integers(0, 110),
                st.sampled_from([0] * 7 + [1, 2, 3]),
            ),
            min_size=1,
            max_size=25,
        ),
        again=st.integers(0, 3),
    )
    def read(self, machine: str, some: list[tuple[int, datetime, int, int]], again: int) -> None:
        """A batch: late or not, in any order, some of it twice; quality 3: no value."""
        roles = self.tags_of(machine)
        rows = []
        for number, at, value, quality in [*some, *some[:again]]:
            code = f"{machine}.{roles[number % len(roles)]}"
            if at > self.now:
                continue
            read = _value(code, value, quality)
            self.said[code][at] = (read, min(quality, 2))
            rows.append((micros(at), self.master.tags[code], read, min(quality, 2)))
        machine_id = self.master.machines[machine]
        machine_of = {self.master.tags[f"{machine}.{role}"]: machine_id for role in roles}
        with self.database.connection() as conn:
            store(conn, batch_of(rows), machine_of)

    def tags_of(self, machine: str) -> list[str]:
        """The names of its tags in the file; of states first."""
        named = (code.split(".") for code in sorted(self.master.tags))
        found = [name for of, name in named if of == machine]
        return ["state", *ROLES[machine]] if machine != "F" else found[::-1]

    @rule(machine=machines, begin=moments, length=st.integers(60, 1800), step=st.integers(1, 9))
    def run(self, machine: str, begin: datetime, length: int, step: int) -> None:
        """The machine runs and counts for a while, from whatever its counters stood at."""
        self.read(machine, [(0, begin, 0, 0)], 0)
        for number in range(0, length, 40):
            at = begin + timedelta(seconds=number, milliseconds=500 * step)
            rows = [(role, at, number // 40 * step % 101, 0) for role in range(1, 5)]
            self.read(machine, rows if ROLES[machine] or machine == "F" else [], 0)

    @rule(ago=st.sampled_from([0, 2, 30, 900]))
    def hear(self, ago: int) -> None:
        at = self.now - timedelta(seconds=ago)
        if self.heard is None or at > self.heard:
            self.heard = at
            source = self.master.sources["opcua"]
            status = Status(source, True, T0, at, at, 0.0, 0.0, 0.0, 0, None)
            with self.database.connection() as conn:
                save_status(conn, [status])

    @rule(begin=moments, length=st.integers(1, 900))
    def lose(self, begin: datetime, length: int) -> None:
        """Nobody listened for a while."""
        end = min(begin + timedelta(seconds=length), self.now)
        if begin < end and not any(a <= end and begin <= b for a, b in self.gaps):
            self.gaps.append((begin, end))
            with self.database.connection() as conn:
                save_gap(conn, Gap(self.master.sources["opcua"], begin, end, "lost"))

    @rule(
        machine=machines,
        number=st.integers(0, 3),
        times=st.tuples(moments, moments, moments),
        product=st.sampled_from(["P", "Q", None]),
        made=st.integers(0, 50),
        is_over=st.booleans(),
    )
    def order(
        self,
        machine: str,
        number: int,
        times: tuple[datetime, datetime, datetime],
        product: str | None,
        made: int,
        is_over: bool,
    ) -> None:
        """A version of an operation; an older version may come later."""
        at, begin, end = times[0], *sorted(times[1:])
        version = Operation(
            order=f"O{number}",
            operation="10",
            revision=str(next(keys)),
            at=at,
            status="done" if is_over else "running",
            planned=10.0,
            good=float(made),
            scrap=float(made // 10),
            machine=machine,
            product=product,
            started_at=begin,
            ended_at=end if is_over else None,
        )
        if at <= self.now:
            with self.database.connection() as conn:
                order_events.append(
                    conn,
                    self.master.sources["opcua"],
                    [version],
                    machines=self.master.machines,
                    products=self.master.products,
                    now=self.now,
                )

    @rule(machine=machines, at=moments, pieces=st.tuples(*[st.integers(-3, 2)] * 3))
    def put_right(self, machine: str, at: datetime, pieces: tuple[int, int, int]) -> None:
        wrong = Correction(self.master.machines[machine], at, "wrong", "ann", *map(float, pieces))
        if at <= self.now and any(pieces):
            self.corrected[machine].append(wrong)
            with self.database.connection() as conn:
                correct(conn, wrong, self.now)

    @rule(chosen=st.integers(0, 99), what=st.sampled_from(["assign", "split", "before", "after"]))
    def explain(self, chosen: int, what: str) -> None:
        """An operator says something of a stop that stands on the board."""
        with self.database.connection() as conn:
            stops = conn.execute(
                "select s.machine_id, s.t0, t.upto from stop_span s"
                " join derive_tail t using (machine_id) order by 1, 2"
            ).fetchall()
            if not stops:
                return
            machine_id, t0, upto = stops[chosen % len(stops)]
            author = stop_edits.Author("ann", max(self.now, upto), str(next(keys)))
            try:
                self._explain(conn, author, machine_id, t0, what)
            except stop_edits.EditRefused:
                return
            self.edited |= {m for m in MACHINES if self.master.machines[m] == machine_id}

    def _explain(
        self, conn: Connection, author: stop_edits.Author, machine_id: int, t0: datetime, what: str
    ) -> None:
        if what == "assign":
            stop_edits.assign(conn, author, machine_id, t0, self.master.reasons["tool"])
        elif what == "split":
            stop_edits.split(conn, author, machine_id, t0, t0 + timedelta(seconds=20))
        elif what == "before":
            stop_edits.merge(conn, author, machine_id, t0, "before")
        else:
            stop_edits.merge(conn, author, machine_id, t0, "after")

    @precondition(lambda self: self.now > T0)
    @rule(
        shift=st.sampled_from(["late", "night"]),
        kind=st.sampled_from(["cancel", "alter"]),
        cycle_s=st.sampled_from([10.0, 8.0, 12.5]),
        since=st.sampled_from(["", "2026-03-01", "2026-03-03"]),
    )
    def plan(self, shift: str, kind: str, cycle_s: float, since: str) -> None:
        """Another plant file: one shift of the day, an ideal cycle since a day or from now on."""
        change = f'[[changes]]\nday = 2026-03-02\nkind = "{kind}"\nshift = "{shift}"\n'
        if kind == "alter":
            change += (
                'breaks = [{ start = "22:15", end = "22:40" }]\n'
                if shift == "night"
                else ('end = "21:00"\nbreaks = []\n')
            )
        self.apply(file(change, cycle_s, since, self.wiring))

    @precondition(lambda self: self.now > T0)
    @rule(wiring=st.sampled_from(sorted(WIRINGS)), length=st.integers(60, 900))
    def rewire(self, wiring: str, length: int) -> None:
        """F ran, and another plant file has other tags of it, or others of the same names."""
        self.run("F", self.now - timedelta(seconds=length), length, 3)
        self.tick(7, 9000)
        self.wiring = WIRINGS[wiring]
        self.apply(file(wiring=self.wiring))

    def apply(self, text: str) -> None:
        Story.is_changed = True
        with self.database.connection() as conn:
            master.apply(conn, read(text), text, self.now)
            self.master = master.load(conn)

    @precondition(lambda self: self.now > T0)
    @rule()
    def look(self) -> None:
        """In the middle of the story, a rebuild of all that has no dirty ranges changes nothing."""
        self.settle()
        with self.database.connection() as conn:
            before = everything(conn)
            assert rebuild(conn, T0 - timedelta(hours=1), self.now) == 0
            assert everything(conn) == before

    def settle(self) -> None:
        more = True
        while more:
            with self.database.connection() as conn:
                more = derive(conn, self.now, budget=timedelta(hours=9)).more

    def teardown(self) -> None:
        self.settle()
        with self.database.session() as session:
            while rollups.advance(session, self.now).more:
                pass
        with self.database.connection() as conn:
            before = everything(conn)
            check_sums(conn)
            for machine in MACHINES:
                if ROLES[machine] and machine not in self.edited:
                    self.check_plain(conn, machine)
            for name in DERIVED:
                conn.execute(f"delete from {name}")
            for machine_id in self.master.machines.values():
                touch(conn, machine_id, T0 - timedelta(hours=1), self.now)
        self.settle()
        with self.database.connection() as conn:
            for name, old, new in zip(DERIVED, before, everything(conn), strict=True):
                assert old == new, name

    def check_plain(self, conn: Connection, machine: str) -> None:
        """Intervals and minutes as the plain calculation has them."""
        said = [Reading(at, *what) for at, what in sorted(self.said[f"{machine}.state"].items())]
        said = [reading for reading in said if reading.ts < self.now]
        found, facts = derived(conn, self.master, machine)
        if not said:
            assert (found, facts) == ([], {})
            return
        last = max(ts for ts in (self.heard, said[-1].ts) if ts is not None)
        states = intervals(
            said, PLANT.state_maps[0], now=self.now, heard_until=last + STALE, gaps=self.gaps
        )
        assert found == states
        if machine == "B" and self.corrected[machine]:
            return  # the plain calculation has no corrections beside cycles
        expected = minutes(
            states,
            shifts_of(conn, machine),
            operations_of(conn, self.master, machine),
            self.made(machine),
            cycles_of(conn, self.master, machine),
        )
        assert facts.keys() == expected.keys()
        for key, row in facts.items():
            for name in FACT_COLUMNS:
                wanted = getattr(expected[key], name)
                assert getattr(row, name) == pytest.approx(wanted, abs=2e-6), (machine, key, name)

    def made(self, machine: str) -> dict[CountRole, list[Count]]:
        result: dict[CountRole, list[Count]] = {}
        for role in ROLES[machine]:
            code = f"{machine}.{role}"
            read = [Reading(at, *what) for at, what in self.said[code].items() if at < self.now]
            kind: Any = KINDS.get(code, "total")
            result[role] = counts(read, kind, MODULUS.get(code))
        for wrong in self.corrected[machine]:
            if wrong.at < self.now:
                for role in ("good", "scrap", "rework"):
                    result.setdefault(role, []).append(Count(wrong.at, getattr(wrong, role)))
        return result


def _value(code: str, value: int, quality: int) -> float | None:
    if quality == 3:
        return None
    if code.endswith("state"):
        return RAW[value % len(RAW)]
    return float(value % 2 if KINDS.get(code) in ("change", "edge") else value % MOST)


def forget(conn: Connection, *, plant_too: bool) -> None:
    """The tables as they were before any story."""
    conn.execute("set local session_replication_role = replica")
    for name in (*FACTS, *DERIVED, *ROLLED):
        conn.execute(f"delete from {name}")
    conn.execute("update rollup_level set watermark = '-infinity'")
    for name in APPLIED if plant_too else ():
        conn.execute(f"delete from {name}")
        conn.execute(f"insert into {name} overriding system value select * from kept.{name}")


def keep(conn: Connection) -> None:
    conn.execute("create schema kept")
    for name in APPLIED:
        conn.execute(f"create table kept.{name} as table {name}")


def everything(conn: Connection) -> list[list[tuple[Any, ...]]]:
    return [conn.execute(f"select * from {name} r order by r").fetchall() for name in DERIVED]


SUMS = ", ".join(f"round(sum({name})::numeric, 5)" for name in FACT_COLUMNS)
PLAIN = ", ".join(f"round({name}::numeric, 5)" for name in FACT_COLUMNS)
KEY = "machine_id, operation_id, product_id, shift_id"


def check_sums(conn: Connection) -> None:
    """Every column of every rollup, of what it is made from."""
    for name, bucket in (("machine_15m", "15 minutes"), ("machine_1h", "1 hour")):
        rolled = f"select ts, {KEY}, {PLAIN} from {name}"
        made = (
            f"select date_bin('{bucket}', ts, 'epoch'), {KEY}, {SUMS} from machine_1m"
            f" group by 1, {KEY}"
        )
        assert differing(conn, rolled, made) == [], name
    for name, bucket in (("tag_1m", "1 minute"), ("tag_1h", "1 hour")):
        rolled = f"select ts, tag_id, n, sum, min, max, last from {name}"
        made = (
            f"select date_bin('{bucket}', ts, 'epoch'), tag_id, count(*), sum(value), min(value),"
            " max(value), (array_agg(value order by ts desc))[1] from reading"
            " where quality < 2 and value is not null group by 1, 2"
        )
        assert differing(conn, rolled, made) == [], name


def differing(conn: Connection, one: str, other: str) -> list[tuple[Any, ...]]:
    return conn.execute(
        f"(({one}) except ({other})) union all (({other}) except ({one}))"
    ).fetchall()


def derived(
    conn: Connection, ids: master.Master, machine: str
) -> tuple[list[Interval], dict[MinuteKey, Facts]]:
    asked = [ids.machines[machine]]
    states = conn.execute(
        "select t0, t1, state::text, r.code, is_open from state_interval i"
        " left join reason r on r.id = i.reason_id where machine_id = %s order by t0",
        asked,
    )
    rows = conn.execute(
        "select m.ts, m.operation_id, coalesce(p.code, ''), s.t0,"
        f" {', '.join(f'm.{name}' for name in FACT_COLUMNS)} from machine_1m m"
        " left join product p on p.id = m.product_id"
        " left join shift_instance s on s.id = m.shift_id where m.machine_id = %s",
        asked,
    )
    return [Interval(*row) for row in states], {
        MinuteKey(*row[:4]): Facts(*row[4:]) for row in rows
    }


def shifts_of(conn: Connection, machine: str) -> list[ShiftInstance]:
    """The shifts that the versions of the plant's calendars give."""
    book = load_book(conn)
    assert book is not None
    row = conn.execute(
        "select c.code from machine m join calendar c on c.id = m.calendar_id where m.code = %s",
        [machine],
    ).fetchone()
    assert row is not None
    return list(roster(book, *book.effective()[row[0]], *DAYS))


def operations_of(conn: Connection, ids: master.Master, machine: str) -> list[Active]:
    rows = conn.execute(
        "select o.id, coalesce(p.code, ''), o.started_at, o.ended_at from operation o"
        " left join product p on p.id = o.product_id"
        " where o.machine_id = %s and o.started_at is not null"
        " and o.started_at is distinct from o.ended_at",
        [ids.machines[machine]],
    ).fetchall()
    return [Active(*row) for row in rows]


def cycles_of(
    conn: Connection, ids: master.Master, machine: str
) -> dict[str, list[tuple[datetime, float]]]:
    rows = conn.execute(
        "select p.code, greatest(i.valid_from, '2000-01-01'), coalesce(i.seconds, 0)"
        " from ideal_cycle i join product p on p.id = i.product_id where i.machine_id = %s",
        [ids.machines[machine]],
    ).fetchall()
    result: dict[str, list[tuple[datetime, float]]] = defaultdict(list)
    for product, since, seconds in rows:
        result[product].append((since, seconds))
    return result


def test_any_story_ends_in_the_rows_of_a_rebuild(database: Database) -> None:
    with database.connection() as conn:
        master.apply(conn, PLANT, file(), T0)
        ids = master.load(conn)
        keep(conn)
    told = type("Told", (Story,), {"database": database, "master": ids})
    run_state_machine_as_test(
        told,
        settings=settings(
            max_examples=STORIES,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
