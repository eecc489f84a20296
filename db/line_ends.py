"""At which machine a line's pieces were counted, moment by moment: by who stood there, in which
order, and by which calendar. So a new last machine changes no hour of before.

Never says which of them it is: plant/line_end.py does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from db.connect import Connection
from db.line_versions import Version, versions
from db.statements import statements
from plant.line_end import usual
from plant.line_settings import stations_of
from plant.model import Line, Plant

SQL = statements("line_ends.sql")
EVER, AFTER = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
"""Stand for '-infinity' and 'infinity'."""


@dataclass(frozen=True, slots=True)
class _Stay:
    line: str
    machine: str
    t0: datetime
    t1: datetime
    calendar: str


def workers(
    conn: Connection, plant: Plant, moments: Sequence[datetime], lines: Sequence[str] | None = None
) -> list[dict[str, list[str]]]:
    """Of each moment, in order: by line (None: of all) the machines that worked as most of it did,
    in the order of the flow. Pieces are counted at the last. A line without any is missing.
    """
    asked = [line for line in plant.lines if lines is None or line.code in lines]
    known = versions(conn, plant, asked, moments[-1] + timedelta.resolution)
    stays = _stays(conn, asked, moments)
    return [
        {line: _usual(here, known[line], at, plant) for line, here in _there(stays, at).items()}
        for at in moments
    ]


def _stays(conn: Connection, lines: Sequence[Line], moments: Sequence[datetime]) -> list[_Stay]:
    values = {
        "lines": [line.code for line in lines],
        "t0": moments[0],
        "t1": moments[-1],
        "ever": EVER,
        "after": AFTER,
    }
    return [_Stay(*row) for row in conn.execute(SQL["stays"], values)]


def _there(stays: Iterable[_Stay], at: datetime) -> Mapping[str, list[_Stay]]:
    found: dict[str, list[_Stay]] = defaultdict(list)
    for stay in stays:
        if stay.t0 <= at < stay.t1:
            found[stay.line].append(stay)
    return found


def _usual(
    here: Sequence[_Stay], known: Sequence[Version], at: datetime, plant: Plant
) -> list[str]:
    told = [settings for since, settings in known if since <= at] or [known[0][1]]
    # A new machine stands on its line since ever: it counts since a version of the line knows it.
    met = {place.code for settings in told for place in settings.machines}
    every = {stay.machine: stay.calendar for stay in here}
    calendars = {machine: every[machine] for machine in every if machine in met} or every
    order = stations_of(told[-1], plant, calendars)
    return usual([(station.machine, calendars[station.machine]) for station in order])
