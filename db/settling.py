"""Whether the facts of a period are final: late data that is being applied, a period not over.

Never judges a figure: plant/kpi.py's `doubts` does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from db.clock import load_clock
from db.connect import Connection
from db.statements import statements
from plant.calendar import Window
from plant.periods import Span

SQL = statements("settling.sql")
LIVE = timedelta(minutes=2)
"""What is younger is not late: it is on its way."""
ROLLED = timedelta(hours=2)
"""Rollups pass over what is younger as a matter of course."""


@dataclass(frozen=True, slots=True)
class Settling:
    """What may still change the sums of a period."""

    is_late: bool
    """Late data, a correction or an edit is being applied."""
    is_open: bool
    """The period isn't over, or not known to its end."""


@dataclass(frozen=True, slots=True)
class Lates:
    """The stretches whose late data is being applied: by machine, "" of all of them."""

    stretches: Mapping[str, Sequence[Window]]

    def meet(self, machines: Collection[str] | None, span: Span) -> bool:
        """Whether one of them meets a stretch of one of these machines, or of any (None)."""
        codes = self.stretches if machines is None else ("", *machines)
        return any(
            t0 < span.t1 and t1 >= span.t0
            for code in codes
            for t0, t1 in self.stretches.get(code, ())
        )


def lates(conn: Connection, now: datetime) -> Lates:
    """All that is being applied now; for many stretches of many machines at once."""
    found: dict[str, list[Window]] = defaultdict(list)
    for code, t0, t1 in conn.execute(SQL["lates"], _limits(conn, now)):
        found[code].append((t0, t1))
    return Lates(found)


def settling(
    conn: Connection, span: Span, now: datetime, machines: Sequence[str] | None = None
) -> Settling:
    """How far the sums of a stretch are final, of these machines or of all."""
    values: dict[str, object] = {
        "t0": span.t0,
        "t1": span.t1,
        "machines": None if machines is None else list(machines),
        **_limits(conn, now),
    }
    late, upto = conn.execute(SQL["late"], values).fetchone(), _upto(conn, values)
    is_open = span.t1 >= now or (upto is not None and upto < span.t1)
    return Settling(late is not None and bool(late[0]), is_open)


def _limits(conn: Connection, now: datetime) -> dict[str, datetime]:
    speed = max(1.0, load_clock(conn).speed)
    return {"settled": now - LIVE * speed, "rolled": now - ROLLED * speed}


def _upto(conn: Connection, values: dict[str, object]) -> datetime | None:
    row = conn.execute(SQL["upto"], values).fetchone()
    return None if row is None else row[0]
