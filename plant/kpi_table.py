"""Every figure that is shown, once: its name, formula, numerator and denominator, unit, direction.

Boards, the page that explains a figure, the API and the table of docs/kpi.md draw from `FIGURES`.
The arithmetic is plant/kpi.py's; never formats a number and knows one language only: labels are
message ids.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, TypeVar

from plant.kpi import Facts, Kpi, kpis, losses, ratio, reliability

Unit = Literal["%", "s", "pieces", "pieces/h", "count"]
Group = Literal["oee", "ratios", "reliability", "losses", "stops", "time", "pieces"]


@dataclass(frozen=True, slots=True)
class Stood:
    """What stops took that are no time element of a machine; seconds."""

    unexplained_s: float = 0.0
    """Planned work lost to stops that nobody has explained."""
    line_down_s: float = 0.0
    """Planned time in which lines stood; of a machine: in which it caused that."""
    line_unknown_s: float = 0.0
    """Planned time of lines of which nobody knows."""
    line_planned_s: float | None = 0.0
    """Planned time of lines; None of a machine, which is no line."""

    def __add__(self, other: Stood) -> Stood:
        return Stood(
            self.unexplained_s + other.unexplained_s,
            self.line_down_s + other.line_down_s,
            self.line_unknown_s + other.line_unknown_s,
            _sum(self.line_planned_s, other.line_planned_s),
        )


@dataclass(frozen=True, slots=True)
class Measured:
    """What a scope did in a period: facts that add up, and what a few figures need beside them."""

    facts: Facts = field(default_factory=Facts)
    order_s: float = 0.0
    """AOET: seconds in which an order was in work."""
    order_pieces: float = 0.0
    """PQ within that time."""
    inspected: float = 0.0
    """Pieces of machines that tell their rework."""
    first_pass: float = 0.0
    """Of those, good ones that nobody worked again."""
    failures: int | None = None
    """Stops for a failure that began in the period; None: not asked for."""
    stood: Stood | None = None
    """None: not asked for, or not defined: of products and orders."""

    def __add__(self, other: Measured) -> Measured:
        return Measured(
            self.facts + other.facts,
            self.order_s + other.order_s,
            self.order_pieces + other.order_pieces,
            self.inspected + other.inspected,
            self.first_pass + other.first_pass,
            _sum(self.failures, other.failures),
            _sum(self.stood, other.stood),
        )


Sum = TypeVar("Sum", int, float, Stood)


@dataclass(frozen=True, slots=True)
class Quantity:
    """A sum that stands above or below the line of a formula."""

    symbol: str
    """As ISO 22400-2 abbreviates it."""
    label: str
    unit: Unit
    of: Callable[[Measured], float | None]


@dataclass(frozen=True, slots=True)
class Fraction:
    """Numerator over denominator; without a denominator the numerator itself."""

    above: Quantity
    below: Quantity | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: the product of its factors."""

    code: str
    label: str
    """Message id."""
    formula: str
    in_facts: str
    """The same in columns of the minute facts."""
    factors: tuple[Fraction, ...]
    unit: Unit
    digits: int
    better: Literal["higher", "lower", "neither"]
    group: Group
    of: Callable[[Measured], float | None]


def _sum(one: Sum | None, other: Sum | None) -> Sum | None:
    return other if one is None else one if other is None else one + other


def _stood(symbol: str, label: str, of: Callable[[Stood], float | None]) -> Quantity:
    return Quantity(symbol, label, "s", lambda m: None if m.stood is None else of(m.stood))


def _seconds(symbol: str, label: str, of: Callable[[Facts], float]) -> Quantity:
    return Quantity(symbol, label, "s", lambda m: of(m.facts))


def _pieces(symbol: str, label: str, of: Callable[[Facts], float]) -> Quantity:
    return Quantity(symbol, label, "pieces", lambda m: of(m.facts))


CALENDAR = _seconds("calendar", "All time", lambda f: f.calendar_s)
PBT = _seconds("PBT", "Planned busy time", lambda f: f.planned_busy_s)
APT = _seconds("APT", "Running time", lambda f: f.running_s)
AUST = _seconds("AUST", "Setup time", lambda f: f.setup_s)
ADET = _seconds("ADET", "Down time", lambda f: f.down_s)
AUPT = _seconds("AUPT", "Running and setup time", lambda f: f.running_s + f.setup_s)
AUBT = _seconds("AUBT", "Running, setup and down time", lambda f: f.busy_s)
APT_ADET = _seconds("APT + ADET", "Running and down time", lambda f: f.running_s + f.down_s)
UNKNOWN = _seconds("unknown", "Unknown time", lambda f: f.unknown_s)
IDEAL = _seconds("PRI × PQ", "Ideal time of all pieces", lambda f: f.ideal_s)
IDEAL_GOOD = _seconds("PRI × GQ", "Ideal time of good pieces", lambda f: f.ideal_good_s)
REPAIR = _seconds("repair", "Down time without minor stops", lambda f: f.down_s - f.minor_down_s)
GQ = _pieces("GQ", "Good pieces", lambda f: f.good)
SQ = _pieces("SQ", "Scrap", lambda f: f.scrap)
RQ = _pieces("RQ", "Rework", lambda f: f.rework)
PQ = _pieces("PQ", "Pieces made", lambda f: f.total)
ORDER_PQ = Quantity("PQ", "Pieces made for orders", "pieces", lambda m: m.order_pieces)
AOET = Quantity("AOET", "Time with an order", "s", lambda m: m.order_s)
INSPECTED = Quantity("inspected", "Pieces inspected", "pieces", lambda m: m.inspected)
FIRST_PASS = Quantity("first pass", "Good at first pass", "pieces", lambda m: m.first_pass)
FAILURES = Quantity("failures", "Failures", "count", lambda m: m.failures)
UNEXPLAINED = _stood("unexplained", "Unexplained stops", lambda s: s.unexplained_s)
LINE_DOWN = _stood("line down", "Line downtime", lambda s: s.line_down_s)
LINE_PLANNED = _stood("line PBT", "Planned time of the line", lambda s: s.line_planned_s)
LINE_UNKNOWN = _stood("line unknown", "Line, no data", lambda s: s.line_unknown_s)


def _kpi(name: str) -> Callable[[Measured], float | None]:
    assert name in Kpi.__dataclass_fields__

    def of(measured: Measured) -> float | None:
        found: float | None = getattr(kpis(measured.facts), name)
        return found

    return of


def _throughput(measured: Measured) -> float | None:
    per_second = ratio(measured.order_pieces, measured.order_s)
    return None if per_second is None else 3600 * per_second


def _first_pass(measured: Measured) -> float | None:
    return ratio(measured.first_pass, measured.inspected)


def _mtbf(measured: Measured) -> float | None:
    failures = measured.failures
    return None if failures is None else reliability(measured.facts, failures).mtbf_s


def _mttr(measured: Measured) -> float | None:
    failures = measured.failures
    return None if failures is None else reliability(measured.facts, failures).mttr_s


def _line_down(measured: Measured) -> float | None:
    stood = measured.stood
    if stood is None or stood.line_planned_s is None:
        return None
    return ratio(stood.line_down_s, stood.line_planned_s)


def _loss(name: str) -> Callable[[Measured], float | None]:
    def of(measured: Measured) -> float | None:
        found: float = getattr(losses(measured.facts), name)
        return found

    return of


def _lost(code: str, label: str, formula: str, in_facts: str) -> Figure:
    of = _loss(code)
    whole = Fraction(Quantity(code, label, "s", of))
    return Figure(code, label, formula, in_facts, (whole,), "s", 1, "lower", "losses", of)


def _plain(
    quantity: Quantity, code: str, in_facts: str, better: Literal["higher", "lower", "neither"]
) -> Figure:
    group: Group = "time" if quantity.unit == "s" else "pieces"
    return _whole(quantity, code, quantity.symbol, in_facts, better, group)


def _whole(
    quantity: Quantity,
    code: str,
    formula: str,
    in_facts: str,
    better: Literal["higher", "lower", "neither"],
    group: Group,
) -> Figure:
    digits = 1 if quantity.unit == "s" else 0
    return Figure(
        code, quantity.label, formula, in_facts, (Fraction(quantity),),
        quantity.unit, digits, better, group, quantity.of,
    )  # fmt: skip


_BUSY = "running + setup + down"

FIGURES: Sequence[Figure] = (
    Figure("availability", "Availability", "APT / PBT", "running / PBT",
           (Fraction(APT, PBT),), "%", 1, "higher", "oee", _kpi("availability")),
    Figure("performance", "Performance", "PRI × PQ / APT", "ideal / running",
           (Fraction(IDEAL, APT),), "%", 1, "higher", "oee", _kpi("performance")),
    Figure("quality", "Quality", "GQ / PQ", "ideal good / ideal",
           (Fraction(IDEAL_GOOD, IDEAL),), "%", 1, "higher", "oee", _kpi("quality")),
    Figure("oee", "OEE", "A × E × Q = PRI × GQ / PBT", "ideal good / PBT",
           (Fraction(IDEAL_GOOD, PBT),), "%", 1, "higher", "oee", _kpi("oee")),
    Figure("nee", "NEE", "AUPT / PBT × E × Q", "(running + setup) / PBT × ideal good / running",
           (Fraction(AUPT, PBT), Fraction(IDEAL_GOOD, APT)), "%", 1, "higher", "oee",
           _kpi("nee")),
    Figure("teep", "TEEP", "OEE × PBT / calendar time (not ISO)", "ideal good / all time",
           (Fraction(IDEAL_GOOD, CALENDAR),), "%", 1, "higher", "oee", _kpi("teep")),
    Figure("utilization", "Utilization", "APT / AUBT", f"running / ({_BUSY})",
           (Fraction(APT, AUBT),), "%", 1, "higher", "ratios", _kpi("utilization")),
    Figure("allocation", "Allocation efficiency", "AUBT / PBT", f"({_BUSY}) / PBT",
           (Fraction(AUBT, PBT),), "%", 1, "higher", "ratios", _kpi("allocation")),
    Figure("technical_efficiency", "Technical efficiency", "APT / (APT + ADET)",
           "running / (running + down)", (Fraction(APT, APT_ADET),), "%", 1, "higher",
           "ratios", _kpi("technical_efficiency")),
    Figure("setup_ratio", "Setup ratio", "AUST / AUPT", "setup / (running + setup)",
           (Fraction(AUST, AUPT),), "%", 1, "lower", "ratios", _kpi("setup_ratio")),
    Figure("throughput", "Throughput", "PQ / AOET", "pieces with an order / time with an order",
           (Fraction(ORDER_PQ, AOET),), "pieces/h", 1, "higher", "ratios", _throughput),
    Figure("scrap_ratio", "Scrap ratio", "SQ / PQ", "scrap / (good + scrap)",
           (Fraction(SQ, PQ),), "%", 2, "lower", "ratios", _kpi("scrap_ratio")),
    Figure("rework_ratio", "Rework ratio", "RQ / PQ", "rework / (good + scrap)",
           (Fraction(RQ, PQ),), "%", 2, "lower", "ratios", _kpi("rework_ratio")),
    Figure("first_pass_yield", "First pass yield", "good first pass / inspected",
           "(good − rework) / (good + scrap) of machines that tell their rework",
           (Fraction(FIRST_PASS, INSPECTED),), "%", 1, "higher", "ratios", _first_pass),
    Figure("unknown_share", "Unknown share", "unknown / PBT", "unknown / PBT",
           (Fraction(UNKNOWN, PBT),), "%", 1, "lower", "ratios", _kpi("unknown_share")),
    Figure("mtbf", "MTBF", "Σ time between failures / failures", "running / failures",
           (Fraction(APT, FAILURES),), "s", 1, "higher", "reliability", _mtbf),
    Figure("mttr", "MTTR", "Σ repair time / failures", "(down − minor stops) / failures",
           (Fraction(REPAIR, FAILURES),), "s", 1, "lower", "reliability", _mttr),
    _lost("breakdowns_s", "Breakdowns", "ADET − minor stops", "down − `minor_down_s`"),
    _lost("setup_s", "Setup and adjustment", "AUST", "setup"),
    _lost("minor_stops_s", "Idling and minor stops", "minor stops + waiting",
          "`minor_down_s` + idle + starved + blocked"),
    _lost("unknown_s", "No data", "unknown", "unknown"),
    _lost("reduced_speed_s", "Reduced speed", "APT − PRI × PQ",
          "running − ideal (negative where faster than ideal)"),
    _lost("defects_s", "Process defects", "PRI × SQ − reduced yield",
          "ideal − ideal good − ideal start-up scrap"),
    _lost("reduced_yield_s", "Reduced yield", "PRI × start-up scrap", "ideal start-up scrap"),
    _whole(LINE_DOWN, "line_down_s", "PBT of the constraint − its APT − unknown",
           "states and stops of the line's machines, by the one that caused it", "lower", "stops"),
    Figure("line_down", "Line downtime, share", "line downtime / planned time of the line",
           "the same / planned busy time of the constraint",
           (Fraction(LINE_DOWN, LINE_PLANNED),), "%", 1, "lower", "stops", _line_down),
    _whole(LINE_UNKNOWN, "line_unknown_s", "unknown time of the constraint",
           "states of the constraint", "lower", "stops"),
    _whole(UNEXPLAINED, "unexplained_s", "Σ planned work in stops without a reason",
           "stops that are down or idle for at least `micro_stop_s`, less what neighbours explain",
           "lower", "stops"),
    _plain(CALENDAR, "calendar", "all columns of seconds", "neither"),
    _plain(PBT, "planned_busy", "all but not scheduled and planned stop", "neither"),
    _plain(APT, "running", "running", "higher"),
    _plain(IDEAL, "net", "ideal", "higher"),
    _plain(IDEAL_GOOD, "valuable", "ideal good", "higher"),
    _plain(PQ, "pieces", "good + scrap", "higher"),
    _plain(GQ, "good", "good", "higher"),
    _plain(SQ, "scrap", "scrap", "lower"),
    _plain(RQ, "rework", "rework", "lower"),
)  # fmt: skip
"""In the order in which they are shown."""

BY_CODE: Mapping[str, Figure] = MappingProxyType({figure.code: figure for figure in FIGURES})


def figure_of(code: str) -> Figure | None:
    """The figure of a code, as in an address."""
    return BY_CODE.get(code)


def of_group(*groups: Group) -> tuple[Figure, ...]:
    """The figures of these groups, in their order."""
    return tuple(figure for figure in FIGURES if figure.group in groups)
