"""What may still change a figure, in words: shown beside it on every board."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from dash import html
from dash.development.base_component import Component

from dashboards import parts
from dashboards.format import percent
from dashboards.parts import Tone
from dashboards.texts import Texts, msgid
from db.connect import Connection
from db.settling import settling
from plant.kpi import Doubt, Facts, doubts, ratio
from plant.periods import Span

SHORT: Mapping[Doubt, str] = MappingProxyType(
    {
        "unrated": msgid("{percent} % without ideal cycle"),
        "fast": msgid("ideal cycle too long"),
        "unknown": msgid("{percent} % unknown"),
        "late": msgid("late data"),
        "open": msgid("so far"),
    }
)
QUIET = "~"
LONG: Mapping[Doubt, str] = MappingProxyType(
    {
        "unrated": msgid("More than 2 % of the pieces have no ideal cycle and count for no OEE."),
        "fast": msgid("Performance is above 100 %: the ideal cycle is set too long."),
        "unknown": msgid("More than 2 % of the planned time is unknown: nobody was heard."),
        "late": msgid("Data that came late, or a correction, is being worked in."),
        "open": msgid("The period is not over yet."),
    }
)


def doubts_of(
    conn: Connection,
    facts: Facts,
    span: Span,
    now: datetime,
    machines: Sequence[str] | None = None,
) -> tuple[Doubt, ...]:
    """What may still change the figures of these facts of a stretch."""
    how = settling(conn, span, now, machines)
    return doubts(facts, is_late=how.is_late, is_open=how.is_open)


def short(found: Sequence[Doubt], facts: Facts, t: Texts) -> str:
    """In a few words; empty where the figure is final."""
    shares = {
        "unrated": ratio(facts.unrated, facts.total),
        "unknown": ratio(facts.unknown_s, facts.planned_busy_s),
    }
    return " · ".join(t.text(SHORT[one], percent=percent(shares.get(one))) for one in found)


def long(found: Sequence[Doubt], t: Texts) -> str:
    """In sentences."""
    return " ".join(t.text(LONG[one]) for one in found)


def firm(found: Sequence[Doubt]) -> tuple[Doubt, ...]:
    """What makes a figure provisional though its time were over."""
    return tuple(one for one in found if one != "open")


def quiet(found: Sequence[Doubt], t: Texts, unit: str = "%") -> dict[str, object]:
    """The unit of a figure that has no room for words: with a mark, and sentences on pointing."""
    told = firm(found)
    return {"unit": f"{unit} {QUIET}" if told else unit, "title": long(told, t)}


def tone(found: Sequence[Doubt]) -> Tone:
    """A period that isn't over is no warning."""
    return "warning" if firm(found) else "muted"


def mark(node_id: str, style: str = "") -> Component:
    """Where a node of `node` stands; pointing or a tap says the sentences."""
    attributes = parts.marks(live=node_id)
    return html.Span(className=f"toned doubt {style}".strip(), tabIndex="0", **attributes)


def node(
    found: Sequence[Doubt], facts: Facts, t: Texts, *, most: int = len(SHORT)
) -> dict[str, object]:
    """A live text with the first so many of them, all in sentences on pointing."""
    text = short(found[:most], facts, t)
    return {"text": text, "title": long(found, t), "tone": tone(found)}
