"""Plant time: real time, or a simulated plant's faster one, the same for every process.

Never used by `plant/`, which takes `now` as a parameter.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from psycopg.types.json import Jsonb

from db.connect import Connection
from db.statements import statements

SQL = statements("clock.sql")


@dataclass(frozen=True, slots=True)
class Clock:
    """Plant time was `anchor_plant` at `anchor_wall` and runs `speed` times as fast since."""

    anchor_wall: datetime
    anchor_plant: datetime
    speed: float = 1.0

    def now(self) -> datetime:
        """Plant time, UTC."""
        return self.at(datetime.now(UTC))

    def at(self, wall: datetime) -> datetime:
        """Plant time at a moment of the wall clock."""
        return self.anchor_plant + self.speed * (wall - self.anchor_wall)

    def wall_s(self, plant: timedelta) -> float:
        """Seconds of the wall clock that a stretch of plant time takes."""
        return plant.total_seconds() / self.speed


def real_clock() -> Clock:
    """Plant time is the wall's."""
    wall = datetime.now(UTC)
    return Clock(wall, wall, 1.0)


def load_clock(conn: Connection) -> Clock:
    """The clock all processes agree on; real time where none was saved."""
    row = conn.execute(SQL["load"]).fetchone()
    if row is None:
        return real_clock()
    value = row[0]
    return Clock(
        datetime.fromisoformat(value["anchor_wall"]),
        datetime.fromisoformat(value["anchor_plant"]),
        float(value["speed"]),
    )


def save_clock(conn: Connection, clock: Clock) -> None:
    """Make `clock` the one every process loads from now on."""
    value = {
        "anchor_wall": clock.anchor_wall.isoformat(),
        "anchor_plant": clock.anchor_plant.isoformat(),
        "speed": clock.speed,
    }
    conn.execute(SQL["save"], {"value": Jsonb(value)})
