"""Random histories: shuffled, duplicated, late facts give the same rows as a plain calculation.

The calculation below takes each moment by itself, as directly as can be; the SQL works on sets.
"""

from __future__ import annotations

import os
import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from db.connect import Connection, Database
from db.count_corrections import Correction, correct
from db.derive import derive, rebuild, touch, touch_source
from db.stop_edits import touch_said

if TYPE_CHECKING:
    from tests.db.conftest import MakePlant, TinyPlant

Span = tuple[datetime, datetime]
MINUTE = timedelta(minutes=1)
INSTANT = timedelta(microseconds=1)
MICRO_STOP = timedelta(minutes=5)
STOPS = ("down", "idle", "starved", "blocked")
HALTED = (*STOPS, "setup", "planned_stop")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Word:
    """What somebody said of a machine's stops; `element`: of the reason, if it has one."""

    id: int
    kind: str
    t0: datetime
    t1: datetime
    is_open: bool = False
    reason: int | None = None
    element: str | None = None


@dataclass(frozen=True)
class Piece:
    """A part of a stop, within one thing that the machine said."""

    row: Span
    t0: datetime
    t1: datetime
    element: str
    reason: int | None


@dataclass
class Facts:
    """Everything that is known of one machine."""

    states: dict[datetime, tuple[float | None, int]] = field(default_factory=dict)
    counts: dict[str, dict[datetime, tuple[float | None, int]]] = field(default_factory=dict)
    modulus: dict[str, float] = field(default_factory=dict)
    gaps: list[Span] = field(default_factory=list)
    slices: list[tuple[datetime, datetime, str, int]] = field(default_factory=list)
    operations: list[tuple[int, int, datetime, datetime | None]] = field(default_factory=list)
    cycles: dict[int, list[tuple[datetime, float]]] = field(default_factory=dict)
    corrections: list[tuple[datetime, str, float]] = field(default_factory=list)
    last_heard: datetime | None = None
    stale_after: timedelta = timedelta(seconds=5)
    states_by_raw: dict[str, str] = field(default_factory=dict)
    words: list[Word] = field(default_factory=list)


def minute_of(at: datetime) -> datetime:
    return at - (at - EPOCH) % MINUTE


def state_at(facts: Facts, at: datetime, now: datetime) -> str | None:
    """What the machine says at a moment; None before it ever said anything."""
    said = [ts for ts in facts.states if ts <= at]
    if not said:
        return None
    last = max(said)
    heard = max(ts for ts in (facts.last_heard, last) if ts is not None)
    is_last = not any(ts > last and ts < now for ts in facts.states)
    if any(t0 <= at < t1 for t0, t1 in facts.gaps):
        return "unknown"
    if is_last and at >= heard + facts.stale_after:
        return "unknown"
    value, quality = facts.states[last]
    if value is None or quality >= 2:
        return "unknown"
    return facts.states_by_raw.get(f"{value:g}", "unknown")


def element_at(facts: Facts, state: str, at: datetime) -> tuple[str, int]:
    """(element of the second, shift)."""
    for t0, t1, kind, shift in facts.slices:
        if t0 <= at < t1:
            if state == "running":
                return state, shift
            return ("planned_stop" if kind == "break" else state), shift
    return ("running" if state == "running" else "not_scheduled"), 0


def operation_at(facts: Facts, at: datetime) -> tuple[int, int]:
    """(operation, product)."""
    active = [
        (started, number, product)
        for number, product, started, ended in facts.operations
        if started <= at and (ended is None or at < ended)
    ]
    if not active:
        return 0, 0
    _, number, product = max(active)
    return number, product


def cycle_at(facts: Facts, product: int, at: datetime) -> float:
    valid = [(since, seconds) for since, seconds in facts.cycles.get(product, []) if since <= at]
    return max(valid)[1] if valid else 0.0


def moments(facts: Facts, now: datetime) -> list[datetime]:
    """Every moment at which anything may change, and every full minute between."""
    first = min(facts.states, default=now)
    found = {first, now} | set(facts.states)
    last = max((ts for ts in facts.states if ts < now), default=first)
    found.add(max(ts for ts in (facts.last_heard, last) if ts is not None) + facts.stale_after)
    for t0, t1 in facts.gaps:
        found |= {t0, t1}
    for t0, t1, _, _ in facts.slices:
        found |= {t0, t1}
    for _, _, started, ended in facts.operations:
        found |= {started, ended or now}
    for versions in facts.cycles.values():
        found |= {since for since, _ in versions}
    minute = minute_of(first)
    while minute < now:
        minute += MINUTE
        found.add(minute)
    return sorted(at for at in found if first <= at <= now)


def intervals(facts: Facts, now: datetime) -> list[tuple[datetime, datetime, str]]:
    """The longest stretches of equal state."""
    result: list[tuple[datetime, datetime, str]] = []
    points = moments(facts, now)
    for t0, t1 in pairwise(points):
        state = state_at(facts, t0, now)
        assert state is not None
        if result and result[-1][2] == state:
            result[-1] = (result[-1][0], t1, state)
        else:
            result.append((t0, t1, state))
    return result


def pieces(facts: Facts, now: datetime) -> list[Piece]:
    """The stops cut at every word; of each piece, what was said last."""
    result = []
    edges = {at for word in facts.words if word.kind != "merge" for at in (word.t0, word.t1)}
    for row in intervals(facts, now):
        if row[2] in HALTED:
            cuts = sorted({at for at in edges if row[0] < at < row[1]} | {row[0], row[1]})
            for t0, t1 in pairwise(cuts):
                said = [word for word in facts.words if covers(word, t0, row[:2])]
                last = max(said, key=lambda word: word.id) if said else None
                element = last.element if last and last.element else row[2]
                result.append(Piece(row[:2], t0, t1, element, last.reason if last else None))
    return result


def covers(word: Word, at: datetime, row: Span) -> bool:
    goes_on = word.is_open and row[0] < word.t1 <= row[1]
    return word.kind == "assign" and word.t0 <= at and (at < word.t1 or goes_on)


def is_one(before: Piece, after: Piece, words: list[Word]) -> bool:
    """Whether two pieces that follow one another are one stop."""
    split = max((w.id for w in words if w.kind == "split" and w.t0 == after.t0), default=0)
    merged = [w.id for w in words if w.kind == "merge" and w.t0 < before.t1 and w.t1 > after.t0]
    if any(number > split for number in merged):
        return True
    alike = (before.row, before.element, before.reason) == (after.row, after.element, after.reason)
    return alike and not split


def stops(facts: Facts, now: datetime) -> list[list[Piece]]:
    result: list[list[Piece]] = []
    for piece in pieces(facts, now):
        if result and is_one(result[-1][-1], piece, facts.words):
            result[-1].append(piece)
        else:
            result.append([piece])
    return result


def is_short(stop: list[Piece], now: datetime) -> bool:
    return stop[-1].t1 < now and sum((p.t1 - p.t0 for p in stop), timedelta()) < MICRO_STOP


def differences(
    readings: dict[datetime, tuple[float | None, int]], modulus: float | None
) -> Iterable[tuple[datetime, float]]:
    before: float | None = None
    for ts in sorted(readings):
        value, quality = readings[ts]
        if value is None or quality >= 2:
            continue
        if before is not None:
            if value >= before:
                yield ts, value - before
            elif modulus is not None and before >= 0.9 * modulus and value <= 0.1 * modulus:
                yield ts, value + modulus - before
            else:
                yield ts, value
        before = value


def shares(
    facts: Facts,
    readings: dict[datetime, tuple[float | None, int]],
    modulus: float | None,
    running: list[Span],
) -> Iterable[tuple[datetime, float]]:
    """Differences, divided by running time where operations begin or end between two readings."""
    good = sorted(
        ts for ts, (value, quality) in readings.items() if value is not None and quality < 2
    )
    ends = [t for _, _, a, b in facts.operations for t in (a, b) if t is not None]
    for before, (ts, pieces) in zip(good, differences(readings, modulus), strict=False):
        inner = sorted({t for t in ends if before < t < ts})
        if pieces <= 1 or not inner:
            yield ts, pieces
            continue
        spans = list(pairwise([before, *inner, ts]))
        worked = [
            sum(max((min(b, y) - max(a, x)).total_seconds(), 0) for x, y in running)
            for a, b in spans
        ]
        if not any(worked):
            worked = [(b - a).total_seconds() for a, b in spans]
        exact = [pieces * seconds / sum(worked) for seconds in worked]
        if pieces.is_integer():
            exact = largest_remainder(exact, int(pieces))
        yield from zip([*(t - INSTANT for t in inner), ts], exact, strict=True)


def largest_remainder(exact: list[float], pieces: int) -> list[float]:
    whole = [float(int(share + 1e-9)) for share in exact]
    while sum(whole) < pieces:
        rest = [round(share - got, 9) for share, got in zip(exact, whole, strict=True)]
        whole[max(range(len(rest)), key=lambda n: (rest[n], n))] += 1
    return whole


Key = tuple[datetime, int, int, int]


def minutes(facts: Facts, now: datetime) -> dict[Key, dict[str, float]]:
    """Rows of machine_1m by (ts, operation, product, shift), zeros left out."""
    rows: dict[Key, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    points = moments(facts, now)
    spells = intervals(facts, now) if points else []
    halts = stops(facts, now) if points else []
    points = sorted({*points, *(p.t0 for stop in halts for p in stop)})
    changed = {(p.t0, p.t1): p.element for stop in halts for p in stop}
    minor = [
        (p.t0, p.t1) for stop in halts if is_short(stop, now) for p in stop if p.element in STOPS
    ]
    running = [(a, b) for a, b, said in spells if said == "running"]
    for t0, t1 in pairwise(points):
        state = state_at(facts, t0, now)
        assert state is not None
        state = next((e for (a, b), e in changed.items() if a <= t0 < b), state)
        element, shift = element_at(facts, state, t0)
        key = (minute_of(t0), *operation_at(facts, t0), shift)
        seconds = (t1 - t0).total_seconds()
        rows[key][f"{element}_s"] += seconds
        if element == state and any(a <= t0 < b for a, b in minor):
            rows[key]["minor_s"] += seconds
            rows[key]["minor_down_s"] += seconds if state == "down" else 0
    for role, ts, pieces in made(facts, running, now):
        if not points or ts < points[0] or ts >= now:
            continue
        _, shift = element_at(facts, "idle", ts)
        operation, product = operation_at(facts, ts)
        row = rows[(minute_of(ts), operation, product, shift)]
        cycle_s = cycle_at(facts, product, minute_of(ts))
        row[role] += pieces
        row["ideal_s"] += cycle_s * pieces
        row["ideal_good_s"] += cycle_s * pieces if role == "good" else 0
    return {
        key: {name: round(value, 6) for name, value in row.items() if round(value, 6)}
        for key, row in rows.items()
    }


def made(facts: Facts, running: list[Span], now: datetime) -> Sequence[tuple[str, datetime, float]]:
    """(good or scrap, time, pieces)."""
    result = [(role, ts, pieces) for ts, role, pieces in facts.corrections]
    for role, readings in facts.counts.items():
        known = {ts: said for ts, said in readings.items() if ts < now}
        for ts, pieces in shares(facts, known, facts.modulus.get(role), running):
            if role != "cycle":
                result.append((role, ts, pieces))
            elif "good" not in facts.counts:
                result.append(("good", ts, pieces))
            if role == "scrap" and "good" not in facts.counts and "cycle" in facts.counts:
                result.append(("good", ts, -pieces))
    return result


T0 = datetime(2026, 3, 2, 5, 0, tzinfo=UTC)
HOURS = 5
ELEMENTS = [
    "not_scheduled_s",
    "planned_stop_s",
    "setup_s",
    "running_s",
    "down_s",
    "idle_s",
    "starved_s",
    "blocked_s",
    "unknown_s",
]
NUMBERS = [
    *ELEMENTS,
    "good",
    "scrap",
    "rework",
    "ideal_s",
    "ideal_good_s",
    "minor_s",
    "minor_down_s",
]


def some_moment(rnd: random.Random, hours: float = HOURS) -> datetime:
    """Now and then on a full minute, where off-by-one lives."""
    at = T0 + timedelta(seconds=rnd.uniform(0, hours * 3600))
    return minute_of(at) if rnd.random() < 0.2 else at.replace(microsecond=rnd.choice([0, 1, 500]))


def random_facts(
    rnd: random.Random, plant: TinyPlant, roles: tuple[str, ...], modulus: float | None
) -> Facts:
    facts = Facts(states_by_raw=plant.states, stale_after=plant.stale_after)
    for _ in range(rnd.randint(1, 40)):
        value = rnd.choice([1.0, 1.0, 2.0, 3.0, 4.0, 99.0, None])
        facts.states[some_moment(rnd)] = (value, rnd.choice([0, 0, 0, 0, 1, 2]))
    for role in roles[1:]:
        facts.counts[role] = random_counter(rnd, modulus)
        if modulus is not None:
            facts.modulus[role] = modulus
    return facts


def random_counter(
    rnd: random.Random, modulus: float | None
) -> dict[datetime, tuple[float | None, int]]:
    value, result = float(rnd.randint(0, 900)), {}
    for ts in sorted({some_moment(rnd) for _ in range(rnd.randint(0, 60))}):
        value += rnd.choice([0, 1, 1, 2, 30, 0.5])
        if modulus is not None and value >= modulus:
            value -= modulus
        if rnd.random() < 0.03:
            value = 0.0
        quality = rnd.choice([0, 0, 0, 0, 0, 0, 1, 2])
        result[ts] = (None if rnd.random() < 0.03 else value, quality)
    return result


def add_context(conn: Connection, plant: TinyPlant, facts: dict[int, Facts]) -> None:
    """Two shifts with a break each and a hole between them; versions of an ideal cycle."""
    slices = []
    for number, (begin, end) in enumerate([(5.25, 7.5), (8.0, 9.75)]):
        t0, t1 = (T0.replace(hour=0) + timedelta(hours=h) for h in (begin, end))
        row = conn.execute(
            "insert into shift_instance (calendar_id, code, name, day, t0, t1)"
            " values (%s, %s, '{}', '2026-03-02', %s, %s) returning id",
            [plant.calendar, str(number), t0, t1],
        ).fetchone()
        assert row is not None
        pause = t0 + timedelta(minutes=40, seconds=7), t0 + timedelta(minutes=55)
        for a, b, kind in [
            (t0, pause[0], "work"),
            (*pause, "break"),
            (pause[1], t1, "work"),
        ]:
            slices.append((a, b, kind, int(row[0])))
            conn.execute(
                "insert into calendar_slice values (%s, %s, %s, %s, %s)",
                [plant.calendar, a, b, kind, row[0]],
            )
    p, q = plant.products
    change = T0 + timedelta(hours=2, seconds=30)
    for machine, known in facts.items():
        known.slices = slices
        known.cycles = {p: [(T0 - timedelta(days=1), 10.0), (change, 8.0)]}
        for since, seconds in known.cycles[p]:
            conn.execute(
                "insert into ideal_cycle values (%s, %s, %s, %s)", [machine, p, since, seconds]
            )
    assert q not in next(iter(facts.values())).cycles  # a product without an ideal cycle


def store(conn: Connection, tag: int, ts: datetime, value: float | None, quality: int) -> None:
    conn.execute(
        "insert into reading values (%s, %s, %s, %s)"
        " on conflict (tag_id, ts) do update"
        " set value = excluded.value, quality = excluded.quality",
        [ts, tag, value, quality],
    )


Fact = tuple[datetime, str, Any]

REASONS: list[str | None] = [None, "planned_stop", "setup", "idle", "down"]
"""What the elements of the reasons are, numbered from 1."""


def add_reasons(conn: Connection) -> None:
    for number, element in enumerate(REASONS, 1):
        conn.execute(
            "insert into reason (id, code, name, element) overriding system value"
            " values (%s, %s, '{}', %s)",
            [number, f"r{number}", element],
        )


def some_words(rnd: random.Random) -> list[Fact]:
    """Said of any stretch, whatever the machine did there; some long after, some withdrawn."""
    result: list[Fact] = []
    for number in range(rnd.choice([0, 4, 12])):
        kind = rnd.choice(["assign", "assign", "assign", "split", "merge", "merge"])
        begin = some_moment(rnd)
        end = begin + timedelta(seconds=rnd.choice([1, 60, 400, 3000]))
        end = begin if kind == "split" else end
        is_open = kind == "assign" and rnd.random() < 0.4
        result.append((end, "word", (number, kind, begin, end, is_open, rnd.randint(1, 5))))
        if rnd.random() < 0.25:
            result.append((end + timedelta(minutes=1), "withdrawn", number))
    return result


def say(conn: Connection, machine: int, facts: Facts, what: Any) -> None:
    number, kind, begin, end, is_open, reason = what
    reason = reason if kind == "assign" else None
    row = conn.execute(
        "insert into stop_edit (key, machine_id, kind, t0, t1, is_open, reason_id, actor, at)"
        " values (%s, %s, %s, %s, %s, %s, %s, 'anna', %s)"
        " on conflict (key) do nothing returning id",
        [f"{machine}-{number}", machine, kind, begin, end, is_open, reason, end],
    ).fetchone()
    if row is not None:
        element = REASONS[reason - 1] if reason else None
        facts.words.append(Word(row[0], kind, begin, end, is_open, reason, element))
        touch_said(conn, machine, begin, end)


def unsay(conn: Connection, machine: int, facts: Facts, number: int) -> None:
    row = conn.execute(
        "insert into stop_edit (key, machine_id, kind, t0, t1, actor, at, supersedes)"
        " select key || ' not', machine_id, 'withdraw', t0, t1 + interval '1 us', 'bob', at, id"
        " from stop_edit where key = %s on conflict do nothing returning supersedes, t0, t1",
        [f"{machine}-{number}"],
    ).fetchone()
    if row is not None:
        facts.words = [word for word in facts.words if word.id != row[0]]
        touch_said(conn, machine, row[1], row[2])


def some_operations(rnd: random.Random, products: tuple[int, ...]) -> list[Fact]:
    result: list[Fact] = []
    for number in range(rnd.randint(0, 5)):
        begin = some_moment(rnd)
        end = begin + timedelta(minutes=rnd.uniform(1, 90)) if rnd.random() < 0.8 else None
        result.append((begin, "operation", (number, rnd.choice(products), end)))
    return result


def apply(conn: Connection, plant: TinyPlant, machine: int, facts: Facts, fact: Fact) -> None:
    """Put a fact into the database and into what the oracle knows, and say what it touches."""
    ts, kind, what = fact
    if kind == "operation":
        number, product, end = what
        row = conn.execute(
            "insert into operation (source_id, order_code, operation, revision, at, machine_id,"
            " product_id, status, planned, good, scrap, started_at, ended_at)"
            " values (%s, %s, '10', '', %s, %s, %s, 'done', 1, 0, 0, %s, %s) returning id",
            [plant.source, f"{machine}-{number}", ts, machine, product, ts, end],
        ).fetchone()
        assert row is not None
        facts.operations.append((row[0], product, ts, end))
        touch(conn, machine, ts, end)
    elif kind == "word":
        say(conn, machine, facts, what)
    elif kind == "withdrawn":
        unsay(conn, machine, facts, what)
    else:
        value, quality = what
        readings = facts.states if kind == "state" else facts.counts[kind]
        readings[ts] = (value, quality)
        store(conn, plant.tags[machine][kind], ts, value, quality)
        touch(conn, machine, ts, ts)


def derived_minutes(conn: Connection, machine: int) -> dict[Key, dict[str, float]]:
    columns = ", ".join(NUMBERS)
    rows = conn.execute(
        f"select ts, operation_id, product_id, shift_id, {columns} from machine_1m"
        " where machine_id = %s",
        [machine],
    ).fetchall()
    return {
        row[:4]: {name: value for name, value in zip(NUMBERS, row[4:], strict=True) if value}
        for row in rows
    }


def derived_intervals(conn: Connection, machine: int) -> list[tuple[datetime, datetime, str]]:
    rows = conn.execute(
        "select t0, t1, state::text from state_interval where machine_id = %s order by t0",
        [machine],
    ).fetchall()
    return [(row[0], row[1], row[2]) for row in rows]


def derived_stops(conn: Connection, machine: int) -> list[tuple[object, ...]]:
    return conn.execute(
        "select t0, t1, element::text, reason_id, said_by, is_minor from stop_span"
        " where machine_id = %s order by t0",
        [machine],
    ).fetchall()


def told_stops(facts: Facts, now: datetime) -> list[tuple[object, ...]]:
    """Stops as rows: of merged ones, the earliest part that has a reason tells it."""
    result: list[tuple[object, ...]] = []
    for stop in stops(facts, now):
        told = next((piece for piece in stop if piece.reason), stop[0])
        upto = stop[-1].t1 if stop[-1].t1 < now else None
        said_by = "operator" if told.reason else None
        minor = told.element in STOPS and is_short(stop, now)
        result.append((stop[0].t0, upto, told.element, told.reason, said_by, minor))
    return result


def everything(conn: Connection) -> list[list[tuple[object, ...]]]:
    return [
        conn.execute(f"select * from {name} r order by r").fetchall()
        for name in ("machine_1m", "state_interval", "stop_span", "derive_tail")
    ]


def compare(conn: Connection, facts: dict[int, Facts], now: datetime) -> None:
    for machine, known in facts.items():
        seen = any(ts < now for ts in known.states)
        assert derived_intervals(conn, machine) == (intervals(known, now) if seen else [])
        assert derived_stops(conn, machine) == (told_stops(known, now) if seen else [])
        assert derived_minutes(conn, machine) == (minutes(known, now) if seen else {})


def known_until(facts: dict[int, Facts], now: datetime) -> dict[int, Facts]:
    """What the oracle may look at: readings of the future are not there yet."""
    return {
        machine: replace(known, states={t: v for t, v in known.states.items() if t < now})
        for machine, known in facts.items()
    }


CASES = [
    (("state", "good", "scrap"), 1000.0),
    (("state", "cycle", "scrap"), None),
    (("state", "good"), None),
    (("state", "cycle"), 1000.0),
]


@pytest.mark.parametrize("seed", range(int(os.environ.get("TAKTBOARD_TEST_HISTORIES", "16"))))
def test_facts_in_any_order(any_database: Database, make_plant: MakePlant, seed: int) -> None:
    database = any_database
    rnd = random.Random(seed)
    roles, modulus = CASES[seed % len(CASES)]
    with database.connection() as conn:
        plant = make_plant(conn, machines=2, roles=roles, modulus=modulus)
    story: list[tuple[int, Fact]] = []
    facts: dict[int, Facts] = {}
    for machine in plant.machines:
        full = random_facts(rnd, plant, roles, modulus)
        some: list[Fact] = [(ts, "state", what) for ts, what in full.states.items()]
        for role, readings in full.counts.items():
            some += [(ts, role, what) for ts, what in readings.items()]
        some += some_operations(rnd, plant.products) + some_words(rnd)
        story += [(machine, fact) for fact in some]
        facts[machine] = replace(full, states={}, counts={role: {} for role in full.counts})
    rnd.shuffle(story)
    story.sort(key=lambda item: item[1][0] + timedelta(hours=rnd.choice([0, 0, 0, 1, 4])))
    with database.connection() as conn:
        add_context(conn, plant, facts)
        add_reasons(conn)
    now = T0
    while story:
        now += timedelta(seconds=rnd.choice([1, 20, 61, 700, 3600]))
        due = [item for item in story[: rnd.randint(1, 40)] if item[1][0] <= now]
        with database.connection() as conn:
            for item in due:
                story.remove(item)
                apply(conn, plant, item[0], facts[item[0]], item[1])
                if (
                    item[1][1] not in ("operation", "withdrawn") and rnd.random() < 0.1
                ):  # the same once more
                    apply(conn, plant, item[0], facts[item[0]], item[1])
            if rnd.random() < 0.6:
                hear(conn, plant, facts, now - timedelta(seconds=rnd.choice([0, 2, 30, 900])))
            if rnd.random() < 0.2:
                change_of_mind(conn, plant, facts, rnd, now)
            if rnd.random() < 0.1:
                add_gap(conn, plant, facts, rnd, now)
        if rnd.random() < 0.7:
            derive_all(database, now)
    now += timedelta(seconds=rnd.choice([1, 500]))
    derive_all(database, now)
    with database.connection() as conn:
        compare(conn, known_until(facts, now), now)
        check_invariants(conn, now)
        before = everything(conn)
        assert rebuild(conn, T0 - timedelta(hours=1), now) == 0

        assert everything(conn) == before
    assert from_scratch(database, plant, now) == before


def derive_all(database: Database, now: datetime) -> None:
    more = True
    while more:
        with database.connection() as conn:
            more = derive(conn, now, budget=timedelta(hours=2)).more


def hear(conn: Connection, plant: TinyPlant, facts: dict[int, Facts], at: datetime) -> None:
    known = next(iter(facts.values())).last_heard
    if known is not None and known >= at:
        return
    conn.execute(
        "insert into source_status (source_id, connected, since, last_heard)"
        " values (%(source)s, true, %(at)s, %(at)s)"
        " on conflict (source_id) do update set last_heard = excluded.last_heard",
        {"source": plant.source, "at": at},
    )
    for machine_facts in facts.values():
        machine_facts.last_heard = at


def change_of_mind(
    conn: Connection, plant: TinyPlant, facts: dict[int, Facts], rnd: random.Random, now: datetime
) -> None:
    """A correction of a count, another ideal cycle, an operation that ended otherwise."""
    machine = rnd.choice(plant.machines)
    known, ts, role = facts[machine], some_moment(rnd), rnd.choice(["good", "scrap"])
    if ts <= now:
        pieces = float(rnd.choice([-3, -1, 2]))
        wrong = Correction(machine, ts, "wrong", "ann", **{role: pieces})
        correct(conn, wrong, now)
        known.corrections.append((ts, role, pieces))
    since, seconds = some_moment(rnd), rnd.choice([4.0, 12.5])
    product = plant.products[0]
    if since not in {at for at, _ in known.cycles[product]}:
        known.cycles[product] = [*known.cycles[product], (since, seconds)]
        conn.execute(
            "insert into ideal_cycle values (%s, %s, %s, %s)", [machine, product, since, seconds]
        )
        touch(conn, machine, since)
    for index, (number, made_of, begin, end) in enumerate(known.operations[:1]):
        new = begin + timedelta(minutes=rnd.uniform(1, 90))
        conn.execute("update operation set ended_at = %s where id = %s", [new, number])
        touch(conn, machine, min(new, end or new), None if end is None else max(new, end))
        known.operations[index] = (number, made_of, begin, new)


def add_gap(
    conn: Connection, plant: TinyPlant, facts: dict[int, Facts], rnd: random.Random, now: datetime
) -> None:
    t0 = some_moment(rnd)
    t1 = min(t0 + timedelta(seconds=rnd.uniform(1, 900)), now)
    if any((t0, t0) <= gap <= (t0, now) for gap in next(iter(facts.values())).gaps) or t1 <= t0:
        return
    conn.execute("insert into source_gap values (%s, %s, %s, 'lost')", [plant.source, t0, t1])
    touch_source(conn, plant.source, t0, t1)
    for machine_facts in facts.values():
        machine_facts.gaps.append((t0, t1))


def check_invariants(conn: Connection, now: datetime) -> None:
    total = " + ".join(ELEMENTS)
    rows = conn.execute(
        f"select ts, sum({total}) from machine_1m group by machine_id, ts"
        " having ts > (select min(ts) from machine_1m m where m.machine_id = machine_1m.machine_id)"
        " order by ts"
    ).fetchall()
    for ts, seconds in rows:
        assert seconds == pytest.approx(min(MINUTE, now - ts).total_seconds(), abs=1e-5)
    overlaps = conn.execute(
        "select count(*) from state_interval a join state_interval b"
        " on a.machine_id = b.machine_id and a.t0 < b.t1 and b.t0 < a.t1 and a.t0 <> b.t0"
    ).fetchone()
    assert overlaps == (0,)


def from_scratch(
    database: Database, plant: TinyPlant, now: datetime
) -> list[list[tuple[object, ...]]]:
    with database.connection() as conn:
        conn.execute("truncate machine_1m, state_interval, stop_span, derive_tail, derive_dirty")
        for machine in plant.machines:
            touch(conn, machine, T0 - timedelta(hours=1), now - timedelta(microseconds=1))
    derive_all(database, now)
    with database.connection() as conn:
        return everything(conn)
