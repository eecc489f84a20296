"""What every line and every machine did in its own present shift."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from dashboards.board import Scene
from dashboards.scope import begin_of_shift
from db import boards
from db.connect import Connection
from db.kpi_facts import SITE, Kind, facts_of
from plant.kpi import Facts
from plant.periods import Span


@dataclass(frozen=True, slots=True)
class Sums:
    """Facts by code; what did nothing is missing."""

    lines: Mapping[str, Facts]
    machines: Mapping[str, Facts]


def shift_sums(conn: Connection, scene: Scene) -> Sums:
    """Since the beginning of each one's shift: lines and machines may work by other calendars."""
    begins, plant = boards.begins(conn, scene.now), scene.plant
    lines = {one.code: begins.lines.get(one.code) for one in plant.lines}
    machines = {one.code: begins.machines.get(one.code) for one in plant.machines}
    return Sums(_sums(conn, scene, "line", lines), _sums(conn, scene, "machine", machines))


def _sums(
    conn: Connection, scene: Scene, by: Kind, begun: Mapping[str, datetime | None]
) -> dict[str, Facts]:
    since = {code: begin_of_shift(at, scene.now) for code, at in begun.items()}
    found: dict[str, Facts] = {}
    for t0 in set(since.values()):
        span = Span(t0, scene.now)
        sums = facts_of(conn, SITE, span, scene.plant.site.zone, by=by)
        found |= {k.group: m.facts for k, m in sums if since.get(k.group) == t0}
    return found
