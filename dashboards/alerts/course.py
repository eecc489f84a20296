"""The course of an alarm as a line of steps: when each was, and how long after the one before."""

from __future__ import annotations

from datetime import datetime

from dash import html
from dash.development.base_component import Component

from dashboards.alerts import words
from dashboards.board import Scene
from dashboards.format import NOTHING, duration_text, moment
from dashboards.rows import Nodes, cell, note
from dashboards.texts import Texts, msgid, texts
from db.alarm_timeline import Course

DETECTED = msgid("detected")
RAISED = msgid("raised")
NOTIFIED = msgid("notified")
ACKNOWLEDGED = msgid("acknowledged")
FIXED = msgid("fixed")
STEPS = 5
Step = tuple[str, datetime | None]
"""(what, when; None: not yet, or nobody knows)"""


def panel(t: Texts) -> Component:
    """The empty steps, side by side."""
    return html.Section(
        [
            html.H2(
                [html.Span(t.text("Course of the alarm")), cell("course-title", "aside")],
                className="panel-title",
            ),
            html.Div([_step(f"step-{n}") for n in range(STEPS)], className="course-steps"),
            note("course-empty", "list-empty"),
        ],
        className="panel course",
    )


def _step(node_id: str) -> Component:
    return html.Div(
        [cell(f"{node_id}-word", "word"), cell(f"{node_id}-at", "at"), cell(f"{node_id}-after")],
        className="course-step",
    )


def nodes(found: Course | None, scene: Scene) -> Nodes:
    """What the steps show: those that happened in the order of time, then those that did not."""
    t = texts(scene.language)
    empty = {"text": t.text("No stop so far."), "hidden": found is not None}
    if found is None:
        blank: Nodes = {f"step-{n}-{part}": {"text": ""} for n in range(STEPS) for part in _PARTS}
        return blank | {"course-title": {"text": ""}, "course-empty": empty}
    shown: Nodes = {"course-title": {"text": _title(found, t)}, "course-empty": empty}
    steps = ordered(found)
    before: list[datetime | None] = [None, *(at for _, at in steps)]
    for n, ((word, at), last) in enumerate(zip(steps, before, strict=False)):
        shown |= _shown(f"step-{n}", _word(word, found, t), at, last, scene)
    return shown


_PARTS = ("word", "at", "after")


def ordered(found: Course) -> list[Step]:
    """The steps of an alarm with their times."""
    return in_order(
        (DETECTED, found.detected),
        (RAISED, found.raised),
        (NOTIFIED, found.notified),
        (ACKNOWLEDGED, found.acknowledged),
        (FIXED, found.fixed),
    )


def in_order(*steps: Step) -> list[Step]:
    """By time, equal ones as they are meant to come; those of which none is known last."""
    happened = sorted(((w, at) for w, at in steps if at is not None), key=lambda step: step[1])
    return [*happened, *((word, None) for word, at in steps if at is None)]


def _shown(
    node_id: str, word: str, at: datetime | None, before: datetime | None, scene: Scene
) -> Nodes:
    after = (
        f"+{duration_text((at - before).total_seconds(), scene.language)}" if at and before else ""
    )
    tone = "muted" if at is None else "normal"
    time = NOTHING if at is None else moment(at, scene.plant.site.zone, scene.now, scene.language)
    return {
        f"{node_id}-word": {"text": word, "tone": tone},
        f"{node_id}-at": {"text": time, "tone": tone, "title": at.isoformat() if at else ""},
        f"{node_id}-after": {"text": after},
    }


def _word(word: str, found: Course, t: Texts) -> str:
    said = t.text(word)
    return f"{said} · {found.actor}" if word == ACKNOWLEDGED and found.actor else said


def _title(found: Course, t: Texts) -> str:
    subject = words.subject(found.params, found.subject, t.language)
    return f"{subject} · {words.name(found.params, found.rule, t.language)}"
