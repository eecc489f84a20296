"""What the alerts board shows at one moment."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlencode

from dashboards.alerts import course, words
from dashboards.alerts.layout import ACTIVE_ROWS, DAYS, HISTORY_ROWS, USUAL_DAYS
from dashboards.alerts.mails import mail_node
from dashboards.alerts.trend import figure
from dashboards.board import Frame, Scene
from dashboards.format import moment, number
from dashboards.parts import Tone
from dashboards.rows import Nodes, filled, tag_nodes
from dashboards.texts import Texts, msgid, texts
from db import alarm_timeline, alert_board
from db.alert_board import ActiveAlarm, Counts, Happened
from db.connect import Connection

TREND_SPAN = timedelta(hours=24)
MOST = 500


def frame(conn: Connection, scene: Scene) -> Frame:
    """Active alarms, the history as the address filters it, the trend of one anomaly."""
    nodes = _active(conn, scene) | _past(conn, scene)
    nodes |= _counts(alert_board.counts(conn), scene)
    trend = alert_board.trend(
        conn, alarm=_number(scene, "alarm"), since=scene.now - TREND_SPAN, now=scene.now
    )
    nodes |= course.nodes(alarm_timeline.course(conn, _number(scene, "alarm")), scene)
    t = texts(scene.language)
    title = "" if trend is None else _title(trend, scene)
    nodes |= {
        "trend-title": {"text": title},
        "trend-empty": {"text": t.text("No anomaly so far."), "hidden": trend is not None},
    }
    charts: dict[str, object] = {} if trend is None else {"alert-trend": figure(trend, scene)}
    return Frame(nodes, charts)


def _title(trend: alert_board.Trend, scene: Scene) -> str:
    unit = f", {trend.unit}" if trend.unit else ""
    return f"{trend.tag} · {trend.label.text(scene.language)}{unit}"


def _active(conn: Connection, scene: Scene) -> Nodes:
    alarms = alert_board.active(conn, MOST)
    t = texts(scene.language)
    rows = filled("alert-", ACTIVE_ROWS, alarms, lambda row_id, one: _row(row_id, one, scene, t))
    more = max(0, len(alarms) - ACTIVE_ROWS)
    return rows | {
        "alerts-empty": {"text": t.text("Nothing is active."), "hidden": bool(alarms)},
        "alerts-more": {"text": t.text("and {count} more", count=more), "hidden": more == 0},
    }


def _row(row_id: str, alarm: ActiveAlarm, scene: Scene, t: Texts) -> Nodes:
    is_open = alarm.state in ("unacknowledged", "returned")
    tone: Tone = words.TONES[alarm.priority] if alarm.state == "unacknowledged" else "muted"
    return {
        row_id: {"hidden": False, "tone": tone},
        **tag_nodes(f"{row_id}-priority", _state(alarm, t), tone),
        f"{row_id}-subject": {"text": words.subject(alarm.params, alarm.subject, t.language)},
        f"{row_id}-link": {"href": _address(scene, alarm.id)},
        f"{row_id}-name": {"text": words.name(alarm.params, alarm.rule, t.language)},
        f"{row_id}-value": {"text": words.measured(alarm.value, alarm.limit, alarm.params, t)},
        f"{row_id}-mail": mail_node(alarm.mails, scene, t),
        f"{row_id}-since": {
            "text": moment(alarm.raised_at, scene.plant.site.zone, scene.now, t.language)
        },
        f"{row_id}-button": {"hidden": not is_open},
        f"{row_id}-id": {"text": str(alarm.id)},
    }


def _address(scene: Scene, alarm_id: int) -> str:
    """Of this board with the same filters, and this alarm's course and trend."""
    return f"/alerts?{urlencode({**scene.params, 'alarm': alarm_id})}"


def _state(alarm: ActiveAlarm, t: Texts) -> str:
    if alarm.state == "unacknowledged":
        return t.text(words.PRIORITIES[alarm.priority])
    return t.text(msgid("seen") if alarm.state == "acknowledged" else msgid("over"))


def _counts(counts: Counts, scene: Scene) -> Nodes:
    found: Nodes = {}
    for key, count, tone in (
        ("unacknowledged", counts.unacknowledged, "critical"),
        ("acknowledged", counts.acknowledged, "normal"),
        ("returned", counts.returned, "planned"),
    ):
        found[f"alerts-{key}-n"] = {"text": number(count, scene.language)}
        found[f"alerts-{key}"] = {"tone": tone if count else "normal"}
    return found


def _past(conn: Connection, scene: Scene) -> Nodes:
    days = scene.params.get("days", USUAL_DAYS)
    wanted = alert_board.Wanted(
        since=scene.now - timedelta(days=int(days if days in DAYS else USUAL_DAYS)),
        priority=_one_of(scene, "priority", words.PRIORITIES),
        cause=_one_of(scene, "cause", words.CAUSES),
    )
    past = alert_board.history(conn, wanted, HISTORY_ROWS)
    t = texts(scene.language)
    rows = filled("past-", HISTORY_ROWS, past, lambda row_id, one: _past_row(row_id, one, scene, t))
    return rows | {"past-empty": {"text": t.text("Nothing in this time."), "hidden": bool(past)}}


def _past_row(row_id: str, one: Happened, scene: Scene, t: Texts) -> Nodes:
    tone: Tone = words.TONES[one.priority] if one.cause == "raised" else "muted"
    cause = t.text(words.CAUSES.get(one.cause, one.cause))
    value = words.measured(one.value, None, one.params, t) if one.cause == "raised" else ""
    return {
        f"{row_id}-at": {"text": moment(one.at, scene.plant.site.zone, scene.now, t.language)},
        row_id: {"hidden": False},
        **tag_nodes(f"{row_id}-cause", f"{cause} · {one.actor}" if one.actor else cause, tone),
        f"{row_id}-subject": {"text": words.subject(one.params, one.subject, t.language)},
        f"{row_id}-name": {"text": words.name(one.params, one.rule, t.language)},
        f"{row_id}-value": {"text": value},
        f"{row_id}-mail": mail_node(one.mails, scene, t),
    }


def _one_of(scene: Scene, key: str, choices: dict[str, str]) -> str | None:
    choice = scene.params.get(key)
    return choice if choice in choices else None


def _number(scene: Scene, key: str) -> int | None:
    text = scene.params.get(key, "")
    return int(text) if text.isdecimal() and len(text) < 10 else None
