"""A plant with every kind of trouble at once: each shift of each machine, to the second and piece.

A few days in every run of the tests; `make truth` takes a month.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from dashboards.board import Scene
from dashboards.oee.frame import frame
from db.connect import Database, open_database
from db.derive import rebuild
from db.embedded import Embedded
from ingest.simulator.ledger import Key, by_order
from ingest.simulator.stop_ledger import Stood, stops
from plant.kpi import Facts, Kpi, kpis
from tests.conftest import fresh
from tests.simulator.month import (
    COMPARED,
    TOLERANCE_S,
    ZONES,
    Month,
    differences,
    month,
    rows,
    said,
    stored,
)

log = logging.getLogger(__name__)

DAYS = int(os.environ.get("TAKTBOARD_TRUTH_DAYS", "2"))
SHUFFLED_DAYS = 1
SAMPLE = Path(__file__).parents[2] / "plant.toml"
POINT = 0.1
"""Of OEE, in percent, on a board."""

pytestmark = pytest.mark.timeout(3600)


@dataclass(frozen=True)
class Kept:
    """A month in a database, and its truth."""

    zone: str
    month: Month
    database: Database
    true: dict[Key, Facts]


@pytest.fixture(scope="module", params=ZONES)
def kept(
    request: pytest.FixtureRequest, server: Embedded, migrated_template: str
) -> Iterator[Kept]:
    zone, began = request.param, time.monotonic()
    plant = month(SAMPLE.read_text(encoding="utf-8"), zone, DAYS)
    for url in fresh(server, migrated_template):
        database = open_database(url, application="test")
        stored(database, plant, "newest")
        took_s = time.monotonic() - began
        log.warning("%s: %d days stored and derived in %.0f s", zone, DAYS, took_s)
        yield Kept(zone, plant, database, plant.truth())
        database.close()


def test_there_is_every_kind_of_trouble(kept: Kept) -> None:
    trouble = kept.month.trouble
    counters = [tag for tag in trouble.tags if tag.pattern.role != "state"]
    falls: dict[float | None, int] = {}
    for tag in counters:
        value = trouble.series(tag).value
        fallen = int((np.diff(value[~np.isnan(value)]) < 0).sum())
        falls[tag.pattern.modulus] = falls.get(tag.pattern.modulus, 0) + fallen
    assert falls.keys() == {None, 2**16, 2**32}
    assert all(falls.values()), "restarts, and roll-overs of 16 and 32 bits"
    assert all(len(found) for found in trouble.outages.values())
    assert sum(int((~trouble.told(tag).is_good).sum()) for tag in counters) > 50 * DAYS
    assert {trouble.clock_ms(machine) for machine in trouble.plan.machines} == {0, 7000}
    assert any(trouble.by_hand(machine) for machine in trouble.plan.machines)
    runs = [run for machine in trouble.plan.machines for run in trouble.runs(machine)]
    assert any(run.is_cancelled for run in runs)
    assert any(run.parent for run in runs)
    assert any(run.thought_done for run in runs)
    whole = sum(kept.true.values(), Facts())
    assert all(getattr(whole, name) for name in COMPARED), whole


def test_every_shift_of_every_machine_is_the_truth(kept: Kept) -> None:
    with kept.database.connection() as conn:
        assert differences(said(conn, kept.zone), kept.true) == []


def test_every_order_is_the_truth(kept: Kept) -> None:
    names = ("good", "scrap", "rework", "ideal_s", "ideal_good_s")
    sums = ", ".join(f"sum(f.{name})" for name in names)
    with kept.database.connection() as conn:
        found = conn.execute(
            f"select coalesce(order_code, ''), coalesce(operation, ''), {sums} from machine_1m f "
            "left join operation o on o.id = f.operation_id group by 1, 2"
        ).fetchall()
    board = {(order, operation): made for order, operation, *made in found if any(made)}
    true = by_order(kept.month.trouble, kept.month.cycles)
    assert board.keys() == {key for key, facts in true.items() if any(_of(facts, names))}
    for key, made in board.items():
        assert made == pytest.approx(_of(true[key], names), abs=TOLERANCE_S), key


def _of(facts: Facts, names: tuple[str, ...]) -> list[float]:
    return [getattr(facts, name) for name in names]


def test_every_stop_is_the_truth(kept: Kept) -> None:
    """Begin, end, what it was, why, and whether it was a minor one."""
    trouble = kept.month.trouble
    true = {one for machine in trouble.plan.machines for one in stops(trouble, machine)}
    with kept.database.connection() as conn:
        found = conn.execute(
            "select m.code, s.t0, s.t1, s.element::text, r.code, s.is_minor from stop_span s"
            " join machine m on m.id = s.machine_id left join reason r on r.id = s.reason_id"
            " where s.t1 is not null"
        ).fetchall()
    board = {Stood(*row) for row in found}
    assert {one.is_minor for one in true} == {True, False}
    assert len(true) > 100 * DAYS
    assert sorted(board ^ true, key=lambda one: (one.machine, one.t0)) == []


def test_the_boards_say_the_truth(kept: Kept) -> None:
    """The last production day, of each machine and each line, as the OEE board shows it."""
    plant, now = kept.month.changed, kept.month.t1
    lines = {machine.code: machine.line for machine in plant.machines}
    day = (now - timedelta(hours=12)).astimezone(plant.site.zone).date()
    sums: dict[str, Facts] = {}
    for key, facts in kept.true.items():
        if key.day == day:
            for scope in (f"machine:{key.machine}", f"line:{lines[key.machine]}"):
                sums[scope] = sums.get(scope, Facts()) + facts
    assert len(sums) == 28
    for scope, facts in sums.items():
        with kept.database.connection() as conn:
            scene = Scene(plant, now, "en", {"scope": scope, "window": "24h"})
            nodes = frame(conn, scene).nodes
        kpi = kpis(facts)
        for name in ("oee", *KPIS):
            assert_near(str(nodes[name]["text"]), kpi, name, scope)


KPIS = ("availability", "performance", "quality")


def assert_near(text: str, kpi: Kpi, name: str, scope: str) -> None:
    true = getattr(kpi, name)
    assert (true is None) is (not text[:1].isdigit()), (scope, name, text, true)
    if true is not None:
        assert abs(float(text) - 100 * true) <= POINT / 2 + 1e-9, (scope, name)


def test_nothing_changes_when_it_is_derived_anew(kept: Kept) -> None:
    began = time.monotonic()
    with kept.database.session() as conn:
        assert rebuild(conn, kept.month.t0, kept.month.t1) == 0
    log.warning("%s: %d days rebuilt in %.0f s", kept.zone, DAYS, time.monotonic() - began)


def test_the_order_of_arrival_changes_nothing(server: Embedded, migrated_template: str) -> None:
    text = SAMPLE.read_text(encoding="utf-8")
    found = []
    for order in ("newest", "oldest", "shuffled"):
        plant = month(text, "Asia/Shanghai", SHUFFLED_DAYS)
        for url in fresh(server, migrated_template):
            database = open_database(url, application="test")
            stored(database, plant, order)
            with database.connection() as conn:
                found.append(rows(conn))
            database.close()
    newest, oldest, shuffled = found
    assert len(newest) > 24 * 1440 * SHUFFLED_DAYS
    assert newest == oldest
    assert newest == shuffled
