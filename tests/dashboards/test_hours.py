"""The hour-by-hour board: its figures are those of the OEE board; who writes and who signs."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from dashboards import hours, oee
from dashboards.board import Frame, Scene
from dashboards.hours.place import keeper_of
from dashboards.oee.scope import scope_of
from dashboards.overview.charts import outputs
from db.clock import Clock, save_clock
from db.connect import Connection, Database
from db.hourly import shifts
from db.kpi_facts import facts_in
from db.line_ends import workers
from db.master import apply, load
from plant.check import read
from plant.kpi import kpis
from plant.periods import Span, slots
from tests.web_site import NOW, Site, token

ZONE = ZoneInfo("Asia/Shanghai")
LATE = NOW + timedelta(minutes=30)
"""16:30 in Suzhou, in the shift from 14:00 to 22:00."""
SHIFT = NOW - timedelta(hours=2)
FACTS = """
insert into machine_1m (ts, machine_id, operation_id, product_id, shift_id, not_scheduled_s,
    planned_stop_s, setup_s, running_s, down_s, idle_s, starved_s, blocked_s, unknown_s,
    good, scrap, rework, ideal_s, ideal_good_s)
select t, m.id, op.id, op.product_id, 0, 0, 0, 0,
    case when bad then 0 else 54 end, case when bad then 60 else 6 end, 0, 0, 0, 0,
    case when bad then 0 else 4 end, case when bad then 0 else m.position %% 2 end, 0,
    case when bad then 0 else 48 end, case when bad then 0 else 45 end
from machine m
join operation op on op.machine_id = m.id,
    generate_series(%(t0)s::timestamptz, %(t1)s - interval '1 minute', interval '1 minute') t,
    lateral (select t >= %(bad0)s and t < %(bad1)s as bad) b
"""
ORDERS = """
insert into operation (source_id, order_code, operation, revision, at, machine_id, product_id,
    status, planned, good, scrap, planned_start, due, started_at)
select (select min(id) from source), 'WO-77' || m.code, '10', '1', %(now)s, m.id, cycle.product_id,
    'running', 900, 300, 4, %(t0)s, %(due)s, %(t0)s
from machine m
join lateral (select min(product_id) as product_id from ideal_cycle where machine_id = m.id) cycle
    on true
"""
STOPS = """
insert into state_interval (machine_id, t0, t1, state, is_open, reason_id)
select id, %(t0)s, %(bad0)s, 'running'::element, false, null::int from machine
union all
select id, %(bad0)s, %(bad1)s, 'down', false, (select min(id) from reason) from machine
union all
select id, %(bad1)s, %(t1)s, 'running', true, null from machine
"""
SPANS = """
insert into stop_span
select id, %(bad0)s, %(bad1)s, 'down', (select min(id) from reason), 'machine', false, 0
from machine
"""
TAILS = "insert into derive_tail (machine_id, upto) select id, %(t1)s from machine"
SPAN = {
    "t0": SHIFT,
    "t1": LATE,
    "now": LATE,
    "due": SHIFT + timedelta(hours=8),
    "bad0": SHIFT + timedelta(minutes=70),
    "bad1": SHIFT + timedelta(minutes=100),
}


def fill(database: Database) -> None:
    """Two and a half hours of the shift; everything stood for half of the second one."""
    with database.connection() as conn:
        save_clock(conn, Clock(datetime.now(NOW.tzinfo), LATE, 1e-9))
        conn.execute(ORDERS, SPAN)
        conn.execute(FACTS, SPAN)
        for told in (STOPS, SPANS, TAILS):
            conn.execute(told, SPAN)


def shown(conn: Connection, board: object, **params: str) -> Frame:
    assert board in (hours.BOARD, oee.BOARD)
    scene = Scene(load(conn).plant, LATE, "en", params)
    return (hours.BOARD if board is hours.BOARD else oee.BOARD).frame(conn, scene)


def text(frame: Frame, node_id: str) -> str:
    node = frame.nodes[node_id]
    return f"{node['text']}{node.get('unit', '')}"


def whole(words: str) -> int:
    return int(words.replace(",", "").replace("−", "-").replace("+", ""))


@pytest.fixture(scope="module")
def figures(shown_site: Site) -> Site:
    """To look at only."""
    fill(shown_site.database)
    return shown_site


@pytest.fixture
def filled(site: Site) -> Site:
    """To write on."""
    fill(site.database)
    return site


@pytest.mark.parametrize("scope", ["machine:A01", "machine:B02", "line:B", "line:C"])
def test_its_figures_are_those_of_the_oee_board(figures: Site, scope: str) -> None:
    with figures.database.connection() as conn:
        here = shown(conn, hours.BOARD, scope=scope)
        there = shown(conn, oee.BOARD, scope=scope, window="shift")
        plant = load(conn).plant
        of = scope_of({"scope": scope}, plant).of_facts
        for n in range(3):
            span = Span(SHIFT + timedelta(hours=n), min(LATE, SHIFT + timedelta(hours=n + 1)))
            facts = facts_in(conn, of, span, plant.site.zone).facts
            assert here.nodes[f"hour-{n}-oee"]["text"] == f"{100 * (kpis(facts).oee or 0):.1f}"
            assert whole(text(here, f"hour-{n}-scrap")) == facts.scrap
    assert text(here, "sum-oee") == text(there, "oee")
    assert text(here, "sum-scrap") == text(there, "fact-scrap")
    if scope.startswith("machine:"):
        assert text(here, "sum-made") == text(there, "fact-good")
        assert text(here, "cycle") == text(there, "fact-actual")
        assert sum(whole(text(here, f"hour-{n}-made")) for n in range(3)) == whole(
            text(there, "fact-good")
        )


def test_a_line_counts_its_last_machine_against_the_plan_of_the_wall(figures: Site) -> None:
    with figures.database.connection() as conn:
        here = shown(conn, hours.BOARD, scope="line:B")
        hours_of = slots(Span(SHIFT, LATE), "hour", ZONE)
        wall = [one for one in outputs(conn, hours_of, load(conn).plant) if one.line == "B"]
    assert whole(text(here, "sum-made")) == sum(one.good for one in wall)
    assert whole(text(here, "sum-by-now")) == round(sum(one.planned for one in wall))


VALUE = re.compile(r'class="explain-value">([^<]+)<')


@pytest.mark.parametrize("scope", ["machine:B02", "line:B"])
def test_figures_lead_to_their_explanation_which_says_the_same(figures: Site, scope: str) -> None:
    client = figures.client("vera")
    with figures.database.connection() as conn:
        nodes = shown(conn, hours.BOARD, scope=scope).nodes
    for of in ("hour-0", "hour-1", "sum"):
        for key in ("made", "scrap", "oee"):
            cell = nodes[f"{of}-{key}"]
            told = VALUE.search(client.get(str(cell["href"])).text)
            assert told is not None, cell
            assert told[1] == cell["text"], cell
    assert "kpi=availability&scope=machine:B0" in str(nodes["hour-1-lost"]["href"])


def test_pieces_of_two_last_machines_lead_to_both(filled: Site) -> None:
    retired = PLANT.replace(LAST, "")
    with filled.database.connection() as conn:
        apply(conn, read(retired), retired, NOW)
        nodes = shown(conn, hours.BOARD, scope="line:B").nodes
    assert "scope=machine:B06" in str(nodes["hour-1-made"]["href"])
    assert "scope=machine:B05" in str(nodes["hour-2-made"]["href"])
    asked = str(nodes["sum-made"]["href"])
    assert asked.startswith("/kpis?scope=line:B&rows=machine&show=pieces&t0=")
    assert filled.client("vera").get(asked).status_code == 200


PLANT = (Path(__file__).resolve().parents[2] / "plant.toml").read_text(encoding="utf-8")
LAST = PLANT[PLANT.index('[[machines]]\ncode = "B06"') : PLANT.index('[[machines]]\ncode = "C01"')]


@pytest.mark.parametrize(
    "text_of_plant",
    [
        PLANT.replace(LAST, LAST + LAST.replace("B06", "B07")),
        PLANT.replace(LAST, ""),
        PLANT.replace(LAST, LAST.replace('line = "B"', 'line = "C"')),
    ],
    ids=["a new last machine", "the last one is retired", "it moves"],
)
def test_another_last_machine_changes_no_hour_of_before(filled: Site, text_of_plant: str) -> None:
    """On the board and on the wall; hours that begin later are of the one that is last then."""
    hours_of = slots(Span(SHIFT, LATE), "hour", ZONE)

    def told() -> list[object]:
        frame = shown(conn, hours.BOARD, scope="line:B")
        wall = outputs(conn, hours_of, load(conn).plant)
        cells = [f"hour-{n}-{key}" for n in (0, 1) for key in ("made", "target", "lost", "oee")]
        early = [one for one in wall if one.line == "B" and one.t0 < NOW]
        return [[frame.nodes[cell] for cell in cells], sorted(early, key=lambda one: one.t0)]

    with filled.database.connection() as conn:
        before = told()
        apply(conn, read(text_of_plant), text_of_plant, NOW)
        assert told() == before
        (then, now) = workers(conn, load(conn).plant, [SHIFT, NOW], ["B"])
    assert then["B"][-1] == "B06" != now["B"][-1]


def test_hours_say_what_was_lost_and_why(figures: Site) -> None:
    with figures.database.connection() as conn:
        frame = shown(conn, hours.BOARD, scope="machine:B02")
        row = conn.execute("select name ->> 'en' from reason order by id limit 1").fetchone()
    assert row is not None
    assert text(frame, "hour-0-time") == "14:00–15:00"
    assert text(frame, "hour-1-why") == f"{row[0]}\N{NO-BREAK SPACE}30"
    # 6 s a minute of thirty minutes, and thirty minutes
    assert text(frame, "hour-1-lost") == "33"
    assert frame.nodes["hour-1-difference"]["tone"] == "warning"
    assert frame.nodes["hour-1-difference-icon"]["icon"] == "triangle-alert"
    assert frame.nodes["hour-0-difference"]["tone"] == "normal"
    assert text(frame, "hour-1-order") == "WO-77B02"
    tones = [frame.nodes[f"hour-{n}"].get("tone") for n in range(9)]
    assert tones == ["normal", "normal", "strong", *["muted"] * 5, None]
    assert frame.nodes["hour-8"]["hidden"] is True


def test_what_operators_said_of_a_stop_counts(filled: Site) -> None:
    """The first twenty minutes have another reason, the last ten were planned after all."""
    cut = SPAN["bad0"] + timedelta(minutes=20)
    span = "insert into stop_span select id, %s, %s, %s, {}, 'operator', false, 0 from machine"
    with filled.database.connection() as conn:
        conn.execute("delete from stop_span")
        conn.execute(span.format("(select max(id) from reason)"), [SPAN["bad0"], cut, "down"])
        conn.execute(span.format("null"), [cut, SPAN["bad1"], "planned_stop"])
        frame = shown(conn, hours.BOARD, scope="machine:B02")
        row = conn.execute("select name ->> 'en' from reason order by id desc limit 1").fetchone()
    assert row is not None
    assert text(frame, "hour-1-why") == f"{row[0]}\N{NO-BREAK SPACE}20"


def test_what_lies_ahead_has_a_target_and_no_zero(figures: Site) -> None:
    with figures.database.connection() as conn:
        frame = shown(conn, hours.BOARD, scope="machine:B02")
    assert whole(text(frame, "hour-7-target")) > 0
    assert [text(frame, f"hour-7-{k}") for k in ("made", "difference-n", "sum-made")] == ["–"] * 3
    columns = sum(whole(text(frame, f"hour-{n}-target")) for n in range(8))
    assert columns == whole(text(frame, "hour-7-sum-target")) == whole(text(frame, "sum-target"))


def test_takt_time_is_planned_work_for_what_is_due(filled: Site) -> None:
    """Eight hours with their breaks taken out, 900 pieces due at the end of the shift."""
    with filled.database.connection() as conn:
        # due exactly at the shift's end belongs to what comes after: then the day counts
        of_day = shown(conn, hours.BOARD, scope="machine:B02")
        conn.execute("update operation set due = %s", [SPAN["due"] - timedelta(minutes=1)])
        of_shift = shown(conn, hours.BOARD, scope="machine:B02")
        row = conn.execute(
            "select sum(extract(epoch from least(s.t1, %s) - greatest(s.t0, %s)))::float"
            " from calendar_slice s join machine m on m.calendar_id = s.calendar_id"
            " where m.code = 'B02' and s.kind = 'work' and s.t1 > %s and s.t0 < %s",
            [SPAN["due"], SHIFT, SHIFT, SPAN["due"]],
        ).fetchone()
    assert row is not None
    assert text(of_shift, "takt") == f"{row[0] / 900:.1f}s"
    assert text(of_shift, "takt-of") == "900 due this shift"
    assert text(of_day, "takt-of") == "900 due this day"


def test_another_shift_is_chosen_by_the_address(figures: Site) -> None:
    with figures.database.connection() as conn:
        now = shown(conn, hours.BOARD, scope="line:C")
        before = shown(conn, hours.BOARD, scope="line:C", at="2026-03-02T01:00Z")
        silly = shown(conn, hours.BOARD, scope="line:C", at="9999-99-99")
    assert "14:00–22:00" in text(now, "hours-shift")
    assert "06:00–14:00" in text(before, "hours-shift")
    assert silly.nodes["hours-shift"] == now.nodes["hours-shift"]
    assert now.nodes["hours-after"] == {"hidden": True}, "it has not begun"
    assert before.nodes["hours-after"]["href"] == "/hours?scope=line%3AC&at=2026-03-02T06%3A00Z"


def test_the_shift_says_whose_it_is(figures: Site) -> None:
    """The first day of the four teams' cycle: red works early, blue late."""
    with figures.database.connection() as conn:
        late = shown(conn, hours.BOARD, scope="line:B")
        early = shown(conn, hours.BOARD, scope="machine:B02", at="2026-03-02T01:00Z")
        nobodys = shown(conn, hours.BOARD, scope="line:C")
    assert text(late, "hours-shift").endswith("14:00–22:00 · Blue team")
    assert text(early, "hours-shift").endswith("06:00–14:00 · Red team")
    assert text(nobodys, "hours-shift").endswith("14:00–22:00")


def test_targets_follow_the_orders_where_the_plant_says_so(figures: Site) -> None:
    with figures.database.connection() as conn:
        plant = load(conn).plant
        orders = plant.model_copy(
            update={"hour_board": plant.hour_board.model_copy(update={"target": "orders"})}
        )
        frame = hours.BOARD.frame(conn, Scene(orders, LATE, "en", {"scope": "machine:B02"}))
    assert text(frame, "sum-target") == "900", "all of the order lies in this shift"


def test_a_line_keeps_the_shifts_most_of_its_machines_work(figures: Site) -> None:
    with figures.database.connection() as conn:
        plant = load(conn).plant
        night = SHIFT + timedelta(hours=9)
        scope = scope_of({"scope": "line:A"}, plant)
        assert scope.codes[-1] == "A06", "works two shifts"
        here = shifts(conn, keeper_of(conn, scope, night, plant), night).here
    assert here is not None
    assert here.t1 > night


# ── writing and signing ──


def entry(**changed: str) -> dict[str, str]:
    return {
        "scope": "machine:B02",
        "t0": SHIFT.isoformat(),
        "base": "",
        "key": uuid4().hex,
        "remark": "Tool broken",
        "measure": "Changed it",
    } | changed


def send(client: FlaskClient, path: str, form: dict[str, str]) -> TestResponse:
    return client.post(path, data={**form, "csrf_token": token(client, "/account")})


def said(answer: TestResponse) -> Any:
    return answer.json


def row(site: Site, n: int = 0) -> dict[str, object]:
    with site.database.connection() as conn:
        nodes = shown(conn, hours.BOARD, scope="machine:B02").nodes
    return {
        key: nodes[f"hour-{n}-{key}"].get("text")
        for key in ("remark", "measure", "author", "signed", "note")
    }


def test_an_operator_writes_and_a_manager_signs(filled: Site) -> None:
    olga, mario = filled.client("olga"), filled.client("mario")
    made = send(olga, "/hours/note", entry())
    assert made.status_code == 200
    assert row(filled)["remark"] == "Tool broken"
    assert row(filled)["author"] == "olga · 16:30"
    signed = send(mario, "/hours/sign", entry(base=str(said(made)["id"]), remark="", measure=""))
    assert signed.status_code == 200
    assert row(filled)["signed"] == "mario · 16:30"
    assert (row(filled)["remark"], row(filled)["author"]) == ("Tool broken", "olga · 16:30")
    # words written after the signature are unsigned again; every version is kept
    send(olga, "/hours/note", entry(base=str(said(signed)["id"]), remark="Tool and holder broken"))
    assert row(filled)["signed"] == ""
    query = {"scope": "machine:B02", "t0": SHIFT.isoformat()}
    told = said(olga.get("/hours/versions", query_string=query))["versions"]
    assert [(v["actor"], v["remark"], v["signed"]) for v in told] == [
        ("olga", "Tool and holder broken", False),
        ("mario", "Tool broken", True),
        ("olga", "Tool broken", False),
    ]
    assert [a for a in filled.actions() if a[1].startswith("hour_")] == [
        ("olga", "hour_noted"),
        ("mario", "hour_signed"),
        ("olga", "hour_noted"),
    ]


def test_the_same_entry_sent_twice_is_one(filled: Site) -> None:
    olga, form = filled.client("olga"), entry()
    first, second = (send(olga, "/hours/note", form) for _ in range(2))
    assert first.json == second.json
    with filled.database.connection() as conn:
        assert conn.execute("select count(*) from hour_note").fetchone() == (1,)


def test_who_writes_second_is_told_and_writes_over_nothing(filled: Site) -> None:
    olga, anna = filled.client("olga"), filled.client("anna")
    send(olga, "/hours/note", entry())
    late = send(anna, "/hours/note", entry(remark="Something else"))
    assert late.status_code == 409
    newest = said(late)["newest"]
    assert (newest["actor"], newest["remark"], newest["time"]) == ("olga", "Tool broken", "16:30")
    assert row(filled)["remark"] == "Tool broken"
    again = send(anna, "/hours/note", entry(remark="Both", base=str(newest["id"]), key=uuid4().hex))
    assert again.status_code == 200
    assert row(filled)["remark"] == "Both"
    stale = send(anna, "/hours/sign", entry(base=str(newest["id"])))
    assert stale.status_code == 409, "nobody signs words they have not seen"


@pytest.mark.parametrize(
    ("name", "path", "status"),
    [
        ("vera", "/hours/note", 403),
        ("vera", "/hours/sign", 403),
        ("olga", "/hours/sign", 403),
        ("mario", "/hours/note", 200),
        ("anna", "/hours/sign", 200),
    ],
)
def test_who_may_write_and_who_may_sign(filled: Site, name: str, path: str, status: int) -> None:
    assert send(filled.client(name), path, entry()).status_code == status


def test_a_wall_screen_only_looks(filled: Site) -> None:
    screen = filled.device("hours")
    assert screen.get("/live/hours?scope=machine:B02").status_code == 200
    form = {**entry(), "csrf_token": token(screen, "/login")}
    assert screen.post("/hours/note", data=form).status_code == 403
    other = filled.device("orders", name="Gate 8")
    assert other.get("/hours/versions", query_string=entry()).status_code == 403


@pytest.mark.parametrize(
    ("changed", "status", "message"),
    [
        ({"t0": (SHIFT + timedelta(hours=4)).isoformat()}, 422, "not begun"),
        ({"t0": (SHIFT + timedelta(minutes=7)).isoformat()}, 422, "no such hour"),
        ({"remark": "x" * 401}, 422, "400 characters"),
        ({"t0": "yesterday"}, 400, ""),
        ({"scope": "machine:nowhere"}, 400, ""),
        ({"base": "-1"}, 400, ""),
        ({"key": "1"}, 400, ""),
    ],
)
def test_what_cannot_be_is_said(
    filled: Site, changed: dict[str, str], status: int, message: str
) -> None:
    answer = send(filled.client("olga"), "/hours/note", entry(**changed))
    assert answer.status_code == status
    assert message in answer.text
    assert row(filled)["note"] == ""


def test_an_hour_that_runs_is_not_signed(filled: Site) -> None:
    running = entry(t0=(SHIFT + timedelta(hours=2)).isoformat())
    assert send(filled.client("mario"), "/hours/sign", running).status_code == 422
    assert send(filled.client("mario"), "/hours/note", running).status_code == 200


def test_hours_of_yesterday_are_written_and_signed_late(filled: Site) -> None:
    mario, yesterday = filled.client("mario"), SHIFT - timedelta(days=1)
    with filled.database.connection() as conn:
        conn.execute(
            "insert into shift_instance (calendar_id, code, name, day, t0, t1)"
            " select calendar_id, code, name, day - 1, t0 - interval '1 day', t1 - interval '1 day'"
            " from shift_instance s where t0 = %s and not exists (select from shift_instance o"
            " where o.calendar_id = s.calendar_id and o.t0 = s.t0 - interval '1 day')",
            [SHIFT],
        )
    made = send(mario, "/hours/note", entry(t0=yesterday.isoformat()))
    signed = send(mario, "/hours/sign", entry(t0=yesterday.isoformat(), base=str(said(made)["id"])))
    assert (made.status_code, signed.status_code) == (200, 200)
    with filled.database.connection() as conn:
        frame = shown(conn, hours.BOARD, scope="machine:B02", at=yesterday.isoformat())
    assert text(frame, "hour-0-signed").startswith("mario")
