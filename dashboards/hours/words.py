"""Words of an hour: what was made, what stopped it, how long its breaks were."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dashboards.board import Scene
from dashboards.format import UNITS, number
from dashboards.hours.lost import Stopped
from dashboards.hours.sheet import Row, Sheet
from dashboards.standing import WORDS
from dashboards.texts import Texts, texts

SHOWN_REASONS = 2
SHORTEST_S = 30.0
"""A loss that rounds to no minute is not named."""
EFFECTS = frozenset({"starved", "blocked", "idle"})
"""On a line these are what another machine's stop does: named where nothing else is."""


@dataclass(frozen=True, slots=True)
class Names:
    """Products and orders of an hour, in the order of time."""

    products: str
    orders: str


def names(row: Row, scene: Scene) -> Names:
    """Of what was made, then of what is to come."""
    made = [run for run in row.runs if run.facts.total or run.facts.planned_busy_s]
    coming = [(o.product.text(scene.language) if o.product else None, o.order) for o in row.coming]
    pairs = [*((run.product, run.order) for run in made), *coming]
    return Names(_chain(p for p, _ in pairs), _chain(o for _, o in pairs))


def _chain(found: Iterable[str | None]) -> str:
    return "\n→ ".join(dict.fromkeys(one for one in found if one))


def breaks(row: Row, t: Texts) -> str:
    """ "Break 15 min"; empty where the hour has none."""
    return " · ".join(
        f"{word} {round(seconds / 60)} {UNITS[t.language]['min']}"
        for kind, word in (("break", t.text("Break")), ("maintenance", t.text("Maintenance")))
        if (seconds := _cut_s(row, kind)) >= SHORTEST_S
    )


def _cut_s(row: Row, kind: str) -> float:
    return sum(
        (min(s.t1, row.t1) - max(s.t0, row.t0)).total_seconds()
        for s in row.slices
        if s.kind == kind
    )


def losses(row: Row, sheet: Sheet, scene: Scene) -> str:
    """The main reasons with their minutes: of a line with the machine that stood."""
    t, is_line = texts(scene.language), sheet.scope.machine is None
    found = [one for one in row.stops if one.seconds >= SHORTEST_S]
    causes = [one for one in found if one.state not in EFFECTS]
    chosen = (causes or found) if is_line else found
    return "\n".join(_loss(one, is_line, t) for one in chosen[:SHOWN_REASONS])


def _loss(one: Stopped, is_line: bool, t: Texts) -> str:
    name = one.reason.text(t.language) if one.reason else t.text(WORDS[one.state])
    minutes = f"{name}\N{NO-BREAK SPACE}{number(one.seconds / 60, t.language)}"
    return f"{one.machine} {minutes}" if is_line else minutes
