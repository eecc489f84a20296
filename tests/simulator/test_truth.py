"""What the boards say of a period is what the simulated plant did in it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import pytest

from db import master, sources
from db.clock import Clock
from db.connect import Connection, Database
from db.derive import derive
from db.rollups import advance
from ingest.simulator import history
from ingest.simulator.plan import Plan
from ingest.simulator.truth import MachineTruth, line_oee, truth_of
from plant.kpi import FACT_COLUMNS, Facts, kpis
from plant.model import Plant
from tests.patience import Match, until
from tests.working import working

SEED = 7
POINT = 0.001  # 0.1 percentage points
START = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)  # a Friday, 11:00 in Suzhou

Apply = Callable[[Plant, str, Clock], None]


class Served(Protocol):
    """What the fixture `serving` starts."""

    plant: Plant
    text: str
    clock: Clock

    def stop(self) -> None: ...


Serve = Callable[..., Served]


def facts_of(conn: Connection, relation: str, t0: datetime, t1: datetime) -> dict[str, Facts]:
    """The boards' facts of each machine over [t0, t1)."""
    sums = ", ".join(f"coalesce(sum({name}), 0)" for name in FACT_COLUMNS)
    rows = conn.execute(
        f"select code, {sums} from {relation} join machine on machine.id = machine_id "
        "where ts >= %(t0)s and ts < %(t1)s group by code",
        {"t0": t0, "t1": t1},
    )
    return {row[0]: Facts(**dict(zip(FACT_COLUMNS, row[1:], strict=True))) for row in rows}


def differences(facts: dict[str, Facts], truth: dict[str, MachineTruth]) -> list[str]:
    """Machines and lines whose OEE is further from the truth than a tenth of a point."""
    found = []
    for code, true in truth.items():
        said = kpis(facts[code]).oee if code in facts else None
        if not _is_near(said, true.oee):
            found.append(f"{code}: board {said}, truth {true.oee}, {facts.get(code)}, {true}")
    for line in sorted({true.line for true in truth.values()}):
        total = sum((facts[c] for c, t in truth.items() if t.line == line), Facts())
        if not _is_near(kpis(total).oee, line_oee(truth, line)):
            found.append(f"line {line}: board {kpis(total).oee}, truth {line_oee(truth, line)}")
    return found


def _is_near(said: float | None, true: float | None) -> bool:
    if said is None or true is None:
        return said is true
    return abs(said - true) <= POINT


def derive_all(database: Database, now: datetime) -> None:
    """Derive until nothing is left."""
    more = True
    while more:
        with database.connection() as conn:
            more = derive(conn, now).more
    more = True
    while more:
        with database.session() as conn:
            more = advance(conn, now).more


def test_a_day_of_history_gives_the_truth(
    database: Database, sample: Plant, sample_text: str, apply: Apply, plan: Plan
) -> None:
    apply(sample, sample_text, Clock(datetime.now(UTC), START, 1e-9))
    t0 = START - timedelta(hours=26)
    history.load(database, sample, seed=SEED, t0=t0, t1=START, progress=lambda _: None)
    derive_all(database, START)
    day = START - timedelta(hours=24), START
    truth = truth_of(plan, *day)
    for relation in ("machine_1m", "machine_15m", "machine_1h"):
        with database.connection() as conn:
            facts = facts_of(conn, relation, *day)
        assert differences(facts, truth) == [], relation
        for code, true in truth.items():
            assert (facts[code].good, facts[code].scrap) == (true.good, true.scrap), code
            said = {element: getattr(facts[code], f"{element}_s") for element in true.seconds}
            assert said == pytest.approx(true.seconds, abs=0.01), code


def test_a_live_plant_gives_the_truth(
    database: Database, serving: Serve, apply: Apply, tmp_path: Path
) -> None:
    """Half an hour of the plant at 120 times life's speed, by every protocol."""
    served = serving(speed=120.0, at=START)
    apply(served.plant, served.text, served.clock)
    with working(database, tmp_path / "spool"):
        heard = wait_until_heard(database, served)
        quarter = timedelta(minutes=15)
        t0 = START + -((START - heard) // quarter) * quarter
        t1 = t0 + 2 * quarter
        truth = truth_of(Plan(served.plant, SEED), t0, t1)
        assert sum(true.good for true in truth.values()) > 500
        until(lambda: served.clock.now() >= t1, "the half hour is over")
        until(lambda: Match(different(database, truth, t0, t1), []), "all is derived", within_s=30)


def wait_until_heard(database: Database, served: Served) -> datetime:
    """Plant time when every state and count of every machine has come once."""
    wanted = {tag.code for tag in served.plant.all_tags() if tag.pattern.role != "process"}

    def silent() -> set[str]:
        with database.connection() as conn:
            rows = conn.execute(
                "select code from tag where id in (select tag_id from reading) "
                "or id in (select tag_id from reading_text)"
            )
            return wanted - {row[0] for row in rows}

    until(lambda: Match(silent(), set()), "every tag is heard", within_s=40)
    return served.clock.now()


def different(
    database: Database, truth: dict[str, MachineTruth], t0: datetime, t1: datetime
) -> list[str]:
    """What the boards say otherwise, by minutes and by quarters of an hour."""
    found = []
    for relation in ("machine_1m", "machine_15m"):
        with database.connection() as conn:
            found += differences(facts_of(conn, relation, t0, t1), truth)
    return found


def test_what_the_plant_did_while_all_was_stopped_is_told_afterwards(
    database: Database, serving: Serve, apply: Apply, tmp_path: Path
) -> None:
    """Every line, whatever its protocol: nothing unknown but what the plant says itself."""
    served = serving(at=START)
    apply(served.plant, served.text, served.clock)
    with working(database, tmp_path / "spool"):
        heard = wait_until_heard(database, served)
    served.stop()
    again = serving(at=START + timedelta(hours=3), again=served)
    apply(again.plant, again.text, again.clock)
    t0 = heard.replace(second=0, microsecond=0) + timedelta(minutes=1)
    truth = truth_of(Plan(served.plant, SEED), t0, START + timedelta(hours=3))
    with working(database, tmp_path / "spool"):
        until(lambda: Match(untold(database, truth, t0, START + timedelta(hours=3)), []))


def untold(
    database: Database, truth: dict[str, MachineTruth], t0: datetime, t1: datetime
) -> list[str]:
    """The machines whose pieces or unknown seconds are not the truth."""
    with database.connection() as conn:
        facts = facts_of(conn, "machine_1m", t0, t1)
    return [
        f"{code}: board {facts.get(code)}, truth {(true.good, true.scrap)} {true.seconds}"
        for code, true in truth.items()
        if code not in facts
        or (facts[code].good, facts[code].scrap) != (true.good, true.scrap)
        or abs(facts[code].unknown_s - true.seconds["unknown"]) > 1.0
    ]


class CutOff(Exception):
    """The demo ends while its history loads."""


def test_a_history_cut_off_half_way_is_made_whole_by_the_next_start(
    database: Database, sample: Plant, sample_text: str, apply: Apply, plan: Plan
) -> None:
    """Also where a source said meanwhile that it can't tell of the time since."""
    apply(sample, sample_text, Clock(datetime.now(UTC), START, 1e-9))

    def cut(share: float) -> None:
        raise CutOff

    first, later = START - timedelta(hours=1), START
    with pytest.raises(CutOff):
        history.load(
            database, sample, seed=SEED, t0=first - timedelta(hours=3), t1=first, progress=cut
        )
    with database.connection() as conn:
        for source_id in master.load(conn).sources.values():
            sources.save_gap(conn, sources.Gap(source_id, first, later, "outage"))
        conn.execute("update source_status set last_heard = %s", (later,))  # it is heard again
    derive_all(database, later)
    history.load(
        database,
        sample,
        seed=SEED,
        t0=later - timedelta(hours=4),
        t1=later,
        progress=lambda _: None,
    )
    derive_all(database, later)
    t0 = later - timedelta(hours=3)
    assert untold(database, truth_of(plan, t0, later), t0, later) == []
