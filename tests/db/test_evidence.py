"""What is behind the sums is the same as the sums: second by second, piece by piece."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from db import evidence, settling
from db.connect import Connection, Database
from db.derive import derive, touch
from db.evidence import PAGE, Question
from db.kpi_facts import SITE, Scope, facts_in
from plant.periods import Days, Period, Span
from tests.db.conftest import MakePlant, TinyPlant

ZONE = ZoneInfo("Europe/Berlin")
T0 = datetime(2026, 3, 28, 18, tzinfo=UTC)
NOW = T0 + timedelta(hours=30)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
SECONDS = (
    "not_scheduled", "planned_stop", "setup", "running", "down", "idle", "starved", "blocked",
    "unknown",
)  # fmt: skip


def history(conn: Connection, plant: TinyPlant, seed: int) -> None:
    """A day and a quarter of two machines: states, counts with restarts, orders, shifts, a move."""
    chance = random.Random(seed)
    for day in (27, 28, 29):
        for code, begin, hours in (("early", 6, 8), ("night", 22, 8)):
            t0 = datetime(2026, 3, day, tzinfo=ZONE) + begin * HOUR
            t1 = t0 + hours * HOUR  # wall time: the night of the 28th has seven hours
            _shift(conn, plant, code, date(2026, 3, day), t0.astimezone(UTC), t1.astimezone(UTC))
    conn.execute(
        "insert into line (code, area_id, name, target_oee, position)"
        " select 'K', area_id, name, 0.8, 2 from line"
    )
    conn.execute(
        "insert into machine_line select m.id, v.at, line.id from machine m, line,"
        " (values ('-infinity'::timestamptz, 'L'), (%s, 'K')) v (at, code)"
        " where line.code = v.code and m.code = 'M0'",
        [T0 + 5 * HOUR + 7 * MINUTE],
    )
    for machine in plant.machines:
        _readings(conn, plant, machine, chance)
        for number, (begin, lasted) in enumerate(((2, 5), (6, 9), (11, 2))):
            conn.execute(
                "insert into operation (source_id, order_code, operation, revision, at, machine_id,"
                " product_id, status, planned, good, scrap, started_at, ended_at)"
                " values (%s, %s, %s, '1', %s, %s, %s, 'running', 9, 0, 0, %s, %s)",
                [plant.source, f"WO-{number}", machine, T0, machine, plant.products[number % 2],
                 T0 + begin * HOUR + 23 * timedelta(seconds=1), T0 + (begin + lasted) * HOUR],
            )  # fmt: skip
    conn.execute(
        "insert into source_status (source_id, connected, since, last_heard)"
        " values (%s, true, %s, %s)", [plant.source, T0, NOW],
    )  # fmt: skip
    conn.execute("insert into source_gap values (%s, %s, %s, 'away')",
                 [plant.source, T0 + 3 * HOUR, T0 + 3.2 * HOUR])  # fmt: skip
    for machine in plant.machines:
        touch(conn, machine, T0)


def _shift(
    conn: Connection, plant: TinyPlant, code: str, day: date, t0: datetime, t1: datetime
) -> None:
    row = conn.execute(
        "insert into shift_instance (calendar_id, code, name, day, t0, t1)"
        " values (%s, %s, '{}', %s, %s, %s) returning id", [plant.calendar, code, day, t0, t1],
    ).fetchone()  # fmt: skip
    assert row is not None
    cuts = [t0, t0 + 3 * HOUR, t0 + 3.5 * HOUR, t1]
    for kind, begin, end in zip(("work", "break", "work"), cuts, cuts[1:], strict=False):
        conn.execute("insert into calendar_slice values (%s, %s, %s, %s, %s)",
                     [plant.calendar, begin, end, kind, row[0]])  # fmt: skip


def _readings(conn: Connection, plant: TinyPlant, machine: int, chance: random.Random) -> None:
    at, made = T0, 900.0
    while at < NOW:
        state = chance.choice("1112345671")
        _say(conn, at, plant.tags[machine]["state"], float(state))
        at += timedelta(seconds=chance.randint(20, 1500), microseconds=chance.randint(0, 999_999))
        if at >= NOW:
            return
        made = 0.0 if chance.random() < 0.05 else (made + chance.randint(0, 30)) % 1000
        _say(conn, at - timedelta(seconds=3), plant.tags[machine]["good"], made,
             chance.choice((0, 0, 0, 2)))  # fmt: skip


def _say(conn: Connection, at: datetime, tag: int, value: float, quality: int = 0) -> None:
    conn.execute("insert into reading values (%s, %s, %s, %s)", [at, tag, value, quality])


@pytest.fixture
def told(database: Database, make_plant: MakePlant) -> Database:
    """Derived to the end."""
    with database.connection() as conn:
        history(conn, make_plant(conn, machines=2), seed=4)
    for _ in range(20):
        with database.connection() as conn:
            if not derive(conn, NOW).more:
                return database
    raise AssertionError("never derived")


QUESTIONS: tuple[tuple[Scope, Period], ...] = (
    (SITE, Span(T0, NOW)),
    (SITE, Span(T0 + 61 * MINUTE, NOW - 47 * MINUTE)),
    (Scope("machine", "M1"), Span(T0 + HOUR, T0 + 9 * HOUR)),
    (Scope("line", "L"), Span(T0, NOW)),
    (Scope("line", "K"), Span(T0, NOW)),
    (Scope("order", "WO-1"), Span(T0, NOW)),
    (Scope("product", "P"), Span(T0, NOW)),
    (SITE, Days(date(2026, 3, 28), date(2026, 3, 29))),
    (SITE, Days(date(2026, 3, 28), date(2026, 3, 29), "night")),
    (Scope("line", "K"), Days(date(2026, 3, 29), date(2026, 3, 30))),
)


@pytest.mark.parametrize(("scope", "period"), QUESTIONS)
def test_intervals_and_counts_add_up_to_the_facts(
    told: Database, scope: Scope, period: Period
) -> None:
    asked = Question(scope, period, ZONE)
    with told.connection() as conn:
        facts = facts_in(conn, scope, period, ZONE).facts
        sums = evidence.element_sums(conn, asked)
        found, _ = evidence.intervals(conn, asked)
        made = [one for page in range(9) for one in evidence.counts(conn, asked, page)]
    assert facts.calendar_s > 3600
    for name in SECONDS:
        assert sums.get(name, 0) == pytest.approx(getattr(facts, f"{name}_s"), abs=1e-4), name
    assert len(found) > 5
    if scope.kind in ("site", "machine", "line"):
        assert sum(c.pieces or 0 for c in set(made)) == pytest.approx(facts.good)


def test_evidence_comes_page_by_page_and_makes_the_whole(told: Database) -> None:
    asked = Question(SITE, Span(T0, NOW), ZONE)
    seconds: dict[str, float] = defaultdict(float)
    raw: list[evidence.Raw] = []
    with told.connection() as conn:
        wanted = evidence.element_sums(conn, asked)
        page, more = 0, True
        while more:
            found, more = evidence.intervals(conn, asked, page)
            page += 1
            for stretch in found:
                seconds[stretch.element] += stretch.seconds
        pages = 0
        while rows := evidence.readings(conn, asked, pages):
            raw += rows[:PAGE]
            pages += 1
        row = conn.execute("select count(*) from reading where ts >= %s and ts < %s", [T0, NOW])
        readings = row.fetchone()
    assert page > 1
    assert pages > 1
    assert seconds == pytest.approx(dict(wanted))
    assert [r.ts for r in raw] == sorted((r.ts for r in raw), reverse=True)
    assert readings == (len(set(raw)),)


def test_a_restart_is_marked_and_a_bad_reading_counts_nothing(told: Database) -> None:
    with told.connection() as conn:
        found = evidence.counts(conn, Question(SITE, Span(T0, NOW), ZONE))
    turns = {"set_back", "rolled_over", "began_again"}
    assert any(one.turn for one in found)
    for one in found:
        assert (one.pieces is None) == (one.quality == 2)
        assert (one.turn in turns) == (
            one.quality < 2 and one.before is not None and (one.value or 0) < one.before
        )


def test_gaps_and_corrections_are_told(told: Database) -> None:
    with told.connection() as conn:
        conn.execute(
            "insert into count_correction (machine_id, at, good, reason, actor, recorded_at)"
            " select min(id), %s, -3, 'counted twice', 'olga', %s from machine", [T0 + HOUR, NOW],
        )  # fmt: skip
        found = evidence.messages(conn, Question(Scope("machine", "M0"), Span(T0, NOW), ZONE))
    assert [(m.kind, m.subject, m.good) for m in found] == [
        ("gap", "away", None), ("correction", "counted twice", -3),
    ]  # fmt: skip


def test_what_is_due_makes_a_period_provisional(told: Database) -> None:
    over, now = Span(T0, T0 + HOUR), NOW
    with told.connection() as conn:
        conn.execute("delete from derive_dirty")
        conn.execute("delete from rollup_dirty")
        assert settling.settling(conn, over, now) == settling.Settling(False, False)
        assert settling.settling(conn, Span(T0, now), now).is_open
        assert settling.settling(conn, Span(T0, now + HOUR), now).is_open
        touch(conn, _machine(conn, "M1"), T0 + 30 * MINUTE, T0 + 31 * MINUTE)
        assert settling.settling(conn, over, now).is_late
        assert not settling.settling(conn, over, now, ["M0"]).is_late
        assert not settling.settling(conn, Span(T0 + HOUR, now), now).is_late


def _machine(conn: Connection, code: str) -> int:
    row = conn.execute("select id from machine where code = %s", [code]).fetchone()
    assert row is not None
    return int(row[0])
