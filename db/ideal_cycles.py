"""Ideal cycles in versions: each since the plant file says, else since it was applied.

One that is gone from the file ends; what was made before keeps it. Touches what is derived by
another one. Never computes a KPI.
"""

from __future__ import annotations

from datetime import date, datetime

from psycopg.types.json import Jsonb

from db.connect import Connection
from db.derive import touch
from db.statements import statements
from plant.book_edit import too_old
from plant.check import Fault, PlantFaults
from plant.model import Plant
from plant.wall import DAY, local_day

SQL = statements("ideal_cycles.sql")
Row = dict[str, object]


def turn(conn: Connection, plant: Plant, now: datetime) -> None:
    """Make the ideal cycles what the file says; what was made by others is derived again.

    Raises PlantFaults where one would hold since longer than the horizon ago.
    """
    rows = {"rows": Jsonb(_ideal_cycles(plant)), "now": now}
    changed = conn.execute(SQL["turn"], rows).fetchall()
    oldest = now - plant.horizon.counts
    if any(since is not None and since < oldest for _, _, _, since in changed):
        raise PlantFaults(_old_cycles(plant, oldest))
    for machine_id, product_id, is_first, changed_at in changed:
        made = {"machine_id": machine_id, "product_id": product_id}
        first = conn.execute(SQL["first_made"], made).fetchone() if is_first else None
        since = first[0] if first else changed_at
        if since is not None:
            touch(conn, machine_id, since)


def _old_cycles(plant: Plant, oldest: datetime) -> list[Fault]:
    day = oldest.astimezone(plant.site.zone).date() + DAY
    return [
        too_old(f"products[{n}].cycle_valid_from", product.cycle_valid_from, day)
        for n, product in enumerate(plant.products)
        if product.cycle_valid_from is not None and product.cycle_valid_from < day
    ]


def _ideal_cycles(plant: Plant) -> list[Row]:
    return [
        {
            "machine": machine.code,
            "product": product.code,
            "seconds": seconds,
            "since": _midnight(product.cycle_valid_from, plant),
        }
        for machine in plant.machines
        for product in plant.products
        if (seconds := plant.ideal_cycle_s(product, machine)) is not None
    ]


def _midnight(day: date | None, plant: Plant) -> str | None:
    """The start of a local day, for JSON."""
    return local_day(day, plant.site.zone)[0].isoformat() if day else None
