"""Facts by machine, order and ideal cycle, and those of operations: for targets and progress.

The sums of db/kpi_facts.py, cut finer. Gives facts and never a ratio or a target: those are
plant/'s. Times are UTC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from db.connect import Connection
from db.kpi_facts import SQL, Scope, asked, facts_row, ids_of, slot_values
from db.statements import joined
from plant.kpi import Facts
from plant.model import Label
from plant.periods import Slot, Span, quarter_start


@dataclass(frozen=True, slots=True)
class Run:
    """What a machine made of one order by one ideal cycle in the part of a period with a number."""

    part: int
    """Counted from 0."""
    machine: str
    begun: datetime
    product: Label | None
    order: str | None
    cycle_s: float | None
    facts: Facts


def runs_of(
    conn: Connection,
    scope: Scope,
    parts: Sequence[Slot],
    zone: ZoneInfo,
    *,
    machines: Sequence[str] | None = None,
) -> list[Run]:
    """The same sums by part, machine, order and ideal cycle, in order of time.

    `parts` follow each other without gaps; `machines`: of these alone, as far as they are of the
    scope.
    """
    if not parts:
        return []
    period = Span(parts[0].t0, parts[-1].t1)
    values = {
        **asked(conn, scope, period, zone, parts),
        **slot_values(parts, None, period),
        "by": ["machine"],
        "failures": False,
    }
    if machines is not None:
        values["machines"] = ids_of(conn, "coded", {"codes": list(machines)})
    return [_run(row) for row in conn.execute(joined(SQL, "parts", "chosen", "runs"), values)]


def operation_facts(
    conn: Connection, ids: Sequence[int], until: datetime, *, now: bool = False
) -> Mapping[int, Facts]:
    """What was done of operations before a moment, by their ids; one that did nothing is missing.

    `now`: the moment is the present one, so that nothing lies behind it.
    """
    quarter = until if now else quarter_start(until)
    values = {"ids": list(ids), "until": until, "quarter": quarter}
    return {row[0]: facts_row(row[1:]) for row in conn.execute(SQL["operations"], values)}


def _run(row: tuple[Any, ...]) -> Run:
    part, machine, begun, product, order, cycle_s, *sums = row
    name = None if product is None else Label.model_validate(product)
    return Run(part - 1, machine, begun, name, order or None, cycle_s, facts_row(sums))
