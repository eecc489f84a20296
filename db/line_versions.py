"""How lines work, in versions: each since the plant file says, else since it was applied.

Nothing is derived from it that is stored, so nothing is touched. Never tells what stopped a line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from psycopg.types.json import Jsonb

from db.connect import Connection
from db.statements import statements
from plant.line_settings import LineSettings, settings_of
from plant.model import Line, Plant
from plant.wall import local_day

SQL = statements("line_versions.sql")
EVER = datetime(1, 1, 1, tzinfo=UTC)
"""Stands for '-infinity'."""
Version = tuple[datetime, LineSettings]
"""(valid from, how the line works since then)"""


def turn(conn: Connection, plant: Plant, now: datetime) -> None:
    """Make the lines what the file says. What was to begin later is superseded."""
    for line in plant.lines:
        wanted = settings_of(line, plant)
        at = _since(line, wanted, _in_force(conn, line.code, now), plant) or now
        conn.execute(SQL["supersede"], {"line": line.code, "at": at})
        if _in_force(conn, line.code, at) != wanted:
            body = Jsonb(wanted.model_dump(mode="json"))
            conn.execute(SQL["add"], {"line": line.code, "at": at, "body": body})


def versions(
    conn: Connection, plant: Plant, lines: Sequence[Line], t1: datetime
) -> Mapping[str, Sequence[Version]]:
    """All that matters before `t1`, oldest first; of a line that was never applied, the file's."""
    found: dict[str, list[Version]] = {}
    values = {"lines": [line.code for line in lines], "t1": t1, "ever": EVER}
    for code, since, body in conn.execute(SQL["versions"], values):
        found.setdefault(code, []).append((since, LineSettings.model_validate(body)))
    return {line.code: found.get(line.code) or [(EVER, settings_of(line, plant))] for line in lines}


def _in_force(conn: Connection, line: str, at: datetime) -> LineSettings | None:
    row = conn.execute(SQL["in_force"], {"line": line, "at": at}).fetchone()
    return None if row is None else LineSettings.model_validate(row[0])


def _since(
    line: Line, wanted: LineSettings, before: LineSettings | None, plant: Plant
) -> datetime | None:
    """As the line says; else since a machine that is new to it stands there."""
    known = {place.code for place in before.machines} if before else set()
    new = {place.code for place in wanted.machines} - known
    moved = [m.valid_from for m in plant.machines if m.code in new and m.valid_from is not None]
    day = line.flow_valid_from or min(moved, default=None)
    return None if day is None else local_day(day, plant.site.zone)[0]
