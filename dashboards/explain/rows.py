"""The evidence as rows of text: intervals, counts, raw readings, messages; newest first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType

from dashboards.board import Scene
from dashboards.explain.asked import Asked
from dashboards.format import NOTHING, duration_text, exact, number, signed
from dashboards.line_words import by_neighbour
from dashboards.orders.frame import STATUS
from dashboards.standing import WORDS
from dashboards.texts import Texts, msgid, texts
from db import evidence
from db.connect import Connection
from db.evidence import PAGE, Counted, Message, Question, Raw, Stretch
from db.line_flow import waits
from plant.counts import Turn
from plant.line_flow import Wait, by_machine, parts

QUALITY = (msgid("good"), msgid("uncertain"), msgid("bad"))
ROLES: Mapping[str, str] = MappingProxyType(
    {
        "state": msgid("state"),
        "good": msgid("good pieces"),
        "scrap": msgid("scrap"),
        "cycle": msgid("cycles"),
        "rework": msgid("rework"),
        "start_up_scrap": msgid("start-up scrap"),
    }
)
TURNS: Mapping[Turn, str] = MappingProxyType(
    {
        "set_back": msgid("set back by {pieces}"),
        "rolled_over": msgid("rolled over"),
        "began_again": msgid("began again at zero"),
    }
)
HEADS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "intervals": (
            msgid("Machine"), msgid("Begin"), msgid("End"), msgid("Lasted"), msgid("Counts as"),
            msgid("Machine said"), msgid("Reason"),
        ),
        "counts": (
            msgid("Machine"), msgid("Source time"), msgid("Counter"), msgid("Value before"),
            msgid("Value"), msgid("Pieces"), msgid("Remark"), msgid("Source"),
        ),
        "readings": (
            msgid("Machine"), msgid("Source time"), msgid("Tag"), msgid("Value"),
            msgid("Quality"), msgid("Source"),
        ),
        "process": (
            msgid("Machine"), msgid("Source time"), msgid("Tag"), msgid("Value"),
            msgid("Quality"), msgid("Source"),
        ),
        "messages": (
            msgid("Machine"), msgid("Source time"), msgid("Noted"), msgid("Subject"),
            msgid("State"), msgid("Good"), msgid("Scrap"), msgid("By"),
        ),
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rows:
    """One page of evidence; cells as they are written."""

    heads: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]
    has_more: bool


def rows(conn: Connection, asked: Asked, question: Question, scene: Scene) -> Rows:
    """The page that is asked for."""
    t = texts(scene.language)
    found: list[tuple[str, ...]]
    if asked.view == "intervals":
        stretches, more = evidence.intervals(conn, question, asked.page)
        cells = [_stretch(*one, scene, t) for one in _told(conn, stretches, scene)]
        return _rows(asked, cells, t, more=more)
    if asked.view == "counts":
        found = [_count(one, scene, t) for one in evidence.counts(conn, question, asked.page)]
    elif asked.view == "readings":
        found = [_raw(one, scene, t) for one in evidence.readings(conn, question, asked.page)]
    elif asked.view == "process":
        raw = evidence.process_values(conn, question, asked.page, tag=asked.tag)
        found = [_raw(one, scene, t) for one in raw]
    else:
        found = [_message(one, scene, t) for one in evidence.messages(conn, question, asked.page)]
    return _rows(asked, found[:PAGE], t, more=len(found) > PAGE)


def _rows(asked: Asked, cells: list[tuple[str, ...]], t: Texts, *, more: bool) -> Rows:
    heads = tuple(t.text(head) for head in HEADS[asked.view])
    return Rows(heads, tuple(cells), more)


def _told(
    conn: Connection, found: Sequence[Stretch], scene: Scene
) -> Iterator[tuple[Stretch, Wait | None]]:
    """Stretches, cut where neighbours explain a part of one: what is left has no reason at all."""
    silent = [one for one in found if _is_silent(one)]
    told: list[Wait] = []
    if silent:
        span = min(one.t0 for one in silent), max(one.t1 for one in silent)
        told = waits(conn, scene.plant, *span, [one.machine for one in silent])
    of = by_machine(told)
    for one in found:
        its = of.get(one.machine, ()) if _is_silent(one) else ()
        for t0, t1, wait in reversed(list(parts(its, one.t0, one.t1))):
            yield replace(one, t0=t0, t1=t1), wait


def _is_silent(one: Stretch) -> bool:
    return one.element == "idle" and one.reason_code is None


def _why(one: Stretch, told: Wait | None, scene: Scene, t: Texts) -> str:
    if told is not None:
        return f"{t.text(WORDS[told.element])} {by_neighbour(told.cause, scene.plant, t)}"
    return one.reason.text(t.language) if one.reason else NOTHING


def _stretch(one: Stretch, told: Wait | None, scene: Scene, t: Texts) -> tuple[str, ...]:
    return (
        one.machine,
        precise(one.t0, scene),
        precise(one.t1, scene),
        f"{number(one.seconds, t.language, 1)} {t.text('s')}"
        if one.seconds < 600
        else duration_text(one.seconds, t.language),
        t.text(WORDS[one.element]),
        t.text(WORDS[one.said]),
        _why(one, told, scene, t),
    )


def _count(one: Counted, scene: Scene, t: Texts) -> tuple[str, ...]:
    return (
        one.machine,
        precise(one.ts, scene),
        _role(one.role, t),
        _value(one.before, t),
        _value(one.value, t),
        signed(one.pieces, t.language),
        _remark(one, t),
        one.source,
    )


def _remark(one: Counted, t: Texts) -> str:
    if one.quality >= 2 or one.value is None:
        return t.text("bad quality: counts nothing")
    if one.before is None and one.counter in ("total", "change"):
        return t.text("the first one: counts nothing")
    if one.turn is None:
        return ""
    return t.text(TURNS[one.turn], pieces=exact(abs(one.pieces or 0.0), t.language))


def _raw(one: Raw, scene: Scene, t: Texts) -> tuple[str, ...]:
    value = one.text if one.text is not None else _value(one.value, t)
    quality = t.text(QUALITY[min(max(one.quality, 0), 2)])
    return one.machine, precise(one.ts, scene), one.tag, value, quality, one.source


def _message(one: Message, scene: Scene, t: Texts) -> tuple[str, ...]:
    kinds = {
        "order": one.subject,
        "correction": t.text("Correction: {why}", why=one.subject),
        "gap": t.text("Not heard: {why}", why=one.subject),
    }
    return (
        one.machine,
        precise(one.at, scene),
        precise(one.noted_at, scene),
        kinds[one.kind],
        t.text(STATUS[one.status]) if one.status in STATUS else NOTHING,
        _value(one.good, t),
        _value(one.scrap, t),
        one.source,
    )


def _role(role: str, t: Texts) -> str:
    return t.text(ROLES[role])


def _value(value: float | None, t: Texts) -> str:
    digits = 0 if value is None or value == round(value) else 3
    return number(value, t.language, digits)


def precise(at: datetime, scene: Scene) -> str:
    """To the millisecond, in the plant's zone."""
    local = at.astimezone(scene.plant.site.zone)
    return f"{local:%Y-%m-%d %H:%M:%S}.{local.microsecond // 1000:03}"
