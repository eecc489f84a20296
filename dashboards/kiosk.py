"""Wall mode: `?kiosk=1` shows a board without chrome; `&rotate=20&boards=overview,oee` goes round.

The address says it all, so a screen that restarts comes back as it was. Never keeps state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from dashboards.board import Board

SHORTEST_S, LONGEST_S, USUAL_S = 5, 3600, 30


@dataclass(frozen=True, slots=True)
class Kiosk:
    """What the address asks for; `next_page` is empty where nothing rotates."""

    on: bool
    rotate_s: int = 0
    next_page: str = ""


def kiosk(board: Board, query: Mapping[str, str], boards: Sequence[Board]) -> Kiosk:
    """Wall mode as `query` asks for it; `boards` are those this user may see."""
    if query.get("kiosk") != "1":
        return Kiosk(on=False)
    round_trip = _asked(query, boards)
    if len(round_trip) < 2:
        return Kiosk(on=True)
    following = _after(board, round_trip)
    return Kiosk(True, _seconds(query.get("rotate", "")), f"{following.path}?{urlencode(query)}")


def _asked(query: Mapping[str, str], boards: Sequence[Board]) -> list[Board]:
    if "rotate" not in query and "boards" not in query:
        return []
    by_key = {board.key: board for board in boards}
    keys = query.get("boards", "").split(",") if query.get("boards") else list(by_key)
    return [by_key[key] for key in dict.fromkeys(keys) if key in by_key]


def _after(board: Board, round_trip: Sequence[Board]) -> Board:
    keys = [b.key for b in round_trip]
    at = keys.index(board.key) if board.key in keys else -1
    return round_trip[(at + 1) % len(round_trip)]


def _seconds(text: str) -> int:
    asked = int(text) if text.isdecimal() and len(text) < 6 else USUAL_S
    return min(max(asked, SHORTEST_S), LONGEST_S)
