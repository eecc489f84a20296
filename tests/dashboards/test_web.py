"""The page around the boards: language, theme, navigation, wall mode, starting."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from dash import html
from dash.development.base_component import Component
from flask.testing import FlaskClient

from dashboards.board import Board, Frame, Scene
from dashboards.kiosk import kiosk
from dashboards.web import BOARDS
from db.connect import Connection
from tests.web_site import Site

ROOT = Path(__file__).resolve().parents[2]


def shown(client: FlaskClient, pathname: str, search: str = "") -> str:
    """The page as its callback answers it, as JSON text."""
    client.get(pathname + search)
    cookie = client.get_cookie("_csrf_token")
    assert cookie
    body = {
        "output": "page.children",
        "outputs": {"id": "page", "property": "children"},
        "inputs": [
            {"id": "address", "property": "pathname", "value": pathname},
            {"id": "address", "property": "search", "value": search},
        ],
        "changedPropIds": ["address.pathname"],
        "state": [],
    }
    headers = {"X-CSRFToken": cookie.value}
    answer = client.post("/_dash-update-component", json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.get_data(as_text=True).encode().decode("unicode_escape", errors="replace")


def test_every_board_is_in_the_table() -> None:
    keys = [board.key for board in BOARDS]
    assert keys[0] == "overview", "the home page"
    assert {"oee", "hours", "orders", "alerts", "sources"} <= set(keys)
    assert len({board.path for board in BOARDS}) == len(BOARDS)


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.key)
def test_every_board_is_laid_out_in_both_languages(site: Site, board: Board) -> None:
    client = site.client("vera")
    english, chinese = shown(client, board.path), shown(client, board.path, "?lang=zh")
    assert f'"data-board":"{board.key}"' in english.replace(" ", "")
    assert english != chinese


def test_the_address_chooses_language_and_theme_and_the_cookie_keeps_them(site: Site) -> None:
    client = site.client("anna")
    assert '<html lang="en" data-theme="light">' in client.get("/orders").text
    client.get("/orders?lang=zh&theme=dark")
    assert '<html lang="zh" data-theme="dark">' in client.get("/orders").text
    assert '<html lang="zh" data-theme="dark"' in client.get("/account").text
    assert 'lang="zh"' in client.get("/orders?lang=%3Cscript%3E").text


def test_the_browsers_language_is_taken_where_nobody_chose(site: Site) -> None:
    page = site.client().get("/login", headers={"Accept-Language": "zh-CN,zh;q=0.9"}).text
    assert "登录" in page


def test_a_screen_speaks_the_sites_language(site: Site) -> None:
    screen = site.device("orders")
    page = screen.get("/orders", headers={"Accept-Language": "zh"}).text
    assert '<html lang="en"' in page  # what the sample plant says
    assert '<html lang="zh"' in screen.get("/orders?lang=zh").text


def test_chrome_has_what_the_role_may_use(site: Site) -> None:
    admin, viewer = shown(site.client("anna"), "/orders"), shown(site.client("vera"), "/orders")
    assert "/admin/users" in admin
    assert "/admin/users" not in viewer
    assert "/logout" in viewer


def test_a_wall_has_no_chrome(site: Site) -> None:
    page = shown(site.client("vera"), "/orders", "?kiosk=1")
    assert "/logout" not in page
    assert "data-next" not in page


def test_a_wall_goes_round_the_boards_it_was_given(site: Site) -> None:
    page = shown(site.client("vera"), "/orders", "?kiosk=1&rotate=20&boards=orders,alerts")
    assert '"data-rotate":"20"' in page.replace(" ", "")
    assert "/alerts?kiosk=1&rotate=20&boards=orders%2Calerts" in page


def test_a_screens_page_links_to_its_boards_alone(site: Site) -> None:
    page = shown(site.device("orders", "alerts"), "/orders")
    assert "/alerts" in page
    assert '"/sources"' not in page


@pytest.mark.parametrize("path", ["/nope", "/orders/x", "/_dash-x", "/live/nope"])
def test_an_unknown_address_is_not_found(site: Site, path: str) -> None:
    assert site.client("anna").get(path).status_code == 404


def bare(_: Scene) -> Component:
    return html.Div()


def nothing(_connection: Connection, _scene: Scene) -> Frame:
    return Frame({})


A, B, C = (Board(k, k, f"/{k}", (), bare, nothing) for k in "abc")


@pytest.mark.parametrize(
    ("query", "seconds", "following"),
    [
        ({"kiosk": "1"}, 0, ""),
        ({"kiosk": "1", "rotate": "20"}, 20, "/b"),
        ({"kiosk": "1", "boards": "a,c"}, 30, "/c"),
        ({"kiosk": "1", "boards": "c,b"}, 30, "/c"),  # not on the round trip: begin it
        ({"kiosk": "1", "rotate": "1", "boards": "a,b"}, 5, "/b"),
        ({"kiosk": "1", "rotate": "x", "boards": "a,b"}, 30, "/b"),
        ({"kiosk": "1", "boards": "a,a"}, 0, ""),
        ({"kiosk": "1", "boards": "a,nope"}, 0, ""),
        ({"rotate": "20"}, 0, ""),
    ],
)
def test_going_round(query: dict[str, str], seconds: int, following: str) -> None:
    wall = kiosk(A, query, (A, B, C))
    assert wall.on == ("kiosk" in query)
    assert wall.rotate_s == seconds
    assert wall.next_page.partition("?")[0] == following


def test_it_starts_fast_and_without_a_database() -> None:
    code = "from dashboards.web import make_server; make_server('postgresql://127.0.0.1:9/x')"
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=30)
    assert time.monotonic() - began < 10  # about 1.2 s alone on two cores
