"""What every line and every machine did in its own present shift."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from dashboards.board import Scene
from dashboards.scope import begin_of_shift
from db import boards
from db.connect import Connection
from db.kpi_facts import SITE, Kind, facts_by
from plant.kpi import Facts
from plant.periods import Span


@dataclass(frozen=True, slots=True)
class Sums:
    """Facts by code; what did nothing is missing."""

    site: Facts
    lines: Mapping[str, Facts]
    machines: Mapping[str, Facts]
    since: Mapping[Kind, Mapping[str, datetime]]
    """From when on, by kind and code."""


def shift_sums(conn: Connection, scene: Scene, begun: datetime) -> Sums:
    """The site's since `begun`, of the others since the beginning of each one's shift: lines and
    machines may work by other calendars."""
    since = _since(conn, scene, begun)
    found: dict[Kind, dict[str, Facts]] = {kind: {} for kind in since}
    for t0 in {at for one in since.values() for at in one.values()}:
        kinds = [kind for kind, one in since.items() if t0 in one.values()]
        sums = facts_by(conn, SITE, Span(t0, scene.now), scene.plant.site.zone, kinds)
        for kind, some in sums.items():
            found[kind] |= {k.group: m.facts for k, m in some if since[kind].get(k.group) == t0}
    return Sums(found["site"].get("", Facts()), found["line"], found["machine"], since)


def _since(
    conn: Connection, scene: Scene, begun: datetime
) -> Mapping[Kind, Mapping[str, datetime]]:
    """When each one's shift began, by kind and code."""
    begins, plant = boards.begins(conn, scene.now), scene.plant
    lines = {one.code: begins.lines.get(one.code) for one in plant.lines}
    machines = {one.code: begins.machines.get(one.code) for one in plant.machines}
    return {
        "site": {"": begun},
        "line": {code: begin_of_shift(at, scene.now) for code, at in lines.items()},
        "machine": {code: begin_of_shift(at, scene.now) for code, at in machines.items()},
    }
