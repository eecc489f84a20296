"""A month of a plant with every kind of trouble at once: its file, its truth, what is stored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from db import master, sources
from db.connect import Connection, Database
from db.derive import derive
from db.master import Master
from db.rollups import advance
from ingest.simulator import troubled_history
from ingest.simulator.days import to_ms
from ingest.simulator.ledger import Cycles, Key, ledger
from ingest.simulator.plan import Plan
from ingest.simulator.trouble import Trouble
from plant.book import Book
from plant.book_edit import first_book, turned
from plant.check import read
from plant.kpi import FACT_COLUMNS, Facts
from plant.model import Plant

SEED = 11
TOLERANCE_S = 1e-6
COMPARED = tuple(name for name in FACT_COLUMNS if not name.startswith("minor"))
ZONES = {
    "Asia/Shanghai": datetime(2026, 10, 18, 22, tzinfo=UTC),
    "Europe/Berlin": datetime(2026, 10, 24, 4, tzinfo=UTC),  # the clocks go back on the 25th
}
MORE_TAGS = """
[[tags]]
name = "rework"
machines = ["A*", "B*"]
source = "opcua"
role = "rework"
address = "ns=2;s={machine}.Rework"

[[tags]]
name = "start_up_scrap"
machines = ["C*"]
source = "unified"
role = "start_up_scrap"
address = "suzhou1/{line}/{machine}/status"
path = "counters.start_up_scrap"

[[alerts]]"""


@dataclass(frozen=True)
class Month:
    """A plant, its change half-way, and what it does."""

    plant: Plant
    text: str
    changed: Plant
    changed_text: str
    changed_at: datetime
    t0: datetime
    t1: datetime
    trouble: Trouble

    @property
    def book(self) -> Book:
        return turned(first_book(self.plant), self.changed, self.changed_at)

    @property
    def cycles(self) -> list[Cycles]:
        minute_ms = -(-to_ms(self.changed_at) // 60_000) * 60_000
        return [Cycles(-(2**62), self.plant), Cycles(minute_ms, self.changed)]

    def truth(self) -> dict[Key, Facts]:
        return ledger(self.trouble, self.book, self.cycles)


def month(sample_text: str, zone: str, days: int) -> Month:
    text = sample_text.replace("Asia/Shanghai", zone).replace("[[alerts]]", MORE_TAGS, 1)
    text = wide(text)
    changed = text.replace("A = 24.0, A01 = 20.0", "A = 25.5, A01 = 21.0")
    changed = changed.replace("C = 26.0, C01 = 28.0", "C = 24.0, C01 = 29.0")
    changed = changed.replace('start = "18:00", end = "18:30"', 'start = "18:10", end = "18:55"')
    plant, t0 = read(text), ZONES[zone]
    t1 = (t0.astimezone(plant.site.zone) + timedelta(days=days)).astimezone(UTC)
    at = t0 + (t1 - t0) / 2 + timedelta(seconds=17)
    trouble = Trouble(Plan(plant, SEED), to_ms(t0), to_ms(t1))
    return Month(plant, text, read(changed), changed, at, t0, t1, trouble)


def wide(text: str) -> str:
    """Line C counts in 32 bits."""
    entry = 'path = "counters.good"'
    assert entry in text
    return text.replace(entry, f"{entry}\nmodulus = 4294967296", 1)


def applied(database: Database, month: Month) -> Master:
    with database.connection() as conn:
        master.apply(conn, month.plant, month.text, month.t0)
    with database.connection() as conn:
        master.apply(conn, month.changed, month.changed_text, month.changed_at)
        found = master.load(conn)
        heard = [
            sources.Status(i, False, month.t1, month.t1, month.t1, None, 0.0, 0.0, 0, None)
            for i in found.sources.values()
        ]
        sources.save_status(conn, heard)
    return found


def derived(database: Database, now: datetime) -> None:
    more = True
    while more:
        with database.connection() as conn:
            more = derive(conn, now).more
    more = True
    while more:
        with database.session() as conn:
            more = advance(conn, now).more


def stored(database: Database, month: Month, order: str) -> None:
    """All of it, with derivation going on meanwhile."""
    found = applied(database, month)
    done = 0
    for share in troubled_history.store(database, found, month.trouble, order):
        if int(share * 4) > done:
            done = int(share * 4)
            derived(database, month.t1)
    derived(database, month.t1)


def said(conn: Connection, zone: str) -> dict[Key, Facts]:
    """What the boards' relation holds of each shift."""
    sums = ", ".join(f"sum(f.{name})" for name in COMPARED)
    rows = conn.execute(
        f"select m.code, coalesce(s.day, ((f.ts at time zone %(zone)s) - interval '6 h')::date), "
        f"coalesce(s.code, ''), {sums} from machine_1m f join machine m on m.id = f.machine_id "
        "left join shift_instance s on s.id = f.shift_id group by 1, 2, 3",
        {"zone": zone},
    )
    return {
        Key(code, day, shift): Facts(**dict(zip(COMPARED, sums, strict=True)))
        for code, day, shift, *sums in rows
    }


def differences(found: dict[Key, Facts], true: dict[Key, Facts]) -> list[str]:
    return [
        f"{key.machine} {key.day} {key.shift or '-'} {name}: board {mine}, truth {theirs}"
        for key in sorted({*found, *true}, key=str)
        for name in COMPARED
        for mine in [getattr(found.get(key, Facts()), name)]
        for theirs in [getattr(true.get(key, Facts()), name)]
        if abs(mine - theirs) > TOLERANCE_S
    ]


def rows(conn: Connection) -> list[tuple[object, ...]]:
    """Every derived row, without the identities that a database gives."""
    minutes = conn.execute(
        "select f.*, o.order_code, o.operation from machine_1m f "
        "left join operation o on o.id = f.operation_id order by f.machine_id, f.ts, f.shift_id, "
        "o.order_code, o.operation"
    )
    columns = [c.name for c in minutes.description or ()]
    place = columns.index("operation_id")
    kept = [row[:place] + row[place + 1 :] for row in minutes]
    return (
        kept
        + conn.execute(
            "select machine_id, t0, t1, state, reason_id, is_open from state_interval order by 1, 2"
        ).fetchall()
    )
