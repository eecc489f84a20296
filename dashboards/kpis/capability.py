"""Process capability of a choice as rows: a part and a characteristic each, and what is behind."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

from dashboards import doubts
from dashboards.board import Scene
from dashboards.explain.place import place_text
from dashboards.explain.rows import precise
from dashboards.format import exact, number, percent
from dashboards.kpis.choice import Choice
from dashboards.kpis.table import Part, in_order, part
from dashboards.parts import Tone
from dashboards.scope import machines_then
from dashboards.texts import Texts, texts
from dashboards.why import link
from db import evidence
from db.capability import Characteristic, Found, samples_of
from db.connect import Connection
from plant.capability import BARELY, CAPABLE, CP, Sample, capability
from plant.kpi import Facts
from plant.periods import span_of

MOST_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Record:
    """One row as data; unrounded, in the unit of the characteristic, the share of 1."""

    name: str
    tag: str
    characteristic: str
    unit: str
    n: int
    mean: float | None
    s: float | None
    lower: float | None
    upper: float | None
    outside_share: float | None
    cp: float | None
    cpk: float | None


COLUMNS = tuple(field.name for field in fields(Record))


@dataclass(frozen=True, slots=True)
class Row:
    """One characteristic of one place or part of time; all numbers as they are written."""

    data: Record
    cells: tuple[str, ...]
    """n, mean, s, LSL, USL, share outside, Cp."""
    cpk: str
    tone: Tone | None
    remark: str
    """What the colour says, or why there is no value."""
    sums: tuple[str, ...]
    """The formulas with the numbers put in."""
    href: str
    """Where the readings are; empty where they have no page of their own."""


@dataclass(frozen=True, slots=True)
class CapabilityTable:
    """All that the page shows."""

    rows: tuple[Row, ...]
    whole: tuple[Row, ...]
    doubt: str
    notes: tuple[str, ...]

    @property
    def records(self) -> list[Record]:
        """All rows as data, those of the whole last."""
        return [row.data for row in (*self.rows, *self.whole)]


def capability_table(conn: Connection, chosen: Choice, scene: Scene) -> CapabilityTable:
    """The process capability of a choice. Raises TooMany and TooFine."""
    t, plant = texts(scene.language), scene.plant
    by, zone = chosen.by or "site", plant.site.zone
    found = samples_of(conn, chosen.scope, chosen.period, zone, by=by, per=chosen.per)
    place = Part(place_text(chosen.scope, scene), chosen.scope, chosen.period)
    span = span_of(chosen.period, zone)
    machines = machines_then(conn, chosen.scope, span)
    doubt = doubts.doubts_of(conn, Facts(), span, scene.now, machines)
    return CapabilityTable(
        tuple(
            _row(part(key, chosen, scene), of, sample, t)
            for key, of, sample in in_order(found, chosen, scene)
        ),
        tuple(_row(place, of, sample, t) for of, sample in _pooled(found)),
        doubts.long(doubt, t),
        tuple(_notes(conn, chosen, found, scene, t)),
    )


def heads(t: Texts) -> tuple[tuple[str, str], ...]:
    """Names of the columns of numbers, and what they are in short."""
    return (
        ("n", t.text("readings")),
        ("x̄", t.text("mean")),
        ("s", t.text("standard deviation")),
        ("LSL", t.text("lower limit")),
        ("USL", t.text("upper limit")),
        (t.text("Outside"), "%"),
        ("Cp", ""),
        ("Cpk", ""),
    )


def _pooled(found: Sequence[Found]) -> list[tuple[Characteristic, Sample]]:
    """Each characteristic of the whole: the parts are apart, so their samples add up."""
    sums: dict[Characteristic, Sample] = {}
    for _, of, sample in found:
        sums[of] = sums.get(of, Sample()) + sample
    return list(sums.items())


def _row(one: Part, of: Characteristic, sample: Sample, t: Texts) -> Row:
    of_limits = capability(sample, of.limits)
    lower, upper = of.limits.lower, of.limits.upper
    data = Record(
        one.name, of.tag, of.label.text(t.language), of.unit, sample.n, sample.mean, sample.s,
        lower, upper, sample.outside_share, of_limits.cp, of_limits.cpk,
    )  # fmt: skip
    tone, remark = _judged(data, t)
    return Row(
        data, _cells(data, t), number(data.cpk, t.language, 2), tone, remark,
        tuple(_sums(data, t)), _href(one, of.tag),
    )  # fmt: skip


def _cells(data: Record, t: Texts) -> tuple[str, ...]:
    digits = _digits(data.s)
    return (
        number(data.n, t.language),
        number(data.mean, t.language, digits),
        number(data.s, t.language, digits),
        exact(data.lower, t.language),
        exact(data.upper, t.language),
        percent(data.outside_share, 2),
        number(data.cp, t.language, 2),
    )


def _digits(s: float | None) -> int:
    """Behind the point, so that three digits of the spread are seen."""
    return min(max(2 - math.floor(math.log10(s)), 0), MOST_DIGITS) if s else 2


def _judged(data: Record, t: Texts) -> tuple[Tone | None, str]:
    if data.cpk is None:
        few = t.text("no value: fewer than two readings")
        return None, few if data.n < 2 else t.text("no value: all readings are alike")
    if data.cpk < BARELY:
        return "critical", t.text("not capable: Cpk below 1.00")
    if data.cpk < CAPABLE:
        return "warning", t.text("barely capable: Cpk below 1.33")
    return None, ""


def _sums(data: Record, t: Texts) -> Iterator[str]:
    digits = _digits(data.s)
    mean, s = (number(value, t.language, digits) for value in (data.mean, data.s))
    lower, upper = (exact(value, t.language) for value in (data.lower, data.upper))
    sides = [] if data.upper is None else [("USL − x̄", f"{upper} − {mean}")]
    sides += [] if data.lower is None else [("x̄ − LSL", f"{mean} − {lower}")]
    if data.cp is not None:
        cp = number(data.cp, t.language, 2)
        yield f"{CP} = ({upper} − {lower}) / (6 × {s}) = {cp}"
    if data.cpk is not None:
        least = "min" if len(sides) > 1 else ""
        formula, put_in = (", ".join(texts) for texts in zip(*sides, strict=True))
        cpk = number(data.cpk, t.language, 2)
        yield f"Cpk = {least}({formula}) / 3s = {least}({put_in}) / (3 × {s}) = {cpk}"


def _href(one: Part, tag: str) -> str:
    if one.scope is None or one.period is None:
        return ""
    return link("oee", one.scope, one.period, view="process", tag=tag) + "#evidence"


def _notes(
    conn: Connection, chosen: Choice, found: Sequence[Found], scene: Scene, t: Texts
) -> Iterator[str]:
    oldest = evidence.floors(conn).readings
    if oldest and span_of(chosen.period, scene.plant.site.zone).t0 < oldest:
        yield t.text(
            "No value before {time}: raw readings older than that were dropped as their time was"
            " up.",
            time=precise(oldest, scene)[:16],
        )
    if thinned := _thinned(found, scene):
        yield t.text(
            "Of {names} what hardly moved is not kept (deadband, changes only): mean, s, Cp and"
            " Cpk are estimates.",
            names=", ".join(thinned),
        )
    if not any(tag.spec or tag.spec_of for tag in scene.plant.tags):
        yield t.text(
            "No process value has specification limits yet: `spec` of a tag in the plant file."
        )


def _thinned(found: Sequence[Found], scene: Scene) -> list[str]:
    """The characteristics of which not every reading is kept, by name."""
    seen = {of.tag: of.label.text(scene.language) for _, of, _ in found}
    limited = (tag for tag in scene.plant.tags if tag.name in seen and (tag.spec or tag.spec_of))
    thinned = [seen[tag.name] for tag in limited if tag.deadband or tag.changes_only]
    return list(dict.fromkeys(thinned))
