"""What the sources board shows at one moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from dashboards.board import Frame, Scene
from dashboards.format import duration_text, number, percent, seconds
from dashboards.rows import Nodes, tag_nodes
from dashboards.sources import disk, refused, strip
from dashboards.sources.state import age, as_asked, in_a_sentence, is_bad, is_late, remedy, state
from dashboards.sources.trouble import in_words
from dashboards.texts import Texts, texts
from db import source_board, storage
from db.connect import Connection
from db.source_board import RefusedKind, SourceRow

KINDS: Mapping[str, str] = MappingProxyType(
    {"opcua": "OPC UA", "mqtt": "MQTT", "sparkplug": "Sparkplug B", "rest": "REST"}
)
Spans = Sequence[tuple[datetime, datetime]]


def frame(conn: Connection, scene: Scene) -> Frame:
    """Every source; what none of the plant's sources ever said stays 'never heard'."""
    t = texts(scene.language)
    quiet_since = source_board.quiet_since(conn)
    rows = [as_asked(row, quiet_since) for row in source_board.sources(conn, scene.now)]
    put_aside = source_board.refused(conn, scene.now)
    unheard = source_board.unheard(conn, scene.now)
    nodes: Nodes = {**_head(rows, scene), **refused.nodes(put_aside, scene, t)}
    nodes |= disk.nodes(storage.forecast(conn), t)
    charts: dict[str, object] = {}
    for row in rows:
        spans = strip.gaps(row, unheard, scene.now)
        nodes |= _card(row, spans, put_aside, scene, t)
        charts[f"source-{row.name}-strip"] = strip.strip(spans, scene)
    return Frame(nodes, charts)


def _head(rows: Sequence[SourceRow], scene: Scene) -> Nodes:
    """How many are how; a kind of trouble that is nowhere is not shown."""
    words = [state(row, scene)[0] for row in rows]
    down = words.count("not connected") + words.count("never heard")
    counts = {"up": words.count("connected"), "silent": words.count("silent"), "down": down}
    nodes: Nodes = {f"sources-{key}-n": {"text": str(count)} for key, count in counts.items()}
    return nodes | {f"sources-{key}": {"hidden": not counts[key]} for key in ("silent", "down")}


def _card(
    row: SourceRow, spans: Spans, put_aside: Sequence[RefusedKind], scene: Scene, t: Texts
) -> Nodes:
    source_id = f"source-{row.name}"
    word, tone = state(row, scene)
    advice = remedy(row, scene, t)
    return {
        source_id: {"tone": tone},
        f"{source_id}-kind": {"text": KINDS.get(row.kind, row.kind)},
        **tag_nodes(f"{source_id}-state", t.text(word), tone),
        f"{source_id}-since": {"text": in_a_sentence(row, scene, t)},
        f"{source_id}-error": {"text": in_words(row.error, t), "hidden": not row.error},
        f"{source_id}-remedy": {"text": advice, "hidden": not advice},
        **_figures(source_id, row, scene, t),
        **_lacks(source_id, row, spans, put_aside, t),
    }


def _figures(source_id: str, row: SourceRow, scene: Scene, t: Texts) -> Nodes:
    """Of a source without tags, which brings orders alone, there is no rate and no quality."""
    language, has_tags = t.language, row.tags > 0
    good = 1 - row.bad_share if has_tags and row.bad_share is not None else None
    return {
        f"{source_id}-heard": {"text": age(row, scene, t), "tone": state(row, scene)[1]},
        f"{source_id}-lag": {
            "text": seconds(row.lag_s, language),
            "tone": "warning" if is_late(row) else "normal",
        },
        f"{source_id}-rate": {"text": number(row.rate if has_tags else None, language, 1)},
        f"{source_id}-quality": {
            "text": "–" if good is None else f"{percent(good)} %",
            "tone": "warning" if is_bad(row) else "normal",
        },
        f"{source_id}-tags": {"text": number(row.tags if has_tags else None, language)},
    }


def _lacks(
    source_id: str, row: SourceRow, spans: Spans, put_aside: Sequence[RefusedKind], t: Texts
) -> Nodes:
    """What of the last day is missing: refused, without a tag, not heard."""
    unmapped = sum(
        one.addresses
        for one in put_aside
        if one.source == row.name and one.reason in refused.UNMAPPED
    )
    silence_s = sum((t1 - t0).total_seconds() for t0, t1 in spans)
    lost = duration_text(silence_s, t.language) if spans else "0"
    return {
        f"{source_id}-quarantined": _count(row.quarantined, t),
        f"{source_id}-unmapped": _count(unmapped, t),
        f"{source_id}-gaps": {
            "text": f"{lost} · {len(spans)}×" if spans else lost,
            "tone": "warning" if spans else "normal",
        },
    }


def _count(count: int, t: Texts) -> dict[str, object]:
    return {"text": number(count, t.language), "tone": "warning" if count else "normal"}
