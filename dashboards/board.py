"""The contract between a board, the shell that shows it and the stream that keeps it live.

A board lays out empty nodes once (`layout`) and says again and again what they show (`frame`).
Never draws, never queries, knows neither Dash callbacks nor sessions.

What a page looks like in the browser, for the script that owns the live nodes:

    <html lang data-theme>                     language and theme of this page
    main#board.board-main[data-board][data-lang][data-query]
                                               the board shown; replaced when another one is chosen
                                               (in-page navigation!), so subscribe anew when its
                                               attributes change. `data-query` holds the board's
                                               parameters ("scope=line%3AA"), ready to be appended
                                               to /live/<board>/sse?lang=<data-lang>&…
    main#board.kiosk                           in wall mode; then there is no header.shell above it
    [data-live="id"]                           a live node; a Dash callback never touches one

`dashboards/web.py` registers `dashboards.live.blueprint(reader, BOARDS)`, whose routes begin with
/live/<board>; a stream calls `auth.still_allowed(board)` (see dashboards/auth.py). A board's folder
may offer `register(app, database)` for Dash callbacks of its own, each under `@auth.need("view",
board=…)`. A script that is answered 401 reloads the page: that leads to the login.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from dash.development.base_component import Component

from db.connect import Connection
from plant.model import Language, Plant


@dataclass(frozen=True, slots=True)
class Scene:
    """What a layout or a frame is made for; `now` is plant time (UTC)."""

    plant: Plant
    now: datetime
    language: Language
    params: Mapping[str, str] = field(default_factory=dict)
    """Of the address, only those the board names, e.g. {"scope": "line:A"}."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What a board shows at one moment; the same for every screen with the same scene."""

    nodes: dict[str, dict[str, object]]
    """Id of a live node → text, tone, width, tick, since (epoch ms), hidden, …"""
    charts: dict[str, object] = field(default_factory=dict)
    """Id of a live chart → figure as a JSON-able dictionary; sent when its hash changes."""


@dataclass(frozen=True, slots=True)
class Board:
    """One board: its address, what it looks like, and what it shows."""

    key: str
    title: str
    """Message id; see dashboards/texts.py."""
    path: str
    params: tuple[str, ...]
    layout: Callable[[Scene], Component]
    """Empty nodes with ids, in the scene's language."""
    frame: Callable[[Connection, Scene], Frame]
