"""The web application: Flask and Dash put together, the table of boards, the one page they share.

Starts and answers while the database is away; never works on data itself. The page is laid out
when it is asked for, in the language of that request; live nodes are fed by dashboards/live.py.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import parse_qsl

from dash import Dash, Input, Output, dcc, html
from dash.development.base_component import Component
from flask import Flask, Response, request
from flask_login import current_user
from werkzeug.middleware.proxy_fix import ProxyFix

from dashboards import (
    admin,
    alerts,
    auth,
    cookies,
    corrections,
    explain,
    failures,
    headers,
    health,
    hours,
    kpis,
    live,
    login,
    oee,
    orders,
    overview,
    preferences,
    shell,
    sources,
    stops,
)
from dashboards.board import Board
from dashboards.frames import Reader, TooManyFrames
from dashboards.notices import Notices
from dashboards.outage import Outage
from dashboards.scenes import Scenes
from dashboards.texts import is_language
from dashboards.warm import Warmth
from db.connect import Database, Limits, open_database
from db.master import NoPlant
from db.secret import secret

ROOT = Path(__file__).resolve().parents[1]
ASSETS = ROOT / "assets"
LARGEST_REQUEST = 1 << 20
POOL_SIZE = 8
WAIT_S = 1.5
"""A screen is told sooner than a worker that the database is away."""
LIMITS = Limits(statement_s=8.0, lock_s=3.0)
"""What a board or page may ask of the database; beyond that it says so, and ingest has the room."""

INDEX = """<!DOCTYPE html>
<html lang="%(lang)s" data-theme="%(theme)s"%(kiosk)s>
<head>{%%metas%%}<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{%%title%%}</title><link rel="icon" href="/assets/40-icon.svg">{%%css%%}</head>
<body>{%%app_entry%%}{%%config%%}{%%scripts%%}{%%renderer%%}</body>
</html>"""


BOARDS: tuple[Board, ...] = (
    overview.BOARD,
    oee.BOARD,
    hours.BOARD,
    stops.BOARD,
    orders.BOARD,
    alerts.BOARD,
    sources.BOARD,
)
"""In the order of the navigation; the first one is the home page."""
REGISTER: tuple[Callable[[Dash, Database], None], ...] = (
    alerts.register,
    sources.register,
    hours.register,
    corrections.register,
    explain.register,
    kpis.register,
    orders.register,
    stops.register,
)
"""What boards add of their own: forms and pages."""


class _App(Dash):
    """Dash whose page carries language and theme from its first byte."""

    def interpolate_index(self, **parts: str) -> str:  # type: ignore[override]
        page = INDEX % {
            "lang": preferences.language(),
            "theme": preferences.theme(),
            "kiosk": " data-kiosk" if request.args.get("kiosk") == "1" else "",
        }
        for name, value in parts.items():
            page = page.replace("{%" + name + "%}", value)
        return page


def make_server(
    database_url: str, boards_url: str | None = None, pooler_url: str | None = None
) -> Flask:
    """The WSGI application. Connects at the first request, so it may start before the database.

    Where a replica is named, frames are read there; pages, what people do and the word that
    something was committed stay with the database itself. A replica that is away leaves the boards
    as they were, and they say since when. A pooler takes every transaction on the database itself.

    Environment: TAKTBOARD_SECRET_KEY(_FILE) signs sessions (else a key made once and kept in the
    database); TAKTBOARD_TRUSTED_PROXIES says how many reverse proxies stand in front (0).
    """
    database = _opened(database_url, "web", pooler_url)
    boards = database if boards_url is None else _opened(boards_url, "boards")
    outage = Outage()
    server = _flask(database, outage)
    scenes = Scenes(database)
    reader = Reader(boards, BOARDS, live.build(), Notices(database))
    server.extensions["live"] = reader
    server.extensions["databases"] = {database, boards}
    places = [auth.Place(board.key, board.path) for board in BOARDS]
    auth.protect(server, auth.Auth(database, places, scenes.site_language, outage))
    for blueprint in (
        health.blueprint(database, Warmth(scenes, reader, BOARDS)),
        login.blueprint(database),
        admin.blueprint(database, BOARDS),
        live.blueprint(reader, BOARDS),
    ):
        server.register_blueprint(blueprint)
    failures.register(server)
    app = _dash(server, database, scenes, reader)
    server.extensions["dash_app"] = app
    server.after_request(preferences.remember)
    server.after_request(_with_csrf)
    server.after_request(headers.headers(app.csp_hashes()))
    return server


def _opened(url: str, application: str, pooler_url: str | None = None) -> Database:
    return open_database(
        url,
        application=application,
        pool_size=POOL_SIZE,
        wait_s=WAIT_S,
        limits=LIMITS,
        pooler_url=pooler_url,
    )


def close(server: Flask) -> None:
    """End the threads and connections of a server that answers no more."""
    reader: Reader = server.extensions["live"]
    reader.close()
    for database in server.extensions["databases"]:
        database.close()


def _flask(database: Database, outage: Outage) -> Flask:
    templates = str(Path(__file__).parent / "templates")
    server = Flask("taktboard", static_folder=None, template_folder=templates)
    server.secret_key = secret("TAKTBOARD_SECRET_KEY")
    server.config.update(
        MAX_CONTENT_LENGTH=LARGEST_REQUEST,
        MAX_FORM_MEMORY_SIZE=LARGEST_REQUEST,
        TRAP_HTTP_EXCEPTIONS=False,
    )
    cookies.keep_cookies(server, database, outage)
    proxies = int(os.environ.get("TAKTBOARD_TRUSTED_PROXIES", "0"))
    if proxies:
        server.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            server.wsgi_app, x_for=proxies, x_proto=proxies, x_host=proxies
        )
    return server


def _dash(server: Flask, database: Database, scenes: Scenes, reader: Reader) -> Dash:
    app = _App(
        "taktboard",
        server=server,  # type: ignore[arg-type]
        assets_folder=str(ASSETS),
        pages_folder="",
        use_pages=False,
        serve_locally=True,
        title="Taktboard",
        update_title="",
        suppress_callback_exceptions=True,
        enable_mcp=False,
        add_log_handler=False,
        csrf_token_name=cookies.CSRF_COOKIE,
    )
    app.enable_dev_tools(debug=False)
    app.layout = _layout
    _add_page(app, scenes, reader)
    for register in REGISTER:
        register(app, database)
    return app


def _layout() -> Component:
    return html.Div([dcc.Location(id="address", refresh="callback-nav"), html.Div(id="page")])


def _add_page(app: Dash, scenes: Scenes, reader: Reader) -> None:
    @app.callback(
        Output("page", "children"), Input("address", "pathname"), Input("address", "search")
    )
    @auth.need("view")
    def show(pathname: str, search: str) -> list[Component]:
        query = dict(parse_qsl((search or "").lstrip("?")))
        board = _board_at(pathname or "/")
        if not auth.may_see(board.key):
            auth.deny(f"board {board.key}")
        asked = query.get("lang")
        language = asked if is_language(asked) else preferences.language()
        params = {name: query[name] for name in board.params if query.get(name)}
        try:
            scene = scenes.scene(language, params)
        except NoPlant:
            return shell.no_plant(language)
        with suppress(TooManyFrames):  # the stream says so itself
            reader.channel(live.key_of(board, params, language))  # made while the page is drawn
        return shell.page(board, scene, query, _theme(query), _visible())


def _theme(query: dict[str, str]) -> preferences.Theme:
    asked = query.get("theme")
    if asked == "dark":
        return "dark"
    return "light" if asked == "light" else preferences.theme()


def _board_at(pathname: str) -> Board:
    """The board of an address; "/" is the first this user may see."""
    found = next((b for b in BOARDS if b.path == pathname.rstrip("/")), None)
    return found or _visible()[0]


def _visible() -> list[Board]:
    return [board for board in BOARDS if auth.may_see(board.key)]


def _with_csrf(response: Response) -> Response:
    """Pages hand out the token that their scripts send back."""
    is_page = response.mimetype == "text/html" and request.endpoint not in auth.PUBLIC
    if is_page and response.status_code == 200 and current_user.is_authenticated:
        return cookies.hand_out_csrf(response)
    return response
