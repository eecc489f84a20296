"""What is said of a stop: a posted form, for operators and above, noted in the audit trail.

What can't count is answered with a sentence (409), noted and kept with the stop, too; the sender
keeps what was typed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, abort, jsonify
from flask.typing import ResponseReturnValue
from flask_login import current_user

from dashboards import auth, forms, preferences, trail
from dashboards.scenes import Scenes
from dashboards.stops.words import moment_of, refusal_text
from dashboards.texts import is_language
from db import master, stop_edits, stop_refusals
from db.clock import load_clock
from db.connect import Connection, Database
from db.stop_edits import Author, EditRefused, Neighbour
from plant.stops import reasons_of

LONGEST_COMMENT = 500


@dataclass(frozen=True, slots=True)
class Posted:
    """Who says something, and of which stop."""

    author: Author
    machine: str
    machine_id: int
    t0: datetime


def blueprint(database: Database) -> Blueprint:
    """The view that takes one word."""
    views = Blueprint("stop_edit", __name__)
    scenes = Scenes(database)

    @views.post("/stops/say")
    @auth.need("tell", board="stops")
    def say() -> ResponseReturnValue:
        kind = forms.field("kind")
        verb = VERBS.get(kind)
        if verb is None:
            abort(400)
        with database.connection() as conn:
            word = _posted(conn)
        try:
            with database.connection() as conn:
                edit = verb(conn, word)
                trail.write(conn, "stop_edited", edit=edit, **_detail())
        except EditRefused as refused:
            _keep(database, word, kind, refused)
            return jsonify(why=refused.why, text=_sentence(refused, scenes)), 409
        return jsonify(edit=edit)

    return views


def _detail() -> dict[str, str]:
    return {name: forms.field(name) for name in ("kind", "stop", "reason")}


def _keep(database: Database, word: Posted, kind: str, refused: EditRefused) -> None:
    """Where the stop's sheet shows it; somebody else's word in between is told and asked again."""
    with database.connection() as conn:
        trail.write(conn, "stop_edit_refused", why=refused.why, **_detail())
        if refused.why != "conflict":
            said = forms.field(SAID[kind], LONGEST_COMMENT)
            at = word.machine_id, word.t0
            stop_refusals.keep(conn, word.author, *at, kind, said, refused)


def _author(conn: Connection) -> Author:
    key, seen = forms.field("key"), forms.field("seen")
    if not 8 <= len(key) <= 64 or not (seen == "" or (seen.isdecimal() and len(seen) < 18)):
        abort(400)
    now = load_clock(conn).now()
    # Another user's key is another key.
    return Author(current_user.name, now, f"{current_user.name} {key}", int(seen) if seen else None)


def _posted(conn: Connection) -> Posted:
    machine, _, begin = forms.field("stop").partition("@")
    t0 = moment_of(begin)
    machine_id = master.load(conn).machines.get(machine)
    if t0 is None or machine_id is None:
        abort(400)
    return Posted(_author(conn), machine, machine_id, t0)


def _assign(conn: Connection, word: Posted) -> int:
    known = master.load(conn)
    code = forms.field("reason")
    if code not in known.reasons or not reasons_of(known.plant).may_have(code, word.machine):
        raise EditRefused("reason")
    return stop_edits.assign(conn, word.author, word.machine_id, word.t0, known.reasons[code])


def _split(conn: Connection, word: Posted) -> int:
    at = moment_of(forms.field("at"))
    if at is None:
        abort(400)
    return stop_edits.split(conn, word.author, word.machine_id, word.t0, at)


def _merge(conn: Connection, word: Posted) -> int:
    neighbour = NEIGHBOURS.get(forms.field("neighbour"))
    if neighbour is None:
        abort(400)
    return stop_edits.merge(conn, word.author, word.machine_id, word.t0, neighbour)


def _comment(conn: Connection, word: Posted) -> int:
    text = forms.field("text", LONGEST_COMMENT)
    if not 0 < len(text) <= LONGEST_COMMENT:
        abort(400)
    return stop_edits.comment(conn, word.author, word.machine_id, word.t0, text)


def _withdraw(conn: Connection, word: Posted) -> int:
    edit = forms.field("edit")
    if not (edit.isdecimal() and len(edit) < 18):
        abort(400)
    return stop_edits.withdraw(conn, word.author, word.machine_id, int(edit))


SAID: Mapping[str, str] = {
    "assign": "reason",
    "split": "at",
    "merge": "neighbour",
    "comment": "text",
    "withdraw": "edit",
}
"""The field that holds what is said."""
NEIGHBOURS: Mapping[str, Neighbour] = {"before": "before", "after": "after"}
VERBS: Mapping[str, Callable[[Connection, Posted], int]] = {
    "assign": _assign,
    "split": _split,
    "merge": _merge,
    "comment": _comment,
    "withdraw": _withdraw,
}


def _sentence(refused: EditRefused, scenes: Scenes) -> str:
    asked = forms.field("lang")
    scene = scenes.scene(asked if is_language(asked) else preferences.language(), {})
    return refusal_text(refused.why, refused.details, scene)
