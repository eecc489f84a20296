"""The sources board: connected, silent within seconds, quality; quarantined payloads as text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from dashboards.board import Frame, Scene
from dashboards.sources.frame import frame
from dashboards.sources.quarantine import readable
from db.clock import Clock, save_clock
from db.master import load
from db.sources import save_status
from plant.model import Language
from tests.dashboards.conftest import eventually
from tests.web_site import NOW, Site

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.dashboards.conftest import Wall

"""The plant's zone."""


def shown(site: Site, language: Language = "en") -> dict[str, dict[str, object]]:
    with site.database.connection() as conn:
        plant = load(conn).plant
        return frame(conn, Scene(plant, NOW, language, {})).nodes


def status(
    site: Site, *, heard_s_ago: float | None, connected: bool = True, error: str | None = None
) -> str:
    """Give the first source a status; its name."""
    heard = None if heard_s_ago is None else NOW - timedelta(seconds=heard_s_ago)
    with site.database.connection() as conn:
        row = conn.execute("select id, name from source order by id limit 1").fetchone()
        assert row
        conn.execute(
            """insert into source_status
                (source_id, connected, since, last_heard, lag_s, rate, bad_share, error)
            values (%s, %s, %s, %s, 0.25, 180.3, 0.04, %s)""",
            [row[0], connected, NOW - timedelta(hours=1), heard, error],
        )
    return str(row[1])


@pytest.mark.parametrize(
    ("heard_s_ago", "connected", "error", "word", "tone"),
    [
        (1, True, None, "connected", "normal"),
        (4.9, True, None, "connected", "normal"),
        (5.1, True, None, "silent", "warning"),
        (None, True, None, "silent", "warning"),
        (1, False, "refused", "not connected", "critical"),
        (None, False, "refused", "not connected", "critical"),
        (None, False, None, "never heard", "muted"),
    ],
)
def test_a_source_is_silent_after_five_seconds(
    site: Site,
    heard_s_ago: float | None,
    connected: bool,
    error: str | None,
    word: str,
    tone: str,
) -> None:
    name = status(site, heard_s_ago=heard_s_ago, connected=connected, error=error)
    nodes = shown(site)
    assert nodes[f"source-{name}-state-word"]["text"] == word
    assert nodes[f"source-{name}"]["tone"] == tone
    assert nodes[f"source-{name}-error"]["hidden"] is (error is None)


def test_figures(site: Site) -> None:
    name = status(site, heard_s_ago=1)
    nodes = shown(site)
    assert nodes[f"source-{name}-lag"]["text"] == "0.2 s"
    assert nodes[f"source-{name}-rate"]["text"] == "180.3"
    assert nodes[f"source-{name}-quality"] == {"text": "96.0 %", "tone": "warning"}
    assert nodes[f"source-{name}-since"]["text"] == "Connected since 15:00."
    assert nodes[f"source-{name}-heard"]["text"] == "1 s ago"
    assert shown(site, "zh")[f"source-{name}-state-word"]["text"] == "已连接"


def test_every_fault_has_a_remedy(site: Site) -> None:
    """One sentence, of the gravest fault, in the reader's language."""
    error = "No answer in time. Is the network up?\nx"
    name = status(site, heard_s_ago=1, connected=False, error=error)
    starts: dict[Language, str] = {"en": "Look at cable, switch", "zh": "检查网线"}
    for language, start in starts.items():
        node = shown(site, language)[f"source-{name}-remedy"]
        assert str(node["text"]).startswith(start)
        assert node["hidden"] is False
    for change, text in (
        ("connected = true, error = null", "Some values come marked as bad"),
        ("bad_share = 0, lag_s = 30", "Its values come late"),
        ("lag_s = 1, last_heard = last_heard - interval '9 s'", "The server is there and sends"),
    ):
        with site.database.connection() as conn:
            conn.execute(f"update source_status set {change}".encode())
        assert str(shown(site)[f"source-{name}-remedy"]["text"]).startswith(text)
    with site.database.connection() as conn:
        conn.execute("update source_status set last_heard = %s", [NOW])
    assert shown(site)[f"source-{name}-remedy"]["hidden"] is True


def collector(site: Site, *, spoke_s_ago: float) -> None:
    """Its last word was so many seconds before now, of the wall and of the plant."""
    with site.database.connection() as conn:
        save_clock(conn, Clock(datetime.now(UTC), NOW))
        save_status(conn, [])
        conn.execute(
            """update setting
            set value = jsonb_build_object('at', clock_timestamp() - make_interval(secs => %s))
            where key = 'ingest_heartbeat'""",
            [spoke_s_ago],
        )


def test_while_the_collector_runs_silence_is_the_machines(site: Site) -> None:
    name = status(site, heard_s_ago=60)
    collector(site, spoke_s_ago=5)
    nodes = shown(site)
    assert nodes[f"source-{name}-state-word"]["text"] == "silent"
    assert str(nodes[f"source-{name}-remedy"]["text"]).startswith("The server is there")


@pytest.mark.parametrize(
    ("connected", "error", "since"),
    [
        (True, None, "15:59"),  # the collector's last word
        (False, "No answer in time. Is the network up?", "15:00"),
    ],
)
def test_a_collector_that_was_killed_is_blamed_itself(
    site: Site, *, connected: bool, error: str | None, since: str
) -> None:
    name = status(site, heard_s_ago=60, connected=connected, error=error)
    collector(site, spoke_s_ago=60)
    nodes = shown(site)
    assert nodes[f"source-{name}"]["tone"] == "critical"
    assert nodes[f"source-{name}-state-word"]["text"] == "not connected"
    assert str(nodes[f"source-{name}-since"]["text"]).startswith(f"Not connected since {since}:")
    assert nodes[f"source-{name}-error"]["text"] == "The collector was stopped. Start it again."
    assert str(nodes[f"source-{name}-remedy"]["text"]).startswith("Start the collector")
    assert nodes[f"source-{name}-rate"]["text"] == "0.0"
    assert nodes["sources-silent-n"]["text"] == nodes["sources-up-n"]["text"] == "0"


def test_what_was_not_heard_is_told_with_what_goes_on(site: Site) -> None:
    """Half an hour two hours ago, and ten minutes of silence that are still going on."""
    name = status(site, heard_s_ago=600)
    with site.database.connection() as conn:
        conn.execute(
            "insert into source_gap select min(id), %s, %s, 'outage' from source",
            [NOW - timedelta(minutes=120), NOW - timedelta(minutes=90)],
        )
        found = frame(conn, Scene(load(conn).plant, NOW, "en", {}))
    assert found.nodes[f"source-{name}-gaps"] == {"text": "40 min · 2×", "tone": "warning"}
    assert found.nodes["sources-silent-n"]["text"] == "1"
    strip: Any = found.charts[f"source-{name}-strip"]
    assert [len(kind["x"]) for kind in strip["data"]] == [1, 2]


def test_a_source_that_was_never_heard_was_not_heard_all_day(site: Site) -> None:
    name = status(site, heard_s_ago=None)
    with site.database.connection() as conn:
        found = frame(conn, Scene(load(conn).plant, NOW, "en", {}))
    assert found.nodes[f"source-{name}-gaps"] == {"text": "24.0 h · 1×", "tone": "warning"}
    assert ends(found, name) == {"$normal-2": NOW, "$critical": NOW + timedelta(minutes=1)}


def test_what_is_to_come_is_not_drawn_as_heard(site: Site) -> None:
    name, now = status(site, heard_s_ago=0), NOW + timedelta(minutes=3, seconds=20)
    with site.database.connection() as conn:
        conn.execute("update source_status set last_heard = %s", [now])
        found = frame(conn, Scene(load(conn).plant, now, "en", {}))
    assert ends(found, name) == {"$normal-2": NOW + timedelta(minutes=3)}
    axis: Any = found.charts[f"source-{name}-strip"]
    assert datetime.fromisoformat(f"{axis['layout']['xaxis']['range'][1]}Z") == NOW + timedelta(
        minutes=10
    )


def ends(found: Frame, name: str) -> dict[str, datetime]:
    """Up to when each colour is drawn."""
    strip: Any = found.charts[f"source-{name}-strip"]
    return {
        kind["marker"]["color"]: (
            datetime.fromisoformat(kind["base"][-1]).replace(tzinfo=UTC)
            + timedelta(milliseconds=kind["x"][-1])
        )
        for kind in strip["data"]
    }


def test_what_has_no_tag_is_counted_by_its_address(site: Site) -> None:
    with site.database.connection() as conn:
        for address, payload in (("a/1", b"1"), ("a/1", b"2"), ("a/2", b"3")):
            conn.execute(
                """insert into quarantine (at, source_id, reason, detail, address, payload)
                select %s, min(id), 'unmapped', 'x', %s, %s from source""",
                [NOW, address, payload],
            )
        row = conn.execute("select name from source order by id limit 1").fetchone()
    assert row
    nodes = shown(site)
    assert nodes[f"source-{row[0]}-unmapped"] == {"text": "2", "tone": "warning"}
    assert nodes["refused-0-count"]["text"] == "3"
    assert nodes["refused-0-reason"]["text"] == "No tag of the plant file is in it."
    assert str(nodes["refused-0-remedy"]["text"]).startswith("Add a tag for it")
    assert nodes["refused-1"]["hidden"] is True


def quarantine(site: Site, payload: bytes, count: int = 1) -> None:
    with site.database.connection() as conn:
        for _ in range(count):
            conn.execute(
                """insert into quarantine (at, source_id, reason, detail, address, payload)
                select %s, min(id), 'bad_json', 'not <b>JSON</b>', 'a/<i>b</i>', %s from source""",
                [NOW, payload],
            )


def test_a_quarantined_payload_is_shown_as_text(site: Site) -> None:
    quarantine(site, b"<script>alert(1)</script>")
    page = site.client("mario").get("/sources/quarantine").text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script" not in page
    assert "not &lt;b&gt;JSON" in page
    nodes = shown(site)
    assert "1" in [n.get("text") for k, n in nodes.items() if k.endswith("-quarantined")]


def test_a_reason_is_told_in_the_readers_language(site: Site) -> None:
    quarantine(site, b"{")
    client = site.client("mario")
    assert "This is no JSON." in client.get("/sources/quarantine").text
    assert "这不是 JSON。" in client.get("/sources/quarantine?lang=zh").text


def test_quarantine_is_paged_and_filtered(site: Site) -> None:
    quarantine(site, b"x", count=60)
    client = site.client("mario")
    first = client.get("/sources/quarantine").text
    assert first.count('class="card payload"') == 50
    older = first.split('href="/sources/quarantine?before=')[1].split('"')[0]
    assert client.get(f"/sources/quarantine?before={older}").text.count('"card payload"') == 10
    assert "Nothing is in quarantine." in client.get("/sources/quarantine?source=mes").text


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        (None, ""),
        (b'{"a": 1}', '{"a": 1}'),
        ("温度".encode(), "温度"),
        (bytes(range(18)), "00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f\n10 11"),
        (b"a" * 30 + b"\x00", "a" * 30 + "·"),
    ],
)
def test_bytes_are_made_readable(payload: bytes | None, text: str) -> None:
    assert readable(payload) == text


HEIGHTS = """() => {
    const panel = document.querySelector(".source-refused");
    const said = panel.querySelector("[data-live=refused-none]:not([hidden])");
    return said && [panel.clientHeight, said.clientHeight];
}"""


def test_an_empty_quarantine_takes_one_line(wall: Wall, wall_page: Page) -> None:
    wall_page.goto(f"{wall.address}/sources?lang=en")
    panel, line = eventually(wall_page, HEIGHTS)
    assert panel < 4 * line
