"""Every kind of alarm in words, in both languages; nothing left untranslated."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from alerts.letter import letter, one_line
from alerts.texts import texts
from alerts.wording import ADVICE, SENTENCES, worded
from db.outbox import Told
from plant.model import Language, Mail

ALERTS = Path(__file__).parents[2] / "alerts"
AT = datetime(2026, 3, 4, 10, 0, tzinfo=UTC)
ZONE = ZoneInfo("Asia/Shanghai")
MAIL = Mail(host="h", sender="taktboard@example.com", boards_url="http://boards/")
PARAMS: dict[str, dict[str, object]] = {
    "tag_limit": {"tag": {"en": "Vibration", "zh": "振动"}, "unit": "mm/s", "limit": 7.1},
    "machine_down": {
        "unit": "s",
        "limit": 600.0,
        "began": "2026-03-04T09:40:00+00:00",
        "reason": {"en": "Jam", "zh": "卡料"},
    },
    "line_oee": {"unit": "ratio", "limit": 0.5, "side": "below", "line": "A"},
    "order_late": {
        "unit": "ratio",
        "limit": 0.8,
        "due": "2026-03-04T12:00:00+00:00",
        "eta": "2026-03-04T14:00:00+00:00",
        "remaining": 1250.0,
    },
    "source_silent": {"unit": "s", "limit": 30.0, "error": "connection refused"},
    "disk_full": {"unit": "d", "limit": 30.0, "side": "below"},
    "unwatched": {"unit": "s", "began": "2026-03-04T09:40:00+00:00"},
    "anomaly": {
        "tag": {"en": "Vibration", "zh": "振动"},
        "unit": "mm/s",
        "limit": 2.6,
        "low": 1.4,
        "high": 2.6,
    },
}
VALUES = {
    "machine_down": 1200.0,
    "line_oee": 0.4231,
    "order_late": 0.912,
    "source_silent": 95.0,
    "unwatched": 75.0,
}


def told(kind: str, cause: str = "raised") -> Told:
    names = {
        "name": {"en": "The rule", "zh": "规则"},
        "subject": {"en": "A01 Lathe", "zh": "A01 车床"},
    }
    return Told(
        event_id=1,
        alarm_id=7,
        rule="r",
        kind=kind,
        subject="machine:A01",
        priority="warning",
        at=AT,
        cause=cause,
        value=VALUES.get(kind, 8.25),
        raised_at=AT - timedelta(minutes=5),
        params=names | PARAMS[kind],
    )


@pytest.mark.parametrize(
    ("kind", "english", "chinese"),
    [
        ("tag_limit", "Vibration is 8.25 mm/s, above the limit of 7.1 mm/s.", "振动为 8.25 mm/s"),
        ("machine_down", "The machine has been down for 20 min 0 s", "已停机 20 分 0 秒"),
        ("line_oee", "OEE of the present shift is 42.3 %; at least 50.0 %", "本班 OEE 为 42.3 %"),
        ("order_late", "with a probability of 91.2 %.", "91.2 % 的概率"),
        ("source_silent", "heard from this source for 1 min 35 s.", "已 1 分 35 秒 无数据"),
        ("disk_full", "the database's disk is full in 8.25 d.", "将在 8.25 d 后写满"),
        ("anomaly", "has shown so far is 1.4 mm/s to 2.6 mm/s.", "1.4 mm/s 至 2.6 mm/s"),
    ],
)
def test_each_kind_in_words(kind: str, english: str, chinese: str) -> None:
    assert english in worded(told(kind), texts("en", ZONE), "http://boards").sentence
    assert chinese in worded(told(kind), texts("zh", ZONE), "http://boards").sentence
    assert (
        worded(told(kind), texts("en", ZONE), "http://boards/").link
        == "http://boards/alerts?alarm=7"
    )


def test_a_provisional_oee_says_so() -> None:
    more = {"unknown": 0.12, "late": True}
    one = replace(told("line_oee"), params={**told("line_oee").params, **more})
    said = worded(one, texts("en", ZONE), "").sentence
    assert "is expected. Provisional: 12.0 % of the planned time is unknown. Provisional:" in said
    assert "暂定值：计划时间中有 12.0 % 没有数据。" in worded(one, texts("zh", ZONE), "").sentence
    assert "Provisional" not in worded(told("line_oee"), texts("en", ZONE), "").sentence


def test_facts_are_in_the_plants_zone() -> None:
    facts = dict(worded(told("machine_down"), texts("en", ZONE), "").facts)
    assert facts["Since"] == "2026-03-04 17:40:00"
    assert facts["Reason"] == "Jam"
    assert dict(worded(told("order_late"), texts("en", ZONE), "").facts)["Remaining"] == "1,250"


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("cause", ["raised", "returned", "cleared"])
def test_a_letter_has_both_parts(language: Language, cause: str) -> None:
    say = texts(language, ZONE)
    items = [worded(told(kind, cause), say, MAIL.boards_url) for kind in SENTENCES]
    message = letter(
        items,
        say=say,
        mail=MAIL,
        address="a@example.com",
        site="Works",
        message_id="<x@example.com>",
        created_at=AT,
    )
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    assert str(len(SENTENCES)) in message["Subject"]
    assert b"\n" not in message.as_bytes().replace(b"\r\n", b"")


@pytest.mark.parametrize("text", ["a\r\nBcc: x", "a\n\n\tb", "a\u2028b", "a\x00b", "  a  "])
def test_one_line_is_one_line(text: str) -> None:
    assert re.fullmatch(r"[^\x00-\x1f\u2028]+", one_line(text))


def test_every_text_has_a_translation() -> None:
    known = texts("zh", ZONE).translations
    source = "".join(
        path.read_text(encoding="utf-8")
        for path in (*ALERTS.glob("*.py"), *ALERTS.glob("templates/*"))
    )
    used = set(re.findall(r'\.text\(\s*"([^"]+)"', source)) | set(ADVICE.values())
    used |= set(re.findall(r'^        \("([A-Z][^"]+)", ', source, re.MULTILINE))
    assert len(used) > 25
    assert not used - set(known)
    for msgid, text in known.items():
        assert set(re.findall(r"\{(\w+)\}", msgid)) == set(re.findall(r"\{(\w+)\}", text))
