"""The `scope` of an address, its machines now and then; where the present shift of it begins."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from db.connect import Connection
from db.kpi_facts import Scope
from db.stays import codes_of, stays
from plant.model import Plant
from plant.periods import Span

NO_SHIFT_WINDOW = timedelta(hours=8)
"""Outside of every shift the last hours are shown."""


def begin_of_shift(begun: datetime | None, now: datetime) -> datetime:
    """The beginning of the present shift; outside of every shift, eight hours ago."""
    return begun or now.replace(second=0, microsecond=0) - NO_SHIFT_WINDOW


def machines_of(scope: Scope, plant: Plant) -> list[str] | None:
    """Codes of the machines that stand there now; None of all."""
    if scope.kind == "machine":
        return [scope.code]
    if scope.kind not in ("line", "area"):
        return None
    lines = {one.code for one in plant.lines if scope.code in (one.code, one.area)}
    return [machine.code for machine in plant.machines if machine.line in lines]


def machines_then(conn: Connection, scope: Scope, span: Span) -> tuple[str, ...] | None:
    """Codes of the machines that stood there within a stretch; None of all."""
    if scope.kind not in ("machine", "line", "area"):
        return None
    return codes_of(stays(conn, scope, span))


def line_of(params: Mapping[str, str], plant: Plant) -> str | None:
    """The line of "line:A"; none for the whole plant and for a line the plant doesn't have."""
    kind, _, code = params.get("scope", "").partition(":")
    known = {line.code for line in plant.lines}
    return code if kind == "line" and code in known else None
