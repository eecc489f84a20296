"""The stops of lines from readings on: late data, edits, moved machines, products, an open end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from db.connect import Connection, Database
from db.derive import derive
from db.line_flow import line_flows
from db.master import apply, load
from db.readings import batch_of, micros, store
from db.stop_edits import Author, assign
from plant.check import read
from plant.line_flow import Flow

T0 = datetime(2026, 3, 4, 6, 0, tzinfo=UTC)
"""07:00 in Berlin, an hour after the shift began."""
PLANT = """
[site]
code = "s"
name = "Site"
time_zone = "Europe/Berlin"
calendar = "day"
[[areas]]
code = "hall"
name = "Hall"
[[lines]]
code = "A"
area = "hall"
name = "Line A"
infer_flow = true
[[lines]]
code = "B"
area = "hall"
name = "Line B"
[[machines]]
code = "A01"
line = "A"
name = "Saw"
[[machines]]
code = "A02"
line = "A"
name = "Mill"
[[machines]]
code = "A03"
line = "A"
name = "Washer"
[[calendars]]
code = "day"
[[calendars.shifts]]
code = "early"
name = "Early"
start = "06:00"
end = "14:00"
breaks = [{ start = "07:50", end = "08:00" }]
[[products]]
code = "P"
name = "Part"
ideal_cycle_s = { A01 = 10.0, A02 = 30.0, A03 = 20.0 }
[[products]]
code = "Q"
name = "Other part"
ideal_cycle_s = { A = 10.0 }
[[reasons]]
code = "jam"
name = "Jam"
[[reasons]]
code = "cleaning"
name = "Cleaning"
element = "planned_stop"
[[state_maps]]
name = "m"
[state_maps.values]
1 = "running"
2 = "down"
3 = "idle"
4 = { state = "down", reason = "jam" }
[[sources]]
name = "plc"
kind = "opcua"
url = "opc.tcp://127.0.0.1:4840"
security = "none"
stale_after_s = 99999999.0
[[tags]]
name = "state"
machines = ["A*"]
source = "plc"
role = "state"
address = "ns=2;s={machine}.State"
state_map = "m"
"""
DAYS = {
    "A01": [(0, 1), (10, 4), (20, 1)],
    "A02": [(0, 1), (11, 3), (21, 1), (30, 2), (33, 1)],
    "A03": [(0, 1), (12, 3), (22, 1), (45, 2)],
}
"""Minute and raw value."""


def at(minutes: float) -> datetime:
    """So many minutes after the start."""
    return T0 + timedelta(minutes=minutes)


def put(database: Database, text: str = PLANT) -> None:
    with database.connection() as conn:
        apply(conn, read(text), text, T0 - timedelta(hours=1))


def say(database: Database, machine: str, states: list[tuple[int, int]], now: datetime) -> None:
    """Store what a machine said, and derive."""
    with database.connection() as conn:
        master = load(conn)
        tag = master.tags[f"{machine}.state"]
        readings = [(micros(at(minute)), tag, float(value), 0) for minute, value in states]
        store(conn, batch_of(readings), {tag: master.machines[machine]})
    more = True
    while more:
        with database.connection() as conn:
            more = derive(conn, now).more


def flow_of(conn: Connection, t0: datetime, t1: datetime, line: str = "A") -> Flow:
    """What came of a line."""
    return line_flows(conn, load(conn).plant, t0, t1, [line])[line]


def rows(database: Database, upto: float = 60, since: float = 0) -> list[tuple[object, ...]]:
    """(from, to in minutes, how the constraint stood, cause, its element, its reason)"""
    minute = timedelta(minutes=1)
    with database.connection() as conn:
        stops = flow_of(conn, at(since), at(upto)).stops
    return [((s.t0 - T0) / minute, (s.t1 - T0) / minute, s.kind, *s.cause) for s in stops]


STARVED = (12, 22, "starved", "A01", "down", "jam")


@pytest.mark.parametrize("order", [("A01", "A02", "A03"), ("A03", "A02", "A01")])
def test_the_order_of_arrival_makes_no_difference(
    database: Database, order: tuple[str, ...]
) -> None:
    """No product: the last machine sets the pace. Its break from 50 to 60 is no stop."""
    put(database)
    for machine in order:
        say(database, machine, DAYS[machine], at(70))
    assert rows(database) == [STARVED, (45, 50, "down", "A03", "down", None)]
    with database.connection() as conn:
        found = flow_of(conn, at(0), at(70))
    assert (found.planned_s, found.down_s) == (3600, (10 + 5 + 10) * 60)


def test_late_data_of_a_neighbour_is_in_it_at_once(database: Database) -> None:
    put(database)
    for machine in ("A02", "A03"):
        say(database, machine, DAYS[machine], at(40))
    say(database, "A01", [(0, 1)], at(40))
    assert rows(database, 40) == [(12, 22, "starved", "A02", "idle", None)]
    say(database, "A01", DAYS["A01"][1:], at(40))
    assert rows(database, 40) == [STARVED]


def test_what_people_say_of_a_stop_counts(database: Database) -> None:
    """A reason given by hand is the cause's; one that says planned takes the stop off the line."""
    put(database)
    for machine, states in DAYS.items():
        say(database, machine, states, at(50))
    with database.connection() as conn:
        master, author = load(conn), Author("anna", at(50), "1")
        assign(conn, author, master.machines["A03"], at(45), master.reasons["cleaning"])
        author = Author("anna", at(50), "2")
        assign(conn, author, master.machines["A02"], at(11), master.reasons["jam"])
    say(database, "A03", [(49, 1)], at(50))
    assert rows(database, 50, since=22) == []
    with database.connection() as conn:
        assert flow_of(conn, at(45), at(50)).planned_s == 60
    # A02 was idle by a jam of its own: no machine before it is asked.
    assert rows(database, 21) == [(12, 21, "starved", "A02", "idle", "jam")]


def test_the_product_tells_the_constraint(database: Database) -> None:
    put(database)
    for machine, states in DAYS.items():
        say(database, machine, states, at(50))
    with database.connection() as conn:
        conn.execute(
            "insert into order_event (source_id, order_code, operation, revision, at, received_at,"
            " body) select id, 'x', '1', '1', now(), now(), '{}' from source"
        )
        for code, product, begin in (("1", "P", 0), ("2", "Q", 40)):
            conn.execute(
                "insert into operation (source_id, order_code, operation, revision, at, machine_id,"
                " product_id, status, planned, good, scrap, started_at)"
                " select s.id, %(code)s, '1', '1', %(at)s, m.id, p.id, 'running', 1, 0, 0, %(at)s"
                " from source s, machine m, product p"
                " where m.code = 'A01' and p.code = %(product)s",
                {"code": code, "product": product, "at": at(begin)},
            )
        stops = flow_of(conn, at(0), at(50)).stops
    assert [
        (s.constraint, (s.t0 - T0).seconds // 60, (s.t1 - T0).seconds // 60) for s in stops
    ] == [
        ("A02", 11, 21),
        ("A02", 30, 33),
        ("A03", 45, 50),
    ]


def test_a_machine_belongs_to_the_line_on_which_it_stood(database: Database) -> None:
    put(database)
    for machine, states in DAYS.items():
        say(database, machine, states, at(50))
    with database.connection() as conn:
        conn.execute(
            "insert into machine_line select m.id, %s, l.id from machine m, line l"
            " where m.code = 'A03' and l.code = 'B'",
            [at(15)],
        )
        a, b = flow_of(conn, at(0), at(50)), flow_of(conn, at(0), at(50), "B")
    ends = [(s.constraint, (s.t0 - T0).seconds // 60, (s.t1 - T0).seconds // 60) for s in a.stops]
    assert ends == [("A03", 12, 15), ("A02", 15, 21), ("A02", 30, 33)]
    # Alone on line B, and taken at its word there.
    assert [(s.kind, s.cause.machine) for s in b.stops] == [("idle", "A03"), ("down", "A03")]
    assert b.planned_s == 35 * 60


def test_what_is_not_derived_yet_is_no_stop(database: Database) -> None:
    put(database)
    for machine, states in DAYS.items():
        say(database, machine, states, at(48))
    assert rows(database, upto=60, since=40) == [(45, 48, "down", "A03", "down", None)]


def test_a_line_without_data_has_no_stops(database: Database) -> None:
    put(database)
    with database.connection() as conn:
        assert flow_of(conn, at(0), at(60)) == Flow()


OTHER = PLANT.replace("infer_flow = true", 'constraint = "A02"\ninfer_flow = true', 1)
MINUTE = timedelta(minutes=1)


def change(database: Database, text: str, now: datetime) -> None:
    """Another plant file, applied at a moment."""
    with database.connection() as conn:
        apply(conn, read(text), text, now)


def told(database: Database, t0: float, t1: float) -> list[tuple[object, ...]]:
    """(from, to in minutes, constraint, cause)"""
    with database.connection() as conn:
        stops = flow_of(conn, at(t0), at(t1)).stops
    return [
        ((s.t0 - T0) / MINUTE, (s.t1 - T0) / MINUTE, s.constraint, s.cause.machine) for s in stops
    ]


BY_A03 = [(12, 22, "A03", "A01"), (45, 50, "A03", "A03")]
BY_A02 = [(11, 21, "A02", "A01"), (30, 33, "A02", "A02")]


def test_another_file_changes_a_line_from_then_on_and_nothing_before(database: Database) -> None:
    put(database)
    for machine, states in DAYS.items():
        say(database, machine, states, at(70))
    assert told(database, 0, 60) == BY_A03
    change(database, OTHER, at(25))
    assert told(database, 0, 60) == [(12, 22, "A03", "A01"), (30, 33, "A02", "A02")]
    assert told(database, 0, 25) == [(12, 22, "A03", "A01")]
    assert told(database, 28, 60) == [(30, 33, "A02", "A02")]
    with database.connection() as conn:
        found = flow_of(conn, at(0), at(70))
    work = [(w.constraint, (w.t1 - w.t0) / MINUTE) for w in found.work]
    assert work == [("A03", 25), ("A02", 45)], "A02 works through its break"
    change(database, PLANT, at(40))  # back again
    assert told(database, 0, 60) == [*BY_A03[:1], (30, 33, "A02", "A02"), *BY_A03[1:]]


def test_a_version_cuts_a_stop_in_two_where_it_says_another_cause(database: Database) -> None:
    """Alone at the line's head since minute 15, A03 is fed from outside: it is its own cause."""
    put(database)
    for machine, states in DAYS.items():
        say(database, machine, states, at(70))
    head = PLANT.replace('name = "Washer"', 'name = "Washer"\nafter = []', 1)
    change(database, head, at(15))
    assert told(database, 0, 30) == [(12, 15, "A03", "A01"), (15, 22, "A03", "A03")]


def test_a_day_given_corrects_what_was_before(database: Database) -> None:
    put(database)
    for machine, states in DAYS.items():
        say(database, machine, states, at(70))
    since = OTHER.replace("infer_flow", 'flow_valid_from = "2026-03-04"\ninfer_flow', 1)
    change(database, since, at(60))
    assert told(database, 0, 60) == BY_A02
    with database.connection() as conn:
        rows = conn.execute(
            "select count(*) from line_setting v join line on line.id = line_id"
            " where line.code = 'A'"
        ).fetchone()
    assert rows == (2,)
    change(database, since.replace("2026-03-04", "2026-03-05"), at(61))
    assert told(database, 0, 60) == BY_A02, "the same since a later day is the same since the first"


def test_a_later_day_waits_and_the_same_file_again_changes_nothing(database: Database) -> None:
    put(database)
    for machine, states in DAYS.items():
        say(database, machine, states, at(70))
    later = OTHER.replace("infer_flow", 'flow_valid_from = "2026-03-05"\ninfer_flow', 1)
    change(database, later, at(60))
    assert told(database, 0, 60) == BY_A03
    change(database, PLANT + "# the same\n", at(61))
    with database.connection() as conn:
        row = conn.execute("select count(*) from line_setting").fetchone()
    assert row == (2,), "one of each line: what was to come is superseded"


def test_a_line_that_was_never_applied_so_works_as_the_file_says(database: Database) -> None:
    """As after an upgrade, until the file is applied anew."""
    put(database)
    for machine, states in DAYS.items():
        say(database, machine, states, at(70))
    with database.connection() as conn:
        conn.execute("delete from line_setting")
    assert told(database, 0, 60) == BY_A03
    change(database, OTHER, at(60))
    assert told(database, 0, 60) == BY_A02, "the first version that is known holds since ever"
