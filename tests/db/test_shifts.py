"""Versions of calendars in the database: what holds since when, and what is derived again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from db.connect import Connection, Database
from db.derive import derive, rebuild
from db.master import apply, load
from db.readings import batch_of, micros, store
from db.shifts import extend, load_book
from plant.check import PlantFaults, read

NOW = datetime(2026, 3, 4, 13, 0, tzinfo=UTC)  # a Wednesday, 14:00 in Berlin
LATER = NOW + timedelta(hours=1)
MAINTENANCE = """
[[maintenance]]
code = "oil"
name = "Oil"
machines = ["A02"]
start = "12:00"
end = "13:00"
"""
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
[[lines]]
code = "B"
area = "hall"
name = "Line B"
calendar = "long"
[[machines]]
code = "A01"
line = "A"
name = "Mill"
[[machines]]
code = "A02"
line = "A"
name = "Lathe"
[[calendars]]
code = "day"
[[calendars.shifts]]
code = "early"
name = "Early"
start = "06:00"
end = "14:00"
[[calendars.shifts]]
code = "late"
name = "Late"
start = "14:00"
end = "22:00"
[[calendars]]
code = "long"
[[calendars.shifts]]
code = "long"
name = "Long"
start = "06:00"
end = "18:00"
[[products]]
code = "P"
name = "Part"
ideal_cycle_s = { A = 10.0 }
[[state_maps]]
name = "m"
[state_maps.values]
6 = "running"
4 = "idle"
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


def _apply(database: Database, text: str, now: datetime) -> None:
    with database.connection() as conn:
        apply(conn, read(text), text, now)


def _rows(conn: Connection, query: Any) -> list[tuple[Any, ...]]:
    return conn.execute(query).fetchall()


def _dirty(database: Database) -> list[tuple[str, str, str]]:
    with database.connection() as conn:
        found = _rows(
            conn,
            """select machine.code, d.t0, d.t1 from derive_dirty d
               join machine on machine.id = d.machine_id order by 1, 2""",
        )
    return [(code, f"{t0:%m-%d %H:%M}", f"{t1:%m-%d %H:%M}") for code, t0, t1 in found]


def _shifts(database: Database, calendar: str, day: str) -> list[tuple[int, str]]:
    with database.connection() as conn:
        found = conn.execute(
            """select s.id, s.code, s.t0 at time zone 'Europe/Berlin',
                      s.t1 at time zone 'Europe/Berlin'
               from shift_instance s join calendar c on c.id = s.calendar_id
               where c.code = %s and s.day = %s order by s.t0""",
            [calendar, day],
        ).fetchall()
    return [(i, f"{code} {t0:%H:%M}-{t1:%H:%M}") for i, code, t0, t1 in found]


def _said(database: Database, calendar: str, day: str) -> list[str]:
    return [said for _, said in _shifts(database, calendar, day)]


def _with_version(valid_from: str) -> str:
    """The early shift ends at 13:00 since a day."""
    return PLANT.replace(
        'code = "day"\n[[', f'code = "day"\nvalid_from = {valid_from}\n[[', 1
    ).replace('end = "14:00"', 'end = "13:00"', 1)


def test_a_version_since_a_past_day_corrects_from_there_and_nothing_before(
    database: Database,
) -> None:
    _apply(database, PLANT, NOW)
    before = [_shifts(database, "day", day) for day in ("2026-03-01", "2026-03-02")]
    _apply(database, _with_version("2026-03-02"), LATER)
    after = [_shifts(database, "day", day) for day in ("2026-03-01", "2026-03-02")]
    assert after[0] == before[0]
    assert [i for i, _ in after[1]] == [i for i, _ in before[1]]  # the same shifts
    assert [said for _, said in after[1]] == ["early 06:00-13:00", "late 14:00-22:00"]
    [(a, t0, _), (b, _, _)] = _dirty(database)
    assert (a, b, t0) == ("A01", "A02", "03-02 05:00")  # 06:00 in Berlin


def test_a_version_of_the_future_waits(database: Database) -> None:
    _apply(database, PLANT, NOW)
    text = PLANT + _with_version("2026-03-20").partition("[[calendars]]\n")[2].partition(
        "[[calendars]]"
    )[0].join(("[[calendars]]\n", ""))
    _apply(database, text, LATER)
    assert _said(database, "day", "2026-03-19")[0] == "early 06:00-14:00"
    assert _said(database, "day", "2026-03-20")[0] == "early 06:00-13:00"
    assert _dirty(database) == []


def test_the_same_versions_again_change_nothing(database: Database) -> None:
    _apply(database, PLANT, NOW)
    text = _with_version("2026-03-02")
    _apply(database, text, LATER)
    with database.connection() as conn:
        book, rows = load_book(conn), _rows(conn, "select * from calendar_slice order by 1, 2")
        conn.execute("delete from derive_dirty")
    _apply(database, text.replace("Lathe", "Turning"), LATER + timedelta(hours=1))
    with database.connection() as conn:
        assert load_book(conn) == book
        assert _rows(conn, "select * from calendar_slice order by 1, 2") == rows
    assert _dirty(database) == []


def test_what_is_older_than_the_horizon_is_refused(database: Database) -> None:
    _apply(database, PLANT, NOW)
    with pytest.raises(PlantFaults, match=r"calendars\[0\].valid_from = 2023-01-01"):
        _apply(database, _with_version("2023-01-01"), LATER)
    assert _said(database, "day", "2026-03-02")[0] == "early 06:00-14:00"


CHANGE = '[[changes]]\nday = 2026-02-28\nkind = "cancel"\nshift = "late"\n'


def test_a_change_of_a_past_day_corrects_it_and_may_be_tidied_away(database: Database) -> None:
    _apply(database, PLANT, NOW)
    _apply(database, PLANT + CHANGE, LATER)
    assert _said(database, "day", "2026-02-28") == ["early 06:00-14:00"]
    assert [(m, t0) for m, t0, _ in _dirty(database)] == [
        ("A01", "02-28 13:00"),
        ("A02", "02-28 13:00"),
    ]
    _apply(database, PLANT, LATER + timedelta(hours=1))
    assert _said(database, "day", "2026-02-28") == ["early 06:00-14:00"]
    assert len(_dirty(database)) == 2


def _workplaces(database: Database, relation: str) -> list[tuple[str, str, str]]:
    with database.connection() as conn:
        name = relation.removeprefix("machine_")
        rows = conn.execute(
            f"""select m.code, v.valid_from::text, x.code from {relation} v
                join machine m on m.id = v.machine_id join {name} x on x.id = v.{name}_id
                order by 1, v.valid_from"""
        ).fetchall()
    return [(a, b, c) for a, b, c in rows]


def test_a_machine_that_moves_keeps_its_history(database: Database) -> None:
    _apply(database, PLANT, NOW)
    moved = PLANT.replace(
        'code = "A02"\nline = "A"', 'code = "A02"\nline = "B"\nvalid_from = 2026-03-02'
    )
    _apply(database, moved, LATER)
    assert _workplaces(database, "machine_line") == [
        ("A01", "-infinity", "A"),
        ("A02", "-infinity", "A"),
        ("A02", "2026-03-02 05:00:00+00", "B"),
    ]
    assert _workplaces(database, "machine_calendar")[-2:] == [
        ("A02", "-infinity", "day"),
        ("A02", "2026-03-02 05:00:00+00", "long"),
    ]
    assert [(m, t0) for m, t0, _ in _dirty(database)] == [("A02", "03-02 05:00")]


def test_a_machine_that_will_move_does_so_when_its_day_has_come(database: Database) -> None:
    _apply(database, PLANT, NOW)
    moved = PLANT.replace(
        'code = "A02"\nline = "A"', 'code = "A02"\nline = "B"\nvalid_from = 2026-03-10'
    )
    _apply(database, moved, LATER)
    present = """select line.code, calendar.code from machine m
                 join line on line.id = line_id join calendar on calendar.id = calendar_id
                 where m.code = 'A02'"""
    with database.connection() as conn:
        assert _rows(conn, present) == [("A", "day")]
        extend(conn, load(conn).plant, NOW + timedelta(days=7))
        assert _rows(conn, present) == [("B", "long")]


def _idle(database: Database, t0: datetime) -> None:
    """Both machines are idle from t0 on."""
    with database.connection() as conn:
        master = load(conn)
        tags = {master.tags[f"{m}.state"]: master.machines[m] for m in ("A01", "A02")}
        store(conn, batch_of([(micros(t0), tag, 4.0, 0) for tag in tags]), tags)
        conn.execute(
            "insert into source_status (source_id, connected, since, last_heard)"
            " values (%s, true, %s, %s)",
            [master.sources["plc"], t0, NOW + timedelta(days=9)],
        )


def _facts(database: Database, now: datetime) -> list[tuple[Any, ...]]:
    """Hours since midnight in Berlin: (machine, idle, planned stop, not scheduled)."""
    with database.connection() as conn:
        while derive(conn, now).more:
            pass
    with database.connection() as conn:
        assert rebuild(conn, NOW - timedelta(days=3), now) == 0
        return _rows(
            conn,
            """select machine.code, sum(idle_s) / 3600, sum(planned_stop_s) / 3600,
                      sum(not_scheduled_s) / 3600
               from machine_1m join machine on machine.id = machine_id
               where ts >= '2026-03-03 23:00+00' group by 1 order by 1""",
        )


def test_maintenance_of_one_machine_is_its_planned_stop(database: Database) -> None:
    text = PLANT.replace(
        'end = "14:00"', 'end = "14:00"\nbreaks = [{ start = "10:00", end = "10:30" }]', 1
    )
    _apply(database, text, NOW - timedelta(days=1))
    _idle(database, datetime(2026, 3, 3, 23, 0, tzinfo=UTC))
    assert _facts(database, NOW) == [("A01", 7.5, 0.5, 6.0), ("A02", 7.5, 0.5, 6.0)]
    _apply(database, text + MAINTENANCE + "day = 2026-03-04\n", NOW)
    assert _facts(database, NOW) == [("A01", 7.5, 0.5, 6.0), ("A02", 6.5, 1.5, 6.0)]
    # A02 has a calendar of its own since that shift; what is due from now on holds for it too
    assert [code for _, _, code in _workplaces(database, "machine_calendar")][:2] == ["day", "day"]
    assert len(_workplaces(database, "machine_calendar")) == 3


def test_a_machine_that_moved_is_derived_by_both_calendars(database: Database) -> None:
    _apply(database, PLANT, NOW - timedelta(days=1))
    _idle(database, datetime(2026, 3, 3, 23, 0, tzinfo=UTC))
    evening = datetime(2026, 3, 4, 23, 0, tzinfo=UTC)
    assert _facts(database, evening)[1] == ("A02", 16.0, 0.0, 8.0)
    moved = PLANT.replace(
        'code = "A02"\nline = "A"', 'code = "A02"\nline = "B"\nvalid_from = 2026-03-04'
    )
    _apply(database, moved, evening)
    assert _facts(database, evening) == [("A01", 16.0, 0.0, 8.0), ("A02", 12.0, 0.0, 12.0)]


def _cycles(database: Database) -> list[tuple[str, float | None]]:
    with database.connection() as conn:
        rows = _rows(
            conn,
            """select valid_from::text, seconds from ideal_cycle
               join machine on machine.id = machine_id where code = 'A01' order by valid_from""",
        )
    return [(since, seconds) for since, seconds in rows]


def test_an_ideal_cycle_that_is_gone_ends(database: Database) -> None:
    _apply(database, PLANT, NOW)
    _apply(database, PLANT.replace("{ A = 10.0 }", "{ B = 10.0 }"), LATER)
    assert _cycles(database) == [("-infinity", 10.0), ("2026-03-04 14:00:00+00", None)]
    assert _dirty(database) == []


def test_an_ideal_cycle_since_a_past_day_corrects_history(database: Database) -> None:
    _apply(database, PLANT, NOW)
    changed = PLANT.replace("{ A = 10.0 }", "{ A = 9.0 }\ncycle_valid_from = 2026-02-01")
    _apply(database, changed, LATER)
    assert _cycles(database) == [("-infinity", 10.0), ("2026-01-31 23:00:00+00", 9.0)]
    assert [(m, t0) for m, t0, _ in _dirty(database)] == [
        ("A01", "01-31 23:00"),
        ("A02", "01-31 23:00"),
    ]
    with pytest.raises(PlantFaults, match=r"products\[0\].cycle_valid_from = 2020-02-01"):
        _apply(database, changed.replace("2026-02-01", "2020-02-01"), LATER)


def test_a_database_without_a_book_takes_the_plant_that_was_in_force(database: Database) -> None:
    _apply(database, PLANT, NOW)
    before = [_shifts(database, "day", day) for day in ("2026-03-03", "2026-03-04", "2026-03-05")]
    with database.connection() as conn:
        conn.execute("delete from calendar_book")
    _apply(database, PLANT.replace('end = "14:00"', 'end = "13:00"', 1), LATER)
    after = [_shifts(database, "day", day) for day in ("2026-03-03", "2026-03-04", "2026-03-05")]
    assert after[:2] == before[:2]
    assert [said for _, said in after[2]] == ["early 06:00-13:00", "late 14:00-22:00"]
    assert [i for i, _ in after[2]] == [i for i, _ in before[2]]


def test_a_change_that_is_withdrawn_before_its_day_leaves_the_calendar_as_it_was(
    database: Database,
) -> None:
    change = 'day = 2026-03-20\nkind = "cancel"\nshift = "late"\nmachines = ["A02"]\n'
    _apply(database, PLANT, NOW)
    for step, text in enumerate((PLANT + f"[[changes]]\n{change}", PLANT), start=1):
        _apply(database, text, NOW + timedelta(minutes=step))
        with database.connection() as conn:
            found = _rows(
                conn,
                """select count(*) from machine_calendar v
                   join shift_instance s on s.calendar_id = v.calendar_id
                   join machine m on m.id = v.machine_id
                   where m.code = 'A02' and s.day = '2026-03-20' and s.code = 'late'
                     and v.valid_from = (select max(valid_from) from machine_calendar
                                         where machine_id = m.id)""",
            )
        assert found == [(step - 1,)]
