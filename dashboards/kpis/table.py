"""The figures of a choice as rows, each cell with where it is explained; where the time went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from dashboards import doubts
from dashboards.board import Scene
from dashboards.explain.answer import group_scope, time_name
from dashboards.explain.place import place_text
from dashboards.figure_text import unit, written
from dashboards.format import number
from dashboards.kpis.choice import Choice
from dashboards.part_doubts import PartDoubts
from dashboards.scope import machines_then
from dashboards.targets import Target, targets
from dashboards.texts import Texts, msgid, texts
from dashboards.why import link
from db.connect import Connection
from db.kpi_facts import Key, Scope
from db.settling import lates
from db.stood import Measures
from plant.kpi import ROUNDING, Doubt, Facts, losses
from plant.kpi_table import Figure, Measured
from plant.periods import Period, span_of

FACTORS = ("oee", "availability", "performance", "quality")
MOST_BARS = 62
Of = TypeVar("Of", bound=tuple[Key, *tuple[object, ...]])
"""What belongs to a part, its key first."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One figure; `value` is unrounded, `mark` says in words why it is called out."""

    text: str
    value: float | None
    href: str
    mark: str


@dataclass(frozen=True, slots=True)
class Row:
    """One place or part of time."""

    name: str
    cells: tuple[Cell, ...]
    bar: Cell
    """What the chart shows."""
    width: float
    """Percent of the longest bar."""
    doubts: tuple[Doubt, ...]
    """What may still change its figures."""
    doubt: str
    """The same in sentences, but for time that runs; empty where it is final."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the waterfall, percent of all time from the left; `minutes` as written."""

    label: str
    left: float
    width: float
    minutes: str
    is_sum: bool


@dataclass(frozen=True, slots=True)
class Table:
    """All that the page shows."""

    rows: tuple[Row, ...]
    whole: Row
    steps: tuple[Step, ...]
    doubt: str
    tick: float | None
    """Where the chart's target stands, percent of the longest bar."""


def table(conn: Connection, chosen: Choice, scene: Scene) -> Table:
    """The figures of a choice. Raises TooFine where it has too many rows."""
    zone = scene.plant.site.zone
    plant, figures = scene.plant, (*chosen.columns, chosen.kpi)
    measures = Measures(conn, plant, chosen.scope, chosen.period, figures)
    sums = measures.of(by=chosen.by or "site", per=chosen.per)
    whole = measures.whole()
    judge = PartDoubts(conn, chosen.scope, chosen.period, scene, lates(conn, scene.now))
    found = [
        (part(key, chosen, scene), done, judge.of(key, chosen.by, done.facts))
        for key, done in in_order(sums, chosen, scene)
    ]
    longest = max((chosen.kpi.of(done) or 0.0 for _, done, _ in found), default=0.0)
    t = texts(scene.language)
    place = place_text(chosen.scope, scene)
    span = span_of(chosen.period, zone)
    machines = machines_then(conn, chosen.scope, span)
    doubt = doubts.doubts_of(conn, whole.facts, span, scene.now, machines)
    target = _target(chosen.kpi, chosen.scope, scene)
    longest = max(longest, target.value if target else 0.0)
    return Table(
        tuple(_row(*one, chosen, scene, longest) for one in found),
        _row(Part(place, chosen.scope, chosen.period), whole, doubt, chosen, scene, longest),
        waterfall(whole.facts, t),
        doubts.long(doubt, t),
        100 * target.value / longest if target and longest else None,
    )


def in_order(sums: Sequence[Of], chosen: Choice, scene: Scene) -> list[Of]:
    """Machines and lines in the plant file's order, the rest as it comes."""
    plant = scene.plant
    codes = {
        "area": [one.code for one in plant.areas],
        "line": [one.code for one in plant.lines],
        "machine": [one.code for one in plant.machines],
    }
    order = {code: n for n, code in enumerate(codes.get(chosen.rows, ()))}
    if not order:
        return list(sums)
    return sorted(sums, key=lambda one: order.get(one[0].group, len(order)))


@dataclass(frozen=True, slots=True)
class Part:
    """What a row is of; a scope and period of its own where its sums are the same."""

    name: str
    scope: Scope | None
    period: Period | None


def part(key: Key, chosen: Choice, scene: Scene) -> Part:
    """The part of a choice that a key tells."""
    if chosen.per is not None:
        name, period = time_name(key, chosen.per, chosen.period, scene)
        return Part(name, chosen.scope if period else None, period)
    assert chosen.by is not None
    scope = group_scope(key, chosen.by, chosen.scope)
    t = texts(scene.language)
    nothing = t.text("No product") if chosen.by == "product" else t.text("No order")
    place = Scope(chosen.by, key.group)
    name = place_text(place, scene) if key.group else nothing
    return Part(name, scope, chosen.period)


def _row(
    one: Part,
    done: Measured,
    found: tuple[Doubt, ...],
    chosen: Choice,
    scene: Scene,
    longest: float,
) -> Row:
    scope, period = one.scope, one.period

    def cell(figure: Figure) -> Cell:
        value = figure.of(done)
        href = link(figure.code, scope, period) if scope and period else ""
        mark = _mark(figure, value, scope or chosen.scope, scene)
        return Cell(written(figure, value, scene.language), value, href, mark)

    bar = cell(chosen.kpi)
    width = 100 * max(bar.value or 0.0, 0.0) / longest if longest else 0.0
    cells = tuple(cell(figure) for figure in chosen.columns)
    doubt = doubts.long(doubts.firm(found), texts(scene.language))
    return Row(one.name, cells, bar, round(width, 2), found, doubt)


def _mark(figure: Figure, value: float | None, scope: Scope, scene: Scene) -> str:
    t = texts(scene.language)
    if figure.code == "performance" and value is not None and value > 1.0 + ROUNDING:
        return t.text("above 100 %: the ideal cycle is set too long")
    target = _target(figure, scope, scene)
    return t.text("misses its target") if target and target.is_missed(value) else ""


def _target(figure: Figure, scope: Scope, scene: Scene) -> Target | None:
    if figure.code not in FACTORS:
        return None
    plant, code = scene.plant, scope.code
    if scope.kind == "machine":
        code = next((m.line for m in plant.machines if m.code == scope.code), "")
    line = next((one for one in plant.lines if one.code == code), None)
    found: Target = getattr(targets(plant, line), figure.code)
    return found.loose if scope.kind == "machine" else found


def heads(chosen: Choice, scene: Scene) -> list[tuple[str, str]]:
    """Names and units of the columns."""
    t = texts(scene.language)
    return [(t.text(figure.label), unit(figure, scene.language)) for figure in chosen.columns]


STEPS = (
    msgid("All time"), msgid("Not scheduled"), msgid("Planned stops"), msgid("Planned busy time"),
    msgid("Breakdowns"), msgid("Setup and adjustment"), msgid("Idling and minor stops"),
    msgid("No data"), msgid("Running time"), msgid("Reduced speed"), msgid("Net run time"),
    msgid("Process defects"), msgid("Reduced yield"), msgid("Fully productive time"),
)  # fmt: skip
SUMS = frozenset({0, 3, 8, 10, 13})


def waterfall(facts: Facts, t: Texts) -> tuple[Step, ...]:
    """From all time down to fully productive time: each loss begins where the rest ends."""
    lost = losses(facts)
    seconds = (
        facts.calendar_s, facts.not_scheduled_s, facts.planned_stop_s, facts.planned_busy_s,
        lost.breakdowns_s, lost.setup_s, lost.minor_stops_s, lost.unknown_s, facts.running_s,
        lost.reduced_speed_s, facts.ideal_s, lost.defects_s, lost.reduced_yield_s,
        facts.ideal_good_s,
    )  # fmt: skip
    steps, left = [], facts.calendar_s
    whole = max(facts.calendar_s, facts.ideal_s) or 1.0
    for n, (label, value) in enumerate(zip(STEPS, seconds, strict=True)):
        left = value if n in SUMS else left - value
        begin = 0.0 if n in SUMS else min(left, left + value)
        steps.append(
            Step(
                t.text(label),
                round(100 * begin / whole, 3),
                round(100 * abs(value) / whole, 3),
                number(value / 60, t.language, 1),
                n in SUMS,
            )
        )
    return tuple(steps)
