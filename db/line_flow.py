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
from db.line_versions import Version, versions
from db.statements import statements
from db.stays import Stay
from plant.line_flow import Flow, Wait, flow, joined, reach, waits_in
from plant.line_settings import LineSettings, stations_of
from plant.line_state import Change, Membership, Planned, Said
from plant.model import Plant

SQL = statements("line_flow.sql")
EVER = datetime(1, 1, 1, tzinfo=UTC)
"""Stands for '-infinity'."""
Span = dict[str, Any]
"""Codes of machines, and a stretch of time: parameters of the queries."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A part of a window in which a line worked by one version of its settings."""

    settings: LineSettings
    t0: datetime
    t1: datetime
    begin: datetime
    """From when on its rows depend on what was said."""


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
    known = versions(conn, plant, asked, t1)
    turns = {
        line.code: _turns(known[line.code], stays.get(line.code, ()), plant, t0, t1)
        for line in asked
    }
    begin = min((turn.begin for found in turns.values() for turn in found), default=t0)
    codes = sorted({s.machine for some in stays.values() for s in some if s.t1 > begin})
    span: Span = {"machines": codes, "t0": begin, "t1": t1}
    heard = _by_machine(chain(_said(conn, span), _planned(conn, span)))
    found = {}
    for line, its in turns.items():
        there = [stay for stay in stays.get(line, ()) if stay.t1 > begin]
        known_of = _Heard(plant, there, heard, begin)
        found[line] = joined(_flow(conn, turn, known_of) for turn in its)
    return found


def waits(
    conn: Connection,
    plant: Plant,
    t0: datetime,
    t1: datetime,
    machines: Sequence[str] | None = None,
) -> list[Wait]:
    """What neighbours explain in [t0, t1) of machines (None: of all) that say only that they are
    idle; by machine and time, with that of others on their lines."""
    lines = inferring(conn, plant, t0, t1, machines)
    return waits_in(line_flows(conn, plant, t0, t1, lines).values()) if lines else []


def inferring(
    conn: Connection,
    plant: Plant,
    t0: datetime,
    t1: datetime,
    machines: Sequence[str] | None = None,
) -> list[str]:
    """Codes of the lines whose neighbours explained something in [t0, t1), as far as one of the
    machines (None: any) stood there. No other line has to be read for waits."""
    known = versions(conn, plant, plant.lines, t1)
    lines = [
        line
        for line, its in known.items()
        if any(settings.infer_flow for settings, *_ in _held(its, t0, t1))
    ]
    if machines is None or not lines:
        return lines
    stays = _stays(conn, lines, t1)
    return [
        line
        for line in lines
        if any(stay.machine in machines and stay.t1 > t0 for stay in stays.get(line, ()))
    ]


@dataclass(frozen=True, slots=True)
class _Heard:
    """Of one line: who stood there, and what everybody said since `begin`."""

    plant: Plant
    stays: Sequence[Stay]
    changes: Mapping[str, Sequence[Change]]
    begin: datetime


def _turns(
    known: Sequence[Version], stays: Sequence[Stay], plant: Plant, t0: datetime, t1: datetime
) -> list[Turn]:
    """Each version over the part of the window in which it held."""
    members = [stay.machine for stay in stays]
    return [
        Turn(settings, begin, end, begin - reach(stations_of(settings, plant, members)))
        for settings, begin, end in _held(known, t0, t1)
    ]


def _held(
    known: Sequence[Version], t0: datetime, t1: datetime
) -> Iterator[tuple[LineSettings, datetime, datetime]]:
    ends = [*(since for since, _ in known[1:]), t1]
    for (since, settings), until in zip(known, ends, strict=True):
        if (begin := max(t0, since)) < (end := min(t1, until)):
            yield settings, begin, end


def _flow(conn: Connection, turn: Turn, of: _Heard) -> Flow:
    """As though the line had worked so before, too: what is still felt then has no other order."""
    order = stations_of(turn.settings, of.plant, [stay.machine for stay in of.stays])
    named = turn.settings.constraint
    changes: list[Change] = [
        *_memberships(of.stays, of.begin),
        *paces(conn, named, order, of.begin, turn.t1),
    ]
    changes += chain.from_iterable(of.changes.get(station.machine, ()) for station in order)
    return flow(order, changes, turn.t0, turn.t1, infer=turn.settings.infer_flow)


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
