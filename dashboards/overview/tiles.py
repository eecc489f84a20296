"""One machine's tile: running, it shows the OEE of the shift; stopped, how long and why."""

from __future__ import annotations

from dataclasses import dataclass

from dashboards.board import Scene
from dashboards.doubts import quiet
from dashboards.format import duration, percent
from dashboards.overview.foot import Work
from dashboards.parts import Tone, bar_nodes
from dashboards.rows import Nodes
from dashboards.standing import ICONS, TONES, WORDS, Standing
from dashboards.targets import Target
from dashboards.texts import Texts, texts
from plant.kpi import Doubt


@dataclass(frozen=True, slots=True)
class Tile:
    """What a tile is made from; ratios of 1."""

    machine: str
    standing: Standing
    oee: float | None
    doubts: tuple[Doubt, ...]
    target: Target
    work: Work | None


def tile_nodes(tile: Tile, scene: Scene) -> Nodes:
    """The nodes of a tile: itself, icon, value, note, bar."""
    t = texts(scene.language)
    name = f"tile-{tile.machine}"
    element = tile.standing.element
    return {
        name: {"tone": "off" if TONES[element] == "muted" else _tone(tile)},
        f"{name}-icon": {"icon": ICONS[element]},
        f"{name}-value": _value(tile, scene, t),
        f"{name}-note": {"text": _note(tile, t)},
        **_bar(f"{name}-bar", tile),
    }


def _tone(tile: Tile) -> str:
    if tile.standing.element == "running":
        return "low" if tile.target.is_missed(tile.oee) else "normal"
    return TONES[tile.standing.element]


def _value(tile: Tile, scene: Scene, t: Texts) -> dict[str, object]:
    stands = tile.standing
    if stands.element == "running":
        return {"text": percent(tile.oee, 0), "since": None, **quiet(tile.doubts, t)}
    if not stands.is_stopped or stands.since is None:
        return {"text": "", "unit": "", "since": None, "title": ""}
    value, unit = duration((scene.now - stands.since).total_seconds(), scene.language)
    since = round(stands.since.timestamp() * 1000)
    return {"text": value, "unit": unit, "since": since, "title": ""}


def _note(tile: Tile, t: Texts) -> str:
    stands = tile.standing
    if stands.element != "running":
        return stands.reason.text(t.language) if stands.reason else t.text(WORDS[stands.element])
    if tile.work is None:
        return t.text("No order")
    if tile.work.share is None:
        return tile.work.order
    return f"{tile.work.order} · {percent(tile.work.share, 0)} %"


def _bar(node_id: str, tile: Tile) -> Nodes:
    tone: Tone = "warning" if _tone(tile) == "low" else "normal"
    work = tile.work
    if work is None:
        return bar_nodes(node_id, None, None, tone)
    return bar_nodes(node_id, work.share, work.expected_share, tone)
