"""Reasons ranked by the planned work they took, or by how often; on one level of their tree."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dashboards.board import Scene
from dashboards.format import number, percent
from dashboards.rows import Nodes, filled
from dashboards.stop_words import element_word
from dashboards.stops.choice import Choice
from dashboards.stops.layout import BARS
from dashboards.texts import Texts, texts
from db.stops import Lost
from plant.kpi import ratio
from plant.model import Language
from plant.stops import Reasons, reasons_of


@dataclass(frozen=True, slots=True)
class Ranked:
    """One bar: a reason, an element without one, or what nobody explained."""

    name: str
    seconds: float
    stops: int
    is_unexplained: bool = False

    def amount(self, by: str) -> float:
        """Minutes or stops."""
        return self.seconds / 60 if by == "minutes" else float(self.stops)


def ranked(lost: Iterable[Lost], tree: Reasons, level: int, by: str, t: Texts) -> list[Ranked]:
    """Every reason at the level, the largest first; equal ones by name. By count, what took no more
    than a part of stops that count for something else has no bar."""
    sums: dict[tuple[bool, str], tuple[float, int]] = {}
    for one in lost:
        key = (one.is_unexplained, _name(one, tree, level, t))
        seconds, count = sums.get(key, (0.0, 0))
        sums[key] = (seconds + one.seconds, count + one.stops)
    bars = [
        Ranked(name, seconds, count, unexplained)
        for (unexplained, name), (seconds, count) in sums.items()
    ]
    counting = (bar for bar in bars if bar.amount(by))
    return sorted(counting, key=lambda bar: (-bar.amount(by), bar.name))


def nodes(lost: Sequence[Lost], choice: Choice, scene: Scene) -> Nodes:
    """The bars, each with its share of all so far; what doesn't fit is one bar."""
    t = texts(scene.language)
    bars = ranked(lost, reasons_of(scene.plant), choice.level, choice.by, t)
    shown = _fitting(bars, t)
    whole = sum(bar.amount(choice.by) for bar in bars)
    largest = max((bar.amount(choice.by) for bar in shown), default=1.0)
    so_far, items = 0.0, []
    for bar in shown:
        so_far += bar.amount(choice.by)
        items.append((bar, ratio(so_far, whole)))
    return filled(
        "rank-", BARS, items, lambda row, item: _bar(row, *item, largest, choice.by, t.language)
    ) | {
        "ranking-all": {"text": _whole(whole, choice.by, t) if bars else ""},
        "ranking-none": {"text": t.text("No stops so far."), "hidden": bool(bars)},
    }


def _whole(whole: float, by: str, t: Texts) -> str:
    shown = number(whole, t.language)
    if by == "minutes":
        return t.text("{count} min lost", count=shown)
    return t.text("{count} stops in all", count=shown)


def _fitting(bars: Sequence[Ranked], t: Texts) -> list[Ranked]:
    if len(bars) <= BARS:
        return list(bars)
    rest = bars[BARS - 1 :]
    other = Ranked(t.text("Other"), sum(b.seconds for b in rest), sum(b.stops for b in rest))
    return [*bars[: BARS - 1], other]


def _bar(
    row: str,
    bar: Ranked,
    share: float | None,
    largest: float,
    by: str,
    language: Language,
) -> Nodes:
    tone = "warning" if bar.is_unexplained else "normal"
    return {
        row: {"hidden": False, "tone": tone},
        f"{row}-name": {"text": bar.name},
        f"{row}-value": {"text": _amount(bar, by, language)},
        f"{row}-share": {"text": f"{percent(share, 0)} %"},
        f"{row}-bar": {
            "width": round(100 * (ratio(bar.amount(by), largest) or 0), 1),
            "tone": tone,
        },
    }


def _amount(bar: Ranked, by: str, language: Language) -> str:
    amount = bar.amount(by)
    return number(amount, language, 1 if by == "minutes" and amount < 10 else 0)


def _name(one: Lost, tree: Reasons, level: int, t: Texts) -> str:
    if one.reason is None:
        word = t.text(element_word(one.element))
        return t.text("Not explained") if one.is_unexplained else word
    above = tree.at_level(one.reason, level)
    if above is not None:
        return above.name.text(t.language)
    return one.reason_name.text(t.language) if one.reason_name else one.reason
