"""Facts by scope and period, against plain sums of the minutes; in zones of all kinds."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from db.connect import Connection, Database
from db.kpi_facts import SITE, Kind, Scope, facts_in, facts_of
from db.rollups import advance
from plant.kpi import FACT_COLUMNS, Facts
from plant.periods import Days, Grain, Period, Span, TooFine, hour_start, slots
from tests.db.conftest import MakePlant, TinyPlant

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
ZONES = ("Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Sao_Paulo")
# The nights in which Berlin sets its clocks forward and Lord Howe sets them back lie within.
T0 = datetime(2026, 3, 27, tzinfo=UTC)
T1 = datetime(2026, 4, 6, tzinfo=UTC)
Row = dict[str, Any]


def fill(conn: Connection, plant: TinyPlant, zone: ZoneInfo, seed: int = 1) -> list[Row]:
    """Two machines, minutes here and there, shifts over midnight, orders; a machine that moves."""
    chance = random.Random(seed)
    conn.execute(
        "insert into line (code, area_id, name, target_oee, position)"
        " select 'K', area_id, name, 0.8, 2 from line"
    )
    moved = T0 + timedelta(days=4, hours=5, minutes=7)
    conn.execute(
        "insert into machine_line select m.id, v.at, line.id from machine m, line,"
        " (values ('-infinity'::timestamptz, 'L'), (%s, 'K')) v (at, code)"
        " where line.code = v.code and m.code = 'M0'",
        [moved],
    )
    shifts = _shifts(conn, plant, zone)
    rows = []
    at = T0
    while at < T1:
        for machine in plant.machines:
            order = chance.choice((0, *plant_orders(conn, plant)))
            shift = next((s for s in shifts if s[1] <= at < s[2]), None)
            sums = {name: round(chance.uniform(0, 30), 3) for name in FACT_COLUMNS}
            if not order:  # of no product: nobody knows its ideal cycle
                sums |= {name: 0.0 for name in FACT_COLUMNS if name.startswith("ideal")}
                sums["unrated"] = sums["good"] + sums["scrap"]
            line = "K" if machine == plant.machines[0] and at >= moved else "L"
            rows.append(
                {
                    "ts": at,
                    "machine": machine,
                    "order": order,
                    "line": line,
                    "product": plant.products[0] if order else 0,
                    "shift": shift[0] if shift else 0,
                    "code": shift[3] if shift else "",
                    "day": shift[4] if shift else at.astimezone(zone).date(),
                    "facts": Facts(**sums),
                }
            )
        at += MINUTE * chance.randint(1, 25)
    _store(conn, rows)
    return rows


def plant_orders(conn: Connection, plant: TinyPlant) -> tuple[int, ...]:
    conn.execute(
        "insert into operation (source_id, order_code, operation, revision, at, machine_id,"
        " status, planned, good, scrap)"
        " select %s, 'WO-' || n, '10', '1', %s, %s, 'running', 1, 0, 0 from generate_series(1, 2) n"
        " on conflict do nothing",
        [plant.source, T0, plant.machines[0]],
    )
    return tuple(row[0] for row in conn.execute("select id from operation order by id"))


def _shifts(conn: Connection, plant: TinyPlant, zone: ZoneInfo) -> list[Any]:
    """From 06:30 to 14:30 and from 22:30 over midnight to 06:30, local."""
    made = []
    day = T0.date() - 2 * DAY
    while day < T1.date() + DAY:
        for code, begin, hours in (("early", 6.5, 8), ("night", 22.5, 8)):
            t0 = datetime(day.year, day.month, day.day, tzinfo=zone) + timedelta(hours=begin)
            t1 = t0 + timedelta(hours=hours)  # wall time: a shift of a night may be shorter
            row = [plant.calendar, code, day, t0, t1]
            found = conn.execute(
                "insert into shift_instance (calendar_id, code, name, day, t0, t1)"
                " values (%s, %s, '{}', %s, %s, %s) returning id",
                row,
            ).fetchone()
            assert found is not None
            made.append((found[0], t0.astimezone(UTC), t1.astimezone(UTC), code, day))
        day += DAY
    return made


def _store(conn: Connection, rows: list[Row]) -> None:
    columns = "ts, machine_id, operation_id, product_id, shift_id, " + ", ".join(FACT_COLUMNS)
    with conn.cursor().copy(f"copy machine_1m ({columns}) from stdin") as copy:
        for r in rows:
            facts = [getattr(r["facts"], name) for name in FACT_COLUMNS]
            copy.write_row([r["ts"], r["machine"], r["order"], r["product"], r["shift"], *facts])


def same(found: Facts, wanted: Facts) -> None:
    for name in (*FACT_COLUMNS, "unrated"):
        assert round(getattr(found, name), 6) == round(getattr(wanted, name), 6), name


@pytest.fixture(params=ZONES)
def zone(request: pytest.FixtureRequest) -> ZoneInfo:
    return ZoneInfo(request.param)


@pytest.fixture
def rows(database: Database, make_plant: MakePlant, zone: ZoneInfo) -> list[Row]:
    """The minutes; half of them are rolled up."""
    with database.connection() as conn:
        found = fill(conn, make_plant(conn, machines=2), zone)
    with database.session() as conn:
        while advance(conn, T1 - 3 * DAY).more:
            pass
    return found


def by_hand(rows: list[Row], key: Any) -> dict[Any, Facts]:
    sums: dict[Any, Facts] = defaultdict(Facts)
    for row in rows:
        sums[key(row)] += row["facts"]
    return dict(sums)


def test_every_cut_of_time_sums_the_minutes(
    database: Database, rows: list[Row], zone: ZoneInfo
) -> None:
    span = Span(T0 + timedelta(hours=7, minutes=11), T1 - timedelta(hours=3, minutes=13))
    within = [row for row in rows if span.t0 <= row["ts"] < span.t1]
    keys: dict[Grain, Any] = {
        "quarter": lambda r: r["ts"].replace(minute=r["ts"].minute // 15 * 15),
        "hour": lambda r: hour_start(r["ts"], zone),
        "shift": lambda r: (r["day"], r["code"]),
        "day": lambda r: r["day"],
        "week": lambda r: r["day"] - timedelta(days=r["day"].weekday()),
        "month": lambda r: r["day"].replace(day=1),
    }
    for per, key in keys.items():
        with database.connection() as conn:
            found = facts_of(conn, SITE, span, zone, per=per)
        wanted = by_hand(within, key)
        got = {}
        for k, measured in found:
            slot = k.slot
            at: Any = slot.t0 if slot.first is None else slot.first
            if per == "week":
                at -= timedelta(days=at.weekday())
            if per == "month":
                at = at.replace(day=1)
            got[(at, k.shift) if per == "shift" else at] = measured.facts
        assert got.keys() == wanted.keys(), per
        for one, facts in wanted.items():
            same(got[one], facts)


def test_every_group_and_scope_sums_the_minutes(
    database: Database, rows: list[Row], zone: ZoneInfo
) -> None:
    with database.connection() as conn:
        machines = dict(conn.execute("select id, code from machine").fetchall())
        orders = {0: "", **dict(conn.execute("select id, order_code from operation").fetchall())}
        products = {0: "", **dict(conn.execute("select id, code from product").fetchall())}
    keys: dict[Kind, Any] = {
        "machine": lambda r: machines[r["machine"]],
        "line": lambda r: r["line"],
        "order": lambda r: orders[r["order"]],
        "product": lambda r: products[r["product"]],
        "area": lambda r: "S",
        "site": lambda r: "",
    }
    for kind, key in keys.items():
        wanted = by_hand(rows, key)
        with database.connection() as conn:
            found = dict(facts_of(conn, SITE, Span(T0, T1), zone, by=kind))
            assert {k.group for k in found} == wanted.keys()
            for k, measured in found.items():
                same(measured.facts, wanted[k.group])
                scope = Scope(kind, k.group)
                assert facts_in(conn, scope, Span(T0, T1), zone) == measured


def test_a_production_day_has_its_night_shift_and_no_other(
    database: Database, rows: list[Row], zone: ZoneInfo
) -> None:
    day = date(2026, 3, 29)
    for shift in (None, "night", "early"):
        period = Days(day, day + DAY, shift)
        wanted = [r for r in rows if r["day"] == day and shift in (None, r["code"])]
        with database.connection() as conn:
            same(facts_in(conn, SITE, period, zone).facts, by_hand(wanted, bool)[True])
            hours = facts_of(conn, SITE, period, zone, per="hour")
            same(sum((m.facts for _, m in hours), Facts()), by_hand(wanted, bool)[True])


def test_orders_have_a_throughput_of_their_own_time(
    database: Database, rows: list[Row], zone: ZoneInfo
) -> None:
    with database.connection() as conn:
        found = facts_in(conn, SITE, Span(T0, T1), zone)
    of_orders = by_hand([r for r in rows if r["order"]], bool)[True]
    assert found.order_s == pytest.approx(of_orders.calendar_s)
    assert found.order_pieces == pytest.approx(of_orders.total)
    assert (found.inspected, found.first_pass) == (0, 0), "nobody tells rework"


def test_pieces_are_inspected_while_rework_is_told(
    database: Database, make_plant: MakePlant
) -> None:
    """From the minute of its counter on, to its end; by hand, in the shift. In every grain."""
    zone = ZoneInfo("UTC")
    with database.connection() as conn:
        plant = make_plant(conn, machines=3, roles=("state", "good", "rework"))
        counted, by_hand_too, never = plant.machines
        conn.execute("delete from tag where role = 'rework' and machine_id <> %s", [counted])
        conn.execute(
            "update tag set since = %s, retired_at = %s where role = 'rework'",
            [T0 + 25 * MINUTE, T0 + 125 * MINUTE],
        )
        early, late = (_shift(conn, plant, T0 + n * 2 * HOUR) for n in (0, 1))
        conn.execute(
            "insert into count_correction (machine_id, at, rework, reason, actor, recorded_at)"
            " values (%(m)s, %(at)s, 3, 'sorted', 'ann', %(at)s),"
            " (%(m)s, %(later)s, 1, 'sorted', 'ann', %(at)s),"
            " (%(m)s, %(later)s, -1, 'withdrawn', 'ann', %(at)s)",
            {"m": by_hand_too, "at": T0 + 30 * MINUTE, "later": T0 + 3 * HOUR},
        )
        rows = [
            {
                "ts": T0 + n * MINUTE,
                "machine": machine,
                "order": 0,
                "product": 0,
                "shift": early if n < 120 else late,
                "facts": Facts(good=1, rework=3 if (machine, n) == (by_hand_too, 30) else 0),
            }
            for machine in (counted, by_hand_too, never)
            for n in range(240)
        ]
        _store(conn, rows)
        period = Span(T0, T0 + 4 * HOUR)
        of = {key.group: one for key, one in facts_of(conn, SITE, period, zone, by="machine")}
        whole = facts_in(conn, SITE, period, zone)
        hours = [one for _, one in facts_of(conn, SITE, period, zone, per="hour")]
    assert [(of[m].inspected, of[m].first_pass) for m in ("M0", "M1", "M2")] == [
        (100, 100), (120, 117), (0, 0),
    ]  # fmt: skip
    assert (whole.inspected, whole.first_pass) == (220, 217)
    assert [one.inspected for one in hours] == [35 + 60, 60 + 60, 5, 0]


def _shift(conn: Connection, plant: TinyPlant, t0: datetime) -> int:
    """Two hours of work."""
    row = conn.execute(
        "insert into shift_instance (calendar_id, code, name, day, t0, t1)"
        " values (%s, 'S', '{}', %s, %s, %s) returning id",
        [plant.calendar, t0.date(), t0, t0 + 2 * HOUR],
    ).fetchone()
    assert row is not None
    return int(row[0])


PERIODS: tuple[tuple[str, Period, Grain, list[float]], ...] = (
    ("Europe/Berlin", Days(date(2026, 3, 29), date(2026, 3, 30)), "day", [23]),
    ("Europe/Berlin", Days(date(2026, 10, 25), date(2026, 10, 26)), "day", [25]),
    ("Asia/Kolkata", Days(date(2026, 3, 29), date(2026, 3, 30)), "day", [24]),
    ("Europe/Berlin", Days(date(2026, 3, 25), date(2026, 4, 8)), "week", [24 * 5 - 1, 168, 48]),
    ("Europe/Berlin", Days(date(2026, 1, 31), date(2026, 3, 1)), "month", [24, 28 * 24]),
)


@pytest.mark.parametrize(("zone_name", "period", "per", "hours"), PERIODS)
def test_days_are_as_long_as_the_clock_makes_them(
    zone_name: str, period: Period, per: Grain, hours: list[float]
) -> None:
    found = slots(period, per, ZoneInfo(zone_name))
    assert [(slot.t1 - slot.t0) / HOUR for slot in found] == hours


@pytest.mark.parametrize("zone_name", ["Asia/Kathmandu", "Australia/Lord_Howe", "Europe/Berlin"])
def test_hours_touch_and_begin_on_the_local_hour(zone_name: str) -> None:
    zone = ZoneInfo(zone_name)
    found = slots(Span(T0, T1), "hour", zone)
    assert all(a.t1 == b.t0 for a, b in pairwise(found))
    odd = [s.t0.astimezone(zone).strftime("%H:%M") for s in found if s.t0.astimezone(zone).minute]
    # Lord Howe sets its clock back by half an hour, at two o'clock
    assert odd == (["01:30"] if zone_name == "Australia/Lord_Howe" else [])


def test_too_many_parts_are_refused() -> None:
    with pytest.raises(TooFine, match="longer parts"):
        slots(Span(T0, T0 + 60 * DAY), "hour", ZoneInfo("UTC"))


def test_a_failure_counts_once_where_planned_time_was_lost(
    database: Database, make_plant: MakePlant
) -> None:
    zone = ZoneInfo("UTC")
    with database.connection() as conn:
        plant = make_plant(conn)
        machine = plant.machines[0]
        for minute, lasted in ((10, 20), (40, 4), (58, 90)):  # 300 s is a minor stop's end
            t0 = T0 + minute * MINUTE
            conn.execute(
                "insert into stop_span (machine_id, t0, t1, element, is_minor, between_s)"
                " values (%s, %s, %s, 'down', %s, 0)",
                [machine, t0, t0 + lasted * MINUTE, lasted < 5],
            )
            down = [
                {
                    "ts": t0 + n * MINUTE,
                    "machine": machine,
                    "order": 0,
                    "product": 0,
                    "shift": 0,
                    "facts": Facts(down_s=60, minor_down_s=60 if lasted < 5 else 0),
                }
                for n in range(5 if lasted == 90 else 0, lasted)
            ]  # five minutes of it: a break
            _store(conn, down)
        hours = facts_of(conn, SITE, Span(T0, T0 + 4 * HOUR), zone, per="hour", failures=True)
        whole = facts_in(conn, SITE, Span(T0, T0 + 4 * HOUR), zone, failures=True)
    assert [m.failures for _, m in hours] == [1, 1, 0]
    assert whole.failures == 2
    assert whole.facts.down_s == (20 + 4 + 85) * 60
