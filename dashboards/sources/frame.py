"""What the sources board shows at one moment."""

from __future__ import annotations

from datetime import timedelta

from dashboards.board import Frame, Scene
from dashboards.format import duration_text, moment, number, percent, seconds
from dashboards.parts import Tone
from dashboards.rows import Nodes, tag_nodes
from dashboards.sources.trouble import in_words
from dashboards.texts import Texts, msgid, texts
from db.connect import Connection
from db.source_board import SourceRow, sources

GOOD_FROM = 0.99
"""Share of good values below which quality is lit."""
KINDS = {"opcua": "OPC UA", "mqtt": "MQTT", "sparkplug": "Sparkplug B", "rest": "REST"}


def frame(conn: Connection, scene: Scene) -> Frame:
    """Every source; what none of the plant's sources ever said stays 'never heard'."""
    t = texts(scene.language)
    nodes: Nodes = {}
    for row in sources(conn, scene.now):
        nodes |= _card(row, scene, t)
    return Frame(nodes)


def state(row: SourceRow, scene: Scene) -> tuple[str, Tone]:
    """The word for a source's state (a message id) and its tone."""
    if row.last_heard is None and not row.connected:
        return (
            (msgid("not connected"), "critical") if row.error else (msgid("never heard"), "muted")
        )
    if not row.connected:
        return msgid("not connected"), "critical"
    if row.is_silent(scene.now):
        return msgid("silent"), "warning"
    return msgid("connected"), "normal"


def _card(row: SourceRow, scene: Scene, t: Texts) -> Nodes:
    source_id = f"source-{row.name}"
    word, tone = state(row, scene)
    return {
        source_id: {"tone": tone},
        f"{source_id}-kind": {"text": KINDS.get(row.kind, row.kind)},
        **tag_nodes(f"{source_id}-state", t.text(word), tone),
        f"{source_id}-since": {"text": _since(row, scene, t)},
        f"{source_id}-error": {"text": in_words(row.error, t), "hidden": not row.error},
        **_figures(source_id, row, scene, tone),
    }


def _since(row: SourceRow, scene: Scene, t: Texts) -> str:
    if row.since is None:
        return ""
    return t.text(
        "since {time}", time=moment(row.since, scene.plant.site.zone, scene.now, t.language)
    )


def _figures(source_id: str, row: SourceRow, scene: Scene, tone: Tone) -> Nodes:
    language, good = scene.language, None if row.bad_share is None else 1 - row.bad_share
    bad = good is not None and good < GOOD_FROM
    return {
        f"{source_id}-heard": {"text": _ago(row, scene), "tone": tone},
        f"{source_id}-lag": {"text": seconds(row.lag_s, language)},
        f"{source_id}-rate": {"text": number(row.rate, language, 1)},
        f"{source_id}-quality": {
            "text": "–" if good is None else f"{percent(good)} %",
            "tone": "warning" if bad else "normal",
        },
        f"{source_id}-quarantined": {
            "text": number(row.quarantined, language),
            "tone": "warning" if row.quarantined else "normal",
        },
        f"{source_id}-tags": {"text": number(row.tags, language)},
    }


def _ago(row: SourceRow, scene: Scene) -> str:
    if row.last_heard is None:
        return "–"
    silence = max(timedelta(0), scene.now - row.last_heard)
    if silence < timedelta(seconds=row.stale_after_s):
        return moment(row.last_heard, scene.plant.site.zone, scene.now, scene.language)
    return duration_text(silence.total_seconds(), scene.language)
