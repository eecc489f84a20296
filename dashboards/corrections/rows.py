"""The list of corrections as rows of text, and the machines to choose from."""

from __future__ import annotations

from dataclasses import dataclass

from dashboards.board import Scene
from dashboards.corrections.words import changes
from dashboards.format import full, moment
from dashboards.texts import texts
from db.count_corrections import Noted
from db.hour_counts import KINDS


@dataclass(frozen=True, slots=True)
class Row:
    """One correction as it is written."""

    id: int
    machine: str
    at: str
    changes: str
    reason: str
    who: str
    withdrawn: str


def row(noted: Noted, scene: Scene) -> Row:
    """In the scene's language and the plant's zone."""
    t, zone = texts(scene.language), scene.plant.site.zone
    withdrawn = ""
    if noted.withdrawn_by is not None:
        at = moment(noted.withdrawn_at, zone, scene.now, t.language)
        withdrawn = f"{t.text('withdrawn by {actor}', actor=noted.withdrawn_by)} · {at}"
    return Row(
        noted.id,
        noted.machine,
        full(noted.at, zone)[:16],
        changes({kind: getattr(noted, kind) for kind in KINDS}, t),
        noted.reason,
        f"{noted.actor} · {moment(noted.recorded_at, zone, scene.now, t.language)}",
        withdrawn,
    )


def line_groups(scene: Scene) -> list[tuple[str, list[tuple[str, str]]]]:
    """Every line with its machines: codes and what they are called."""
    t, plant = texts(scene.language), scene.plant
    return [
        (
            f"{t.text('Line')} {line.code} {line.name.text(t.language)}",
            [
                (m.code, f"{m.code} {m.name.text(t.language)}")
                for m in plant.machines
                if m.line == line.code
            ],
        )
        for line in plant.lines
    ]
