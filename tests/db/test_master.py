"""The plant file in the database: applied once, retired but never deleted, versions and shifts."""

from __future__ import annotations

from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from db.connect import Connection, Database
from db.master import Master, NoPlant, apply, extend_calendar, load
from plant.check import read

SAMPLE = (Path(__file__).parents[2] / "plant.toml").read_text(encoding="utf-8")
# 16:00 in Shanghai: within the late shift, 14:00 to 22:00, before its break at 18:00
NOW = datetime(2026, 3, 4, 8, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=30)


def _apply(conn: Connection, text: str, now: datetime = NOW, speed: float = 1.0) -> bool:
    return apply(conn, read(text), text, now, speed=speed)


def _rows(conn: Connection, query: Any) -> list[tuple[Any, ...]]:
    return conn.execute(query).fetchall()


def _applied(database: Database, *texts: tuple[str, datetime]) -> Master:
    for text, now in texts:
        with database.connection() as conn:
            _apply(conn, text, now)
    with database.connection() as conn:
        return load(conn)


def _without(text: str, block: str) -> str:
    """The file without the block (up to the empty line) that begins so."""
    start = text.index(block)
    return text[:start] + text[text.index("\n\n", start) :]


def test_before_the_first_apply_there_is_no_plant(database: Database) -> None:
    with database.connection() as conn, pytest.raises(NoPlant, match="No plant file"):
        load(conn)


def test_the_sample_is_there_as_the_file_says(database: Database) -> None:
    master = _applied(database, (SAMPLE, NOW))
    assert master.plant == read(SAMPLE)
    assert (len(master.machines), len(master.tags), len(master.sources)) == (24, 108, 4)
    assert set(master.tags) == {tag.code for tag in master.plant.all_tags()}
    assert master.applied_at == NOW


def test_the_same_file_again_changes_nothing(database: Database) -> None:
    with database.connection() as conn:
        assert _apply(conn, SAMPLE)
    before = _applied(database)
    with database.connection() as conn:
        assert not _apply(conn, SAMPLE, LATER)
        assert _rows(conn, "select count(*) from plant_version") == [(1,)]
    assert _applied(database) == before


def test_a_plant_that_runs_faster_is_silent_later(database: Database) -> None:
    with database.connection() as conn:
        _apply(conn, SAMPLE)
        _apply(conn, SAMPLE, speed=60.0)
        stale = dict(_rows(conn, "select name, stale_after_s from source"))
    assert stale["opcua"] == 300.0
    assert stale["mes"] == 1800.0


def test_what_is_gone_is_retired_and_comes_back_with_its_id(database: Database) -> None:
    first = _applied(database, (SAMPLE, NOW))
    without = _without(SAMPLE, '[[machines]]\ncode = "B04"')
    second = _applied(database, (without, LATER))
    assert "B04" not in second.machines
    assert not {code for code in second.tags if code.startswith("B04.")}
    with database.connection() as conn:
        retired = _rows(conn, "select code, retired_at from machine where retired_at is not null")
    assert retired == [("B04", LATER)]
    third = _applied(database, (SAMPLE, LATER))
    assert third.machines == first.machines
    assert third.tags == first.tags


def test_a_changed_ideal_cycle_is_a_version_from_now_on(database: Database) -> None:
    changed = SAMPLE.replace("{ D = 6.0 }", "{ D = 6.5 }")
    _applied(database, (SAMPLE, NOW), (changed, LATER))
    with database.connection() as conn:
        versions = _rows(
            conn,
            """select valid_from::text, seconds from ideal_cycle
               join machine on machine.id = machine_id join product on product.id = product_id
               where machine.code = 'D01' and product.code = 'P1' order by valid_from""",
        )
        others = _rows(conn, "select count(*) from ideal_cycle where valid_from > '-infinity'")
    assert versions == [("-infinity", 6.0), ("2026-03-04 08:30:00+00", 6.5)]
    assert others == [(6,)]  # P1 on D01 to D06, nothing else


def test_state_maps_are_replaced_and_keep_what_is_not_named(database: Database) -> None:
    changed = SAMPLE.replace('6 = "running" ', '7 = "running" ').replace(
        '7 = "down" ', '6 = "down" '
    )
    _applied(database, (SAMPLE, NOW), (changed, LATER))
    with database.connection() as conn:
        found = _rows(
            conn,
            """select raw, state::text, reason.code
               from state_map left join reason on id = reason_id
               where state_map.name = 'packml' and raw in ('6', '7', '*', '1101') order by raw""",
        )
    assert found == [
        ("*", "unknown", None),
        ("1101", "down", "jam"),
        ("6", "down", None),
        ("7", "running", None),
    ]


def test_shifts_reach_from_two_years_ago_to_60_ahead_without_a_gap(database: Database) -> None:
    _applied(database, (SAMPLE, NOW))
    with database.connection() as conn:
        [(first, last, seconds, shifts)] = _rows(
            conn,
            """select min(t0), max(t1), extract(epoch from sum(t1 - t0))::float8, count(*)
               from shift_instance join calendar on calendar.id = calendar_id
               where calendar.code = 'three_shift'""",
        )
        [(slices,)] = _rows(
            conn,
            """select extract(epoch from sum(t1 - t0))::float8 from calendar_slice
               join calendar on calendar.id = calendar_id where code = 'three_shift'""",
        )
    assert NOW - timedelta(days=730) <= first <= NOW - timedelta(days=729, hours=16)
    assert NOW + timedelta(days=60) <= last <= NOW + timedelta(days=60, hours=8)
    assert seconds == slices == (last - first).total_seconds() == shifts * 8 * 3600


def test_the_calendar_grows_with_time_and_only_by_what_is_missing(database: Database) -> None:
    plant = _applied(database, (SAMPLE, NOW)).plant
    with database.connection() as conn:
        assert extend_calendar(conn, plant, NOW) == 0
        assert extend_calendar(conn, plant, NOW + timedelta(days=2)) == 2 * (3 + 2 + 3 + 3)
        overlaps = _rows(
            conn,
            """select count(*) from calendar_slice a join calendar_slice b using (calendar_id)
               where a.t0 < b.t0 and a.t1 > b.t0""",
        )
    assert overlaps == [(0,)]


def _around(database: Database, now: datetime) -> list[tuple[Any, ...]]:
    with database.connection() as conn:
        return conn.execute(
            """select s.id, s.code, s.t0, s.t1,
                      array_agg(array[extract(epoch from c.t0 - %(now)s) / 60,
                                      extract(epoch from c.t1 - %(now)s) / 60]::int[]
                                order by c.t0),
                      string_agg(left(kind, 1), '' order by c.t0)
               from shift_instance s join calendar on calendar.id = calendar_id
               join calendar_slice c on c.shift_id = s.id
               where calendar.code = 'three_shift'
                 and s.t1 > %(now)s::timestamptz - interval '10 h'
                 and s.t0 < %(now)s::timestamptz + interval '4 h'
               group by s.id order by s.t0""",
            {"now": now},
        ).fetchall()


def test_a_moved_break_changes_the_shift_in_progress_from_now_on(database: Database) -> None:
    changed = SAMPLE.replace('"18:00", end = "18:30"', '"17:00", end = "17:30"')
    _applied(database, (SAMPLE, NOW))
    early, late = _around(database, NOW)
    _applied(database, (changed, LATER))
    assert _around(database, NOW) == [
        early,
        (*late[:4], [[-120, 60], [60, 90], [90, 360]], "wbw"),
    ]


def test_a_shift_that_is_no_longer_planned_ends_now(database: Database) -> None:
    changed = SAMPLE.replace('code = "late"', 'code = "swing"', 1).replace(
        'start = "14:00"\nend = "22:00"', 'start = "15:00"\nend = "22:00"', 1
    )
    _applied(database, (SAMPLE, NOW))
    early, late = _around(database, NOW)
    _applied(database, (changed, LATER))
    found_early, found_late, swing = _around(database, NOW)
    assert found_early == early
    assert found_late == (*late[:3], LATER, [[-120, 30]], "w")
    assert swing[1:] == (
        "swing",
        LATER,
        late[3],
        [[30, 120], [120, 150], [150, 360]],
        "wbw",
    )


def test_what_has_been_worked_is_never_rewritten(database: Database) -> None:
    query = "select * from shift_instance where t1 < '2026-03-04 08:30+00' order by id"
    _applied(database, (SAMPLE, NOW))
    with database.connection() as conn:
        before = _rows(conn, query)
    changed = SAMPLE.replace("Asia/Shanghai", "Europe/Berlin")
    _applied(database, (changed, LATER))
    with database.connection() as conn:
        assert _rows(conn, query) == before
        overlaps = _rows(
            conn,
            """select count(*) from shift_instance a join shift_instance b using (calendar_id)
               where a.t0 < b.t0 and a.t1 > b.t0""",
        )
    assert overlaps == [(0,)]


def test_a_calendar_that_has_not_changed_keeps_its_rows(database: Database) -> None:
    query = """select s.id, c.t0, c.t1, c.kind
               from shift_instance s join calendar_slice c on c.shift_id = s.id"""
    _applied(database, (SAMPLE, NOW))
    with database.connection() as conn:
        before = set(_rows(conn, query))
    _applied(database, (SAMPLE.replace("Sawing center", "Saw"), LATER))
    with database.connection() as conn:
        after = set(_rows(conn, query))
    assert len(before) > 2000
    assert before <= after


def test_a_calendar_that_is_gone_has_no_shifts_ahead(database: Database) -> None:
    changed = SAMPLE.replace('calendar = "two_shift" ', 'calendar = "three_shift" ')
    changed = changed.replace('calendars = ["two_shift"]', "calendars = []")
    start = changed.index('[[calendars]]\ncode = "two_shift"')
    changed = changed[:start] + changed[changed.index("# Teams in turn") :]
    _applied(database, (SAMPLE, NOW), (changed, LATER))
    with database.connection() as conn:
        [(last,)] = _rows(
            conn,
            """select max(t1) from shift_instance join calendar on calendar.id = calendar_id
               where calendar.code = 'two_shift'""",
        )
    assert last == LATER


def test_every_process_is_told(database: Database) -> None:
    notes = database.listen("taktboard_live", timeout_s=5.0)
    assert isinstance(notes, Generator)
    assert next(notes) is None
    with database.connection() as conn:
        _apply(conn, SAMPLE)
    note = next(notes)
    assert note is not None
    assert note.payload == "plant"
    notes.close()


def _dirty(conn: Connection) -> list[tuple[Any, ...]]:
    return _rows(
        conn,
        """select machine.code, d.t0, d.t1 from derive_dirty d
           join machine on machine.id = d.machine_id order by machine.code""",
    )


def _say(conn: Connection, master: Master, *machines: str) -> None:
    for machine in machines:
        conn.execute(
            """insert into state_interval (machine_id, t0, t1, state)
               values (%(id)s, %(t0)s, %(t1)s, 'unknown')""",
            {"id": master.machines[machine], "t0": NOW - timedelta(days=9), "t1": NOW},
        )


def test_a_corrected_state_map_corrects_history(database: Database) -> None:
    master = _applied(database, (SAMPLE, NOW))
    with database.connection() as conn:
        _say(conn, master, "A01", "C01", "C02")
    _applied(
        database, (SAMPLE.replace('RUN = "running"', 'RUN = "running"\nSLOW = "running"'), LATER)
    )
    with database.connection() as conn:
        found = _dirty(conn)
    assert [(code, t0) for code, t0, _ in found] == [
        ("C01", NOW - timedelta(days=9)),
        ("C02", NOW - timedelta(days=9)),
    ]
    assert all(t1 > LATER for _, _, t1 in found)


def test_a_cycle_given_afterwards_holds_for_what_was_made(database: Database) -> None:
    without = SAMPLE.replace("{ C = 20.0 }", "{ C02 = 20.0 }")
    master = _applied(database, (without, NOW))
    with database.connection() as conn:
        _say(conn, master, "C01", "C03")
        conn.execute(
            """insert into operation (source_id, order_code, operation, revision, at, machine_id,
                                      product_id, status, planned, good, scrap, started_at)
               values (%(source)s, 'WO', '10', 'r', %(now)s, %(machine)s, %(product)s, 'running',
                       9, 0, 0, %(now)s)""",
            {
                "source": master.sources["mes"],
                "machine": master.machines["C01"],
                "product": master.products["M100"],
                "now": NOW - timedelta(hours=1),
            },
        )
    _applied(database, (SAMPLE, LATER))
    with database.connection() as conn:
        assert [(code, t0) for code, t0, _ in _dirty(conn)] == [("C01", NOW - timedelta(hours=1))]


def test_reasons_are_a_tree_and_a_changed_element_corrects_history(database: Database) -> None:
    jam = 'code = "jam"\n'
    with database.connection() as conn:
        _apply(conn, SAMPLE)
        conn.execute(
            """insert into stop_span
                (machine_id, t0, t1, element, reason_id, said_by, is_minor, between_s)
            select m.id, %s, %s, 'down', r.id, 'machine', false, 0
            from machine m, reason r where m.code = 'A01' and r.code = 'jam'""",
            [NOW - timedelta(hours=2), NOW - timedelta(hours=1)],
        )
        conn.execute("delete from derive_dirty")
        _apply(conn, SAMPLE.replace(jam, f'{jam}element = "setup"\nretired = true\n'), LATER)
        tree = _rows(
            conn,
            """select r.code, above.code, r.element::text, r.retired_at from reason r
            join reason above on above.id = r.parent_id
            where r.code in ('jam', 'no_order', 'changeover') order by r.code""",
        )
        assert tree == [
            ("changeover", "planned", "setup", None),
            ("jam", "process", "setup", LATER),
            ("no_order", "organisation", "idle", None),
        ]
        dirty = _rows(conn, "select t0, t1 from derive_dirty where t1 < '9999-01-01'")
        assert dirty == [(NOW - timedelta(hours=2), NOW - timedelta(hours=1))]
