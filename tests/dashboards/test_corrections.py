"""The page of count corrections: by HTTP as scripts and forms use it, and by hand on a tablet."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from dashboards.corrections.form import Odd, minute_of
from tests.dashboards.conftest import START, eventually
from tests.web_site import Site, token

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from tests.dashboards.conftest import Wall

PAGE = "/corrections"
AT = "2026-03-02T15:15"
"""The plant's clock: five quarters of an hour before plant time, which is 16:30."""


def add(client: FlaskClient, **fields: str) -> TestResponse:
    """Post the form; of A01 at quarter past three, unless told otherwise."""
    form = {"machine": "A01", "at": AT, "good": "-5", "reason": "counted twice", "key": "k" * 9}
    return client.post(
        "/corrections/add", data={**form, **fields, "csrf_token": token(client, PAGE)}
    )


def kept(site: Site) -> list[tuple[object, ...]]:
    with site.database.connection() as conn:
        rows = conn.execute(
            "select m.code, c.good, c.scrap, c.rework, c.reason, c.actor, c.supersedes is not null"
            " from count_correction c join machine m on m.id = c.machine_id order by c.id"
        )
        return rows.fetchall()


def test_a_count_is_put_right_once_told_and_withdrawn(busy: Site) -> None:
    client = busy.client("mario")
    assert add(client, scrap="2").status_code == 302
    page = client.get(PAGE).text
    assert add(client, scrap="2").status_code == 302, "the same again"
    assert "→ 23" not in client.get(PAGE).text
    assert "A01, 2026-03-02 15:15: Good 240 → 235 · Scrap 0 → 2" in page
    assert "Good −5 · Scrap +2" in page
    assert "mario · 16:30" in page
    assert kept(busy) == [("A01", -5.0, 2.0, 0.0, "counted twice", "mario", False)]
    with busy.database.connection() as conn:
        row = conn.execute("select id from count_correction").fetchone()
    assert row
    withdrawal = {"id": str(row[0])}
    for said in ("Withdrawn.", "That was withdrawn already."):
        assert busy.post(client, "/corrections/withdraw", withdrawal, page=PAGE).status_code == 302
        assert said in client.get(PAGE).text
    assert "withdrawn by mario" in client.get(PAGE).text
    assert [row[1:3] for row in kept(busy)] == [(-5, 2), (5, -2)]
    assert [action for _, action in busy.actions() if action.startswith("count")] == [
        "count_corrected", "count_correction_withdrawn", "count_withdrawal_refused",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "status", "sentence"),
    [
        ({"good": "-241"}, 409, "Good from 15:00 to 16:00 is 240: 241 can"),
        ({"scrap": "-1"}, 409, "Scrap from 15:00 to 16:00 is 0: 1 can"),
        ({"at": "2024-01-05T10:00"}, 409, "Counts are kept since 2024-03-02 16:30 only"),
        ({"at": "2026-03-02T16:31"}, 409, "2026-03-02 16:31 is still to come."),
        ({"at": "2026-03-02T09:00"}, 409, "Nothing is known of the machine"),
        ({"good": "0"}, 409, "Say how many pieces"),
        ({"reason": " "}, 409, "Say why the count was wrong."),
        ({"machine": "Z99"}, 400, "Choose a machine."),
        ({"at": "soon"}, 400, "Give a time of the plant"),
        ({"good": "many"}, 400, "Give numbers of pieces"),
        ({"good": "1e300"}, 400, "Give numbers of pieces"),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(
    busy: Site, fields: dict[str, str], status: int, sentence: str
) -> None:
    client = busy.client("mario")
    answer = add(client, **fields)
    assert (answer.status_code, kept(busy)) == (status, [])
    assert sentence in answer.text.replace("&#39;", "'")
    typed = {"reason": "counted twice", **fields}
    assert f'value="{typed["reason"].strip()}"' in answer.text, "what was typed stays"
    refused = [action for _, action in busy.actions() if action == "count_correction_refused"]
    assert len(refused) == (1 if status == 409 else 0)
    with busy.database.connection() as conn:
        (aside,) = conn.execute(
            "select count(*) from quarantine where reason = 'too_old'"
        ).fetchall()
    assert aside == (1 if "2024" in sentence else 0,)


def test_a_time_after_the_page_was_opened_can_be_sent(busy: Site) -> None:
    """The server alone knows what is still to come; a limit in the form stays where it was."""
    page = busy.client("mario").get(PAGE).text
    field = re.search(r'<input type="datetime-local"[^>]*>', page)
    assert field
    assert 'value="2026-03-02T16:30"' in field[0]
    assert "max=" not in field[0]


def test_it_is_told_in_chinese(busy: Site) -> None:
    client = busy.client("mario")
    client.get(f"{PAGE}?lang=zh")
    assert "15:00 到 16:00 的合格为 240，不能减去 241。" in add(client, good="-241").text
    add(client)
    assert "A01，2026-03-02 15:15：合格 240 → 235" in client.get(PAGE).text


def test_what_would_change_is_told_beforehand(busy: Site) -> None:
    client = busy.client("mario")
    asked = {"machine": "A01", "at": AT, "good": "-5"}
    said = client.get("/corrections/change", query_string=asked).get_json()
    assert (said["hour"], said["fault"]) == ("15:00–16:00", "")
    assert said["counts"]["good"] == {"before": "240", "after": "235"}
    said = client.get("/corrections/change", query_string={**asked, "good": "-900"}).get_json()
    assert "900 can't be taken away there" in said["fault"]
    assert kept(busy) == []


def test_operators_look_and_managers_write(busy: Site) -> None:
    for name, may in (("vera", False), ("olga", False), ("mario", True), ("anna", True)):
        client = busy.client(name)
        page = client.get(PAGE)
        assert (page.status_code, 'id="correction"' in page.text) == (200, may)
        assert add(client).status_code == (302 if may else 403)
        assert client.get("/corrections/change").status_code == (200 if may else 403)
        withdrawal = busy.post(client, "/corrections/withdraw", {"id": "0"}, page=PAGE)
        assert withdrawal.status_code == (302 if may else 403)
    assert busy.device("overview").get(PAGE).status_code == 403


@pytest.mark.parametrize(
    ("text", "zone", "moment"),
    [
        ("2026-03-02T15:15", "Asia/Shanghai", "2026-03-02T07:15+00:00"),
        ("2026-03-02T15:15:40", "Asia/Shanghai", "2026-03-02T07:15+00:00"),
        ("2026-03-02T07:15+00:00", "Asia/Shanghai", "2026-03-02T07:15+00:00"),
        ("2026-10-25T02:30", "Europe/Berlin", "2026-10-25T00:30+00:00"),  # the earlier of two
        ("2026-03-29T02:30", "Europe/Berlin", None),  # the clocks go forward
        ("1826-03-29T02:30", "Europe/Berlin", None),
    ],
)
def test_a_time_is_the_plants_own(text: str, zone: str, moment: str | None) -> None:
    if moment is None:
        with pytest.raises(Odd):
            minute_of(text, ZoneInfo(zone))
        return
    assert minute_of(text, ZoneInfo(zone)).isoformat(timespec="minutes") == moment


TARGETS = """
() => [...document.querySelectorAll("form.correction :is(button, input, select)")]
  .filter((one) => one.type !== "hidden")
  .map((one) => one.getBoundingClientRect())
  .filter((box) => box.height < 48 || box.width < 48).length
"""
WORKED = f"{(START - timedelta(hours=1)).astimezone(ZoneInfo('Asia/Shanghai')):%Y-%m-%dT%H:%M}"
"""The plant's clock, when every machine of the wall made pieces."""


def test_by_hand_on_a_tablet(wall: Wall, wall_page: Page) -> None:
    """Tap, see before and after, read why not, put it right, withdraw it."""
    wall_page.set_viewport_size({"width": 820, "height": 1180})
    wall_page.goto(f"{wall.address}{PAGE}?lang=en&machine=B02&at={WORKED}")
    good = wall_page.locator('[data-kind="good"]')
    before = good.locator("[data-before]").inner_text()
    assert int(before) > 100
    assert wall_page.evaluate(TARGETS) == 0
    for _ in range(3):
        good.locator('[data-by="-1"]').click()
    after = str(int(before) - 3)
    shown = "(text) => document.querySelector('[data-kind=good] [data-after]').textContent === text"
    eventually(wall_page, shown, after)
    good.locator("input").fill("-99999")
    fault = "() => document.querySelector('.correction-fault').textContent.includes('taken away')"
    eventually(wall_page, fault)
    good.locator("input").fill("-3")
    eventually(wall_page, shown, after)
    wall_page.fill("input[name=reason]", "sensor bounced <b>twice</b>")
    wall_page.get_by_role("button", name="Put right").click()
    wall_page.wait_for_selector(".note.good")
    assert f"Good {before} → {after}" in wall_page.inner_text(".note.good")
    row = wall_page.locator(".correction-row").first
    assert "sensor bounced <b>twice</b>" in row.inner_text()
    row.get_by_role("button", name="Withdraw").click()
    wall_page.wait_for_selector(".correction-row.off")


@pytest.mark.parametrize(("language", "words"), [("en", "signed in any more"), ("zh", "退出登录")])
def test_a_session_that_ended_is_told_while_one_types(
    wall: Wall, web_browser: Browser, language: str, words: str
) -> None:
    """No count stays that was read before."""
    window = web_browser.new_context()
    wall.log_in(window)
    page = window.new_page()
    page.goto(f"{wall.address}{PAGE}?lang={language}&machine=B02&at={WORKED}")
    good = page.locator('[data-kind="good"]')
    assert int(good.locator("[data-before]").inner_text()) > 0
    page.wait_for_load_state("networkidle")  # an answer that is under way brings the session back
    window.clear_cookies()
    good.locator('[data-by="-1"]').click()
    said = "(words) => document.querySelector('.correction-fault').textContent.includes(words)"
    eventually(page, said, words)
    assert page.locator(".correction-fault").is_visible()
    assert good.locator("[data-before]").inner_text() == "–"
    window.close()
