"""The stops board: explained by two taps, live for others, refused to viewers, never twice."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from flask.testing import FlaskClient
from playwright.sync_api import expect

from dashboards.board import Frame, Scene
from dashboards.stops.frame import frame
from dashboards.stops.words import EPOCH
from db import stops
from db.clock import Clock, load_clock, save_clock
from db.connect import Connection
from db.derive import derive, touch
from db.kpi_facts import Scope
from db.master import load
from plant.model import Language
from tests.dashboards.conftest import pausing
from tests.patience import until
from tests.web_site import NOW, Site, log_in, token

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

RUNNING, ABORTED, MAINTENANCE = 6, 9, 404
FAR = timedelta(days=30)
KEYS = count(10_000_000)


def at(minutes: float) -> datetime:
    """Of the hour before the tests' now; the late shift began two hours before that."""
    return NOW - timedelta(minutes=60 - minutes)


def happen(conn: Connection, *said: tuple[str, float, int], now: datetime = NOW) -> None:
    """Machines say states; all of it is derived, up to now."""
    tags: dict[str, int] = dict(conn.execute("select code, id from tag").fetchall())
    machines: dict[str, int] = dict(conn.execute("select code, id from machine").fetchall())
    conn.execute(
        "insert into source_status (source_id, connected, since, last_heard)"
        " select id, true, %(now)s, %(far)s from source on conflict do nothing",
        {"now": at(0), "far": NOW + FAR},
    )
    for machine, minute, value in said:
        conn.execute(
            "insert into reading values (%s, %s, %s, 0)",
            [at(minute), tags[f"{machine}.state"], value],
        )
        touch(conn, machines[machine], at(minute), at(minute))
    derive_all(conn, now)


def derive_all(conn: Connection, now: datetime) -> None:
    while derive(conn, now).more:
        pass


HOUR = (
    ("A01", 0, RUNNING),
    ("A01", 10, ABORTED),
    ("A01", 30, RUNNING),
    ("A01", 40, ABORTED),
    ("A01", 42, RUNNING),
    ("A02", 0, RUNNING),
    ("A02", 50, MAINTENANCE),
)


def stop_id(machine: str, minute: float) -> str:
    return f"{machine}@{(at(minute) - EPOCH) // timedelta(microseconds=1)}"


Word = dict[str, str]
DEADLOCK = """
create function deadlock() returns trigger language plpgsql
    as $$ begin raise exception using errcode = 'deadlock_detected'; end $$;
create trigger deadlock before insert on stop_edit for each row execute function deadlock();
"""


def say(client: FlaskClient, site: Site, word: Word) -> tuple[int, dict[str, Any]]:
    """The answer to a word on the stop of A01 at ten past, unless it names another one."""
    form = {"stop": stop_id("A01", 10), "key": str(next(KEYS)), "lang": "en", **word}
    answer = site.post(client, "/stops/say", form)
    return answer.status_code, answer.get_json(silent=True) or {}


def shown(site: Site, language: Language = "en", **params: str) -> Frame:
    with site.database.connection() as conn:
        derive_all(conn, NOW)
        return frame(conn, Scene(load(conn).plant, NOW, language, params))


def rows(found: Frame) -> list[tuple[object, ...]]:
    return [
        tuple(found.nodes[f"stop-{n}-{part}"]["text"] for part in ("machine", "at", "reason"))
        for n in range(40)
        if not found.nodes[f"stop-{n}"]["hidden"]
    ]


def ranks(found: Frame) -> list[tuple[object, object]]:
    return [
        (found.nodes[f"rank-{n}-name"]["text"], found.nodes[f"rank-{n}-value"]["text"])
        for n in range(12)
        if not found.nodes[f"rank-{n}"]["hidden"]
    ]


@pytest.fixture
def stopped(site: Site) -> Site:
    with site.database.connection() as conn:
        happen(conn, *HOUR)
    return site


def test_what_nobody_explained_comes_first(stopped: Site) -> None:
    found = shown(stopped)
    assert rows(found) == [
        ("A01", "15:10–15:30", "No reason given"),
        ("A02", "15:50–", "Planned maintenance"),
        ("A01", "15:40–15:42", ""),
    ]
    assert found.nodes["stop-0"]["tone"] == "warning"
    assert found.nodes["unexplained-n"]["text"] == "20"
    assert found.nodes["unexplained"]["tone"] == "warning"
    assert (found.nodes["stops-n"]["text"], found.nodes["minor-n"]["text"]) == ("2", "1")
    assert rows(shown(stopped, "zh"))[0][2] == "未填原因"
    assert rows(shown(stopped, scope="machine:A02")) == [("A02", "15:50–", "Planned maintenance")]


def test_reasons_are_ranked_by_minutes_and_by_count(stopped: Site) -> None:
    assert ranks(shown(stopped)) == [
        ("Not explained", "20"),
        ("Planned maintenance", "10"),
        ("Down", "2.0"),
    ]
    say(stopped.client("olga"), stopped, {"kind": "assign", "reason": "jam", "seen": "0"})
    assert ("Process and quality", "20") in ranks(shown(stopped, level="1"))
    assert sorted(ranks(shown(stopped, by="count"))) == [
        ("Down", "1"),
        ("Jam", "1"),
        ("Planned maintenance", "1"),
    ]


def test_unexplained_minutes_are_those_of_planned_work(stopped: Site) -> None:
    with stopped.database.connection() as conn:
        found = [
            stops.lost(conn, at(0), NOW, []),
            stops.lost(conn, at(25), NOW, [], Scope("machine", "A01")),
            stops.lost(conn, at(0), NOW, [], Scope("machine", "A02")),
        ]
    sums = [sum(one.seconds for one in lost if one.is_unexplained) for lost in found]
    assert sums == [1200, 300, 0]


def test_an_operators_word_is_kept_and_noted(stopped: Site) -> None:
    client = stopped.client("olga")
    status, body = say(client, stopped, {"kind": "assign", "reason": "jam", "seen": "0"})
    assert status == 200
    assert rows(shown(stopped))[2] == ("A01", "15:10–15:30", "Jam")
    assert ("olga", "stop_edited") in stopped.actions()
    sheet = client.get(f"/stops/one?stop={stop_id('A01', 10)}&lang=en").text
    assert "olga · " in sheet
    assert f'data-edit="{body["edit"]}"' in sheet
    assert "The machine said: Down" in sheet
    status, _ = say(client, stopped, {"kind": "withdraw", "edit": str(body["edit"])})
    assert status == 200
    assert rows(shown(stopped))[0] == ("A01", "15:10–15:30", "No reason given")
    assert "withdrawn by olga" in client.get(f"/stops/one?stop={stop_id('A01', 10)}&lang=en").text


def test_split_merge_and_comment(stopped: Site) -> None:
    client = stopped.client("mario")
    cut = str((at(20) - EPOCH) // timedelta(microseconds=1))
    assert say(client, stopped, {"kind": "split", "at": cut, "seen": "0"})[0] == 200
    assert [row[1] for row in rows(shown(stopped))][:2] == ["15:20–15:30", "15:10–15:20"]
    assert (
        say(client, stopped, {"stop": stop_id("A01", 20), "kind": "merge", "neighbour": "after"})[0]
        == 200
    )
    assert [row[1] for row in rows(shown(stopped))][:2] == ["15:20–15:42", "15:10–15:20"]
    assert (
        say(
            client,
            stopped,
            {"stop": stop_id("A01", 20), "kind": "comment", "text": "fetched the fitter <b>"},
        )[0]
        == 200
    )
    assert shown(stopped).nodes["stop-0-remark"]["text"] == "fetched the fitter <b>"
    sheet = client.get(f"/stops/one?stop={stop_id('A01', 20)}&lang=zh").text
    assert "fetched the fitter &lt;b&gt;" in sheet


def test_a_deadlock_is_told_as_neither_slowness_nor_an_outage(stopped: Site) -> None:
    with stopped.database.connection() as conn:
        conn.execute(DEADLOCK)
    client = stopped.client("olga")
    word = {"stop": stop_id("A01", 10), "key": str(next(KEYS)), "kind": "assign", "reason": "jam"}
    answer = stopped.post(client, "/stops/say", word)
    assert answer.status_code == 423
    assert "Something else was at work there" in answer.text
    assert client.get("/account").status_code == 200, "nobody else is told of an outage"


ALARMS = """
with told as (
    insert into alarm (rule, kind, subject, priority, state, since, params)
    values ('down', 'machine_down', 'machine:A01', 'warning', 'acknowledged', %(first)s, '{}')
    returning id
)
insert into alarm_event (alarm_id, at, old, new, cause, actor, params)
select id, at, old, new, cause, actor, jsonb_build_object('began', %(began)s::timestamptz)
from told, (values
    (%(first)s::timestamptz, 'normal', 'unacknowledged', 'raised', null),
    (%(seen)s, 'unacknowledged', 'acknowledged', 'acknowledged', 'eva'),
    (%(second)s, 'normal', 'unacknowledged', 'raised', null)
) e (at, old, new, cause, actor)
"""


def course(site: Site, machine: str, minute: float) -> list[str]:
    """The steps on a stop's sheet: what, when, how long after the one before."""
    with site.database.connection() as conn:
        save_clock(conn, Clock(NOW, NOW, 1e-9))
    sheet = site.client("vera").get(f"/stops/one?stop={stop_id(machine, minute)}&lang=en").text
    steps = re.search(r'<ol class="stop-course">(.*?)</ol>', sheet, re.DOTALL)
    assert steps is not None
    items = re.findall("<li.*?</li>", steps[1], re.DOTALL)
    return [" ".join(re.sub("<[^>]+>", " ", item).split()) for item in items]


def test_every_stop_has_its_course(stopped: Site) -> None:
    """No alarm rule fired: it was detected and fixed all the same."""
    shown(stopped)
    found = course(stopped, "A01", 10)
    assert found == ["detected 15:10", "fixed 15:30 +20 min", "notified –", "acknowledged –"]
    assert course(stopped, "A02", 50) == [
        "detected 15:50",
        "notified –",
        "acknowledged –",
        "fixed –",
    ]


def test_the_first_alarm_of_a_stop_tells_who_was_told(stopped: Site) -> None:
    with stopped.database.connection() as conn:
        times = {"began": at(10), "first": at(15), "seen": at(18), "second": at(25)}
        conn.execute(ALARMS, times)
    assert course(stopped, "A01", 10) == [
        "detected 15:10", "raised 15:15 +5:00", "acknowledged · eva 15:18 +3:00",
        "fixed 15:30 +12 min", "notified –",
    ]  # fmt: skip


def test_nobody_overrules_another_unawares(stopped: Site) -> None:
    assert (
        say(stopped.client("olga"), stopped, {"kind": "assign", "reason": "jam", "seen": "0"})[0]
        == 200
    )
    mario = stopped.client("mario")
    word = {"kind": "assign", "reason": "sensor_fault"}
    status, body = say(mario, stopped, {**word, "seen": "0"})
    assert (status, body["why"]) == (409, "conflict")
    assert body["text"] == "olga has just changed this stop. Look at it, then decide."
    status, body = say(mario, stopped, {**word, "seen": "0", "lang": "zh"})
    assert body["text"].startswith("olga 刚刚")
    sheet = mario.get(f"/stops/one?stop={stop_id('A01', 10)}").text
    seen = re.search(r'data-seen="(\d+)"', sheet)
    assert seen
    assert say(mario, stopped, {**word, "seen": seen[1]})[0] == 200
    assert ("mario", "stop_edit_refused") in stopped.actions()


def test_the_same_word_twice_is_one(stopped: Site) -> None:
    client = stopped.client("olga")
    word = {"kind": "assign", "reason": "jam", "seen": "0", "key": "the-same-key"}
    assert say(client, stopped, word) == say(client, stopped, word)
    with stopped.database.connection() as conn:
        assert conn.execute("select count(*) from stop_edit").fetchone() == (1,)


def test_who_may_not(stopped: Site) -> None:
    word = {"kind": "assign", "reason": "jam", "seen": "0"}
    assert say(stopped.client("vera"), stopped, word)[0] == 403
    device = stopped.device("stops")
    form = {"stop": stop_id("A01", 10), "key": "12345678", "lang": "en", **word}
    form["csrf_token"] = token(device, "/pair")
    assert device.post("/stops/say", data=form).status_code in (400, 403)
    assert device.get(f"/stops/one?stop={stop_id('A01', 10)}").status_code == 200
    sheet = stopped.client("vera").get(f"/stops/one?stop={stop_id('A01', 10)}&lang=en").text
    assert "<button" not in re.sub(r'<button type="button" class="stop-close".*?>', "", sheet)
    assert "Operators can say why it stopped." in sheet


@pytest.mark.parametrize(
    ("word", "why"),
    [
        ({"kind": "assign", "reason": "nonsense"}, "reason"),
        ({"kind": "assign", "reason": "jam", "stop": "A01@1"}, "gone"),
        ({"kind": "merge", "neighbour": "before"}, "alone"),
        ({"kind": "split", "at": "1"}, "outside"),
        ({"kind": "withdraw", "edit": "99"}, "withdrawn"),
    ],
)
def test_what_cannot_count_is_told(stopped: Site, word: dict[str, str], why: str) -> None:
    status, body = say(stopped.client("olga"), stopped, word)
    assert (status, body["why"]) == (409, why)
    assert len(body["text"]) > 20


def test_what_was_refused_stands_in_the_stops_sheet(stopped: Site) -> None:
    """With who and why, in the reader's language; sent again, it is one line."""
    olga = stopped.client("olga")
    word = {"kind": "assign", "reason": "jam", "key": "the same key"}
    with stopped.database.connection() as conn:
        conn.execute("insert into retention_floor values ('machine_1m', %s)", [at(15)])
    for _ in range(2):
        assert say(olga, stopped, word)[0] == 409
    assert say(olga, stopped, {"kind": "comment", "text": "a <b>jam</b>"})[0] == 409
    page = f"/stops/one?stop={stop_id('A01', 10)}"
    sheet = stopped.client("vera").get(f"{page}&lang=en").text
    why = "Not taken: Minutes are kept since 2026-03-02 15:15:00 only: an older stop can"
    assert sheet.count(why) == 2
    assert sheet.count('class="refused"') == 2
    assert "a &lt;b&gt;jam&lt;/b&gt;" in sheet
    assert "olga · " in sheet
    assert "未采纳：" in stopped.client("vera").get(f"{page}&lang=zh").text
    with stopped.database.connection() as conn:
        assert conn.execute("select count(*) from stop_edit").fetchone() == (0,)
    other = stopped.client("vera").get(f"/stops/one?stop={stop_id('A01', 40)}&lang=en").text
    assert "Not taken" not in other


@pytest.mark.parametrize(
    "word",
    [
        {"kind": "nonsense"},
        {"kind": "assign", "stop": "Z99@1", "reason": "jam"},
        {"kind": "assign", "stop": "A01@x", "reason": "jam"},
        {"kind": "split", "at": "x"},
        {"kind": "merge", "neighbour": "x"},
        {"kind": "comment", "text": " "},
        {"kind": "comment", "text": "x" * 501},
        {"kind": "withdraw", "edit": "x"},
        {"kind": "assign", "reason": "jam", "key": "short"},
        {"kind": "assign", "reason": "jam", "seen": "-1"},
    ],
)
def test_what_no_script_of_ours_sends(stopped: Site, word: dict[str, str]) -> None:
    assert say(stopped.client("olga"), stopped, word)[0] == 400


def test_a_stop_that_is_not_there(stopped: Site) -> None:
    client = stopped.client("vera")
    for one in ("", "A01", "A01@1", "Z99@1", "A01@" + "9" * 40):
        assert client.get(f"/stops/one?stop={one}").status_code == 404


# ── in Chromium ──


@dataclass
class Tablet:
    """A window of a user on the board."""

    page: Page
    address: str
    complaints: list[str]


@pytest.fixture(scope="module")
def floor(shown_site: Site) -> Site:
    with shown_site.database.connection() as conn:
        save_clock(conn, Clock(datetime.now(UTC), NOW))
        happen(conn, *HOUR)
    return shown_site


@pytest.fixture
def window(web_browser: Browser) -> Iterator[BrowserContext]:
    opened = web_browser.new_context(viewport={"width": 1280, "height": 800}, has_touch=True)
    yield opened
    opened.close()


def look(context: BrowserContext, address: str, name: str) -> Tablet:
    log_in(context, address, name)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{address}/stops?scope=machine:A01&lang=en")
    page.wait_for_selector(".stop-row:visible")
    return Tablet(page, address, complaints)


def availability(page: Page) -> str:
    answer = page.request.get(
        f"{page.url.split('/stops')[0]}/live/oee?lang=en&scope=machine%3AA01&window=shift"
    )
    return str(answer.json()["nodes"]["availability"]["text"])


def rises(page: Page, before: float) -> None:
    """The OEE board has a frame of its own, made within a second."""
    until(lambda: float(availability(page)) > before, "availability rises", pause=pausing(page))


def derived(site: Site) -> None:
    with site.database.connection() as conn:
        derive_all(conn, load_clock(conn).now())
        conn.execute("select pg_notify('taktboard_live', 'derived')")


def test_two_taps_say_why_and_others_see_it(
    floor: Site, address: str, window: BrowserContext, web_browser: Browser
) -> None:
    olga = look(window, address, "olga")
    other = web_browser.new_context()
    vera = look(other, address, "vera")
    first = vera.page.locator(".stop-row:visible").first
    expect(first).to_contain_text("No reason given")
    before = float(availability(vera.page))

    olga.page.locator(".stop-row:visible", has_text="No reason given").first.tap()
    olga.page.locator(".reason-group", has_text="Planned").locator("summary").tap()
    olga.page.get_by_role("button", name="Planned maintenance").tap()
    expect(olga.page.locator(".stop-toast")).to_contain_text("A01: Planned maintenance")
    derived(floor)
    expect(olga.page.locator(".stop-row:visible", has_text="15:10")).to_contain_text(
        "Planned maintenance", timeout=15_000
    )
    expect(vera.page.locator(".stop-row:visible", has_text="15:10")).to_contain_text(
        "Planned maintenance", timeout=15_000
    )
    rises(vera.page, before)

    vera.page.locator(".stop-row:visible", has_text="15:10").click()
    expect(vera.page.locator("#stop-sheet")).to_contain_text("olga")
    assert vera.page.locator("#stop-sheet .reason").count() == 0

    olga.page.locator(".stop-toast button").tap()
    expect(olga.page.locator(".stop-toast")).to_contain_text("Withdrawn.")
    derived(floor)
    expect(first).to_contain_text("No reason given", timeout=15_000)
    assert olga.complaints == vera.complaints == []
    other.close()


AT_THE_CHANGE = """
([stop, seconds]) => {
    const one = document.querySelector("#stop-sheet .stop-one");
    const cut = one.querySelector("#stop-cut");
    Object.assign(one.dataset, { zone: "Europe/Berlin", stop });
    Object.assign(cut, { max: "9999", value: String(seconds) });
    cut.dispatchEvent(new Event("input", { bubbles: true }));
    return one.querySelector('[data-cut="at"]').textContent;
}
"""
"""The sheet as of another stop, and its cut so many seconds after that began."""


@pytest.mark.parametrize(("hour", "clock"), [(0, "02:30:00"), (1, "02:30:00"), (2, "03:30:00")])
def test_a_cut_is_told_by_the_plants_clock(
    floor: Site, address: str, window: BrowserContext, hour: int, clock: str
) -> None:
    """Of a stop over the night in which the clock is set back."""
    olga = look(window, address, "olga")
    olga.page.locator(".stop-row:visible", has_text="15:10").tap()
    expect(olga.page.locator('[data-cut="at"]')).to_have_text("15:20:00")
    midnight = datetime(2026, 10, 25, tzinfo=UTC)
    stop = f"A01@{(midnight - EPOCH) // timedelta(microseconds=1)}"
    assert olga.page.evaluate(AT_THE_CHANGE, [stop, 3600 * hour + 1800]) == clock
    assert olga.complaints == []


def test_what_is_typed_outlives_what_others_say(
    floor: Site, address: str, window: BrowserContext
) -> None:
    olga = look(window, address, "olga")
    olga.page.locator(".stop-row:visible", has_text="15:40").tap()
    olga.page.fill("#stop-text", "half a thou")
    status, _ = say(
        floor.client("mario"),
        floor,
        {"stop": stop_id("A01", 40), "kind": "assign", "reason": "jam", "seen": "0"},
    )
    assert status == 200
    derived(floor)
    expect(olga.page.locator(".stop-history")).to_contain_text("mario", timeout=15_000)
    expect(olga.page.locator("#stop-text")).to_have_value("half a thou")
    assert olga.complaints == []


def test_who_comes_second_is_told_and_decides(
    floor: Site, address: str, window: BrowserContext
) -> None:
    with floor.database.connection() as conn:
        happen(conn, ("A03", 0, RUNNING), ("A03", 20, ABORTED), ("A03", 35, RUNNING))
    derived(floor)
    olga = look(window, address, "olga")
    olga.page.goto(f"{address}/stops?scope=machine:A03&lang=en&stop={stop_id('A03', 20)}")
    olga.page.wait_for_selector(".stop-one")
    form = {"stop": stop_id("A03", 20), "kind": "assign", "reason": "jam", "seen": "0"}
    assert say(floor.client("mario"), floor, form)[0] == 200
    olga.page.locator(".reason-group", has_text="Control").locator("summary").tap()
    olga.page.get_by_role("button", name="Sensor fault").tap()
    expect(olga.page.locator(".stop-message")).to_contain_text("mario has just changed this stop")
    expect(olga.page.locator(".stop-history")).to_contain_text("mario")
    olga.page.locator(".stop-again").tap()
    expect(olga.page.locator(".stop-toast")).to_contain_text("A03: Sensor fault")
    derived(floor)
    expect(olga.page.locator(".stop-row:visible").first).to_contain_text(
        "Sensor fault", timeout=15_000
    )


def test_a_refused_word_that_is_tapped_again_is_one_line(
    floor: Site, address: str, window: BrowserContext
) -> None:
    """Its key lasts, though the sheet came anew in between."""
    with floor.database.connection() as conn:
        conn.execute("insert into retention_floor values ('machine_1m', %s)", [at(15)])
    olga = look(window, address, "olga").page
    olga.locator(".stop-row:visible", has_text="15:10").tap()
    olga.locator(".reason-group", has_text="Control").locator("summary").tap()
    for _ in range(2):
        with olga.expect_response("**/stops/one?*"), olga.expect_response("**/stops/say"):
            olga.get_by_role("button", name="Sensor fault").tap()
        expect(olga.locator(".refused")).to_have_count(1)
        expect(olga.locator(".stop-message")).to_contain_text("Minutes are kept since")
    with floor.database.connection() as conn:
        conn.execute("delete from retention_floor")
        rows = conn.execute("delete from stop_edit_refused returning kind, said").fetchall()
    assert rows == [("assign", "sensor_fault")]


def test_everything_is_large_enough_for_a_finger(
    floor: Site, address: str, window: BrowserContext
) -> None:
    olga = look(window, address, "olga")
    olga.page.locator(".stop-row:visible").first.tap()
    olga.page.wait_for_selector(".stop-one")
    olga.page.locator(".reason-group summary").first.tap()
    small = olga.page.evaluate(
        """() => [...document.querySelectorAll(
            "#board :is(a.chip, .stop-row, button, summary, textarea, input)")]
            .filter((node) => node.offsetParent && node.getBoundingClientRect().height < 44)
            .map((node) => node.outerHTML.slice(0, 80))"""
    )
    assert small == []
