"""The sample plant's readings, derived in SQL, against plant/states.py: the same rows."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from db.connect import Connection, Database
from db.derive import derive, touch, touch_source
from db.master import Master, apply, load
from db.readings import batch_of, micros, store
from plant.calendar import shift_instances
from plant.check import read
from plant.counts import Count
from plant.kpi import FACT_COLUMNS, Facts, kpis, total
from plant.part import CountRole
from plant.states import (
    Active,
    Interval,
    MinuteKey,
    Reading,
    counts,
    intervals,
    minutes,
)

SAMPLE = (Path(__file__).parents[2] / "plant.toml").read_text(encoding="utf-8")
PLANT = read(SAMPLE)
# Shanghai 20:40 to 22:40: two_shift ends at 22:00, three_shift goes on
T0 = datetime(2026, 3, 4, 12, 40, tzinfo=UTC)
NOW = T0 + timedelta(hours=2)
HEARD = NOW - timedelta(minutes=7)
STALE = timedelta(seconds=5)
# (state by number or text, counter that rolls over, a calendar of its own)
MACHINES = ("A01", "B02", "C03", "D06")
RAW: dict[str, tuple[float | str, ...]] = {
    "A": (6.0, 6.0, 901.0, 1101.0, 4.0, 403.0, 12345.0),
    "B": (6.0, 6.0, 404.0, 501.0, 502.0),
    "C": ("RUN", "RUN", "FAULT_JAM", "SETUP", "nonsense"),
    "D": (6.0, 6.0, 17.0, 903.0),
}
PRODUCTS = {"A": "H100", "B": "S20", "C": "M100", "D": "P1"}


class History:
    """What one machine is made to say."""

    def __init__(self, chance: random.Random, machine: str) -> None:
        self.machine = machine
        self.chance = chance
        states = RAW[machine[0]]
        self.states = [
            Reading(at, chance.choice(states), chance.choice((0, 0, 0, 0, 1, 2)))
            for at in self._times(30)
        ]
        start = {"good": 65_500.0 if machine[0] == "B" else 100.0, "scrap": 5.0}
        self.counts = {role: self._counter(first) for role, first in start.items()}
        begun = sorted(self._times(4))
        self.operations = [(begun[0], begun[2]), (begun[1], None)]
        self.gaps = [(begun[3], begun[3] + timedelta(minutes=4))]

    def _times(self, n: int) -> list[datetime]:
        return sorted(
            {T0 + timedelta(microseconds=self.chance.randrange(6_600_000_000)) for _ in range(n)}
        )

    def _counter(self, value: float) -> list[Reading]:
        readings = []
        for at in self._times(80):
            value = (value + self.chance.choice((0, 1, 2, 5))) % 65_536
            if self.chance.random() < 0.03:
                value = 0.0
            readings.append(Reading(at, value, self.chance.choice((0, 0, 0, 0, 0, 2))))
        return readings

    def written(self, conn: Connection, master: Master) -> list[Active]:
        """Into the database, in any order; the operations with their ids."""
        rows = [
            (micros(r.ts), master.tags[f"{self.machine}.{role}"], r.value, r.quality)
            for role, said in (("state", self.states), *self.counts.items())
            for r in said
        ]
        self.chance.shuffle(rows)
        machine_id = master.machines[self.machine]
        for at in range(0, len(rows), 50):
            batch = batch_of(rows[at : at + 50])
            store(conn, batch, {tag: machine_id for _, tag, _, _ in rows})
        for t0, t1 in self.gaps:
            source = master.sources[_source(self.machine)]
            conn.execute(
                "insert into source_gap values (%s, %s, %s, 'test') on conflict do nothing",
                [source, t0, t1],
            )
            touch_source(conn, source, t0, t1)
        return [self._operation(conn, master, t0, t1) for t0, t1 in self.operations]

    def _operation(
        self, conn: Connection, master: Master, t0: datetime, t1: datetime | None
    ) -> Active:
        product = PRODUCTS[self.machine[0]]
        row = conn.execute(
            """insert into operation (source_id, order_code, operation, revision, at, machine_id,
                   product_id, status, planned, good, scrap, started_at, ended_at)
               values (%s, %s, %s, '', %s, %s, %s, 'running', 1, 0, 0, %s, %s) returning id""",
            [
                master.sources["mes"],
                self.machine,
                str(t0),
                t0,
                master.machines[self.machine],
                master.products[product],
                t0,
                t1,
            ],
        ).fetchone()
        assert row is not None
        touch(conn, master.machines[self.machine], t0, t1)
        return Active(row[0], product, t0, t1)


def _source(machine: str) -> str:
    return next(t.pattern.source for t in PLANT.all_tags() if t.code == f"{machine}.state")


def _gaps(histories: list[History], of: History) -> list[tuple[datetime, datetime]]:
    """A gap of a source is one of every machine that it tells about."""
    source = _source(of.machine)
    return [gap for h in histories if _source(h.machine) == source for gap in h.gaps]


def _stored(
    conn: Connection, master: Master, machine: str
) -> tuple[list[Interval], dict[MinuteKey, Facts]]:
    states = conn.execute(
        """select t0, t1, state::text, reason.code, is_open
           from state_interval left join reason on reason.id = reason_id
           where machine_id = %s order by t0""",
        [master.machines[machine]],
    ).fetchall()
    facts: list[tuple[Any, ...]] = conn.execute(
        f"""select m.ts, operation_id, coalesce(product.code, ''), shift.t0,
                   {", ".join(FACT_COLUMNS)}
            from machine_1m m left join product on product.id = product_id
            left join shift_instance shift on shift.id = shift_id
            where machine_id = %s""",
        [master.machines[machine]],
    ).fetchall()
    return [Interval(*row) for row in states], {
        MinuteKey(*row[:4]): Facts(*row[4:]) for row in facts
    }


def _reference(
    history: History, operations: list[Active], gaps: list[tuple[datetime, datetime]]
) -> tuple[list[Interval], dict[MinuteKey, Facts]]:
    tags = {t.pattern.name: t for t in PLANT.all_tags() if t.machine == history.machine}
    maps = {m.name: m for m in PLANT.state_maps}
    machine = next(m for m in PLANT.machines if m.code == history.machine)
    said = intervals(
        history.states,
        maps[tags["state"].pattern.state_map or ""],
        now=NOW,
        heard_until=max(HEARD, history.states[-1].ts) + STALE,
        gaps=gaps,
    )
    made: dict[CountRole, list[Count]] = {
        "good": counts(history.counts["good"], modulus=tags["good"].pattern.modulus),
        "scrap": counts(history.counts["scrap"]),
    }
    shifts = shift_instances(PLANT, PLANT.calendar_of(machine), T0, NOW)
    cycles = {
        product.code: [(T0 - timedelta(days=1), seconds)]
        for product in PLANT.products
        if (seconds := PLANT.ideal_cycle_s(product, machine)) is not None
    }
    return said, minutes(said, shifts, operations, made, cycles)


@pytest.mark.parametrize("seed", range(4))
def test_sql_and_plain_python_agree_on_every_interval_minute_and_kpi(
    database: Database, seed: int
) -> None:
    histories = [History(random.Random(f"{seed}.{machine}"), machine) for machine in MACHINES]
    with database.connection() as conn:
        apply(conn, PLANT, SAMPLE, T0)
        master = load(conn)
        for source in {_source(machine) for machine in MACHINES}:
            conn.execute(
                """insert into source_status (source_id, connected, since, last_heard)
                   values (%s, true, %s, %s)""",
                [master.sources[source], T0, HEARD],
            )
        operations = [history.written(conn, master) for history in histories]
    with database.connection() as conn:
        while derive(conn, NOW).more:
            pass
    sql, plain = [], []
    with database.connection() as conn:
        for history, active in zip(histories, operations, strict=True):
            states, facts = _stored(conn, master, history.machine)
            expected_states, expected = _reference(history, active, _gaps(histories, history))
            assert states == expected_states
            assert facts.keys() == expected.keys()
            for key, found in facts.items():
                for name in FACT_COLUMNS:
                    wanted = getattr(expected[key], name)
                    assert getattr(found, name) == pytest.approx(wanted, abs=1.1e-6), (key, name)
            sql.append(total(facts.values()))
            plain.append(total(expected.values()))
    line, expected_line = kpis(total(sql)), kpis(total(plain))
    assert line.oee == pytest.approx(expected_line.oee)
    assert line.oee is not None
    assert line.unknown_share is not None
    assert line.unknown_share > 0
