"""Which machine of a line sets its pace, and since when.

The one that the plant file names; else it follows the product of the operation that started last on
any of the machines, and the ideal cycles of that time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from db.connect import Connection
from db.statements import statements
from plant.line_state import Pace
from plant.station import Station, pacers

SQL = statements("line_flow.sql")
EVER = datetime(1, 1, 1, tzinfo=UTC)
"""Stands for '-infinity'."""
Versions = Mapping[tuple[str, str], Sequence[tuple[datetime, float | None]]]
"""Ideal cycles by machine and product: (valid from, seconds), in order."""


def paces(
    conn: Connection,
    named: str | None,
    order: Sequence[Station],
    t0: datetime,
    t1: datetime,
) -> Iterator[Pace]:
    """From `t0` on: the machines of a line, the one that sets its pace first."""
    machines = [station.machine for station in order]
    if named in machines:
        yield Pace(t0, pacers(named, order, {}), named)
        return
    started = _started(conn, machines, t0, t1)
    products = {product for _, product in started}
    versions = _versions(conn, machines, products, t1)
    turns = {since for found in versions.values() for since, _ in found if t0 < since}
    for at in sorted({t0, *turns, *(at for at, _ in started)}):
        product = next((code for since, code in reversed(started) if since <= at), None)
        yield Pace(at, pacers(named, order, _cycles_s(versions, machines, product, at)))


def _started(
    conn: Connection, machines: Sequence[str], t0: datetime, t1: datetime
) -> list[tuple[datetime, str]]:
    rows = conn.execute(SQL["started"], {"machines": list(machines), "t0": t0, "t1": t1})
    return [(max(at, t0), product) for _, at, product in rows]


def _versions(
    conn: Connection, machines: Sequence[str], products: set[str], t1: datetime
) -> Versions:
    values = {"machines": list(machines), "products": sorted(products), "t1": t1, "ever": EVER}
    found: dict[tuple[str, str], list[tuple[datetime, float | None]]] = {}
    for machine, product, since, seconds in conn.execute(SQL["cycles"], values):
        found.setdefault((machine, product), []).append((since, seconds))
    return found


def _cycles_s(
    versions: Versions, machines: Sequence[str], product: str | None, at: datetime
) -> dict[str, float]:
    if product is None:
        return {}
    now = {
        machine: next((s for since, s in reversed(found) if since <= at), None)
        for machine in machines
        if (found := versions.get((machine, product)))
    }
    return {machine: seconds for machine, seconds in now.items() if seconds is not None}
