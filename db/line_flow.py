"""The stops of lines with what caused them: read from what the machines said, when it is asked for.

Nothing of it is stored, so that late data, edits of stops and changes of the plant file are in it
at once and nothing needs to be rebuilt. Never decides what a stop is: plant/line_flow.py does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, groupby
from operator import itemgetter
from typing import Any

from db.connect import Connection
from db.line_pace import paces
from db.statements import statements
from plant.line_flow import Flow, flow, reach
from plant.line_state import Change, Membership, Planned, Said
from plant.model import Plant
from plant.station import stations

SQL = statements("line_flow.sql")
EVER = datetime(1, 1, 1, tzinfo=UTC)
"""Stands for '-infinity'."""
Span = dict[str, Any]
"""Codes of machines, and a stretch of time: parameters of the queries."""


@dataclass(frozen=True, slots=True)
class Stay:
    """A stretch in which a machine stood on a line."""

    machine: str
    t0: datetime
    t1: datetime


def line_flows(
    conn: Connection,
    plant: Plant,
    t0: datetime,
    t1: datetime,
    lines: Sequence[str] | None = None,
) -> dict[str, Flow]:
    """What came of each line (None: of all) in [t0, t1), by its code.

    As far as it is derived; what lies after that is neither planned nor a stop.
    """
    asked = [line for line in plant.lines if lines is None or line.code in lines]
    stays = _stays(conn, [line.code for line in asked], t1)
    orders = {
        line.code: stations(plant.machines, (s.machine for s in stays.get(line.code, ())))
        for line in asked
    }
    begin = min((t0 - reach(order) for order in orders.values()), default=t0)
    codes = sorted({s.machine for some in stays.values() for s in some if s.t1 > begin})
    span: Span = {"machines": codes, "t0": begin, "t1": t1}
    heard = _by_machine(chain(_said(conn, span), _planned(conn, span)))
    found = {}
    for line in asked:
        there = [stay for stay in stays.get(line.code, ()) if stay.t1 > begin]
        order = stations(plant.machines, (stay.machine for stay in there))
        changes: list[Change] = [*_memberships(there, begin), *paces(conn, line, order, begin, t1)]
        changes += chain.from_iterable(heard.get(station.machine, ()) for station in order)
        found[line.code] = flow(order, changes, t0, t1, infer=line.infer_flow)
    return found


def _stays(conn: Connection, lines: Sequence[str], t1: datetime) -> Mapping[str, Sequence[Stay]]:
    rows = conn.execute(SQL["members"], {"lines": list(lines), "t1": t1, "ever": EVER})
    found = groupby(rows, itemgetter(0))
    return {line: [Stay(*row[1:]) for row in some] for line, some in found}


def _by_machine(changes: Iterable[Said | Planned]) -> Mapping[str, Sequence[Change]]:
    found: dict[str, list[Change]] = defaultdict(list)
    for change in changes:
        found[change.machine].append(change)
    return found


def _memberships(stays: Sequence[Stay], begin: datetime) -> Iterator[Change]:
    for stay in stays:
        yield Membership(max(stay.t0, begin), stay.machine, True)
        yield Membership(stay.t1, stay.machine, False)


def _said(conn: Connection, span: Span) -> Iterator[Said]:
    codes: dict[int | None, str] = dict(conn.execute(SQL["reasons"]).fetchall())
    for machine, rows in groupby(conn.execute(SQL["said"], span), itemgetter(0)):
        until = None
        for _, at, end, state, reason_id in rows:
            if until is not None and until < at:
                yield Said(until, machine, None, None)
            yield Said(at, machine, state, codes.get(reason_id))
            until = end
        if until is not None:
            yield Said(until, machine, None, None)


def _planned(conn: Connection, span: Span) -> Iterator[Planned]:
    for machine, rows in groupby(conn.execute(SQL["slices"], span), itemgetter(0)):
        until = None
        for _, at, end, kind in rows:
            if until is not None and until < at:
                yield Planned(until, machine, None)
            yield Planned(at, machine, kind)
            until = end
        if until is not None:
            yield Planned(until, machine, None)
