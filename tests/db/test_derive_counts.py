"""Counts as derivation takes them: every kind of counter, corrections, reports, turns of orders."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from db.connect import Connection, Database
from db.count_corrections import Correction, CorrectionRefused, correct, corrections, put_aside
from db.derive import derive, rebuild, touch, touch_reported
from plant.counts import pieces_counted
from plant.part import Counter

if TYPE_CHECKING:
    from tests.db.conftest import MakePlant, TinyPlant

T0 = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
I32, U16, U31, U32 = 2.0**31, 2.0**16, 2.0**31, 2.0**32


def at(minutes: float) -> datetime:
    return T0 + timedelta(minutes=minutes)


def read(conn: Connection, plant: TinyPlant, role: str, minute: float, value: float) -> None:
    machine = plant.machines[0]
    conn.execute(
        "insert into reading values (%s, %s, %s, 0) on conflict (tag_id, ts) do nothing",
        [at(minute), plant.tags[machine][role], value],
    )
    touch(conn, machine, at(minute), at(minute))


def hear(conn: Connection, plant: TinyPlant) -> None:
    conn.execute(
        "insert into source_status (source_id, connected, since, last_heard)"
        " values (%s, true, %s, %s)",
        [plant.source, at(0), at(100_000)],
    )
    conn.execute(
        "insert into ideal_cycle values (%s, %s, '-infinity', 10)",
        [plant.machines[0], plant.products[0]],
    )


def minutes(conn: Connection, column: str) -> dict[float, float]:
    rows = conn.execute(
        f"select ts, sum({column}) from machine_1m group by ts"
        f" having sum({column}) <> 0 order by ts"
    )
    return {(ts - T0) / timedelta(minutes=1): value for ts, value in rows}


def operate(
    conn: Connection, plant: TinyPlant, code: str, product: int, begin: float, end: float | None
) -> int:
    ended = None if end is None else at(end)
    row = conn.execute(
        "insert into operation (source_id, order_code, operation, revision, at, machine_id,"
        " product_id, status, planned, good, scrap, started_at, ended_at)"
        " values (%s, %s, '10', '', %s, %s, %s, 'running', 9, 0, 0, %s, %s) returning id",
        [plant.source, code, at(begin), plant.machines[0], product, at(begin), ended],
    ).fetchone()
    assert row is not None
    touch(conn, plant.machines[0], at(begin), ended)
    return int(row[0])


@pytest.mark.parametrize(
    ("counter", "modulus", "before", "value", "pieces"),
    [
        ("total", None, 100, 103, 3),
        ("total", None, 100, 4, 4),  # begun again at zero
        ("total", None, 10_000, 9_998, -2),  # set back
        ("total", None, 10_000, 9_000, -1000),
        ("total", None, 10_000, 8_999, 8_999),
        ("total", None, -30_000, -30_002, -2),
        ("total", U32, 10_000, 9_998, -2),
        ("total", U16, 65_000, 64_990, -10),
        ("total", U16, -2, -5, -3),
        ("total", None, 100, 100, 0),
        ("total", U16, 65_530, 5, 11),
        ("total", U16, 30_000, 5, 5),  # far from its modulus: begun again
        ("total", U31, U31 - 2, 1, 3),
        ("total", U32, U32 - 1, 0, 1),
        ("total", U32, I32 - 1, -I32, 1),  # a signed counter of 32 bits, read as it is
        ("total", U32, -2, 3, 5),
        ("total", U32, -2_000_000_000, 0, 0),  # signed, and begun again
        ("total", U16, 32_767, -32_766, 3),
        ("total", None, I32 - 1, -I32, 1),  # without a modulus too
        ("total", None, 32_767, -32_768, 1),
        ("total", None, -2_000_000_000, 7, 7),
        ("total", None, -5, 2, 7),
        ("total", None, -30_000, 0, 0),  # signed, and begun again
        ("total", None, -400_000_000, 0, 0),
        ("total", None, -30_000, -29_990, 10),
        ("total", None, 65_530, 5, 11),  # the well-known widths
        ("total", None, 64_500, 5, 5),  # not near enough
        ("total", None, 65_530, 1_001, 1_001),
        ("total", None, U31 - 3, 2, 5),
        ("total", None, U32 - 1, 4, 5),
        ("total", None, 65_536, 65_535, -1),
        ("total", None, 500, -3, 0),
        ("delta", None, 5, -2, -2),
        ("change", None, 5, 5, 0),
        ("change", None, 5, 0, 1),
        ("reading", None, 5, 5, 1),
        ("edge", None, 0, 1, 1),
        ("edge", None, 1, 1, 0),
        ("edge", None, 1, 0, 0),
    ],
)
def test_what_lies_between_two_readings(
    database: Database,
    counter: Counter,
    modulus: float | None,
    before: float,
    value: float,
    pieces: float,
) -> None:
    assert pieces_counted(counter, modulus, before, value) == pieces
    with database.connection() as conn:
        row = conn.execute(
            "select pieces_counted(%s, %s::float8, %s::float8, %s::float8)",
            [counter, modulus, before, value],
        ).fetchone()
    assert row == (pieces,)


EDGES = sorted(
    sign * (edge + near)
    for edge in (0.0, 1e3, 1e4, U16 * 0.9, U16 / 2, U16, U31 * 0.9, U31, U32 * 0.9, U32, 4e8)
    for near in (-1e3, -1.0, -0.1, 0.0, 0.1, 2.0, 1e3)
    for sign in (-1, 1)
)
totals = st.sampled_from(EDGES) | st.integers(-40_000, 70_000).map(float) | st.floats(-5e9, 5e9)
steps = st.tuples(
    st.sampled_from(["total", "delta", "change", "reading", "edge"]),
    st.sampled_from([None, 100.0, 1000.0, U16, U31, U32]),
    st.none() | totals,
    totals | st.none(),
)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(steps, min_size=50, max_size=400))
def test_the_database_counts_as_the_reference_does(
    database: Database, some: list[tuple[Counter, float | None, float | None, float | None]]
) -> None:
    """A value of None: a tenth less than the one before, where set back turns into begun again."""
    told = [
        (counter, modulus, before, (before or 0.0) * 0.9 if value is None else value)
        for counter, modulus, before, value in some
    ]
    with database.connection() as conn:
        found = conn.execute(
            "select pieces_counted(c, m, b, v) from unnest(%s::text[], %s::float8[], %s::float8[],"
            " %s::float8[]) with ordinality as x (c, m, b, v, n) order by n",
            [list(column) for column in zip(*told, strict=True)],
        ).fetchall()
    assert [row[0] for row in found] == [pieces_counted(*step) for step in told]


def test_a_total_set_back_counts_less_than_nothing(
    any_database: Database, make_plant: MakePlant
) -> None:
    """The pieces taken away are those of their own minute; in order, late, and derived anew."""
    with any_database.connection() as conn:
        plant = make_plant(conn, modulus=None)
        hear(conn, plant)
        operate(conn, plant, "W", plant.products[0], 0, None)
        read(conn, plant, "state", 0, 1)
        for minute, value in enumerate((9_995, 10_000, 9_998, 10_003), start=1):
            read(conn, plant, "good", minute, value)
            derive(conn, at(minute + 0.5))
        derive(conn, at(9))
        assert minutes(conn, "good") == {2: 5, 3: -2, 4: 5}
        assert minutes(conn, "ideal_good_s") == {2: 50, 3: -20, 4: 50}
        read(conn, plant, "good", 3.5, 9_999)
        derive(conn, at(9))
        assert minutes(conn, "good") == {2: 5, 3: -1, 4: 4}
        assert rebuild(conn, at(-1), at(10)) == 0


@pytest.mark.parametrize(
    ("kind", "values", "good"),
    [("change", [1, 1, 0, 1], 2), ("reading", [1, 1, 0, 1], 4), ("edge", [1, 1, 0, 1], 1)],
)
def test_a_piece_a_pulse(
    any_database: Database, make_plant: MakePlant, kind: str, values: list[float], good: float
) -> None:
    with any_database.connection() as conn:
        plant = make_plant(conn, kind=kind, modulus=None)
        hear(conn, plant)
        read(conn, plant, "state", 0, 1)
        for minute, value in enumerate(values, start=1):
            read(conn, plant, "good", minute, value)
            read(conn, plant, "good", minute, value)  # told twice, counted once
        derive(conn, at(10))
        assert sum(minutes(conn, "good").values()) == good
        assert rebuild(conn, at(-1), at(11)) == 0


def test_rework_and_start_up_scrap_stand_apart(
    any_database: Database, make_plant: MakePlant
) -> None:
    roles = ("state", "cycle", "scrap", "rework", "start_up_scrap")
    with any_database.connection() as conn:
        plant = make_plant(conn, roles=roles)
        hear(conn, plant)
        operate(conn, plant, "W", plant.products[0], 0, None)
        read(conn, plant, "state", 0, 1)
        for role, value in zip(roles[1:], (20, 3, 4, 2), strict=True):
            read(conn, plant, role, 1, 0)
            read(conn, plant, role, 2, value)
        derive(conn, at(5))
        row = conn.execute(
            "select sum(good), sum(scrap), sum(rework), sum(start_up_scrap), sum(ideal_s),"
            " sum(ideal_good_s), sum(ideal_start_up_s) from machine_1m"
        ).fetchone()
        assert row == (15, 5, 4, 2, 200, 150, 20)  # 20 cycles, 3 + 2 of them scrap, 10 s each


def test_a_count_on_a_boundary_belongs_to_the_later_side_once(
    any_database: Database, make_plant: MakePlant
) -> None:
    with any_database.connection() as conn:
        plant = make_plant(conn)
        hear(conn, plant)
        first = operate(conn, plant, "A", plant.products[0], 0, 5)
        second = operate(conn, plant, "B", plant.products[1], 5, None)
        read(conn, plant, "state", 0, 1)
        read(conn, plant, "good", 1, 0)
        read(conn, plant, "good", 4, 3)
        read(conn, plant, "good", 5, 10)
        derive(conn, at(9))
        rows = conn.execute(
            "select operation_id, sum(good) from machine_1m group by 1 order by 1"
        ).fetchall()
        assert rows == [(first, 3), (second, 7)]


def test_counts_that_come_before_their_state_find_it_later(
    any_database: Database, make_plant: MakePlant
) -> None:
    with any_database.connection() as conn:
        plant = make_plant(conn)
        hear(conn, plant)
        read(conn, plant, "good", 1, 0)
        read(conn, plant, "good", 2, 4)
        derive(conn, at(3))
        assert minutes(conn, "good") == {}
        read(conn, plant, "state", 0, 1)
        derive(conn, at(4))
        assert minutes(conn, "good") == {2: 4}


def test_a_turn_of_orders_divides_what_came_between_by_running_time(
    any_database: Database, make_plant: MakePlant
) -> None:
    with any_database.connection() as conn:
        plant = make_plant(conn)
        hear(conn, plant)
        first = operate(conn, plant, "A", plant.products[0], 0, 6)
        second = operate(conn, plant, "B", plant.products[1], 6, None)
        read(conn, plant, "state", 0, 1)
        read(conn, plant, "good", 2, 0)
        read(conn, plant, "good", 10, 7)
        derive(conn, at(12))
        assert by_operation(conn) == {first: 3, second: 4}  # 4 min each: 3.5, the later one more
        read(conn, plant, "state", 7, 2)  # late: it stood still from 7 on
        derive(conn, at(12))
        assert by_operation(conn) == {first: 6, second: 1}  # 4 : 1 of 7: 5.6 and 1.4
        assert minutes(conn, "good") == {5: 6, 10: 1}
        read(conn, plant, "good", 4, 1)  # late: one of them before
        derive(conn, at(12))
        assert by_operation(conn) == {first: 5, second: 2}  # 1, and 2 : 1 of 6
        assert rebuild(conn, at(-1), at(12)) == 0


def by_operation(conn: Connection) -> dict[int, float]:
    rows = conn.execute(
        "select operation_id, sum(good) from machine_1m group by 1 having sum(good) <> 0 order by 1"
    )
    return dict(rows.fetchall())


def test_a_correction_is_a_fact_with_a_reason(
    any_database: Database, make_plant: MakePlant
) -> None:
    with any_database.connection() as conn:
        plant = make_plant(conn)
        hear(conn, plant)
        operate(conn, plant, "W", plant.products[0], 0, None)
        read(conn, plant, "state", 0, 1)
        read(conn, plant, "good", 1, 0)
        read(conn, plant, "good", 3, 9)
        derive(conn, at(10))
        wrong = Correction(plant.machines[0], at(3.5), "sensor bounced", "ann", good=-4, scrap=1)
        correct(conn, wrong, at(10))
        derive(conn, at(11))
        assert minutes(conn, "good") == {3: 5}
        assert minutes(conn, "scrap") == {3: 1}
        assert sum(minutes(conn, "ideal_s").values()) == 60
        assert rebuild(conn, at(-1), at(12)) == 0
        assert corrections(conn, plant.machines[0], at(0), at(9)) == [(wrong, at(10))]
        assert conn.execute("select count(*) from count_correction_due").fetchone() == (0,)


@pytest.mark.parametrize(
    ("good", "reason", "minute", "words"),
    [
        (0, "why", 1, "changes no count"),
        (1, "  ", 1, "no reason"),
        (1, "why", 99, "still to come"),
        (1, "why", -1000, "are kept since"),
    ],
)
def test_a_correction_that_cannot_be_is_refused_with_the_reason(
    database: Database,
    make_plant: MakePlant,
    good: float,
    reason: str,
    minute: float,
    words: str,
) -> None:
    with database.connection() as conn:
        plant = make_plant(conn)
        conn.execute("insert into retention_floor values ('machine_1m', %s)", [at(-500)])
        wanted = Correction(plant.machines[0], at(minute), reason, "ann", good=good)
        with pytest.raises(CorrectionRefused, match=words) as refused:
            correct(conn, wanted, at(10))
        put_aside(conn, wanted, str(refused.value), at(10))
        assert conn.execute("select count(*) from count_correction").fetchone() == (0,)
        row = conn.execute("select reason, detail from quarantine").fetchone()
        assert row == ("too_old", str(refused.value))


def report(
    conn: Connection,
    plant: TinyPlant,
    minute: float,
    good: float,
    scrap: float = 0,
    *,
    started: float | None = None,
) -> None:
    event = {
        "source_id": plant.source,
        "order_code": "W",
        "operation": "10",
        "revision": str(minute),
    }
    body = {
        "machine": "M0",
        "good": good,
        "scrap": scrap,
        "started_at": None if started is None else at(started).isoformat(),
    }
    conn.execute(
        "insert into order_event (source_id, order_code, operation, revision, at, received_at,"
        " body) values (%(source_id)s, %(order_code)s, %(operation)s, %(revision)s, %(at)s, %(at)s,"
        " %(body)s)",
        event | {"at": at(minute), "body": Jsonb(body)},
    )
    touch_reported(conn, event)


def test_without_counters_the_business_system_counts(
    any_database: Database, make_plant: MakePlant
) -> None:
    with any_database.connection() as conn:
        plant = make_plant(conn, roles=("state",))
        hear(conn, plant)
        operate(conn, plant, "W", plant.products[0], 0, None)
        read(conn, plant, "state", 0, 1)
        report(conn, plant, 1, 100, 2)  # the first word: what was before is not of this minute
        report(conn, plant, 4, 110, 2)
        report(conn, plant, 6, 108, 3)  # corrected
        derive(conn, at(10))
        assert minutes(conn, "good") == {4: 10, 6: -2}
        assert minutes(conn, "scrap") == {6: 1}
        report(conn, plant, 2, 103, 2)  # late
        derive(conn, at(10))
        assert minutes(conn, "good") == {2: 3, 4: 7, 6: -2}
        assert minutes(conn, "ideal_good_s") == {2: 30, 4: 70, 6: -20}
        assert rebuild(conn, at(-1), at(12)) == 0


def test_the_first_word_counts_whole_where_the_machine_was_heard_since_the_start(
    any_database: Database, make_plant: MakePlant
) -> None:
    with any_database.connection() as conn:
        plant = make_plant(conn, roles=("state",))
        hear(conn, plant)
        read(conn, plant, "state", 2, 1)
        report(conn, plant, 5, 50, 4, started=1)
        derive(conn, at(7))
        report(conn, plant, 8, 60, 4, started=1)
        derive(conn, at(10))
        assert minutes(conn, "good") == {8: 10}  # what it had made by 2, nobody knows
        read(conn, plant, "state", 0, 1)  # late: it was heard before
        derive(conn, at(10))
        assert minutes(conn, "good") == {5: 50, 8: 10}
        assert minutes(conn, "scrap") == {5: 4}
        report(conn, plant, 3, 20, 4, started=1)  # late: an earlier word
        derive(conn, at(10))
        assert minutes(conn, "good") == {3: 20, 5: 30, 8: 10}
        assert minutes(conn, "scrap") == {3: 4}
        assert rebuild(conn, at(-1), at(12)) == 0
        conn.execute("delete from machine_1m")
        for name in ("state_interval", "derive_tail", "stop_span"):
            conn.execute(f"delete from {name}")
        touch(conn, plant.machines[0], at(-1), at(12))
        derive(conn, at(10))
        assert minutes(conn, "good") == {3: 20, 5: 30, 8: 10}


def test_with_counters_the_business_system_counts_only_where_told_to(
    any_database: Database, make_plant: MakePlant
) -> None:
    with any_database.connection() as conn:
        plant = make_plant(conn)
        hear(conn, plant)
        read(conn, plant, "state", 0, 1)
        read(conn, plant, "good", 1, 0)
        read(conn, plant, "good", 2, 5)
        report(conn, plant, 1, 0, 0)
        report(conn, plant, 3, 9, 0)
        derive(conn, at(10))
        assert minutes(conn, "good") == {2: 5}
        conn.execute("update machine set counts = 'mes'")
        rebuild(conn, at(-1), at(12))
        assert minutes(conn, "good") == {3: 9}


@pytest.mark.parametrize(
    ("ends", "minor", "down"),
    [(4, 120, 120), (6.9, 294, 294), (7, 0, 0), (9, 0, 0)],
)
def test_a_stop_is_minor_once_it_is_over_and_short(
    any_database: Database, make_plant: MakePlant, ends: float, minor: float, down: float
) -> None:
    with any_database.connection() as conn:
        plant = make_plant(conn)
        hear(conn, plant)
        row = conn.execute(
            "insert into shift_instance (calendar_id, code, name, day, t0, t1)"
            " values (%s, 'A', '{}', '2026-03-02', %s, %s) returning id",
            [plant.calendar, at(-60), at(300)],
        ).fetchone()
        assert row is not None
        conn.execute(
            "insert into calendar_slice values (%s, %s, %s, 'work', %s)",
            [plant.calendar, at(-60), at(300), row[0]],
        )
        read(conn, plant, "state", 0, 1)
        read(conn, plant, "state", 2, 2)
        derive(conn, at(3.5))
        assert minutes(conn, "minor_s") == {}
        read(conn, plant, "state", ends, 1)
        derive(conn, at(10))
        assert sum(minutes(conn, "minor_s").values()) == pytest.approx(minor)
        assert sum(minutes(conn, "minor_down_s").values()) == pytest.approx(down)
        assert sum(minutes(conn, "down_s").values()) == pytest.approx((ends - 2) * 60)
        assert rebuild(conn, at(-1), at(12)) == 0
        read(conn, plant, "state", 1, 2)  # late: it stood since 1
        derive(conn, at(10))
        late = (ends - 1) * 60 if ends - 1 < 5 else 0
        assert sum(minutes(conn, "minor_s").values()) == pytest.approx(late)
        assert rebuild(conn, at(-1), at(12)) == 0
