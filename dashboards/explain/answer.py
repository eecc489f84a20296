"""A figure taken apart: its formula with the numbers put in, and who contributed what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType

from dashboards import doubts
from dashboards.board import Scene
from dashboards.explain.asked import Asked
from dashboards.explain.place import place_text, shift_text
from dashboards.figure_text import unit as unit_of_figure
from dashboards.figure_text import unit_of, written
from dashboards.format import NOTHING, number
from dashboards.part_doubts import PartDoubts
from dashboards.scope import machines_then
from dashboards.texts import Texts, msgid, texts
from dashboards.why import link
from db.connect import Connection
from db.kpi_facts import Key, Kind, Scope
from db.settling import lates
from db.stood import PLACES, Measures
from plant.kpi import Doubt
from plant.kpi_table import Figure, Measured, Quantity
from plant.periods import Days, Grain, Period, Span, span_of

SECONDS_DIGITS = 1
EXACT_DIGITS = 4
FINEST: Sequence[tuple[timedelta, Grain]] = (
    (timedelta(days=2), "hour"),
    (timedelta(days=8), "shift"),
    (timedelta(days=70), "day"),
    (timedelta(days=400), "week"),
)
"""How finely a period of at most that length is told."""
SKIPPED: Mapping[Kind, tuple[Kind, ...]] = MappingProxyType(
    {
        "line": ("line", "operation"),
        "machine": ("line", "machine", "operation"),
        "order": ("line", "order"),
        "operation": ("line", "order", "operation"),
    }
)
"""By what a scope is not told."""
LINKED: Mapping[Kind, tuple[Kind, ...]] = MappingProxyType(
    {
        "site": ("area", "line", "machine", "product", "order"),
        "area": ("line", "machine"),
        "line": ("machine",),
        "order": ("operation",),
    }
)
"""Parts that lie within a scope: their own sums are the same."""
TIMES: Mapping[Grain, str] = MappingProxyType(
    {
        "hour": msgid("Hour"),
        "shift": msgid("Shift"),
        "day": msgid("Day"),
        "week": msgid("Week"),
        "month": msgid("Month"),
    }
)


@dataclass(frozen=True, slots=True)
class Part:
    """What one machine, order or stretch of time contributed."""

    name: str
    href: str
    sums: tuple[str, ...]
    value: str
    doubt: str
    """What makes it provisional, in sentences; empty where it isn't, but for time that runs."""


@dataclass(frozen=True, slots=True)
class Contributions:
    """One table of parts, and by what it is told."""

    by: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """A figure taken apart; all numbers as they are written."""

    figure: Figure
    measured: Measured
    value: str
    unit: str
    exact: str
    doubts: tuple[Doubt, ...]
    doubt: str
    contributions: tuple[Contributions, ...]


def quantities(figure: Figure) -> list[Quantity]:
    """What stands above and below the lines of a formula, each once."""
    found = [q for f in figure.factors for q in (f.above, f.below) if q is not None]
    return list(dict.fromkeys(found))


def sum_text(quantity: Quantity, measured: Measured, scene: Scene) -> str:
    """A numerator or denominator: seconds to a tenth, pieces whole."""
    value, language = quantity.of(measured), scene.language
    if quantity.unit == "s":
        return f"{number(value, language, SECONDS_DIGITS)} {texts(language).text('s')}"
    digits = 0 if value is None or value == round(value) else 2
    return f"{number(value, language, digits)} {unit_of(quantity.unit, language)}".rstrip()


def answer(conn: Connection, asked: Asked, scene: Scene) -> Answer:
    """The figure of this scope and period, as every board shows it."""
    zone, figure, t = scene.plant.site.zone, asked.figure, texts(scene.language)
    measures = Measures(conn, scene.plant, asked.scope, asked.period, [figure])
    measured = measures.whole()
    span = span_of(asked.period, zone)
    machines = machines_then(conn, asked.scope, span)
    found = doubts.doubts_of(conn, measured.facts, span, scene.now, machines)
    value = figure.of(measured)
    judge = PartDoubts(conn, asked.scope, asked.period, scene, lates(conn, scene.now))
    return Answer(
        figure,
        measured,
        written(figure, value, scene.language),
        unit_of_figure(figure, scene.language),
        _exact(figure, value, scene),
        found,
        doubts.long(found, t),
        tuple(_contributions(measures, judge, asked, scene, t)),
    )


def _exact(figure: Figure, value: float | None, scene: Scene) -> str:
    """More digits than boards have room for."""
    if value is None:
        return NOTHING
    if figure.unit == "%":
        return f"{100 * value:.{EXACT_DIGITS}f} %"
    if figure.unit == "s":
        return f"{number(value, scene.language, 3)} {texts(scene.language).text('s')}"
    return ""


def _contributions(
    measures: Measures, judge: PartDoubts, asked: Asked, scene: Scene, t: Texts
) -> Iterable[Contributions]:
    kinds: tuple[tuple[Kind, str], ...] = (
        ("line", t.text("Line")),
        ("machine", t.text("Machine")),
        ("order", t.text("Order")),
        ("operation", t.text("Operation")),
    )
    for kind, name in kinds:
        if kind in SKIPPED.get(asked.scope.kind, ("operation",)):
            continue
        if asked.figure.group == "stops" and kind not in PLACES:
            continue
        sums = measures.of(by=kind)
        if len(sums) > 1 or kind == "machine":
            parts = tuple(
                _of_group(key, done, kind, judge.of(key, kind, done.facts), asked, scene)
                for key, done in sums
            )
            yield Contributions(name, parts)
    grain = _grain(asked, scene)
    sums = measures.of(per=grain)
    parts = tuple(
        _of_time(key, done, grain, judge.of(key, None, done.facts), asked, scene)
        for key, done in sums
    )
    yield Contributions(t.text(TIMES[grain]), parts)


def group_scope(key: Key, kind: Kind, within: Scope) -> Scope | None:
    """The scope of a part, where its own sums are the part's; None where it reaches further."""
    leads = bool(key.group) and kind in LINKED.get(within.kind, ())
    return Scope(kind, key.group) if leads else None


def time_name(key: Key, grain: Grain, period: Period, scene: Scene) -> tuple[str, Period | None]:
    """A part of a period in words, and as a period of its own where its sums are the same."""
    zone, slot = scene.plant.site.zone, key.slot
    if slot.first is None or slot.last is None:
        whole = span_of(period, zone)
        at = slot.t0.astimezone(zone).strftime("%Y-%m-%d %H:%M")
        span = Span(max(slot.t0, whole.t0), min(slot.t1, whole.t1))
        return at, span if isinstance(period, Span) else None
    name = f"{slot.first.isoformat()} {_shift(key.shift, grain, scene)}".rstrip()
    if not isinstance(period, Days) or (grain == "shift" and not key.shift):
        return name, None
    return name, Days(slot.first, slot.last, key.shift or period.shift)


def _of_group(
    key: Key, done: Measured, kind: Kind, found: Sequence[Doubt], asked: Asked, scene: Scene
) -> Part:
    place = Scope(kind, key.group)
    is_place = kind in ("line", "machine")
    name = place_text(place, scene) if is_place else key.group
    name = name or texts(scene.language).text("No order")
    scope = group_scope(key, kind, asked.scope)
    href = link(asked.figure.code, scope, asked.period) if scope else ""
    return _part(name, href, done, found, asked, scene)


def _of_time(
    key: Key, done: Measured, grain: Grain, found: Sequence[Doubt], asked: Asked, scene: Scene
) -> Part:
    name, period = time_name(key, grain, asked.period, scene)
    href = link(asked.figure.code, asked.scope, period) if period else ""
    return _part(name, href, done, found, asked, scene)


def _shift(code: str, grain: Grain, scene: Scene) -> str:
    if grain != "shift":
        return ""
    return shift_text(code, scene) if code else texts(scene.language).text("No shift")


def _part(
    name: str, href: str, done: Measured, found: Sequence[Doubt], asked: Asked, scene: Scene
) -> Part:
    figure, doubt = asked.figure, doubts.long(doubts.firm(found), texts(scene.language))
    sums = tuple(sum_text(one, done, scene) for one in quantities(figure))
    value = figure.of(done)
    unit = "" if value is None else unit_of_figure(figure, scene.language)
    said = f"{written(figure, value, scene.language)} {unit}".rstrip()
    return Part(name, href, sums, said, doubt)


def _grain(asked: Asked, scene: Scene) -> Grain:
    span = span_of(asked.period, scene.plant.site.zone)
    lasts = span.t1 - span.t0
    return next((grain for longest, grain in FINEST if lasts <= longest), "month")
