"""What a stop is called, how long it stood and why: the same words on every board."""

from __future__ import annotations

from datetime import timedelta

from dashboards import standing
from dashboards.format import duration_text
from dashboards.line_words import by_neighbour
from dashboards.texts import Texts, msgid
from db.stops import Stop
from plant.line_flow import Told, told_by
from plant.model import Element, Plant


def element_word(element: Element) -> str:
    """Message id; a planned stop need not be a break."""
    return msgid("Planned stop") if element == "planned_stop" else standing.WORDS[element]


def length(one: Stop, t: Texts) -> dict[str, object]:
    """How long it stood, as a live text: of one that goes on the client counts on."""
    stood = timedelta(seconds=one.seconds)
    since = round((one.upto - stood).timestamp() * 1000) if one.t1 is None else None
    return {"text": duration_text(one.seconds, t.language), "since": since}


def reason_word(one: Stop, plant: Plant, t: Texts) -> str:
    """Why it stopped, or that nobody knows; what neighbours explain, and what they don't."""
    if one.reason_name is not None:
        return one.reason_name.text(t.language)
    by = told_by(one.waits)
    most = next((told for told in by if told.element == one.element), None)
    if most is not None:
        return _with_rest(by_neighbour(most.cause, plant, t), one, t)
    none = t.text("No reason given") if one.is_unexplained else ""
    parts = [told_word(told, plant, t) for told in by[:1]]
    return " · ".join(filter(None, (none, *parts)))


def told_word(told: Told, plant: Plant, t: Texts) -> str:
    """What neighbours explain of a stop: "7:20 Starved by A01: Jam (inferred)"."""
    lasted = duration_text(told.seconds, t.language)
    element = t.text(element_word(told.element))
    return f"{lasted} {element} {by_neighbour(told.cause, plant, t)}"


def _with_rest(why: str, one: Stop, t: Texts) -> str:
    if one.unexplained_s < 1:
        return why
    lasted = duration_text(one.unexplained_s, t.language)
    return f"{why} · {t.text('{length} not explained', length=lasted)}"
