"""Samples for process capability: raw readings of a scope and period, by measured characteristic.

Of good quality, while the machine ran; attributed by time as all facts are (db/kpi_facts.py). Reads
and never judges: Cp and Cpk are plant/capability.py's. Times are UTC.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from db.connect import Connection
from db.evidence import floors
from db.kpi_facts import SQL as FACTS
from db.kpi_facts import Key, Kind, Scope, ids_of, slot_values
from db.statements import joined, statements
from plant.capability import Sample
from plant.model import Label, Limits
from plant.periods import Grain, Period, Slot, slots, span_of

SQL = statements("capability.sql")
MOST_READINGS = 3_000_000
"""So many are read for one answer: a few seconds of the server's work."""


class TooMany(ValueError):
    """More than 3 million readings; ask for a shorter period or for one machine."""


@dataclass(frozen=True, slots=True)
class Characteristic:
    """What is measured, and between which limits; on all machines that have a tag of the name."""

    tag: str
    label: Label
    unit: str
    limits: Limits


Found = tuple[Key, Characteristic, Sample]


def samples_of(
    conn: Connection,
    scope: Scope,
    period: Period,
    zone: ZoneInfo,
    *,
    by: Kind = "site",
    per: Grain | None = None,
) -> list[Found]:
    """In order of time, then of code; machines that did not run, or have no limits, are missing.

    A machine that ran and gave nothing has an empty sample. What is older than raw readings live
    is left out. Raises TooMany, before any is read, and TooFine.
    """
    parts = slots(period, per, zone)
    values = {**_whose(conn, scope, period, zone), **slot_values(parts, per, period), "by": [by]}
    machines, n = conn.execute(SQL["extent"], values).fetchall()[0]
    if n > MOST_READINGS:
        raise TooMany(TooMany.__doc__)
    query = joined({**SQL, "chosen": FACTS["chosen"]}, "running", "chosen", "samples")
    rows = conn.execute(query, {**values, "machines": machines})
    return [_read(row, parts) for row in rows]


def _whose(conn: Connection, scope: Scope, period: Period, zone: ZoneInfo) -> dict[str, object]:
    span, oldest = span_of(period, zone), floors(conn).readings
    whose = {"scope": scope.kind, "code": scope.code}
    return {
        **whose,
        "machines": ids_of(conn, "members", whose),
        "zone": zone.key,
        "t0": max(span.t0, oldest) if oldest else span.t0,
        "t1": span.t1,
    }


def _read(row: tuple[Any, ...], parts: Sequence[Slot]) -> Found:
    group, slot, shift, tag, label, unit, lower, upper, *sample = row
    limits = Limits(lower=lower, upper=upper)
    characteristic = Characteristic(tag, Label.model_validate(label), unit, limits)
    return Key(group, parts[slot - 1], shift), characteristic, Sample(*sample)
