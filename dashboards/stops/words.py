"""What stops and what is said of them are called on the screens."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from dashboards import standing
from dashboards.board import Scene
from dashboards.format import duration_text, full
from dashboards.line_words import by_neighbour
from dashboards.texts import Texts, msgid, texts
from db.stops import Stop
from plant.line_flow import Told, told_by
from plant.model import Element, Plant

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

REFUSALS: Mapping[str, str] = {
    "conflict": msgid("{actor} has just changed this stop. Look at it, then decide."),
    "gone": msgid("This stop is not there any more: what the machine said has changed."),
    "too_old": msgid("Minutes are kept since {since} only: an older stop can't change."),
    "outside": msgid("The cut must lie within the stop."),
    "alone": msgid("There is no stop beside it."),
    "too_long": msgid("Together they would last longer than a day; they stay apart."),
    "reason": msgid("This machine can't have this reason. Choose another one."),
    "withdrawn": msgid("That was withdrawn already."),
}
INFERRED = msgid("The machine says only that it is idle. Its neighbours tell why.")
KINDS: Mapping[str, str] = {
    "assign": msgid("Reason"),
    "split": msgid("Cut"),
    "merge": msgid("Merged"),
    "comment": msgid("Comment"),
    "withdraw": msgid("Undo"),
}


def element_word(element: Element) -> str:
    """Message id; on this board a planned stop need not be a break."""
    return msgid("Planned stop") if element == "planned_stop" else standing.WORDS[element]


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
    length = duration_text(told.seconds, t.language)
    element = t.text(element_word(told.element))
    return f"{length} {element} {by_neighbour(told.cause, plant, t)}"


def _with_rest(why: str, one: Stop, t: Texts) -> str:
    if one.unexplained_s < 1:
        return why
    length = duration_text(one.unexplained_s, t.language)
    return f"{why} · {t.text('{length} not explained', length=length)}"


def refusal_text(why: str, details: Mapping[str, object], scene: Scene) -> str:
    """Why a word was not taken, in the scene's language."""
    said, since = dict(details), details.get("since")
    if since is not None:
        at = since if isinstance(since, datetime) else datetime.fromisoformat(str(since))
        said["since"] = full(at, scene.plant.site.zone)
    return texts(scene.language).text(REFUSALS[why], **said)


def stop_id(one: Stop) -> str:
    """Machine and begin in microseconds, for addresses: "A01@1772438400000000"."""
    return f"{one.machine}@{(one.t0 - EPOCH) // timedelta(microseconds=1)}"


def moment_of(microseconds: str) -> datetime | None:
    """The moment that a script sent; None where it is none."""
    if not microseconds.isdecimal() or len(microseconds) > 17:
        return None
    return EPOCH + timedelta(microseconds=int(microseconds))
