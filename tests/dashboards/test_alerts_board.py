"""The alerts board: what is active, what happened, acknowledging, an anomaly's trend."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from dashboards.alerts.frame import frame
from dashboards.board import Frame, Scene
from db.connect import Connection
from db.master import load
from plant.model import Language
from tests.web_site import NOW, Site

PARAMS = {
    "name": {"en": "Too hot", "zh": "过热"},
    "subject": {"en": "A01 Temperature", "zh": "A01 温度"},
    "unit": "°C",
}


def alarm(
    conn: Connection,
    *,
    subject: str = "tag:A01.temperature",
    kind: str = "tag_limit",
    priority: str = "critical",
    state: str = "unacknowledged",
    minutes_ago: int = 10,
) -> int:
    at = NOW - timedelta(minutes=minutes_ago)
    row = conn.execute(
        """insert into alarm
            (rule, kind, subject, priority, state, since, raised_at, value, limit_value, params)
        values ('hot', %s, %s, %s, %s, %s, %s, 91.25, 90, %s) returning id""",
        [kind, subject, priority, state, at, at, json.dumps(PARAMS)],
    ).fetchone()
    assert row
    conn.execute(
        """insert into alarm_event (alarm_id, at, old, new, cause, value, params)
        values (%s, %s, 'normal', 'unacknowledged', 'raised', 91.25, %s)""",
        [row[0], at, json.dumps(PARAMS)],
    )
    return int(row[0])


def mail(
    conn: Connection,
    recipient: str,
    *,
    sent: bool = False,
    failed: bool = False,
    error: str | None = None,
    of: int = 1,
) -> None:
    """A mail as the outbox has it, that tells of the last so many transitions."""
    conn.execute(
        """with mail as (
            insert into mail_outbox (alarm_event_id, recipient, address, language, message_id,
                created_at, next_attempt, sent_at, failed_at, error)
            select max(id), %(r)s, 'a@b', 'en', %(r)s, %(now)s, %(now)s,
                case when %(sent)s then %(now)s::timestamptz end,
                case when %(failed)s then %(now)s::timestamptz end, %(error)s
            from alarm_event
            returning id
        )
        insert into mail_outbox_event (mail_id, alarm_event_id)
        select mail.id, event.id
        from mail, (select id from alarm_event order by id desc limit %(of)s) event""",
        {"r": recipient, "now": NOW, "sent": sent, "failed": failed, "error": error, "of": of},
    )


def shown(site: Site, language: Language = "en", **params: str) -> Frame:
    with site.database.connection() as conn:
        plant = load(conn).plant
        return frame(conn, Scene(plant, NOW, language, params))


def words(found: Frame, start: str, end: str) -> list[object]:
    return [n["text"] for k, n in found.nodes.items() if k.startswith(start) and k.endswith(end)]


def test_an_active_alarm_says_what_and_how_much(site: Site) -> None:
    with site.database.connection() as conn:
        alarm(conn)
        mail(conn, "one", sent=True)
    nodes = shown(site).nodes
    assert nodes["alert-0"] == {"hidden": False, "tone": "critical"}
    assert nodes["alert-0-subject"]["text"] == "A01 Temperature"
    assert nodes["alert-0-name"]["text"] == "Too hot"
    assert nodes["alert-0-value"]["text"] == "91.2 °C, limit 90.0 °C"
    assert nodes["alert-0-since"]["text"] == "15:50"  # 07:50 UTC in Suzhou
    assert nodes["alert-0-mail"]["text"] == "mail sent 16:00"
    assert nodes["alerts-unacknowledged-n"]["text"] == "1"
    assert shown(site, "zh").nodes["alert-0-name"]["text"] == "过热"


NO_SUCH = "550 no such user"


@pytest.mark.parametrize(
    ("mails", "word", "chinese"),
    [
        ([], "", ""),
        ([{"sent": True}], "mail sent 16:00", "邮件已发 16:00"),
        ([{"sent": True}, {}], "mail waiting", "邮件待发"),
        ([{"error": "mail:25: refused"}], "mail waiting: mail:25: refused", None),
        (
            [{"sent": True}, {}, {"failed": True, "error": NO_SUCH}],
            f"mail refused: {NO_SUCH}",
            f"邮件被拒收：{NO_SUCH}",
        ),
        ([{"failed": True, "error": "x" * 99}], f"mail refused: {'x' * 45}…", None),
    ],
)
def test_the_mails_worst_state_is_shown(
    site: Site, mails: list[dict[str, Any]], word: str, chinese: str | None
) -> None:
    with site.database.connection() as conn:
        alarm(conn)
        for n, one in enumerate(mails):
            mail(conn, f"r{n}", **one)
    nodes = shown(site).nodes
    assert nodes["alert-0-mail"]["text"] == nodes["past-0-mail"]["text"] == word
    if chinese is not None:
        assert shown(site, "zh").nodes["alert-0-mail"]["text"] == chinese


def test_every_alarm_of_a_digest_says_where_its_mail_is(site: Site) -> None:
    with site.database.connection() as conn:
        for n in range(1, 4):
            alarm(conn, subject=f"machine:A0{n}")
        mail(conn, "maintenance", sent=True, of=3)
        mail(conn, "shift_lead", failed=True, error=NO_SUCH, of=2)
    found = shown(site)
    for start in ("alert-", "past-"):
        assert sorted(map(str, words(found, start, "-mail"))) == [
            f"mail refused: {NO_SUCH}", f"mail refused: {NO_SUCH}", "mail sent 16:00",
        ]  # fmt: skip
    refused = next(n for n in found.nodes.values() if str(n.get("text")).startswith("mail refused"))
    assert refused["title"] == f"维修班: mail sent 16:00\n值班主管: mail refused: {NO_SUCH}"


def test_what_nobody_has_seen_comes_first(site: Site) -> None:
    with site.database.connection() as conn:
        alarm(conn, subject="machine:A01", state="acknowledged", minutes_ago=1)
        alarm(conn, subject="machine:A02", priority="warning", minutes_ago=2)
        alarm(conn, subject="machine:A03", priority="critical", minutes_ago=30)
    assert words(shown(site), "alert-", "-priority-word") == ["critical", "warning", "seen"]


def test_history_is_filtered_by_the_address(site: Site) -> None:
    with site.database.connection() as conn:
        alarm(conn, subject="machine:A01", minutes_ago=10)
        alarm(conn, subject="machine:A02", priority="warning", minutes_ago=60 * 30)
        alarm(conn, subject="machine:A03", priority="info", minutes_ago=60 * 24 * 9)
    assert len(words(shown(site), "past-", "-at")) == 2  # seven days
    assert len(words(shown(site, days="1"), "past-", "-at")) == 1
    assert len(words(shown(site, days="30"), "past-", "-at")) == 3
    assert len(words(shown(site, days="30", priority="info"), "past-", "-at")) == 1
    assert len(words(shown(site, cause="acknowledged"), "past-", "-at")) == 0
    assert len(words(shown(site, days="x", priority="x", cause="x"), "past-", "-at")) == 2


def test_nothing_active_is_said(site: Site) -> None:
    nodes = shown(site).nodes
    assert nodes["alerts-empty"]["hidden"] is False
    assert nodes["trend-empty"]["hidden"] is False


def test_an_anomaly_is_drawn_over_its_normal_band(site: Site) -> None:
    with site.database.connection() as conn:
        tag = conn.execute("select id, code from tag where role = 'process' limit 1").fetchone()
        assert tag
        alarm(conn, subject=f"tag:{tag[1]}", kind="anomaly")
        for minute, value in ((30, 2.0), (20, 2.5), (10, 4.0)):
            at = NOW - timedelta(minutes=minute)
            conn.execute("insert into reading values (%s, %s, %s, 0)", [at, tag[0], value])
            conn.execute(
                "insert into anomaly_score values (%s, %s, %s, 1.5, 3, 0.5)", [tag[0], at, value]
            )
    found = shown(site)
    figure = json.loads(json.dumps(found.charts["alert-trend"]))
    low, high, line, outside = figure["data"]
    assert low["y"] == [1.5] * 3
    assert high["y"] == [3] * 3
    assert high["fill"] == "tonexty"
    assert line["y"] == [2.0, 2.5, 4.0]
    assert outside["y"] == [None, None, 4.0]
    assert line["x"][0] == "2026-03-02 07:30:00"
    ticks = figure["layout"]["xaxis"]
    assert (ticks["tickvals"][0], ticks["ticktext"][0]) == ("2026-03-02 07:30:00", "15:30")
    assert str(found.nodes["trend-title"]["text"]).startswith(tag[1])


@pytest.mark.parametrize(
    ("name", "status"), [("olga", 200), ("mario", 200), ("anna", 200), ("vera", 403)]
)
def test_operators_and_above_acknowledge(site: Site, name: str, status: int) -> None:
    with site.database.connection() as conn:
        alarm_id = alarm(conn)
    client = site.client(name)
    answer = site.post(client, "/alerts/acknowledge", {"id": str(alarm_id)})
    assert answer.status_code == status
    with site.database.connection() as conn:
        row = conn.execute("select state from alarm").fetchone()
    assert row == (("acknowledged" if status == 200 else "unacknowledged"),)
    assert ((name, "alarm_acknowledged") in site.actions()) == (status == 200)


@pytest.mark.parametrize("alarm_id", ["", "x", "1; drop table alarm", "-1", "9" * 30])
def test_acknowledging_nonsense_is_refused(site: Site, alarm_id: str) -> None:
    assert (
        site.post(site.client("olga"), "/alerts/acknowledge", {"id": alarm_id}).status_code == 400
    )


def test_acknowledging_twice_changes_nothing(site: Site) -> None:
    with site.database.connection() as conn:
        alarm_id = str(alarm(conn))
    client = site.client("olga")
    assert site.post(client, "/alerts/acknowledge", {"id": alarm_id}).json == {"acknowledged": True}
    assert site.post(client, "/alerts/acknowledge", {"id": alarm_id}).json == {
        "acknowledged": False
    }
