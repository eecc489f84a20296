"""What stops took of a scope and period, by reason: by minutes and by count (Pareto)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from dashboards import doubts
from dashboards.board import Scene
from dashboards.explain.asked import Odd
from dashboards.format import number, percent
from dashboards.kpis.choice import Choice
from dashboards.scope import machines_then
from dashboards.stops.ranking import Ranked, ranked
from dashboards.texts import Texts, msgid, texts
from db.connect import Connection
from db.kpi_facts import facts_in
from db.line_flow import waits
from db.stood import PLACES
from db.stops import lost_of
from plant.kpi import ratio
from plant.periods import span_of
from plant.stops import reasons_of

OF_PLACES = msgid("Stops are of a place: the site, an area, a line or a machine.")


@dataclass(frozen=True, slots=True)
class Record:
    """One reason as data: planned work lost, stops that count for it, its share of all minutes."""

    name: str
    minutes: float
    stops: int
    share: float | None


COLUMNS = tuple(field.name for field in fields(Record))


@dataclass(frozen=True, slots=True)
class Bar:
    """One reason in a chart; `so_far`: the percent of this and all longer bars, as written."""

    name: str
    amount: str
    width: float
    so_far: str
    is_unexplained: bool


@dataclass(frozen=True, slots=True)
class ReasonsTable:
    """All that the page shows; the most minutes first."""

    rows: tuple[Record, ...]
    cells: tuple[tuple[str, ...], ...]
    """The same as they are written, the sum last."""
    whole: Record
    charts: tuple[tuple[str, tuple[Bar, ...]], ...]
    """Name of what is counted, and its bars."""
    doubt: str

    @property
    def records(self) -> list[Record]:
        """All rows as data, the sum last."""
        return [*self.rows, self.whole]


def reasons_table(conn: Connection, chosen: Choice, scene: Scene) -> ReasonsTable:
    """The reasons of a choice. Raises Odd where it is of no place."""
    if chosen.scope.kind not in PLACES:
        raise Odd(OF_PLACES)
    t, span = texts(scene.language), span_of(chosen.period, scene.plant.site.zone)
    machines = machines_then(conn, chosen.scope, span)
    told = waits(conn, scene.plant, span.t0, span.t1, machines)
    found = lost_of(conn, chosen.scope, chosen.period, scene.plant.site.zone, told)
    tree = reasons_of(scene.plant)
    by_minutes, by_count = (
        ranked(found, tree, max(1, tree.depth), by, t) for by in ("minutes", "count")
    )
    seconds = sum(one.seconds for one in by_minutes)
    stops = sum(one.stops for one in by_minutes)
    rows = tuple(_record(one, seconds) for one in by_minutes)
    whole = Record(t.text("All"), seconds / 60, stops, ratio(seconds, seconds))
    return ReasonsTable(
        rows,
        tuple(_cells(one, t) for one in (*rows, whole)),
        whole,
        (
            (t.text("Minutes"), _bars(by_minutes, "minutes", t)),
            (t.text("Count"), _bars(by_count, "count", t)),
        ),
        _doubt(conn, chosen, machines, scene),
    )


def _record(one: Ranked, seconds: float) -> Record:
    return Record(one.name, one.seconds / 60, one.stops, ratio(one.seconds, seconds))


def heads(t: Texts) -> tuple[tuple[str, str], ...]:
    """Names and units of the columns of numbers."""
    return ((t.text("Lost min"), ""), (t.text("Stops"), ""), (t.text("Share"), "%"))


def _cells(one: Record, t: Texts) -> tuple[str, ...]:
    minutes, stops = number(one.minutes, t.language, 1), number(one.stops, t.language)
    return one.name, minutes, stops, percent(one.share)


def _bars(found: Sequence[Ranked], by: str, t: Texts) -> tuple[Bar, ...]:
    whole = sum(one.amount(by) for one in found)
    largest = max((one.amount(by) for one in found), default=1.0)
    so_far, bars = 0.0, []
    for one in found:
        so_far += one.amount(by)
        shown = number(one.amount(by), t.language, 1 if by == "minutes" else 0)
        width = round(100 * one.amount(by) / largest, 2)
        share = f"{percent(ratio(so_far, whole), 0)} %"
        bars.append(Bar(one.name, shown, width, share, one.is_unexplained))
    return tuple(bars)


def _doubt(conn: Connection, chosen: Choice, machines: Sequence[str] | None, scene: Scene) -> str:
    zone = scene.plant.site.zone
    facts = facts_in(conn, chosen.scope, chosen.period, zone).facts
    span = span_of(chosen.period, zone)
    found = doubts.doubts_of(conn, facts, span, scene.now, machines)
    return doubts.long(found, texts(scene.language))
