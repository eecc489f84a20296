"""What a mail says of a transition, in one language: headline, sentence, facts, what to look at.

Reads only what the transition carries, so that it can be told whatever has become of the plant
since. Never lays anything out: that is for the templates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from alerts.texts import Texts
from db.outbox import Told

Tone = Literal["critical", "warning", "info", "over"]

ADVICE: Mapping[str, str] = {
    "tag_limit": "Look at the machine, and at the trend of this value over the last hours.",
    "machine_down": "Look at the machine: who is at it, and what is missing to let it run again?",
    "line_oee": "Look at the losses of this shift on the OEE board: the longest bar first.",
    "order_late": "Look at the order's rate. More shifts, another machine, a word to the customer?",
    "source_silent": "Look at the network and at the gateway. Until then its machines are unknown.",
    "unwatched": "Start the alert worker and look at its log. Until then, look after the machines.",
    "disk_full": "Give the database a larger disk, or let raw readings live for fewer days.",
    "anomaly": "Nothing is broken yet. Look at the trend: if it goes on, plan the maintenance now.",
}
PRIORITIES: Mapping[str, str] = {"critical": "Critical", "warning": "Warning", "info": "Notice"}


@dataclass(frozen=True, slots=True)
class Item:
    """One transition, ready to be laid out."""

    tone: Tone
    badge: str
    subject: str
    name: str
    sentence: str
    facts: tuple[tuple[str, str], ...]
    advice: str
    at: str
    link: str
    headline: str
    """In one line: `Critical: A01 Lathe 1 – Machine down`."""


def worded(told: Told, say: Texts, boards_url: str) -> Item:
    """A transition in words."""
    is_over = told.cause != "raised"
    badge = say.text("Over") if is_over else say.text(PRIORITIES[told.priority])
    subject = _label(told, "subject", say) or told.subject
    name = _label(told, "name", say) or told.rule
    return Item(
        tone="over" if is_over else _tone(told.priority),
        badge=badge,
        subject=subject,
        name=name,
        headline=say.text("{badge}: {subject} – {name}", badge=badge, subject=subject, name=name),
        sentence=_over(told, say) if is_over else _raised(told, say),
        facts=tuple(_facts(told, say, is_over)),
        advice="" if is_over else say.text(ADVICE[told.kind]),
        at=say.time(told.at),
        link=f"{boards_url.rstrip('/')}/alerts?alarm={told.alarm_id}",
    )


def _tone(priority: str) -> Tone:
    return "critical" if priority == "critical" else "warning" if priority == "warning" else "info"


def _raised(told: Told, say: Texts) -> str:
    if told.value is None:
        return say.text("The condition of the rule holds.")
    return SENTENCES[told.kind](told, say)


def _over(told: Told, say: Texts) -> str:
    if told.cause == "returned":
        return say.text("Back to normal. Nobody has acknowledged it yet.")
    return say.text("Back to normal.")


def _of_limit(told: Told, say: Texts) -> str:
    is_above = told.params.get("side") != "below"
    return say.text(
        "{tag} is {value}, above the limit of {limit}."
        if is_above
        else "{tag} is {value}, below the limit of {limit}.",
        tag=_label(told, "tag", say),
        value=_value(told, say),
        limit=_quantity(told, "limit", say),
    )


def _of_anomaly(told: Told, say: Texts) -> str:
    return say.text(
        "{tag} is {value}; what this machine has shown so far is {low} to {high}.",
        tag=_label(told, "tag", say),
        value=_value(told, say),
        low=_quantity(told, "low", say),
        high=_quantity(told, "high", say),
    )


def _of_stop(told: Told, say: Texts) -> str:
    return say.text(
        "The machine has been down for {value} of working time.", value=_value(told, say)
    )


def _of_oee(told: Told, say: Texts) -> str:
    said = say.text(
        "OEE of the present shift is {value}; at least {limit} is expected.",
        value=_value(told, say),
        limit=_quantity(told, "limit", say),
    )
    return " ".join((said, *_provisional(told, say)))


def _provisional(told: Told, say: Texts) -> Iterator[str]:
    """What may still change the figure but that its shift runs."""
    unknown = told.params.get("unknown")
    if isinstance(unknown, float):
        share = say.quantity(unknown, "ratio")
        yield say.text("Provisional: {share} of the planned time is unknown.", share=share)
    if told.params.get("late"):
        yield say.text("Provisional: data that came late is being worked in.")


def _of_order(told: Told, say: Texts) -> str:
    return say.text(
        "The order will miss its due date with a probability of {value}.", value=_value(told, say)
    )


def _of_silence(told: Told, say: Texts) -> str:
    return say.text("Nothing has been heard from this source for {value}.", value=_value(told, say))


def _of_disk(told: Told, say: Texts) -> str:
    if told.params.get("unit") == "ratio":
        return say.text("Only {value} of the database's disk is free.", value=_value(told, say))
    return say.text(
        "At the rate of the last week the database's disk is full in {value}.",
        value=_value(told, say),
    )


def _of_watch(told: Told, say: Texts) -> str:
    return say.text(
        "The alert worker has not looked at the plant for {value}: no other alarm is raised.",
        value=_value(told, say),
    )


SENTENCES: Mapping[str, Callable[[Told, Texts], str]] = {
    "tag_limit": _of_limit,
    "anomaly": _of_anomaly,
    "machine_down": _of_stop,
    "line_oee": _of_oee,
    "order_late": _of_order,
    "source_silent": _of_silence,
    "unwatched": _of_watch,
    "disk_full": _of_disk,
}


def _facts(told: Told, say: Texts, is_over: bool) -> list[tuple[str, str]]:
    """Label and text, in the order in which they are read; what is not known is left out."""
    began = _time(told, "began", say) or (say.time(told.raised_at) if told.raised_at else "")
    rows = [
        ("Value", _value(told, say)),
        ("Limit", _quantity(told, "limit", say)),
        ("Since", began),
        ("Over at", say.time(told.at) if is_over else ""),
        ("Lasted", _lasted(told, say) if is_over else ""),
        ("Reason", _label(told, "reason", say)),
        ("Line", _plain(told, "line")),
        ("Due", _time(told, "due", say)),
        ("Expected done", _time(told, "eta", say)),
        ("Remaining", say.quantity(left, "") if (left := _number(told, "remaining")) else ""),
        ("What the source says", _plain(told, "error")),
    ]
    return [(say.text(label), text) for label, text in rows if text]


def _lasted(told: Told, say: Texts) -> str:
    if told.raised_at is None:
        return ""
    return say.duration(max(0.0, (told.at - told.raised_at).total_seconds()))


def _value(told: Told, say: Texts) -> str:
    return "" if told.value is None else say.quantity(told.value, _plain(told, "unit"))


def _quantity(told: Told, name: str, say: Texts) -> str:
    number = _number(told, name)
    return "" if number is None else say.quantity(number, _plain(told, "unit"))


def _number(told: Told, name: str) -> float | None:
    found = told.params.get(name)
    return float(found) if isinstance(found, int | float) else None


def _plain(told: Told, name: str) -> str:
    found = told.params.get(name)
    return found if isinstance(found, str) else ""


def _label(told: Told, name: str, say: Texts) -> str:
    found = told.params.get(name)
    return str(found.get(say.language, "")) if isinstance(found, dict) else ""


def _time(told: Told, name: str, say: Texts) -> str:
    found = _plain(told, name)
    return say.time(datetime.fromisoformat(found)) if found else ""
