"""Which machines stood at a place, and when: boards of the past are of those that were there."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from db.connect import Connection
from db.kpi_facts import Scope
from db.statements import statements
from plant.periods import Span

SQL = statements("stays.sql")


class Stay(NamedTuple):
    """A stretch in which a machine stood on a line; UTC."""

    machine: str
    t0: datetime
    t1: datetime


def stays(conn: Connection, scope: Scope, span: Span) -> list[Stay]:
    """Who stood in a scope of places within a stretch, cut to it; in the plant file's order."""
    if scope.kind == "machine":
        return [Stay(scope.code, span.t0, span.t1)]
    values = {"kind": scope.kind, "code": scope.code, "t0": span.t0, "t1": span.t1}
    return [Stay(*row) for row in conn.execute(SQL["stays"], values)]


def codes_of(found: Iterable[Stay]) -> tuple[str, ...]:
    """Each machine once, in the same order."""
    return tuple(dict.fromkeys(stay.machine for stay in found))
