"""Samples of process values against plain sums of the readings; limits as the plant file says."""

from __future__ import annotations

import random
import statistics
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pytest

from db import capability, master
from db.capability import TooMany, samples_of
from db.connect import Connection, Database
from db.derive import derive, touch
from db.kpi_facts import SITE, Kind, Scope
from plant.capability import Sample
from plant.check import read
from plant.model import Limits
from plant.periods import Days, Grain, Period, Span
from tests.db.conftest import MakePlant
from tests.db.test_evidence import HOUR, NOW, T0, ZONE, history
from tests.plant.test_check import SAMPLE

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
EVERY, OF_P = Limits(upper=52.0), Limits(lower=47.0, upper=55.0)
WHOLE = Span(T0, NOW)


@dataclass(frozen=True)
class Reading:
    """A reading of good quality, and what was on its machine then."""

    ts: datetime
    value: float
    machine: str
    line: str
    order: str
    product: str
    shift: str
    day: date


def _fill(conn: Connection, tag: int, chance: random.Random) -> None:
    at = T0 - HOUR
    with conn.cursor().copy("copy reading (ts, tag_id, value, quality) from stdin") as copy:
        while at < NOW:
            quality = chance.choice((0, 0, 0, 1, 2))
            copy.write_row((at, tag, None if quality == 2 else chance.gauss(50, 2), quality))
            at += chance.randint(1, 90) * SECOND


@pytest.fixture
def told(database: Database, make_plant: MakePlant) -> Database:
    """Two machines with limits, one for all products and one of P's own; derived to the end."""
    with database.connection() as conn:
        plant = make_plant(conn, machines=2, roles=("state", "good", "process"))
        history(conn, plant, seed=5)
        for machine in plant.machines:
            tag = plant.tags[machine]["process"]
            _fill(conn, tag, random.Random(tag))
            for product, limits in ((0, EVERY), (plant.products[0], OF_P)):
                row = [tag, product, limits.lower, limits.upper]
                conn.execute("insert into tag_limit values (%s, %s, %s, %s)", row)
        conn.execute('update tag set label = \'{"en": "Heat", "zh": "温度"}\'')
    _derive(database)
    return database


def _derive(database: Database) -> None:
    for _ in range(20):
        with database.connection() as conn:
            if not derive(conn, NOW).more:
                return
    raise AssertionError("never derived")


def readings(conn: Connection) -> list[Reading]:
    """One by one, while the machine ran."""
    stands = conn.execute(
        "select machine_id, t0, t1 from state_interval where state = 'running'"
    ).fetchall()
    shifts = conn.execute("select t0, t1, code, day from shift_instance").fetchall()
    orders = conn.execute(
        "select machine_id, started_at, ended_at, order_code, coalesce(product.code, '')"
        " from operation left join product on product.id = product_id order by started_at desc"
    ).fetchall()
    moved = T0 + 5 * HOUR + timedelta(minutes=7)
    found = []
    for ts, value, machine, code in conn.execute(
        "select r.ts, r.value, m.id, m.code from reading r join tag on tag.id = r.tag_id"
        " join machine m on m.id = tag.machine_id where tag.role = 'process' and r.quality = 0"
    ):
        if not any(m == machine and t0 <= ts < t1 for m, t0, t1 in stands):
            continue
        order = next(((o, p) for m, t0, t1, o, p in orders if m == machine and t0 <= ts < t1), None)
        shift = next(((c, d) for t0, t1, c, d in shifts if t0 <= ts < t1), None)
        line = "K" if code == "M0" and ts >= moved else "L"
        found.append(
            Reading(ts, value, code, line, *(order or ("", "")),
                    *(shift or ("", ts.astimezone(ZONE).date())))
        )  # fmt: skip
    return found


def by_hand(
    rows: list[Reading], key: Callable[[Reading], object]
) -> dict[tuple[object, Limits], Sample]:
    values: dict[tuple[object, Limits], list[float]] = defaultdict(list)
    for row in rows:
        values[key(row), OF_P if row.product == "P" else EVERY].append(row.value)
    return {one: _sample(of, one[1]) for one, of in values.items()}


def _sample(values: list[float], limits: Limits) -> Sample:
    lower, upper = limits.lower, limits.upper
    outside = [
        v for v in values if (lower and v < lower) or (upper is not None and v > upper)
    ]  # fmt: skip
    s = statistics.stdev(values) if len(values) > 1 else None
    return Sample(len(values), statistics.fmean(values), s, len(outside))


def same(
    found: dict[tuple[object, Limits], Sample], wanted: dict[tuple[object, Limits], Sample]
) -> None:
    found = {one: sample for one, sample in found.items() if sample.n}
    assert found.keys() == wanted.keys()
    for one, sample in wanted.items():
        assert (found[one].n, found[one].outside) == (sample.n, sample.outside), one
        assert found[one].mean == pytest.approx(sample.mean, rel=1e-12), one
        assert (found[one].s or 0) == pytest.approx(sample.s or 0, rel=1e-9), one


def test_every_group_pools_the_readings_of_running_machines(told: Database) -> None:
    keys: dict[Kind, Callable[[Reading], object]] = {
        "site": lambda r: "", "area": lambda r: "S", "line": lambda r: r.line,
        "machine": lambda r: r.machine, "product": lambda r: r.product, "order": lambda r: r.order,
    }  # fmt: skip
    with told.connection() as conn:
        rows = [r for r in readings(conn) if T0 <= r.ts < NOW]
        assert len(rows) > 500
        for by, key in keys.items():
            found = samples_of(conn, SITE, WHOLE, ZONE, by=by)
            same({(k.group, c.limits): sample for k, c, sample in found}, by_hand(rows, key))


def test_every_part_of_time_has_its_readings(told: Database) -> None:
    keys: dict[Grain, Callable[[Reading], object]] = {
        "hour": lambda r: (r.ts.replace(minute=0, second=0, microsecond=0), ""),
        "shift": lambda r: (r.day, r.shift),
        "day": lambda r: (r.day, ""),
        "week": lambda r: (r.day - r.day.weekday() * DAY, ""),
        "month": lambda r: (r.day.replace(day=1), ""),
    }
    span = Span(T0 + 61 * timedelta(minutes=1), NOW - 47 * timedelta(minutes=1))
    with told.connection() as conn:
        rows = [r for r in readings(conn) if span.t0 <= r.ts < span.t1]
        for per, key in keys.items():
            got: dict[tuple[object, Limits], Sample] = {}
            for k, c, sample in samples_of(conn, SITE, span, ZONE, per=per):
                at = k.slot.first or k.slot.t0
                at -= (at.weekday() if per == "week" else 0) * DAY
                at = at.replace(day=1) if per == "month" else at
                got[(at, k.shift), c.limits] = sample
            same(got, by_hand(rows, key))


SCOPES: tuple[tuple[Scope, Period, Callable[[Reading], bool]], ...] = (
    (Scope("line", "K"), WHOLE, lambda r: r.line == "K"),
    (Scope("machine", "M1"), WHOLE, lambda r: r.machine == "M1"),
    (Scope("order", "WO-1"), WHOLE, lambda r: r.order == "WO-1"),
    (Scope("product", "P"), WHOLE, lambda r: r.product == "P"),
    (SITE, Days(date(2026, 3, 28), date(2026, 3, 29)), lambda r: r.day == date(2026, 3, 28)),
    (SITE, Days(date(2026, 3, 28), date(2026, 3, 29), "night"), lambda r: r.shift == "night"),
)


@pytest.mark.parametrize(("scope", "period", "within"), SCOPES, ids=lambda one: str(one)[:20])
def test_a_scope_and_period_have_their_readings(
    told: Database, scope: Scope, period: Period, within: Callable[[Reading], bool]
) -> None:
    with told.connection() as conn:
        begin = T0 if isinstance(period, Span) else T0 - DAY
        rows = [r for r in readings(conn) if begin <= r.ts < NOW and within(r)]
        if isinstance(period, Days):
            rows = [r for r in rows if r.day == period.first]
        found = samples_of(conn, scope, period, ZONE)
        assert rows
        same({("", c.limits): sample for _, c, sample in found}, by_hand(rows, lambda r: ""))


def test_a_late_reading_counts_at_the_next_look(told: Database) -> None:
    with told.connection() as conn:
        one = next(r for r in readings(conn) if r.machine == "M0" and r.product != "P")
        span = Span(one.ts, one.ts + 1 * SECOND)
        before = samples_of(conn, Scope("machine", "M0"), span, ZONE)[0][2]
        conn.execute(
            "insert into reading select %s, tag.id, 99, 0 from tag join machine m"
            " on m.id = machine_id where m.code = 'M0' and role = 'process'",
            [one.ts + SECOND / 2],
        )
        after = samples_of(conn, Scope("machine", "M0"), span, ZONE)[0][2]
    assert (before.n, after.n, after.outside - before.outside) == (1, 2, 1)
    assert after.mean == pytest.approx((one.value + 99) / 2)


def test_what_a_late_state_says_counts_too(told: Database) -> None:
    with told.connection() as conn:
        before = sum(s.n for _, _, s in samples_of(conn, SITE, WHOLE, ZONE))
        machines = dict(conn.execute("select code, id from machine").fetchall())
        conn.execute(
            "delete from reading where tag_id in (select id from tag where role = 'state')"
        )
        for machine in machines.values():
            touch(conn, machine, T0)
    _derive(told)
    with told.connection() as conn:
        assert before > sum(s.n for _, _, s in samples_of(conn, SITE, WHOLE, ZONE)) == 0


def test_too_many_readings_are_refused_before_they_are_read(
    told: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with told.connection() as conn:
        held = conn.execute(
            "select sum(n)::integer from tag_1h where tag_id in (select tag_id from tag_limit)"
            " and ts >= %s and ts < %s", [T0, NOW],
        ).fetchall()[0][0]  # fmt: skip
        monkeypatch.setattr(capability, "MOST_READINGS", held)
        assert samples_of(conn, SITE, WHOLE, ZONE)
        monkeypatch.setattr(capability, "MOST_READINGS", held - 1)
        with pytest.raises(TooMany):
            samples_of(conn, SITE, WHOLE, ZONE)
        assert samples_of(conn, Scope("machine", "M0"), WHOLE, ZONE)
        assert samples_of(conn, Scope("order", "WO-0"), WHOLE, ZONE)


def test_what_is_older_than_raw_readings_is_left_out(told: Database) -> None:
    floor = T0 + 6 * HOUR
    with told.connection() as conn:
        conn.execute("insert into retention_floor values ('reading', %s)", [floor])
        rows = [r for r in readings(conn) if floor <= r.ts < NOW]
        found = samples_of(conn, SITE, WHOLE, ZONE)
        same({("", c.limits): sample for _, c, sample in found}, by_hand(rows, lambda r: ""))
        assert samples_of(conn, SITE, Span(T0, floor), ZONE) == []


def test_limits_follow_the_plant_file(database: Database) -> None:
    def limits(text: str) -> set[tuple[str, str | None, float | None, float | None]]:
        with database.connection() as conn:
            master.apply(conn, read(text), text, datetime(2026, 3, 2, tzinfo=UTC))
            return set(
                conn.execute(
                    "select tag.code, product.code, lower, upper from tag_limit"
                    " join tag on tag.id = tag_id left join product on product.id = product_id"
                    " where tag.code like 'A01.%'"
                ).fetchall()
            )

    assert limits(SAMPLE) == {
        ("A01.temperature", None, 35.0, 60.0),
        ("A01.temperature", "H160", 35.0, 55.0),
        ("A01.vibration", None, None, 3.5),
    }
    changed = SAMPLE.replace("upper = 60.0", "upper = 65.0").replace("spec = { upper = 3.5 }", "")
    assert limits(changed) == {
        ("A01.temperature", None, 35.0, 65.0),
        ("A01.temperature", "H160", 35.0, 55.0),
    }
