"""What stands around a board: navigation, language and theme, the user's menu; nothing on a wall.

Lays out only; knows nothing of what a board shows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from dash import dcc, html
from dash.development.base_component import Component
from flask_login import current_user
from flask_wtf.csrf import generate_csrf

from dashboards import auth, watch
from dashboards.board import Board, Scene
from dashboards.kiosk import Kiosk, kiosk
from dashboards.parts import marks
from dashboards.preferences import Theme
from dashboards.texts import LANGUAGES, Texts, msgid, texts
from plant.model import Language


def page(
    board: Board, scene: Scene, query: Mapping[str, str], theme: Theme, boards: Sequence[Board]
) -> list[Component]:
    """A board with its chrome; in wall mode the board alone."""
    wall = kiosk(board, query, boards)
    body = _board(board, scene, query, wall)
    if wall.on:
        return [body]
    t = texts(scene.language)
    return [_chrome(board, scene, query, theme, boards, t), body]


def no_plant(language: Language) -> list[Component]:
    """What stands where the boards will be, as long as no plant file was applied."""
    t = texts(language)
    message = [
        html.H1(t.text("No plant yet")),
        html.P(t.text("The boards appear once the ingest worker has applied a plant file.")),
    ]
    return [html.Main(html.Div(message, className="empty-house"), id="no-plant")]


def _board(board: Board, scene: Scene, query: Mapping[str, str], wall: Kiosk) -> Component:
    t = texts(scene.language)
    title = f"{t.text(board.title)} · {scene.plant.site.name.text(scene.language)}"
    said = marks(
        board=board.key,
        lang=scene.language,
        query=urlencode(scene.params),
        scope=scene.params.get("scope", ""),
        title=title,
    )
    if wall.next_page:
        said |= marks(rotate=str(wall.rotate_s), next=wall.next_page)
    key = f"{board.key}?{urlencode(query)}"
    style = "board-main kiosk" if wall.on else "board-main"
    return html.Main(
        [board.layout(scene), watch.banner()], id="board", className=style, key=key, **said
    )


def _chrome(
    board: Board,
    scene: Scene,
    query: Mapping[str, str],
    theme: Theme,
    boards: Sequence[Board],
    t: Texts,
) -> Component:
    return html.Header(
        [
            dcc.Link("Taktboard", href="/", className="shell-brand"),
            html.Nav([*(_tab(b, board, t) for b in boards), *_figures(t)], className="shell-tabs"),
            html.Div(
                [
                    *_languages(board, scene.language, query),
                    _theme(board, theme, query, t),
                    _menu(board, t),
                ],
                className="shell-tools",
            ),
        ],
        className="shell",
        key="shell",
    )


def _tab(tab: Board, current: Board, t: Texts) -> Component:
    here = tab.key == current.key
    return dcc.Link(
        t.text(tab.title), href=tab.path, className="shell-tab here" if here else "shell-tab"
    )


def _figures(t: Texts) -> list[Component]:
    """The page of figures: one without live nodes, for people alone."""
    if not auth.may("explain"):
        return []
    return [html.A(t.text("Figures"), href="/kpis", className="shell-tab")]


def _languages(board: Board, language: Language, query: Mapping[str, str]) -> list[Component]:
    return [
        html.A(name, href=_with(board, query, lang=code), className="shell-tool", lang=code)
        for code, name in LANGUAGES.items()
        if code != language
    ]


def _theme(board: Board, theme: Theme, query: Mapping[str, str], t: Texts) -> Component:
    other, label = ("light", msgid("Light")) if theme == "dark" else ("dark", msgid("Dark"))
    return html.A(t.text(label), href=_with(board, query, theme=other), className="shell-tool")


def _with(board: Board, query: Mapping[str, str], **choice: str) -> str:
    return f"{board.path}?{urlencode({**query, **choice})}"


def _menu(board: Board, t: Texts) -> Component:
    entries = [html.A(t.text("Wall mode"), href=f"{board.path}?kiosk=1")]
    if auth.may("account"):
        entries.append(html.A(t.text("My account"), href="/account"))
    if auth.may("explain"):
        entries.append(html.A(t.text("Count corrections"), href="/corrections"))
    if auth.may("administer"):
        entries += [
            html.A(t.text("Users"), href="/admin/users"),
            html.A(t.text("Wall screens"), href="/admin/devices"),
            html.A(t.text("Audit trail"), href="/admin/audit"),
        ]
    return html.Details(
        [html.Summary(current_user.name), html.Div([*entries, _sign_out(t)], className="menu")],
        className="shell-menu",
    )


def _sign_out(t: Texts) -> Component:
    return html.Form(
        [
            dcc.Input(type="hidden", name="csrf_token", value=generate_csrf()),
            html.Button(t.text("Sign out"), type="submit", className="menu-button"),
        ],
        action="/logout",
        method="post",
    )
